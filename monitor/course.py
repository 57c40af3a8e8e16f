"""How a speaker's feeling went over a call: its start, its worst, its end, and where it turned."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from monitor.events import Course, Feeling, Scores, TurningPoint
from monitor.turns import Turn

STRETCH_S = 5.0
"""So much speech of one speaker is one reading: enough to be firm, short enough to show an outburst."""
MOST_STRETCHES = 240
"""Of a speaker; who speaks for very long is read by longer ones."""
LEAST_S = 2.0
"""What is left over, and is shorter, belongs to the stretch before."""
TURN = 0.2
"""A difference of distress that is a turning point."""
MUCH = 0.3
"""Less distress than this at the worst, and there is nothing to recover from."""
MOST_TURNING_POINTS = 8
Measure = Callable[[list[Turn]], tuple[Scores | None, float | None]]
"""Scores and arousal over all speech of some turns; None where nothing is usable."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch, and what was measured over it."""

    feeling: Feeling
    speech_s: float


def distress(scores: Scores) -> float:
    """Anger and fear together: what says that someone needs help."""
    return scores["angry"] + scores["fearful"]


def readings(turns: Iterable[Turn], now_s: float, measure: Measure) -> list[Reading]:
    """One speaker's turns, in order, read by stretches; those that cannot be used are left out."""
    closed = [replace(turn, end=now_s if turn.end is None else turn.end) for turn in turns]
    out = []
    for stretch in _stretches(closed, max(STRETCH_S, _speech_s(closed) / MOST_STRETCHES)):
        scores, arousal = measure(stretch)
        if scores is not None and arousal is not None:
            start_s, end_s = stretch[0].start, stretch[-1].end
            assert end_s is not None
            label = max(scores, key=scores.__getitem__)
            feeling = Feeling(round(start_s, 3), round(end_s, 3), label, round(distress(scores), 4), arousal)
            out.append(Reading(feeling, _speech_s(stretch)))
    return out


def course(read: Sequence[Reading]) -> Course | None:
    """None where nothing could be read."""
    if not read:
        return None
    feelings = [reading.feeling for reading in read]
    at = max(range(len(feelings)), key=lambda place: feelings[place].distress)
    worst, end = feelings[at], feelings[-1]
    better = (feeling.start_s for feeling in feelings[at + 1 :] if feeling.distress <= worst.distress / 2)
    back_s = next(better, None) if worst.distress >= MUCH else None
    after_s = None if back_s is None else round(back_s - worst.start_s, 3)
    return Course(feelings[0], worst, end, round(worst.distress - end.distress, 4), after_s)


def turning_points(speaker: str, read: Sequence[Reading]) -> list[TurningPoint]:
    """Where the distress of a speaker became another, in order.

    Binary segmentation: the series is cut where the means of both sides differ most surely, then each side again, as
    long as they differ by TURN.
    """
    weights = [0.0, *accumulate(reading.speech_s for reading in read)]
    sums = [0.0, *accumulate(reading.speech_s * reading.feeling.distress for reading in read)]

    def mean(first: int, last: int) -> float:
        return (sums[last] - sums[first]) / (weights[last] - weights[first])

    def surely(first: int, cut: int, last: int) -> float:
        """The difference of the means, weighed as a t statistic weighs it: by how much there is on each side."""
        left, right = weights[cut] - weights[first], weights[last] - weights[cut]
        return abs(mean(first, cut) - mean(cut, last)) * math.sqrt(left * right / (left + right))

    cuts, waiting = [0, len(read)], [(0, len(read))] if read else []
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        cut = max(range(first + 1, last), key=lambda place: surely(first, place, last))
        if abs(mean(first, cut) - mean(cut, last)) >= TURN:
            cuts.append(cut)
            waiting += [(first, cut), (cut, last)]
    cuts.sort()
    return [
        TurningPoint(read[cut].feeling.start_s, speaker, round(mean(before, cut), 4), round(mean(cut, after), 4))
        for before, cut, after in zip(cuts, cuts[1:], cuts[2:], strict=False)
    ]


def greatest(points: Iterable[TurningPoint]) -> list[TurningPoint]:
    """The greatest changes, in the order of time."""
    most = sorted(points, key=lambda point: abs(point.after - point.before), reverse=True)[:MOST_TURNING_POINTS]
    return sorted(most, key=lambda point: point.t)


def _stretches(turns: Iterable[Turn], length_s: float) -> Iterator[list[Turn]]:
    """Turns, cut and gathered so that each list holds so much speech; the last one what is left."""
    before: list[Turn] = []
    gathered: list[Turn] = []
    room_s = length_s
    for turn in turns:
        left = turn
        while (long_s := _length_s(left)) > 0:
            cut_s = left.start + min(long_s, room_s)
            gathered.append(replace(left, end=cut_s))
            room_s -= cut_s - left.start
            left = replace(left, start=cut_s)
            if room_s < 1e-6:
                if before:
                    yield before
                before, gathered, room_s = gathered, [], length_s
    if before and _speech_s(gathered) < LEAST_S:
        before, gathered = before + gathered, []
    for stretch in (before, gathered):
        if stretch:
            yield stretch


def _speech_s(turns: Iterable[Turn]) -> float:
    return sum(_length_s(turn) for turn in turns)


def _length_s(turn: Turn) -> float:
    return 0.0 if turn.end is None else turn.end - turn.start
