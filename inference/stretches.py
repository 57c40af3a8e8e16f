"""What of a batch of windows is new: each stream's unheard audio in one piece, so that every frame is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference.features import HISTORY_SAMPLES
from monitor.analysis import Stream, Window
from vad.resample import FRAME_SAMPLES

Samples = NDArray[np.float32]
BATCH_FRAMES = 80
"""What a batch of its own costs, in frames: as much as so many frames of padding in a larger one."""


@dataclass(slots=True)
class Memory:
    """What a model keeps per stream: it has heard everything before sample `end`; `state`: (size,), see Past."""

    end: int
    state: NDArray[np.float32]


@dataclass(slots=True)
class Stretch:
    """The new audio of one stream. `audio`: HISTORY_SAMPLES samples before it (zeros where unknown), then `frames`
    frames of 20 ms. `joined`: whether it goes on where the stream's memory ends. `parts`: per window its place in the
    batch, the window's frame with which its new part begins, and where that part lies in the stretch."""

    stream: Stream
    joined: bool
    audio: Samples
    frames: int = 0
    parts: list[tuple[int, int, int, int]] = field(default_factory=list)


def stretches(windows: Sequence[Window], lead_frames: int | None = None) -> list[Stretch]:
    """One or more per stream, in order. Where windows leave a gap, a new stretch begins with the later window; with
    `lead_frames`, also where new audio begins with a pause, so many frames before its first speech."""
    open_: dict[Stream, Stretch] = {}
    pieces: dict[int, list[Samples]] = {}
    ends: dict[Stream, int] = {}
    out: list[Stretch] = []
    for place, window in enumerate(windows):
        stream, end = window.stream, window.end_sample
        begin = max(0, end - len(window.samples))
        heard = ends.get(stream, stream.memory.end if stream.memory is not None else -1)
        joined = begin <= heard <= end
        start = heard if joined else begin
        if lead_frames is not None and window.speech is not None:
            spoken = np.flatnonzero(window.speech[len(window.speech) - (end - start) // FRAME_SAMPLES :])
            if len(spoken) and spoken[0] > lead_frames:
                start, joined = start + int(spoken[0] - lead_frames) * FRAME_SAMPLES, False
        if stream not in open_ or not joined:
            known = min(HISTORY_SAMPLES, start - begin)
            history = np.zeros(HISTORY_SAMPLES, np.float32)
            at = start - end + len(window.samples)
            history[HISTORY_SAMPLES - known :] = window.samples[at - known : at]
            open_[stream] = Stretch(stream, joined, history)
            out.append(open_[stream])
            pieces[id(open_[stream])] = [history]
        stretch = open_[stream]
        new = window.samples[len(window.samples) - (end - start) :]
        count = len(new) // FRAME_SAMPLES
        first = len(window.samples) // FRAME_SAMPLES - count
        stretch.parts.append((place, first, stretch.frames, stretch.frames + count))
        pieces[id(stretch)].append(new)
        stretch.frames += count
        ends[stream] = end
    for stretch in out:
        stretch.audio = np.concatenate(pieces[id(stretch)])
    return out


def batches(found: Sequence[Stretch], most: int) -> Iterator[list[Stretch]]:
    """Stretches of similar length together, at most `most`; those of one stream in order, in batches of their own."""
    waiting = [stretch for stretch in found if stretch.frames]
    while waiting:
        first: dict[Stream, Stretch] = {}
        for stretch in waiting:
            first.setdefault(stretch.stream, stretch)
        ready = sorted(first.values(), key=lambda stretch: stretch.frames)
        taken = {id(stretch) for stretch in ready}
        waiting = [stretch for stretch in waiting if id(stretch) not in taken]
        at = 0
        for end in cuts([stretch.frames for stretch in ready], most):
            yield ready[at:end]
            at = end


def cuts(lengths: Sequence[int], most: int) -> list[int]:
    """Where to cut rising lengths into batches of at most `most`, each padded to its longest, so that frames, padding
    and the batches themselves cost the least; the ends of the batches."""
    costs, begins = [0.0], [0]
    for end in range(1, len(lengths) + 1):
        candidates = range(max(0, end - most), end)
        begin = min(candidates, key=lambda at: costs[at] + (end - at) * lengths[end - 1])
        costs.append(costs[begin] + (end - begin) * lengths[end - 1] + BATCH_FRAMES)
        begins.append(begin)
    ends, end = [], len(lengths)
    while end:
        ends.append(end)
        end = begins[end]
    return ends[::-1]


def padded(batch: Sequence[Stretch]) -> tuple[Samples, NDArray[np.int64]]:
    """The audio of a batch, (batch, HISTORY_SAMPLES + longest * 320), and its lengths in frames, (batch,)."""
    lengths = np.array([stretch.frames for stretch in batch])
    audio = np.zeros((len(batch), HISTORY_SAMPLES + int(lengths.max()) * FRAME_SAMPLES), np.float32)
    for row, stretch in zip(audio, batch, strict=True):
        row[: len(stretch.audio)] = stretch.audio
    return audio, lengths
