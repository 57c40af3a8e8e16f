"""How people talk with each other: silence, shares of speech, overlap, interruptions. Counted in whole seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from monitor.rules import LONGEST_S
from vad.grid import FRAME_S, FRAMES_PER_SECOND

LAG_SECONDS = 2
"""A second is counted once it has passed by so many: edges of speech are known some time after they were."""
LEAST_SPEECH_S = 5.0
"""With less speech than this a share of it says nothing."""
KEPT = round(LONGEST_S) + 1
MOST_TAKEN = 10_000


class _Sum:
    """A count that grows from second to second, and how much it grew in the newest ones."""

    def __init__(self) -> None:
        self._totals: deque[int] = deque([0], maxlen=KEPT)

    def add(self, count: int) -> None:
        self._totals.append(self._totals[-1] + count)

    def over(self, seconds: int) -> int:
        return self._totals[-1] - self._totals[max(0, len(self._totals) - 1 - seconds)]

    def join(self, other: _Sum) -> None:
        """Count what the other has counted as well; both have been told up to now."""
        short, long = sorted((self._totals, other._totals), key=len)
        for back in range(1, len(short) + 1):
            long[-back] += short[-back]
        self._totals = long


class Conduct:
    """Told of edges of speech, of the floor that was taken, and of time; frames are those of 20 ms.

    Windows of so many seconds end LAG_SECONDS ago.
    """

    def __init__(self, channels: int) -> None:
        self.seconds = 0
        """How many have been counted."""
        self._open: list[int | None] = [None] * channels
        self._said: list[deque[tuple[int, int]]] = [deque() for _ in range(channels)]
        self._until = [0] * channels
        self._talked: dict[str | None, _Sum] = {}
        self._overlap = _Sum()
        self._taken: list[deque[int]] = [deque(maxlen=MOST_TAKEN) for _ in range(channels)]

    def opened(self, channel: int, start: int) -> None:
        self._open[channel] = start

    def closed(self, channel: int, start: int, end: int) -> None:
        self._open[channel] = None
        self._said[channel].append((start, end))
        self._until[channel] = max(self._until[channel], end)

    def took(self, channel: int, frame: int) -> None:
        """The channel took the floor from someone who went on speaking."""
        self._taken[channel].append(frame)

    def passed(self, frame: int, parties: Sequence[str | None]) -> None:
        """The call has come to `frame`; `parties`: who is on each channel, as far as is known."""
        while self.seconds + LAG_SECONDS < frame // FRAMES_PER_SECOND:
            self._count(parties)

    def merged(self, party: str, into: str) -> None:
        """What one was heard to say was the other's."""
        if party in self._talked:
            self._talked.setdefault(into, _Sum()).join(self._talked.pop(party))

    def silence_s(self, channels: Collection[int], frame: int) -> float:
        """For how long before `frame` nobody has spoken on any of the channels."""
        if any(self._open[channel] is not None for channel in channels):
            return 0.0
        return max(0.0, (frame - max(self._until[channel] for channel in channels)) * FRAME_S)

    def talk_ratio(self, party: str | None, seconds: int) -> float | None:
        """The party's share of all speech of the newest `seconds`; None as long as that says nothing."""
        whole = sum(talked.over(seconds) for talked in self._talked.values())
        if self.seconds < seconds or whole * FRAME_S < LEAST_SPEECH_S:
            return None
        return self._talked[party].over(seconds) / whole if party in self._talked else 0.0

    @property
    def parties(self) -> list[str]:
        """All who have been heard and have a name."""
        return [party for party in self._talked if party is not None]

    def overlap_ratio(self, seconds: int) -> float:
        """For which share of the newest `seconds` more than one spoke."""
        return self._overlap.over(seconds) / (seconds * FRAMES_PER_SECOND)

    def interruptions(self, channel: int, seconds: int, frame: int) -> int:
        """How many times in the `seconds` before `frame` the channel took the floor from someone who spoke."""
        taken = self._taken[channel]
        first = frame - seconds * FRAMES_PER_SECOND
        return sum(1 for at in reversed(taken) if at >= first)

    def _count(self, parties: Sequence[str | None]) -> None:
        """Count the next second, whose edges are all known by now."""
        start = self.seconds * FRAMES_PER_SECOND
        spoken = [self._mask(channel, start) for channel in range(len(self._open))]
        counts: dict[str | None, int] = {}
        for party, mask in zip(parties, spoken, strict=True):
            counts[party] = counts.get(party, 0) + mask.bit_count()
        for party in counts.keys() - self._talked.keys():
            if counts[party]:
                self._talked[party] = _Sum()
        for party, talked in self._talked.items():
            talked.add(counts.get(party, 0))
        self._overlap.add((spoken[0] & spoken[1]).bit_count() if len(spoken) > 1 else 0)
        self.seconds += 1

    def _mask(self, channel: int, start: int) -> int:
        """The frames of a second in which there was speech, a bit each."""
        end = start + FRAMES_PER_SECOND
        said = self._said[channel]
        while said and said[0][1] <= start:
            said.popleft()
        spans = [*said, (since, end)] if (since := self._open[channel]) is not None else said
        mask = 0
        for first, last in spans:
            first, last = max(first, start) - start, min(last, end) - start
            if first < last:
                mask |= (1 << last) - (1 << first)
        return mask
