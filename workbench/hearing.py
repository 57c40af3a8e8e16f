"""One channel of a recording, as it is heard: where speech is, the emotion of every frame, and what was asked to be
kept of the embeddings. What is kept grows by 50 bytes a frame, 10 MB an hour, and by the sums of embeddings if turns
are to have theirs."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference.model import EmbeddingModel, EmotionFeatures
from monitor.analysis import Role, SpeechAnalysis, Stream, Window
from monitor.labels import LABELS
from vad.endpointing import EndpointingConfig
from vad.grid import FRAME_SAMPLES, FRAMES_PER_SECOND
from vad.pcm import Samples
from workbench import speech
from workbench.checks import Checks
from workbench.cutting import Piece, cutter_for

BIN_FRAMES = FRAMES_PER_SECOND // 2
"""Sums of embeddings are kept per so many frames, from which those of any turn are taken."""
Reals = NDArray[np.float32]
Flags = NDArray[np.bool_]


class FrameSink(Protocol):
    """Takes the embeddings of frames, (n, size), in order: to a file, or to memory."""

    def write(self, rows: Reals) -> None: ...


class EmbeddingSums:
    """Sums of a channel's embeddings over the frames that count, as they come, and per half second if `binned`."""

    def __init__(self, size: int, binned: bool) -> None:
        self.total = np.zeros(size)
        self.frames = 0
        self._binned = binned
        self._bins: list[Reals] = []
        self._counts: list[int] = []

    def add(self, first: int, rows: Reals) -> None:
        """`rows` (n, size) of the frames from `first` on, all of which count."""
        self.total += rows.sum(axis=0, dtype=np.float64)
        self.frames += len(rows)
        if not self._binned:
            return
        for place in range(first // BIN_FRAMES, -(-(first + len(rows)) // BIN_FRAMES)):
            while len(self._bins) <= place:
                self._bins.append(np.zeros(len(self.total), np.float32))
                self._counts.append(0)
            own = rows[max(0, place * BIN_FRAMES - first) : (place + 1) * BIN_FRAMES - first]
            self._bins[place] += own.sum(axis=0)
            self._counts[place] += len(own)

    def mean(self) -> Reals | None:
        """Over all that was added; None where nothing was."""
        return (self.total / self.frames).astype(np.float32) if self.frames else None

    def span_mean(self, start: int, end: int) -> Reals | None:
        """Over the frames [start, end): half seconds that lie in it in part count in part. None if nothing counts."""
        total, counted = np.zeros(len(self.total)), 0.0
        for place in range(start // BIN_FRAMES, min(len(self._bins), -(-end // BIN_FRAMES))):
            inside = min(end, (place + 1) * BIN_FRAMES) - max(start, place * BIN_FRAMES)
            total += self._bins[place] * (inside / BIN_FRAMES)
            counted += self._counts[place] * inside / BIN_FRAMES
        return (total / counted).astype(np.float32) if counted > 0 else None


class Hearing:
    """Feed it audio and the answers to its windows, in this order: `ask` the judge, `judged`, answer each of the
    `pieces` with `felt`; at the end `finish`, and the pieces that this leaves. `every_frame`: pauses count like speech.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        size: int,
        endpointing: EndpointingConfig,
        *,
        every_frame: bool,
        turns: bool,
        sink: FrameSink | None,
    ) -> None:
        """`size`: of the embeddings. `turns`: whether those of turns are wanted; `sink`: where those of frames go."""
        self.stream = Stream()
        self.track = speech.SpeechTrack(endpointing)
        self.sums = EmbeddingSums(size, turns)
        self.pieces: list[Piece] = []
        self._cutter = cutter_for(model)
        self._questions = speech.Questions()
        self._asked: Samples = np.zeros(0, np.float32)
        self._every_frame = every_frame
        self._whole = every_frame or sink is not None
        self._sink = sink
        self.checks = Checks()
        """Of the embeddings of frames, where those are asked for."""
        self._logits: list[tuple[int, Reals, Reals]] = []
        self._unsettled: deque[tuple[int, Reals]] = deque()

    def ask(self, samples: Samples) -> list[Window]:
        """The next samples, (n,), whole frames but for the last; the judge's windows about them."""
        self._asked = samples
        return self._questions.ask(samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES])

    def judged(self, answers: list[SpeechAnalysis]) -> None:
        """What the judge said of what was asked last."""
        voiced = self.track.feed(speech.levels(self._asked, answers))
        self.pieces += self._cutter.feed(self._asked, voiced)

    def finish(self) -> None:
        """No more samples will come; what `pieces` there are now are the last."""
        self.track.finish()
        self.pieces += self._cutter.finish()
        self._settle()

    def window(self, piece: Piece) -> Window:
        """What the emotion model is asked. It leaves pauses out unless they count."""
        voiced = None if self._whole else piece.voiced
        return Window(0, Role.EMOTION, 0, piece.end, piece.samples, self.stream, voiced)

    def felt(self, piece: Piece, found: EmotionFeatures) -> None:
        """The emotion model's answer to a piece. Raises ValueError if it holds what is no number."""
        analysis = found.analysis
        start = (piece.end - len(piece.samples)) // FRAME_SAMPLES + analysis.first
        own = slice(max(0, piece.first - start), max(0, piece.last - start))
        logits, arousal, rows = analysis.logits[own], analysis.arousal[own], found.embeddings[own]
        if not (np.isfinite(logits).all() and np.isfinite(arousal).all() and np.isfinite(rows).all()):
            raise ValueError("the emotion model gave what is no number")
        if len(logits):
            first = start + own.start
            self._logits.append((first, logits.copy(), arousal.copy()))  # of a batch that many others share
            if self._sink is not None:
                self._sink.write(rows)
                self.checks.feed(rows)
            if self._every_frame:
                self.sums.add(first, rows)
            else:
                self._unsettled.append((first, rows))
        self._settle()

    def logits(self) -> tuple[Reals, Reals, Flags]:
        """Of all frames: logits (frames, 9), arousal (frames,), and which count: those that hold speech, if heard."""
        frames = self.track.frames
        logits, arousal = np.zeros((frames, len(LABELS)), np.float32), np.zeros(frames, np.float32)
        heard = np.zeros(frames, np.bool_)
        for first, own, aroused in self._logits:
            last = min(frames, first + len(own))
            logits[first:last], arousal[first:last] = own[: last - first], aroused[: last - first]
            heard[first:last] = True
        return logits, arousal, heard if self._every_frame else heard & self.track.speech()

    def _settle(self) -> None:
        """Add up the embeddings of the frames of which is certain whether they are speech."""
        settled = self.track.settled
        if not self._unsettled or self._unsettled[0][0] >= settled:
            return
        base = self._unsettled[0][0]
        mask = self.track.speech(base)
        while self._unsettled and self._unsettled[0][0] < settled:
            first, rows = self._unsettled.popleft()
            ready = min(len(rows), settled - first)
            if ready < len(rows):
                self._unsettled.appendleft((first + ready, rows[ready:]))
            chosen = np.flatnonzero(mask[first - base : first - base + ready])
            for run in np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1):
                if len(run):
                    self.sums.add(first + int(run[0]), rows[run[0] : run[-1] + 1])
