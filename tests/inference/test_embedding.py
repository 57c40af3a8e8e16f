"""What emotion models give offline: the features that their heads read, and the same scores as live."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from benchmarks.layouts import TINY, emotion_shapes, random_tensors, write_emotion
from inference import official
from inference.embedded import EmbeddedEmotion
from inference.emotion2vec import frames_in, normalised
from inference.graphed import GraphedEmotion2vec
from inference.loading import WEIGHTS, named
from inference.model import EmbeddingModel, EmotionFeatures
from inference.published import MOST_PAIRS, Scoring, WholeEmotion, _within
from inference.reuse import Shortcuts
from monitor.analysis import EmotionAnalysis, EmotionSpec, Role, Stream, Window
from monitor.labels import LABELS
from tests.scripted import conversation
from vad.pcm import Samples

WINDOW, FRAME = 48_000, 320


@pytest.fixture(scope="module")
def embedded() -> EmbeddedEmotion:
    return EmbeddedEmotion(WEIGHTS / "undertone-emotion-small.safetensors", "cpu")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> EmbeddingModel:
    model = named(str(write_emotion(tmp_path_factory.mktemp("emotion"))), Role.EMOTION, "cpu", Shortcuts())
    assert isinstance(model, EmbeddingModel)
    return model


def windows(audio: Samples, stream: Stream, ends: Sequence[int]) -> list[Window]:
    """Windows up to `ends`, each with one frame of what the one before has heard."""
    starts = [0, *(end - FRAME for end in ends[:-1])]
    return [
        Window(number, Role.EMOTION, 0, end, audio[start:end], stream)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def joined(found: Sequence[EmotionFeatures]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([each.analysis.logits for each in found]), np.concatenate([each.embeddings for each in found])


def spec_of(model: EmbeddingModel) -> EmotionSpec:
    assert isinstance(model.spec, EmotionSpec)
    return model.spec


def test_the_embedded_model_gives_what_its_heads_read(embedded: EmbeddedEmotion) -> None:
    audio = conversation()[: 4 * WINDOW]
    ends = [WINDOW, 2 * WINDOW, 3 * WINDOW, 4 * WINDOW]
    logits, embeddings = joined(embedded.embed(windows(audio, Stream(), ends)))
    assert embeddings.shape == (4 * WINDOW // FRAME, embedded.spec.embedding_size)
    head = embedded._net.label_head
    known = [LABELS.index(label) for label in embedded.spec.labels]
    with torch.inference_mode():
        expected = head(torch.from_numpy(embeddings)[None])[0].numpy()
    np.testing.assert_allclose(logits[:, known], expected, atol=1e-4)


def test_asking_for_embeddings_changes_no_score(embedded: EmbeddedEmotion) -> None:
    audio = conversation()[: 2 * WINDOW]
    ends = [WINDOW, 2 * WINDOW]
    live = embedded.analyse(windows(audio, Stream(), ends))
    offline = embedded.embed(windows(audio, Stream(), ends))
    for one, other in zip(live, offline, strict=True):
        assert isinstance(one, EmotionAnalysis)
        np.testing.assert_array_equal(one.logits, other.analysis.logits)
        np.testing.assert_array_equal(one.arousal, other.analysis.arousal)
        assert one.first == other.analysis.first


def test_how_a_stream_is_cut_into_windows_does_not_matter(embedded: EmbeddedEmotion) -> None:
    audio = conversation()[: 2 * WINDOW]
    whole = joined(embedded.embed(windows(audio, Stream(), [WINDOW, 2 * WINDOW])))
    cut = joined(embedded.embed(windows(audio, Stream(), [FRAME * 7, FRAME * 90, FRAME * 200, 2 * WINDOW])))
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_what_is_left_out_of_a_pause_has_no_embedding(embedded: EmbeddedEmotion) -> None:
    speech = np.zeros(WINDOW // FRAME, np.bool_)
    speech[100:] = True
    (found,) = embedded.embed([Window(0, Role.EMOTION, 0, WINDOW, conversation()[:WINDOW], Stream(), speech)])
    assert found.analysis.first == 75
    assert len(found.embeddings) == len(found.analysis.logits) == 75


@pytest.mark.parametrize("seconds", [0.1, 0.77, 3.0, 7.5])
def test_emotion2vec_gives_its_last_hidden_states_of_the_whole_clip(published: EmbeddingModel, seconds: float) -> None:
    clip = conversation()[: round(16_000 * seconds)]
    (found,) = published.embed([Window(0, Role.EMOTION, 0, len(clip), clip)])
    net = official.emotion2vec(random_tensors(emotion_shapes(TINY)), 1e-5, "tiny")
    with torch.inference_mode():
        features, logits = net(normalised(torch.from_numpy(clip))[None])
    np.testing.assert_allclose(found.embeddings, features[0].numpy(), atol=1e-4)
    known = [LABELS.index(label) for label in spec_of(published).labels]
    np.testing.assert_allclose(found.analysis.logits[:, known], logits[0].numpy(), atol=1e-4)
    assert found.embeddings.shape == (frames_in(len(clip)), spec_of(published).embedding_size)


def test_a_clip_too_short_for_a_frame_has_none(published: EmbeddingModel) -> None:
    (found,) = published.embed([Window(0, Role.EMOTION, 0, 399, np.zeros(399, np.float32))])
    assert found.embeddings.shape == (0, spec_of(published).embedding_size)
    assert found.analysis.logits.shape == (0, len(LABELS))


def test_on_a_gpu_clips_of_several_lengths_give_what_they_give_alone(published: EmbeddingModel) -> None:
    net = official.emotion2vec(random_tensors(emotion_shapes(TINY)), 1e-5, "tiny")
    model = WholeEmotion(GraphedEmotion2vec(net, WINDOW, "cpu", torch.float32, (1,)), Scoring(spec_of(published)))
    clips = [conversation()[at : at + length] for at, length in ((0, 300), (900, 20_000), (0, WINDOW), (70, 50_123))]
    given = [Window(number, Role.EMOTION, 0, len(clip), clip) for number, clip in enumerate(clips)]
    for one, other in zip(model.embed(given), published.embed(given), strict=True):
        np.testing.assert_allclose(one.embeddings, other.embeddings, atol=1e-4)
        np.testing.assert_allclose(one.analysis.logits, other.analysis.logits, atol=1e-4)


def test_batches_for_a_gpu_are_bounded_by_the_memory_of_the_attention() -> None:
    longest = frames_in(30 * 16_000)
    frames = [10] * 40 + [longest] * 40
    found = [list(places) for places in _within(range(80), frames)]
    assert [place for places in found for place in places] == list(range(80))
    assert all(len(places) * frames[places[-1]] ** 2 <= MOST_PAIRS for places in found)
    assert list(_within([], [])) == []


def test_a_model_says_how_large_its_embeddings_are(embedded: EmbeddedEmotion, published: EmbeddingModel) -> None:
    assert isinstance(embedded, EmbeddingModel)
    assert embedded.spec.embedding_size == 96
    assert embedded.spec.calibrated
    assert spec_of(published).embedding_size == TINY.width
    assert not spec_of(published).calibrated
