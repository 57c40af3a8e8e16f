"""The fixed plan of the capacity table: its rows, the levels that each tries, and how long that takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from benchmarks.caller import Wire
from benchmarks.levels import Ladder
from benchmarks.scripts import Form
from vad.pcm import Encoding

NO_EMOTION = "--models.emotion=none"
BISECTIONS, GROWTH = 0, 1.15
FIRST = (300,)
RAMP_CALLS_PER_S, NEAR, NEAR_CALLS_PER_S = 15.0, 0.8, 5.0
"""New calls per second on the way to a level; and from this share of it on: a server near its limit lets them in one by
one."""
SETTLE_S, HOLD_S = 3.0, 10.0
"""Before a level is measured, and for which it is."""
START_S, REFERENCE_S = 10.0, 12.0
"""What a server's start and stop, and the references of one wire format, take about; for the estimate only."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. `calls`: its levels in turn or, with `search`, where a search begins; `expected`: how far
    the search may get, for the estimate only; `silent`: share of the calls in which nobody speaks at any time; `flags`:
    of the server; `onlookers`: the levels once more, with so many; `compared`: with what a replay says."""

    key: str
    title: str
    form: Form
    calls: tuple[int, ...]
    search: bool = False
    expected: int = 0
    silent: float = 0.0
    flags: tuple[str, ...] = ()
    onlookers: int = 0
    compared: bool = True
    settle_s: float = SETTLE_S
    hold_s: float = HOLD_S

    @property
    def emotion(self) -> bool:
        """Whether emotion events are to be expected."""
        return NO_EMOTION not in self.flags

    @property
    def estimate_s(self) -> float:
        """About how long it takes, without references."""
        levels = [*self.calls]
        if self.search:
            ladder = self.ladder
            levels = []
            while ladder.next is not None:
                levels.append(ladder.next)
                ladder.tried(ladder.next, ladder.next <= self.expected)
        times = 2 if self.onlookers else 1
        ramps_s = sum(sum(ramp_s(before, level)) for before, level in pairwise([0, *levels]))
        return START_S + ramps_s + times * len(levels) * (self.settle_s + self.hold_s)

    @property
    def ladder(self) -> Ladder:
        """A search, from its beginning."""
        return Ladder(self.calls, BISECTIONS, GROWTH)


def ramp_s(calls: int, level: int) -> tuple[float, float]:
    """Seconds in which `calls` become those near `level`, and in which they become all of it."""
    most = max(calls, near(level))
    return (most - calls) / RAMP_CALLS_PER_S, max(0.5, (level - most) / NEAR_CALLS_PER_S)


def near(level: int) -> int:
    """So many calls are near a level."""
    return round(NEAR * level)


PCM = Wire()
TELEPHONE = Wire(Encoding.MULAW, 8000)
ROWS = (
    Row("i", "one call, 16 kHz PCM in 100 ms messages", Form(PCM), (1,), hold_s=20.0),
    Row("ii", "mono 16 kHz PCM in 100 ms messages", Form(PCM), FIRST, search=True, expected=400),
    Row(
        "iii", "mono 16 kHz PCM in 20 ms messages", Form(PCM, chunk_s=0.02), FIRST, search=True, expected=400
    ),
    Row(
        "iv", "mono 8 kHz mu-law in 20 ms messages", Form(TELEPHONE, chunk_s=0.02), FIRST, search=True, expected=400
    ),
    Row("v-emotion", "emotion only", Form(PCM), (200,), flags=("--models.speaker=none",), compared=False),
    Row("v-speaker", "speaker only", Form(PCM), (200,), flags=(NO_EMOTION,), compared=False),
    Row("vi", "stereo 16 kHz PCM in 100 ms messages", Form(PCM, channels=2), (400,), search=True, expected=520),
    Row("vii", "100 calls and 200 onlookers of all", Form(PCM), (100,), onlookers=200, hold_s=20.0),
    Row(
        "viii", "1,000 open calls, 70 % of them silent", Form(PCM), (1000,), silent=0.7, compared=False,
        settle_s=10.0, hold_s=20.0,
    ),
)  # fmt: skip
TENTH = 10


def rows(only: str | None, quick: bool) -> list[Row]:
    """The rows of the keys in `only` (comma-separated; `v` is both of its halves), all without it; `quick`: a tenth of
    the calls, short, to see whether it runs. Raises ValueError naming what is unknown."""
    wanted = None if only is None else [key.strip() for key in only.split(",")]
    names = {name for row in ROWS for name in (row.key, row.key.split("-")[0])}
    if wanted is not None and (strange := [key for key in wanted if key not in names]):
        raise ValueError(f"no such row: {', '.join(strange)}; there are {', '.join(row.key for row in ROWS)}")
    chosen = [row for row in ROWS if wanted is None or row.key in wanted or row.key.split("-")[0] in wanted]
    return [_quick(row) for row in chosen] if quick else chosen


def _quick(row: Row) -> Row:
    calls = tuple(max(1, number // TENTH) for number in row.calls)
    return replace(
        row, calls=calls, search=False, onlookers=row.onlookers // TENTH, settle_s=2.0, hold_s=5.0, compared=False
    )


def estimate_s(chosen: list[Row]) -> float:
    """About how long the rows take in all."""
    formats = {(row.form.wire, row.form.channels) for row in chosen if row.compared}
    return sum(row.estimate_s for row in chosen) + REFERENCE_S * len(formats)
