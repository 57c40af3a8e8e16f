"""The fixed plan of the capacity table: its rows, the levels that each tries, and how long that takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.caller import Wire
from benchmarks.levels import Ladder
from benchmarks.scripts import Form
from vad.pcm import Encoding

NO_EMOTION = "--models.emotion=none"
BISECTIONS = 1
FIRST = (150, 200)
RAMP_CALLS_PER_S = 15.0
"""New calls per second on the way to a level: a server lets only so many in at once."""
SETTLE_S, HOLD_S, RESTART_S = 3.0, 10.0, 20.0
"""Before a level is measured; for which it is; and what a fresh server after one that broke takes, with its ramp."""
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
        rest_s = 0.0
        if self.search:
            ladder = Ladder(self.calls, BISECTIONS)
            levels = []
            while ladder.next is not None:
                levels.append(ladder.next)
                ladder.tried(ladder.next, ladder.next <= self.expected)
            rest_s = RESTART_S
        times = 2 if self.onlookers else 1
        ramps_s = (max(levels) + (max(levels) // 4 if self.search else 0)) / RAMP_CALLS_PER_S
        return START_S + ramps_s + rest_s + times * len(levels) * (self.settle_s + self.hold_s)


PCM = Wire()
TELEPHONE = Wire(Encoding.MULAW, 8000)
ROWS = (
    Row("i", "one call, 16 kHz PCM in 100 ms messages", Form(PCM), (1,), hold_s=30.0),
    Row("ii", "mono 16 kHz PCM in 100 ms messages", Form(PCM), (200, 250), search=True, expected=350),
    Row(
        "iii", "mono 16 kHz PCM in 20 ms messages", Form(PCM, chunk_s=0.02), FIRST, search=True, expected=250
    ),
    Row(
        "iv", "mono 8 kHz mu-law in 20 ms messages", Form(TELEPHONE, chunk_s=0.02), FIRST, search=True, expected=250
    ),
    Row("v-emotion", "emotion only", Form(PCM), (200,), flags=("--models.speaker=none",), compared=False),
    Row("v-speaker", "speaker only", Form(PCM), (200,), flags=(NO_EMOTION,), compared=False),
    Row("vi", "stereo 16 kHz PCM in 100 ms messages", Form(PCM, channels=2), (150,), search=True, expected=150),
    Row("vii", "100 calls and 200 onlookers of all", Form(PCM), (100,), onlookers=200, hold_s=30.0),
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
