"""What a call adds to the trends: sums over the seconds of each role, and over the call as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from history.schema import TREND_SUMS
from monitor.events import Reliability, Scores
from monitor.labels import LABELS

HOUR_S, DAY_S = 3600, 86_400
SUMS = (*TREND_SUMS, *(f"{label}_s" for label in LABELS))


class Tally(msgspec.Struct):
    """Seconds of one role: how many could be used, and what their scores and arousal add up to."""

    heard_s: int = 0
    unusable_s: int = 0
    arousal_s: float = 0.0
    scores: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(LABELS))

    def add(self, reliability: Reliability, arousal: float | None, scores: Scores) -> None:
        """A second more."""
        if reliability == "unusable":
            self.unusable_s += 1
            return
        self.heard_s += 1
        self.arousal_s += arousal or 0.0
        for at, label in enumerate(LABELS):
            self.scores[at] += scores[label]


class Facts(msgspec.Struct, frozen=True):
    """A call that is over, as the trends see it: by role its alerts (those of the whole call under an empty one), its
    speech, and what was heard."""

    duration_s: float
    alerts: dict[str, int]
    speech_s: dict[str, float]
    tallies: dict[str, Tally]

    def rows(self, started_at: float, tags: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """What is to be added to which rows of `trends`: by the hour for all calls, by the day for all and by tag."""
        whole = _counted(sum(self.speech_s.values()), sum(self.alerts.values()))
        by_role = {"": whole | {"duration_s": self.duration_s}}
        for role, speech_s in self.speech_s.items():
            counted = _counted(speech_s, self.alerts.get(role, 0))
            by_role[role] = counted | _sums(self.tallies.get(role, Tally()))
        places = [("hour", HOUR_S, "", ""), ("day", DAY_S, "", "")]
        places += [("day", DAY_S, key, value) for key, value in sorted(tags.items())]
        for span, length_s, name, value in places:
            start = int(started_at // length_s) * length_s
            for role, sums in by_role.items():
                place = {"span": span, "start": start, "name": name, "value": value, "role": role}
                yield place | dict.fromkeys(SUMS, 0.0) | sums


def _counted(speech_s: float, alerts: int) -> dict[str, float]:
    return {"calls": 1.0, "speech_s": speech_s, "alerts": float(alerts), "alerted_calls": float(alerts > 0)}


def _sums(tally: Tally) -> dict[str, float]:
    scores = {f"{label}_s": total for label, total in zip(LABELS, tally.scores, strict=True)}
    return {
        "heard_s": float(tally.heard_s),
        "unusable_s": float(tally.unusable_s),
        "arousal_s": tally.arousal_s,
        **scores,
    }
