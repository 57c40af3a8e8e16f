"""What of a batch of windows is new: each stream's unheard audio in one piece, so that every frame is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference.features import HISTORY_SAMPLES
from monitor.analysis import Stream, Window
from vad.grid import FRAME_SAMPLES

Samples = NDArray[np.float32]
BATCH_FRAMES = 120
"""What a batch of its own costs, in frames: as much as so many frames of padding in a larger one."""


@dataclass(slots=True)
class Memory:
    """What a model keeps per stream: it has heard everything before sample `end`; `state`: (size,), see Past."""

    end: int
    state: NDArray[np.float32]


@dataclass(slots=True)
class Stretch:
    """The new audio of one stream. `joined`: whether it goes on where the stream's memory ends. `pieces`: what is known
    of the HISTORY_SAMPLES samples before it (`known` samples), then `frames` frames of 20 ms, up to sample `end`.
    `parts`: per window its place in the batch, the window's frame with which its new part begins, and where that part
    lies in the stretch."""

    stream: Stream
    joined: bool
    known: int
    pieces: list[Samples]
    end: int
    frames: int = 0
    parts: list[tuple[int, int, int, int]] = field(default_factory=list)

    def write(self, row: Samples) -> None:
        """The audio into `row`: zeros where nothing is known before it, and behind it."""
        at = HISTORY_SAMPLES - self.known
        row[:at] = 0
        for piece in self.pieces:
            row[at : at + len(piece)] = piece
            at += len(piece)
        row[at:] = 0


def stretches(windows: Sequence[Window], lead_frames: int | None = None) -> list[Stretch]:
    """One or more per stream, in order. Where windows leave a gap, a new stretch begins with the later window; also
    where more is new than is wanted; with `lead_frames`, also where new audio begins with a pause, so many frames
    before its first speech."""
    open_: dict[Stream, Stretch] = {}
    ends: dict[Stream, int] = {}
    out: list[Stretch] = []
    for place, window in enumerate(windows):
        stream, end, samples = window.stream, window.end_sample, window.samples
        size = len(samples)
        begin = max(0, end - size)
        heard = ends.get(stream, stream.memory.end if stream.memory is not None else -1)
        joined = begin <= heard <= end
        start = heard if joined else begin
        if window.wanted and start < end - window.wanted:
            start, joined = end - window.wanted, False
        if lead_frames is not None and window.speech is not None and start < end:
            new_speech = window.speech[len(window.speech) - (end - start) // FRAME_SAMPLES :]
            silent = int(new_speech.argmax()) if len(new_speech) else 0
            if silent > lead_frames:
                start, joined = start + (silent - lead_frames) * FRAME_SAMPLES, False
        count = (end - start) // FRAME_SAMPLES
        stretch = open_.get(stream)
        if stretch is None or not joined:
            known = min(HISTORY_SAMPLES, start - begin)
            stretch = open_[stream] = Stretch(stream, joined, known, [samples[size - (end - start) - known :]], end)
            out.append(stretch)
        elif count:
            stretch.pieces.append(samples[size - (end - start) :])
        stretch.parts.append((place, size // FRAME_SAMPLES - count, stretch.frames, stretch.frames + count))
        stretch.frames += count
        stretch.end = ends[stream] = end
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
    few = len(lengths) <= most  # then nothing is gained by a cut between equals
    inner = [at for at in range(1, len(lengths)) if not few or lengths[at - 1] < lengths[at]]
    places = [0, *inner, len(lengths)] if lengths else [0]
    costs, begins = {0: 0}, {0: 0}
    for number, end in enumerate(places[1:], start=1):
        longest = lengths[end - 1]
        begin = min(places[max(0, number - most) : number], key=lambda at: costs[at] + (end - at) * longest)
        costs[end] = costs[begin] + (end - begin) * longest + BATCH_FRAMES
        begins[end] = begin
    ends, end = [], len(lengths)
    while end:
        ends.append(end)
        end = begins[end]
    return ends[::-1]


def padded(batch: Sequence[Stretch]) -> tuple[Samples, NDArray[np.int64]]:
    """The audio of a batch, (batch, HISTORY_SAMPLES + longest * 320), and its lengths in frames, (batch,)."""
    lengths = np.array([stretch.frames for stretch in batch])
    audio = np.empty((len(batch), HISTORY_SAMPLES + int(lengths.max()) * FRAME_SAMPLES), np.float32)
    for row, stretch in zip(audio, batch, strict=True):
        stretch.write(row)
    return audio, lengths
