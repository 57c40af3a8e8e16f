"""Who has the floor where each party has a channel of its own.

A voice that speaks alone takes the floor once it has said something; one that speaks while the other goes on, once it
has talked over them for a while, or outlasts them. So neither a backchannel ("mhm") nor a crackle of the other side's
echo is a turn, and who was only interrupted gets the floor back.
"""

from __future__ import annotations

from dataclasses import dataclass

from vad.grid import FRAMES_PER_SECOND

TURN_FRAMES = round(0.4 * FRAMES_PER_SECOND)
"""Speech that makes a turn where nobody else speaks."""
OVER_FRAMES = round(1.0 * FRAMES_PER_SECOND)
"""Speech that takes the floor from someone who goes on speaking."""
MARKS = (TURN_FRAMES, OVER_FRAMES)


@dataclass(frozen=True, slots=True)
class Passed:
    """The floor passed from channel `before` (None at first) to `after` at frame `boundary`. `taken`: from someone who
    went on speaking."""

    before: int | None
    after: int
    boundary: int
    taken: bool = False


class Parties:
    """Told when channels open and close segments of speech, and when one has lasted for each of `MARKS`."""

    def __init__(self) -> None:
        self.holder: int | None = None
        self._speaking: set[int] = set()
        self._turns: dict[int, int] = {}
        """Channels whose open segment makes a turn, and when it began."""
        self._since = 0

    def opened(self, channel: int) -> None:
        self._speaking.add(channel)

    def lasted(self, channel: int, start: int, frames: int) -> Passed | None:
        """The open segment of `channel`, which began at frame `start`, has held `frames` frames of speech."""
        self._turns[channel] = start
        alone = self.holder not in self._speaking
        return self._pass(channel, start, not alone) if alone or frames >= OVER_FRAMES else None

    def closed(self, channel: int, end: int) -> Passed | None:
        """The segment of `channel` is over since frame `end`."""
        self._speaking.discard(channel)
        self._turns.pop(channel, None)
        if channel != self.holder or not self._turns:
            return None
        heir = min(self._turns, key=lambda other: self._turns[other])
        start = self._turns[heir]
        return self._pass(heir, start if start > self._since else end)

    def _pass(self, channel: int, boundary: int, taken: bool = False) -> Passed | None:
        if channel == self.holder:
            return None
        before, self.holder, self._since = self.holder, channel, max(boundary, self._since)
        return Passed(before, channel, self._since, taken and before is not None)
