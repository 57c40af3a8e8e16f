"""Recordings in, lines of result out: alone or among others, short or long, good or bad."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.layouts import TINY, emotion_shapes, random_tensors
from inference import official
from inference.emotion2vec import normalised
from inference.model import CheckpointError, EmbeddingModel, Models
from monitor.analysis import EmotionSpec, Role, Window
from monitor.session import MonitorConfig
from tests.scripted import voice
from tests.workbench.models import Meddled, embedded, published
from tests.workbench.sounds import FORMATS, cut, emodb, samples_of, spoken, write
from vad.pcm import Samples
from workbench import media
from workbench.asked import Asked, Item
from workbench.conclusion import FRAMES_TOLD, Outcome
from workbench.prediction import predict
from workbench.results import decode, encode

SR = 16_000


@pytest.fixture(scope="module")
def models() -> Models:
    return embedded()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return published(tmp_path_factory.mktemp("published"))


class Kept:
    """The embeddings of a recording's frames, in memory."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []

    def write(self, rows: np.ndarray) -> None:
        self.parts.append(rows.copy())

    @property
    def rows(self) -> np.ndarray:
        return np.concatenate(self.parts)


def outcomes(paths: Sequence[Path], models: Models, asked: Asked = Asked(embeddings=True)) -> dict[str, Outcome]:
    found = list(predict([Item(path.name, path) for path in paths], models, asked))
    assert len(found) == len(paths)
    return {outcome.prediction.file: outcome for outcome in found}


def with_frames(path: Path, models: Models, asked: Asked) -> tuple[Outcome, np.ndarray]:
    kept = Kept()
    (outcome,) = predict([Item(path.name, path)], models, asked, lambda name, channel: kept)
    return outcome, kept.rows


def code(outcome: Outcome) -> str:
    assert outcome.prediction.status == "failed"
    assert outcome.prediction.failure is not None
    return outcome.prediction.failure.code


def test_an_actors_anger_is_heard_in_every_format(models: Models, recordings: Path, tmp_path: Path) -> None:
    clip = samples_of(emodb(recordings))
    paths = [write(tmp_path / f"anger.{suffix}", clip) for suffix in FORMATS]
    paths.append(write(tmp_path / "anger.mp4", clip, video=True))
    for name, outcome in outcomes(paths, models).items():
        reading = outcome.prediction.emotion
        assert reading is not None, name
        assert (reading.label, reading.band != "unusable") == ("angry", True), name
        assert reading.scores["angry"] > 0.45, name
        assert sum(reading.scores.values()) == pytest.approx(1.0, abs=0.001)
        assert outcome.prediction.facts is not None
        assert outcome.prediction.facts.duration_s == pytest.approx(len(clip) / SR, abs=0.1)
        assert decode(encode(outcome.prediction)) == outcome.prediction


def test_alone_and_among_others_a_recording_gives_the_same(models: Models, recordings: Path) -> None:
    paths = sorted((recordings / "emotion" / "emodb").glob("03a*.flac"))[:12]
    paths.append(recordings / "conversations" / "ami_trn04.flac")
    together = outcomes(paths, models)
    for path in paths[::4]:
        alone = outcomes([path], models)[path.name]
        one, other = alone.prediction.emotion, together[path.name].prediction.emotion
        assert one is not None
        assert other is not None
        assert one.label == other.label
        assert one.confidence == pytest.approx(other.confidence, abs=2e-4)
        first, second = alone.vectors[0].rows, together[path.name].vectors[0].rows
        assert first is not None
        assert second is not None
        np.testing.assert_allclose(first, second, atol=1e-3)


def bad_files(recordings: Path, folder: Path) -> dict[str, Path]:
    """By the code that each must fail with."""
    clip = samples_of(emodb(recordings))
    text = folder / "text.wav"
    text.write_text("words, not sounds\n" * 100, encoding="utf-8")
    hum = (0.1 * np.sin(2 * np.pi * 50 * np.arange(5 * SR) / SR)).astype(np.float32)
    return {
        "not_found": folder / "nowhere.wav",
        "not_audio": text,
        "too_short": write(folder / "short.wav", clip[: SR // 4]),
        "too_long": write(folder / "long.wav", spoken(recordings, 12)),
        "silent": write(folder / "silent.wav", np.zeros(3 * SR, np.float32)),
        "clipped": write(folder / "clipped.wav", np.clip(40 * clip, -1, 1)),
        "no_speech": write(folder / "hum.wav", hum),
        "cut_off": cut(write(folder / "whole.wav", clip), 0.4, folder / "part.wav"),
        "no_sound_track": _picture(folder / "picture.mp4"),
    }


def _picture(path: Path) -> Path:
    import av

    with av.open(str(path), "w") as container:
        track = container.add_stream("mpeg4", rate=5)
        assert isinstance(track, av.VideoStream)
        track.width, track.height, track.pix_fmt = 32, 32, "yuv420p"
        container.mux(track.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")))
        container.mux(track.encode(None))
    return path


def test_each_bad_file_fails_with_its_reason_and_what_to_do_and_spoils_no_other(
    models: Models, recordings: Path, tmp_path: Path
) -> None:
    bad, good = bad_files(recordings, tmp_path), emodb(recordings)
    found = outcomes([*bad.values(), good], models, Asked(longest_s=10))
    for expected, path in bad.items():
        assert code(found[path.name]) == expected
        failure = found[path.name].prediction.failure
        assert failure is not None
        assert failure.reason.text
        assert failure.remedy.text
        assert found[path.name].vectors == []
    assert found[good.name].prediction.status == "done"
    alone = outcomes([good], models)[good.name].prediction
    assert found[good.name].prediction.emotion == alone.emotion


@pytest.mark.parametrize("samples", [1, 319, SR // 4])
def test_a_moment_is_too_short_and_nothing_else(samples: int, models: Models, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", voice(120, 1.0, 1)[:samples])
    assert code(outcomes([path], models)["a.wav"]) == "too_short"


@pytest.mark.parametrize("name", ["background", "esc10"])
def test_noise_gets_no_label(name: str, models: Models, recordings: Path) -> None:
    paths = sorted(path for path in (recordings / "nonspeech" / name).rglob("*") if path.suffix in (".flac", ".ogg"))
    found = outcomes(paths[:: max(1, len(paths) // 20)], models)
    spoken = [outcome for outcome in found.values() if outcome.prediction.status == "done"]
    assert len(spoken) <= 0.2 * len(found)


def test_a_model_that_fails_on_a_recording_fails_on_no_other(models: Models, recordings: Path) -> None:
    def refuse(windows: Sequence[Window]) -> None:
        if any(len(window.samples) == marked for window in windows):
            raise RuntimeError("no such kernel")

    paths = sorted((recordings / "emotion" / "emodb").glob("03a0[12]*.flac"))
    marked = min(len(samples_of(paths[0])), 3 * SR) // 320 * 320
    model = models[Role.EMOTION]
    assert isinstance(model, EmbeddingModel)
    found = outcomes(paths, {**models, Role.EMOTION: Meddled(model, refuse)})
    assert code(found[paths[0].name]) == "model"
    others = [outcome.prediction for name, outcome in found.items() if name != paths[0].name]
    assert all(prediction.status == "done" for prediction in others)
    assert others[-1].emotion == outcomes([paths[-1]], models)[paths[-1].name].prediction.emotion or len(paths) == 1


def test_a_decoder_that_falls_over_something_new_spoils_no_other(
    models: Models, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "strange.wav", samples_of(emodb(recordings)))
    blocks = media.Recording.blocks

    def fall_over(recording: media.Recording, channels: int, block_s: float) -> Iterator[Samples]:
        if recording.name == "strange.wav":
            raise MemoryError("a layout of 4 billion channels")
        yield from blocks(recording, channels, block_s)

    monkeypatch.setattr(media.Recording, "blocks", fall_over)
    found = outcomes([path, emodb(recordings)], models)
    assert code(found["strange.wav"]) == "cannot_be_decoded"
    assert found["03a01Wa.flac"].prediction.status == "done"


def test_what_is_no_number_is_no_result(models: Models, recordings: Path) -> None:
    model = models[Role.EMOTION]
    assert isinstance(model, EmbeddingModel)
    spoilt = Meddled(model, lambda windows: None, spoil=True)
    assert code(outcomes([emodb(recordings)], {**models, Role.EMOTION: spoilt})["03a01Wa.flac"]) == "model"


def test_models_that_are_missing_are_named(models: Models) -> None:
    with pytest.raises(CheckpointError, match=r"models\.emotion is none"):
        list(predict([], {Role.SPEECH: models[Role.SPEECH]}, Asked()))
    with pytest.raises(CheckpointError, match="speech model"):
        list(predict([], {Role.EMOTION: models[Role.EMOTION]}, Asked()))
    without = {role: model for role, model in models.items() if role is not Role.SPEAKER}
    with pytest.raises(CheckpointError, match=r"models\.speaker is none"):
        list(predict([], without, Asked(speakers=True)))


# --- emotion2vec+


def test_with_every_frame_emotion2vec_gives_what_its_own_toolkit_gives(large: Models, recordings: Path) -> None:
    path = emodb(recordings)
    asked = Asked(embeddings=True, every_frame=True)
    outcome = outcomes([path], large, asked)[path.name]
    frames, rows = with_frames(path, large, Asked("frame", embeddings=True, every_frame=True))
    net = official.emotion2vec(random_tensors(emotion_shapes(TINY)), 1e-5, "tiny")
    with torch.inference_mode():
        features, logits = net(normalised(torch.from_numpy(samples_of(path)))[None])
    np.testing.assert_allclose(rows, features[0].numpy(), atol=1e-4)
    (vectors,) = outcome.vectors
    assert vectors.rows is not None
    assert vectors.rows.shape == (1, TINY.width)
    np.testing.assert_allclose(vectors.rows[0], features[0].mean(0).numpy(), atol=1e-4)
    scores = logits[0].mean(0).softmax(0).numpy()
    reading = outcome.prediction.emotion
    assert reading is not None
    spec = large[Role.EMOTION].spec
    assert isinstance(spec, EmotionSpec)
    assert [reading.scores[label] for label in spec.labels] == pytest.approx(scores.tolist(), abs=2e-4)
    assert frames.prediction.embeddings[0].shape == features[0].shape


def test_a_long_recording_goes_through_emotion2vec_in_windows(large: Models, recordings: Path, tmp_path: Path) -> None:
    audio = spoken(recordings, 47)
    path = write(tmp_path / "long.wav", audio)
    outcome, rows = with_frames(path, large, Asked("frame", embeddings=True))
    assert len(rows) in (47 * 50, 47 * 50 - 1)
    net = official.emotion2vec(random_tensors(emotion_shapes(TINY)), 1e-5, "tiny")
    second = audio[10 * SR : 25 * SR]
    with torch.inference_mode():
        features, _ = net(normalised(torch.from_numpy(second * (32767 / 32768)))[None])
    inner = slice(125, 625)
    np.testing.assert_allclose(rows[500 + 125 : 500 + 625], features[0, inner].numpy(), atol=0.02)
    assert outcome.prediction.status == "done"


# --- what is asked for


def test_the_utterance_is_the_mean_of_its_frames_of_speech(models: Models, recordings: Path) -> None:
    path = recordings / "conversations" / "two_speakers_30s.flac"
    frames, rows = with_frames(path, models, Asked("frame", embeddings=True))
    (scores,) = frames.frame_scores.values()
    speech = ~np.isnan(scores[:, 0])
    assert 0.3 < speech.mean() < 0.95
    whole = outcomes([path], models, Asked(embeddings=True, every_frame=True))[path.name].vectors[0].rows
    assert whole is not None
    np.testing.assert_allclose(whole[0], rows.mean(axis=0), atol=1e-3)
    (told,) = frames.prediction.frames
    assert [row is not None for row in told.scores] == speech.tolist()
    assert len(rows) == len(told.scores) <= FRAMES_TOLD


def test_turns_have_embeddings_and_readings_of_their_own(models: Models, recordings: Path) -> None:
    path = recordings / "conversations" / "two_speakers_30s.flac"
    asked = Asked("turn", embeddings=True, every_frame=True, speakers=True)
    outcome = outcomes([path], models, asked)[path.name]
    _, rows = with_frames(path, models, Asked("frame", embeddings=True, every_frame=True))
    turns = outcome.prediction.turns
    assert len({turn.speaker for turn in turns}) >= 2
    kept = outcome.vectors[0].rows
    assert kept is not None
    assert kept.shape == (len(turns), rows.shape[1])
    for turn, row in zip(turns, kept, strict=True):
        if turn.end_s - turn.start_s > 2:  # edges are met to half a second
            inside = rows[round(turn.start_s * 50) : round(turn.end_s * 50)].mean(axis=0)
            assert float(inside @ row) / float(np.linalg.norm(inside) * np.linalg.norm(row)) > 0.97
    assert all(turn.reading is not None for turn in turns)


def minute(path: Path, to: Path, channels: int = 1) -> Path:
    """The first minute of a call."""
    audio = np.concatenate(list(islice(media.read(path, channels), 120)), axis=1)
    return write(to, *audio)


def test_speakers_of_one_channel_are_told_apart_and_read(models: Models, recordings: Path, tmp_path: Path) -> None:
    path = minute(recordings / "conversations" / "auto_repairs_40.flac", tmp_path / "minute.wav")
    prediction = outcomes([path], models, Asked(speakers=True))[path.name].prediction
    assert len(prediction.speakers) == 2
    assert sum(speaker.share for speaker in prediction.speakers) == pytest.approx(1.0, abs=0.01)
    assert all(0.1 < speaker.share < 0.9 for speaker in prediction.speakers)
    assert all(speaker.reading is not None and speaker.reading.label for speaker in prediction.speakers)
    assert prediction.facts is not None
    assert prediction.facts.telephone
    assert any(moment.kind == "turn" for moment in prediction.moments)


def test_channels_keep_the_parties_apart_and_an_agent_is_not_read(
    models: Models, recordings: Path, tmp_path: Path
) -> None:
    path = minute(recordings / "conversations" / "auto_repairs_40_stereo.flac", tmp_path / "minute.wav", 2)
    asked = Asked(embeddings=True, roles=("customer", "agent"))
    outcome = outcomes([path], models, asked)[path.name]
    by_name = {speaker.speaker: speaker for speaker in outcome.prediction.speakers}
    assert set(by_name) == {"customer", "agent"}
    assert by_name["customer"].reading is not None
    assert by_name["agent"].reading is None
    assert [each.facts.channel for each in outcome.vectors] == [0]
    assert {point.channel for point in outcome.prediction.timeline} == {0}
    everyone = Asked(roles=("customer", "agent"), monitor=MonitorConfig(emotion_roles=("*",)))
    read = outcomes([path], models, everyone)[path.name].prediction.speakers
    assert all(speaker.reading is not None for speaker in read)


def test_a_mono_file_has_no_two_parties(models: Models, recordings: Path) -> None:
    assert code(outcomes([emodb(recordings)], models, Asked(roles=("customer", "agent")))["03a01Wa.flac"]) == (
        "wrong_channels"
    )


def test_a_recording_of_which_the_end_is_missing_is_done_and_that_is_said(
    models: Models, recordings: Path, tmp_path: Path
) -> None:
    whole = write(tmp_path / "whole.wav", spoken(recordings, 10))
    part = cut(whole, 0.8, tmp_path / "part.wav")
    prediction = outcomes([part], models)["part.wav"].prediction
    assert prediction.facts is not None
    (remark,) = [remark for remark in prediction.facts.remarks if remark.key == "audio.cut_off"]
    assert remark.values["missing_s"] == pytest.approx(2.0, abs=0.1)


def test_recordings_come_from_memory_too(models: Models, recordings: Path) -> None:
    path = emodb(recordings)
    (outcome,) = predict([Item("upload", path.read_bytes())], models, Asked())
    assert outcome.prediction.emotion == outcomes([path], models)[path.name].prediction.emotion


def silence_between(recordings: Path) -> Samples:
    return np.concatenate([spoken(recordings, 3), np.zeros(8 * SR, np.float32), spoken(recordings, 3)])


def test_pauses_are_left_out_of_what_counts(models: Models, recordings: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "pause.wav", silence_between(recordings))
    prediction = outcomes([path], models)["pause.wav"].prediction
    assert prediction.emotion is not None
    assert prediction.emotion.speech_s < 6.5
    counted = outcomes([path], models, Asked(every_frame=True))["pause.wav"].prediction
    assert counted.emotion is not None
    assert counted.emotion.speech_s == pytest.approx(14.0, abs=0.05)


def test_who_knows_better_than_the_judge_lets_every_frame_count(models: Models, tmp_path: Path) -> None:
    path = write(tmp_path / "buzz.wav", voice(120, 3.0, 1))
    assert code(outcomes([path], models)["buzz.wav"]) == "no_speech"
    counted = outcomes([path], models, Asked(every_frame=True))["buzz.wav"].prediction
    assert counted.emotion is not None
    assert counted.emotion.label is not None


def most_mb(path: Path, models: Models) -> float:
    """The most memory that Python's objects and arrays take while a recording is heard, in MB beyond what is there."""
    tracemalloc.start()
    try:
        assert outcomes([path], models, Asked("turn", embeddings=True))[path.name].prediction.status == "done"
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_the_audio_of_a_long_recording_is_not_kept(models: Models, recordings: Path, tmp_path: Path) -> None:
    minute = spoken(recordings, 60)
    short = write(tmp_path / "short.wav", np.tile(minute, 2))
    long = write(tmp_path / "long.wav", np.tile(minute, 8))
    more_audio_mb = 6 * minute.nbytes / 1e6
    outcomes([short], models)
    assert most_mb(long, models) - most_mb(short, models) < more_audio_mb / 2
