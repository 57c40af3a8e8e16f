"""Online speaker tracking: who speaks now, told from window embeddings as they come.

Windows of up to the model's length end every hop and never straddle a pause. Each chunk of 0.1 s is scored by the
windows over it (`voices.py`), and a hidden Markov model smooths the last seconds of speech forwards and backwards
(`floor.py`). Where they belong, for certain enough and long enough, to someone else than the one who has the floor, a
change is told, with a boundary in the past. What was learned of the voices is weighed again as they become clearer, and
two that turn out to be one are merged. All odds come from the model's own distributions of cosines.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from monitor.analysis import SpeakerSpec
from monitor.floor import CHUNK_FRAMES, Floor
from monitor.voices import COUNT, END, START, Likeness, Voices, lengthened
from vad.cuts import SpeechCut
from vad.grid import FRAME_SAMPLES, FRAMES_PER_SECOND

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    """Settings of the speaker tracker."""

    switch: Annotated[float, Gt(0), Lt(1)] = 0.25
    "Probability that the speaker changes within a second of speech without a pause"
    switch_after_pause: Annotated[float, Gt(0), Lt(1)] = 0.5
    "Probability that the speaker changes at a pause"
    novelty: Annotated[float, Gt(0), Lt(1)] = 0.001
    "Share of a change that goes to someone not heard before (the first change: always)"
    certainty: Annotated[float, Gt(0.5), Lt(1)] = 0.55
    "Belief from which a change is reported"
    shortest_turn_s: Annotated[float, Ge(0.1), Le(10)] = 0.5
    "Seconds of speech, at least, that make a turn of a speaker who is known"
    new_speaker_s: Annotated[float, Ge(0.1), Le(3)] = 1.0
    "The same of anyone new"
    merge_odds: Annotated[float, Ge(-20), Le(1000)] = 5.0
    "Log odds from which two speakers are taken for one"
    confirm_s: Annotated[float, Ge(0), Le(3600)] = 3.0
    "Seconds of speech after which a provisional speaker is confirmed"
    max_speakers: Annotated[int, Ge(1)] = 20
    "Most speakers of one call; whoever comes after them is taken for the most similar one"


@dataclass(frozen=True, slots=True)
class Changed:
    """The floor went from `before` (None for the first) to `after` at frame `boundary`."""

    before: str | None
    after: str
    boundary: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Enough of a provisional speaker was heard."""

    speaker: str


@dataclass(frozen=True, slots=True)
class Merged:
    """`speaker` was `into` all the time."""

    speaker: str
    into: str
    confirmed: bool


Finding = Changed | Confirmed | Merged

TAIL_S = 4.0
"""Seconds of speech back to which the floor may still be told to have changed."""
EVIDENCE = 3.0
"""What a full window's worth of speech counts for the floor, in windows on their own."""
LEARN_AFTER_S, LEARN_FROM = 1.0, 0.8
"""A window is learned from once so much more was heard, and if whose it is is believed so firmly."""
HISTORY, HISTORY_STEP = 160, 20
WEIGH_EVERY, WEIGH_NOT, WEIGH_EVIDENCE, INERTIA = 2, 4, 0.5, 0.5
"""Every other window all are weighed again but the newest four."""
ROUNDS = 6
"""Changes and newcomers that one window may bring, at most."""
OWN_SHARE = 0.8
"""A window makes a voice if so much of it lies within that voice's first turn."""
STRADDLE = 0.4


class SpeakerTracker:
    """Fed with the speech cuts of one channel and their embeddings, in order; answers with what changed."""

    def __init__(self, spec: SpeakerSpec, config: TrackingConfig) -> None:
        self.current: str | None = None
        self._config = config
        self._window = spec.window_samples // FRAME_SAMPLES
        self._floor = Floor(config.switch, config.switch_after_pause, config.novelty)
        self._voices = Voices(Likeness(spec), spec.embedding_size, HISTORY, HISTORY_STEP)
        self._names: list[str] = []
        self._named = 0
        self._confirmed: set[str] = set()
        self._speaking = 0
        self._since = 0
        self._passed = False
        self._last_segment = -1
        self._last_end = 0
        self._heard = 0

    def hear(self, cut: SpeechCut, embedding: NDArray[np.float32]) -> list[Finding]:
        """Take in a window. `embedding` may have any length; an all-zero one says nothing and is ignored."""
        norm = math.sqrt(embedding.dot(embedding))
        if norm == 0.0:
            return []
        fresh = cut.end - max(cut.start, self._last_end)
        follows_pause = cut.segment != self._last_segment
        begin = cut.segment if follows_pause else self._last_end
        self._floor.extend(begin, follows_pause, cut.start, cut.end)
        self._last_segment, self._last_end = cut.segment, cut.end
        known = embedding * (lengthened((cut.end - cut.start) / self._window) / norm)
        self._voices.add(known, cut.segment, cut.start, cut.end, fresh / self._window)
        if self.current is None:
            return [self._begin(cut), *self._confirm()]
        out: list[Finding] = []
        self._heard += 1
        if self._heard % WEIGH_EVERY == 0:
            self._voices.weigh_again(WEIGH_NOT, WEIGH_EVIDENCE, INERTIA)
            out += self._merge()
        return [*out, *self._follow(), *self._confirm()]

    def voice(self) -> tuple[Array, float]:
        """What was learned of whoever has the floor: the sum of their embeddings, shape (embedding_size,), and how many
        full windows' worth that is."""
        totals, counts = self._voices.models()
        return totals[self._speaking], counts[self._speaking]

    def is_confirmed(self, speaker: str) -> bool:
        return speaker in self._confirmed

    def _begin(self, cut: SpeechCut) -> Changed:
        self._found()
        self._voices.learn(0, 0)
        self.current, self._since = self._names[0], cut.segment
        self._floor.settle(0, 0)
        return Changed(None, self.current, cut.segment, 1.0)

    def _found(self) -> int:
        """A name and an empty model for someone new."""
        self._named += 1
        self._names.append(f"S{self._named}")
        self._floor.add_voice()
        return self._voices.found()

    def _merge(self) -> list[Finding]:
        pair = self._voices.likest_pair()
        if pair is None or pair[2] < self._config.merge_odds:
            return []
        kept, gone, _ = pair
        merged = Merged(self._names[gone], self._names[kept], self._names[gone] in self._confirmed)
        self._voices.merge(gone, kept)
        self._floor.merge_voices(gone, kept)
        del self._names[gone]
        if self.current == merged.speaker:
            self.current = merged.into
        self._speaking = self._names.index(self.current or merged.into)
        return [merged]

    def _follow(self) -> list[Finding]:
        """Tell every change that the tail is certain of, learn from windows, and let go of the oldest chunks."""
        out: list[Finding] = []
        welcomed = False
        for left in range(ROUNDS, -1, -1):
            belief, forward = self._beliefs()
            found = self._next_turn(belief, welcomed)
            if found is None or not left:
                break
            voice, first, last, confidence = found
            if voice == len(self._names):
                self._welcome(first, last)
                welcomed = True
            else:
                out.append(self._change(voice, first, confidence))
        self._learn(belief)
        self._floor.shorten(self._last_end - round(TAIL_S * FRAMES_PER_SECOND), forward)
        return out

    def _beliefs(self) -> tuple[Array, Array]:
        floor = self._floor
        odds = self._voices.odds(len(floor.windows), EVIDENCE * CHUNK_FRAMES / self._window)
        return floor.beliefs(floor.pooled(odds), len(self._names) >= self._config.max_speakers)

    def _next_turn(self, belief: Array, welcomed: bool) -> tuple[int, int, int, float] | None:
        """The first run of chunks of the tail that belongs to someone else for certain: who (beyond the last voice:
        someone new, unless one was `welcomed` already), first chunk, last chunk + 1, confidence."""
        path = belief.argmax(axis=1).tolist()
        if path.count(self._speaking) == len(path):
            return None
        last = 0
        for voice, run in groupby(path):
            begin, last = last, last + len(list(run))
            first = begin + (self._floor.starts[begin] <= self._since)  # boundaries never stand still
            new = voice == len(self._names)
            if voice == self._speaking or first == last or (new and welcomed):
                continue
            least = self._config.new_speaker_s if new else self._config.shortest_turn_s
            confidence = float(belief[first:last, voice].mean())
            if (last - first) * CHUNK_FRAMES >= least * FRAMES_PER_SECOND and confidence >= self._config.certainty:
                return voice, first, last, confidence
        return None

    def _welcome(self, first: int, last: int) -> None:
        """Someone new spoke from chunk `first` to before `last`: their model is made of the windows that lie there."""
        voices, floor = self._voices, self._floor
        begin, end = floor.starts[first], floor.starts[last - 1] + CHUNK_FRAMES
        starts, ends = voices.windows[START], voices.windows[END]
        share = (np.minimum(ends, end) - np.maximum(starts, begin)) / (ends - starts)
        voices.give(share >= min(OWN_SHARE, float(share.max())), self._found())

    def _change(self, voice: int, chunk: int, confidence: float) -> Changed:
        """The floor passed at `chunk`; if that is so soon after the last change that there was no turn in between, at
        the last change, whose word is then withdrawn."""
        starts = self._floor.starts
        soon = chunk * CHUNK_FRAMES < self._config.shortest_turn_s * FRAMES_PER_SECOND
        if self._passed and starts[0] == self._since and soon:
            chunk = 0
        self._passed = True
        before, self._since = self.current, starts[chunk]
        self._speaking, self.current = voice, self._names[voice]
        voices = self._voices
        begins, ends = voices.windows[START], voices.windows[END]
        later = ends - self._since > STRADDLE * (ends - begins)
        voices.give(later & (voices.shares[voice] == 0), None)
        self._floor.settle(chunk, voice)
        return Changed(before, self.current, self._since, round(confidence, 3))

    def _learn(self, belief: Array) -> None:
        """Windows that lie in the tail, of which enough was heard after them, are learned if it is clear whose."""
        voices, floor = self._voices, self._floor
        for at, (begin, end) in enumerate(floor.windows, len(voices.known) - len(floor.windows)):
            if self._last_end - end < LEARN_AFTER_S * FRAMES_PER_SECOND:
                break
            if voices.known[at]:
                continue
            first, last = bisect_left(floor.starts, begin), bisect_left(floor.starts, end)
            believed = np.add.reduce(belief[first:last]).tolist()[:-1]
            most = max(believed)
            if most >= LEARN_FROM * max(1, last - first):
                voices.learn(at, believed.index(most))

    def _confirm(self) -> list[Finding]:
        """Confirm whoever has the floor once enough of them was heard; what is not learned yet counts as theirs."""
        if self.current is None or self.current in self._confirmed:
            return []
        voices = self._voices
        waiting = ~np.array(voices.known) & (voices.windows[START] >= self._since)
        heard = float(voices.models()[1][self._speaking] + voices.windows[COUNT, waiting].sum()) * self._window
        if round(heard, 6) < self._config.confirm_s * FRAMES_PER_SECOND:
            return []
        self._confirmed.add(self.current)
        return [Confirmed(self.current)]
