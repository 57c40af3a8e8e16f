"""Our network against the packaged one, and what the judge makes of its streams."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference import silero
from inference.model import CheckpointError
from inference.silero import CHUNK_SAMPLES, CONTEXT_SAMPLES, SileroJudge, SileroNet, packaged_file, read_tensors
from monitor.analysis import Role, SpeechAnalysis, Stream, Window
from tests.scripted import silence, voice
from vad.grid import FRAME_SAMPLES
from vad.pcm import Samples

BLOCK = 1600
TOLERANCE = 1e-4
LEVEL = 1.01 / 255
"""A level may lie on the other side of a rounding edge."""


def talk(seed: int) -> Samples:
    """Noise, a voice in it, noise; 4.2 s: no whole number of chunks, nor of blocks of 0.5 s."""
    audio = np.concatenate([silence(1.0, seed, 0.01), voice(120 + 40 * seed, 2.2, seed), silence(1.0, seed + 9, 0.01)])
    return audio + silence(4.2, seed + 5, 0.003)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """What is multiplied here is small: threads would wait for each other longer than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def judge() -> SileroJudge:
    return SileroJudge(packaged_file(), "cpu")


def chunks_of(audio: Samples) -> NDArray[np.float32]:
    """The network's probabilities, one per chunk of a stream that begins with `audio`."""
    net = SileroNet(read_tensors(packaged_file()))
    padded = torch.from_numpy(np.concatenate([np.zeros(CONTEXT_SAMPLES, np.float32), audio]))
    hidden = cell = torch.zeros(1, 128)
    out = []
    with torch.inference_mode():
        for gates in net.encode(padded.unfold(0, CONTEXT_SAMPLES + CHUNK_SAMPLES, CHUNK_SAMPLES)):
            logit, hidden, cell = net.step(gates[None], hidden, cell)
            out.append(logit.sigmoid())
    return torch.cat(out).numpy()


def window(audio: Samples, end: int, stream: Stream) -> Window:
    """The window of the judge that ends at sample `end` of a stream."""
    padded = np.concatenate([np.zeros(silero.WINDOW_SAMPLES, np.float32), audio])
    return Window(end, Role.SPEECH, 0, end, padded[end : end + silero.WINDOW_SAMPLES], stream)


def ask(judge: SileroJudge, windows: list[Window]) -> NDArray[np.float32]:
    """(windows, 5)"""
    answers = judge.analyse(windows)
    assert len(answers) == len(windows)
    for answer in answers:
        assert isinstance(answer, SpeechAnalysis)
    levels = [np.frombuffer(answer.levels, np.uint8) for answer in answers if isinstance(answer, SpeechAnalysis)]
    return np.stack(levels) / np.float32(255)


def ends(audio: Samples) -> list[int]:
    return list(range(BLOCK, len(audio) + 1, BLOCK))


@pytest.mark.filterwarnings("ignore:.*torch.jit.load:DeprecationWarning")
def test_the_network_agrees_with_the_packaged_one() -> None:
    packaged = torch.jit.load(packaged_file())  # type: ignore[no-untyped-call]
    for seed in range(2):
        audio = talk(seed)
        packaged.reset_states()
        with torch.inference_mode(), torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            theirs = [
                float(packaged(torch.from_numpy(audio[at : at + CHUNK_SAMPLES]), 16_000))
                for at in range(0, len(audio) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
            ]
        assert np.ptp(theirs) > 0.3
        np.testing.assert_allclose(chunks_of(audio), theirs, rtol=0, atol=TOLERANCE)


def test_neither_the_package_nor_torchaudio_is_imported() -> None:
    assert "silero_vad" not in sys.modules
    assert "torchaudio" not in sys.modules


def test_a_frame_has_the_probability_of_the_chunk_with_its_middle_or_the_latest_heard(judge: SileroJudge) -> None:
    audio, stream = talk(0), Stream()
    stream.memory = judge.heard.place(0)  # as the packaged model begins
    chunks = chunks_of(audio)
    for end in ends(audio):
        expected = [
            chunks[
                min((end - BLOCK + FRAME_SAMPLES * n + FRAME_SAMPLES // 2) // CHUNK_SAMPLES, end // CHUNK_SAMPLES - 1)
            ]
            for n in range(5)
        ]
        np.testing.assert_allclose(ask(judge, [window(audio, end, stream)])[0], expected, rtol=0, atol=LEVEL)


def test_no_answer_depends_on_its_neighbours(judge: SileroJudge) -> None:
    audio = [talk(seed) for seed in range(4)]
    alone = []
    for each in audio:
        stream = Stream()
        alone.append([ask(judge, [window(each, end, stream)])[0] for end in ends(each)])
    streams = [Stream() for _ in audio]
    late = [at * 3 for at in range(4)]  # the streams are out of step, so are their chunks
    for turn in range(len(ends(audio[0])) - max(late)):
        places = [turn + delay for delay in late]
        batch = [window(each, ends(each)[at], s) for each, at, s in zip(audio, places, streams, strict=True)]
        if turn:
            together = ask(judge, batch)
            for number, at in enumerate(places):
                np.testing.assert_allclose(together[number], alone[number][at], rtol=0, atol=LEVEL)
        else:  # catch up
            for number, delay in enumerate(late):
                ask(judge, [window(audio[number], end, streams[number]) for end in ends(audio[number])[: delay + 1]])


def test_windows_of_one_stream_in_a_batch_are_heard_in_order(judge: SileroJudge) -> None:
    audio, one, other = talk(1), Stream(), Stream()
    singly = [ask(judge, [window(audio, end, one)])[0] for end in ends(audio)]
    np.testing.assert_allclose(
        ask(judge, [window(audio, end, other) for end in ends(audio)]), singly, rtol=0, atol=LEVEL
    )


def test_a_window_that_was_skipped_leaves_no_trace(judge: SileroJudge) -> None:
    audio, whole, gappy = talk(1), Stream(), Stream()
    for number, end in enumerate(ends(audio)):
        answer = ask(judge, [window(audio, end, whole)])
        if number % 3 != 1:
            np.testing.assert_allclose(ask(judge, [window(audio, end, gappy)]), answer, rtol=0, atol=LEVEL)


def test_after_a_long_gap_the_network_starts_anew_at_the_window(judge: SileroJudge) -> None:
    audio, old, new = talk(2), Stream(), Stream()
    for end in ends(audio)[:10]:
        ask(judge, [window(audio, end, old)])
    end = 10 * BLOCK + silero.WINDOW_SAMPLES + BLOCK
    np.testing.assert_array_equal(ask(judge, [window(audio, end, old)]), ask(judge, [window(audio, end, new)]))


def test_the_last_block_may_be_shorter_than_a_chunk(judge: SileroJudge) -> None:
    audio, stream = talk(0), Stream()
    blocks = [number * BLOCK for number in range(20, 26)]  # after the last, 64 samples wait for the rest of their chunk
    heard = ask(judge, [window(audio, end, stream) for end in (*blocks, blocks[-1] + FRAME_SAMPLES)])
    assert heard[-1, -1] == heard[-2, -1] != heard[-3, -1]


def test_a_place_is_given_again_when_its_stream_has_gone(judge: SileroJudge) -> None:
    audio, end = talk(0), 10 * BLOCK
    streams = [Stream() for _ in range(3)]
    first = ask(judge, [window(audio, end, stream) for stream in streams])
    rows = {stream.memory.row for stream in streams}
    assert len(rows) == 3
    streams.clear()
    fresh = [Stream() for _ in range(3)]
    np.testing.assert_array_equal(ask(judge, [window(audio, end, stream) for stream in fresh]), first)
    assert {stream.memory.row for stream in fresh} == rows


def test_more_streams_than_there_were_places_for_keep_what_they_heard() -> None:
    judge, audio = SileroJudge(packaged_file(), "cpu"), talk(1)
    one, others = Stream(), [Stream() for _ in range(200)]
    alone = Stream()
    for end in ends(audio)[10:13]:
        expected = ask(judge, [window(audio, end, alone)])[0]
        batch = [window(audio, end, one), *(window(audio, end + BLOCK, other) for other in others)]
        np.testing.assert_allclose(ask(judge, batch)[0], expected, rtol=0, atol=LEVEL)


def test_a_stream_that_another_judge_has_heard_begins_anew(judge: SileroJudge) -> None:
    other, audio, stream = SileroJudge(packaged_file(), "cpu"), talk(1), Stream()
    for end in ends(audio)[:12]:
        ask(judge, [window(audio, end, stream)])
    end = ends(audio)[12]
    np.testing.assert_array_equal(ask(other, [window(audio, end, stream)]), ask(other, [window(audio, end, Stream())]))


def test_hiss_and_hum_are_not_speech(judge: SileroJudge) -> None:
    t = np.arange(3 * 16_000) / 16_000
    for audio in (silence(3.0, level=0.1), (0.3 * np.sin(2 * np.pi * 50 * t)).astype(np.float32)):
        stream = Stream()
        assert ask(judge, [window(audio, end, stream) for end in ends(audio)])[5:].max() < 0.4


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "silero_vad.jit"
    path.write_bytes(packaged_file().read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="is not the model of silero-vad 6"):
        read_tensors(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tensors(tmp_path / "absent")


def test_without_the_package_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match=r"needs the package silero-vad .*; vad\.backend webrtcvad does not"):
        packaged_file()
