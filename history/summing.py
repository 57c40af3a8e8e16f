"""The summary of a call from what is written of it: of one whose server has died, or that is live on another."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from history.archive import StoredCall, StoredTurn, moments_of, timeline, turns_of
from history.packing import RELIABILITIES, Second
from history.schema import alerts
from history.tally import Facts, Tally
from monitor.events import AlertCount, CallSummary, Scores, SpeakerChanged, Warning
from monitor.labels import LABELS
from monitor.summary import QualityLedger, Told, summed_up
from monitor.turns import Turn


def summary_of(connection: Connection, call: StoredCall, duration_s: float | None = None) -> CallSummary:
    """As the ledger would make it, as far as it is known, but from readings of seconds: scores are means of scores."""
    heard, said = list(timeline(connection, call)), turns_of(connection, call.key)
    return summed_up(_told(connection, call, said, heard), last_s(heard, said) if duration_s is None else duration_s)


def facts_of(connection: Connection, call: StoredCall, duration_s: float) -> Facts:
    """What the call adds to the trends."""
    roles = [channel.role for channel in call.channels]
    speech_s = dict.fromkeys(roles, 0.0)
    for turn in turns_of(connection, call.key):
        speech_s[roles[turn.channel]] += (duration_s if turn.end_s is None else turn.end_s) - turn.start_s
    tallies = {role: Tally() for role in roles}
    for second in timeline(connection, call):
        tallies[roles[second.channel]].add(second.reliability, second.arousal, second.scores)
    by_role = select(alerts.c.role, func.count()).where(alerts.c.call == call.key).group_by(alerts.c.role)
    raised = {role or "": number for role, number in connection.execute(by_role)}
    return Facts(duration_s, raised, {role: round(seconds, 2) for role, seconds in speech_s.items()}, tallies)


def last_s(heard: Sequence[Second], said: Sequence[StoredTurn]) -> float:
    """Up to where a call is known."""
    ends = [second.t for second in heard]
    ends += [turn.start_s if turn.end_s is None else turn.end_s for turn in said]
    return round(max(ends, default=0.0), 3)


def _told(connection: Connection, call: StoredCall, said: Sequence[StoredTurn], heard: Sequence[Second]) -> Told:
    quality, happened = QualityLedger(), moments_of(connection, call)
    for event in happened:
        if isinstance(event, Warning):
            quality.apply(event)
    shares = Counter(second.reliability for second in heard)
    total = shares.total()
    reliability = {name: round(shares[name] / total, 4) for name in RELIABILITIES} if total else {}
    return Told(
        roles=[channel.role for channel in call.channels],
        turns=[Turn(turn.channel, turn.speaker, turn.start_s, turn.end_s) for turn in said],
        changes=[(event.t, event.from_, event.to) for event in happened if isinstance(event, SpeakerChanged)],
        measure=Heard(heard).mean,
        windows={},
        alerts=_alert_counts(connection, call.key),
        quality=msgspec.structs.replace(quality.quality(), reliability=reliability),
    )


class Heard:
    """The mean emotion over any turns, from the readings of seconds."""

    def __init__(self, heard: Sequence[Second]) -> None:
        usable = [second for second in heard if second.label is not None and second.arousal is not None]
        self._ends: dict[int, list[float]] = defaultdict(list)
        self._sums: dict[int, NDArray[np.float64]] = {}
        rows: dict[int, list[list[float]]] = defaultdict(list)
        for second in usable:
            self._ends[second.channel].append(second.t)
            rows[second.channel].append([*second.scores.values(), second.arousal or 0.0])
        for channel, values in rows.items():
            self._sums[channel] = np.concatenate([np.zeros((1, len(LABELS) + 1)), np.cumsum(values, axis=0)])

    def mean(self, turns: Sequence[Turn]) -> tuple[Scores | None, float | None]:
        """Scores and arousal; None where nothing is usable."""
        total, seconds = np.zeros(len(LABELS) + 1), 0
        for turn in turns:
            if turn.channel not in self._sums or turn.end is None:
                continue
            ends = self._ends[turn.channel]
            first, last = bisect_right(ends, turn.start), bisect_right(ends, turn.end)
            total = total + self._sums[turn.channel][last] - self._sums[turn.channel][first]
            seconds += last - first
        if not seconds:
            return None, None
        means = (total / seconds).round(4).tolist()
        return dict(zip(LABELS, means, strict=False)), means[-1]


def _alert_counts(connection: Connection, key: int) -> list[AlertCount]:
    evidence_s = func.sum(alerts.c.end_s - alerts.c.start_s)
    columns = alerts.c.rule, alerts.c.severity, func.count(), func.count() - func.count(alerts.c.cleared_at), evidence_s
    query = select(*columns).where(alerts.c.call == key).group_by(alerts.c.rule, alerts.c.severity)
    counted = [
        AlertCount(rule, severity, raised, still_open, round(seconds, 2))
        for rule, severity, raised, still_open, seconds in connection.execute(query)
    ]
    return sorted(counted, key=lambda count: (-count.raised, count.rule))
