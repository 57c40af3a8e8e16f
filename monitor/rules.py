"""When to raise an alert, as people write it down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from monitor.analysis import EmotionSpec
from monitor.labels import LABELS

Measure = Literal["score", "arousal", "silence_s", "talk_ratio", "overlap_ratio", "interruptions"]
Severity = Literal["info", "warning", "critical"]
Scope = Literal["call", "speaker"]
OF_EMOTION: tuple[Measure, ...] = ("score", "arousal")
OF_PARTIES: tuple[Measure, ...] = ("overlap_ratio", "interruptions")
"""What only channels of their own can tell."""
BOUNDS: dict[Measure, tuple[float, float]] = {
    "arousal": (0.0, 1.0),
    "silence_s": (0.0, 86_400.0),
    "talk_ratio": (0.0, 1.0),
    "overlap_ratio": (0.0, 1.0),
    "interruptions": (0.0, 10_000.0),
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LONGEST_S = 3600.0


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert is raised once what is measured has been beyond a level for a while, and cleared once it is back.

    `score`: weights over labels, what is measured is their weighted sum; else `measure` names it: `arousal` (0 to 1),
    `silence_s` (for how long nobody of the roles has spoken), `talk_ratio` (whose share of the speech of the last
    `over_s`), and where channels separate the parties `overlap_ratio` (for which share of it they spoke at once with
    another) and `interruptions` (how many times they took the floor from someone who went on speaking).

    One of `above` and `below` is the level; `for_s`: how long it must last; `clear`: the level at which it is over,
    the same unless said otherwise; `cooldown_s`: how long after that nothing is raised again. `roles`: whose, as in
    `monitor.emotion_roles`; `scope`: one alert for the call, or one for each speaker. Readings of less than
    `reliability` neither raise nor clear (emotion only). `tags`: only calls that have these. `notify`: names of
    channels that are told, null: all. Raises ValueError for what makes no sense.
    """

    name: str
    score: dict[str, float] | None = None
    measure: Measure | None = None
    above: float | None = None
    below: float | None = None
    for_s: float = 0.0
    clear: float | None = None
    cooldown_s: float = 30.0
    over_s: float = 60.0
    roles: tuple[str, ...] = ("*", "!agent")
    scope: Scope = "call"
    reliability: Literal["low", "medium", "high"] = "medium"
    severity: Severity = "warning"
    tags: dict[str, str] = {}
    notify: tuple[str, ...] | None = None
    enabled: bool = True

    def __post_init__(self) -> None:
        problem = next(_problems(self), None)
        if problem is not None:
            raise ValueError(f"rule {self.name!r}: {problem}")

    @property
    def measured(self) -> Measure:
        return self.measure or "score"

    @property
    def threshold(self) -> float:
        """The level beyond which it is raised."""
        level = self.below if self.above is None else self.above
        assert level is not None
        return level

    @property
    def clear_level(self) -> float:
        return self.threshold if self.clear is None else self.clear

    def beyond(self, value: float) -> bool:
        """Whether it is to be raised at this value."""
        return value >= self.threshold if self.above is not None else value <= self.threshold

    def back(self, value: float) -> bool:
        """Whether it is over at this value."""
        return value < self.clear_level if self.above is not None else value > self.clear_level

    def admits(self, role: str) -> bool:
        """Upper and lower case are one."""
        return admits(self.roles, role)

    def worse(self, value: float, than: float) -> bool:
        """Whether one value is further beyond the level than another."""
        return value > than if self.above is not None else value < than


def same_but_for_telling(one: Rule, other: Rule) -> bool:
    """Whether two rules raise the same alerts, and only call or tell them otherwise."""
    return msgspec.structs.replace(one, severity=other.severity, notify=other.notify) == other


def admits(names: tuple[str, ...], role: str) -> bool:
    """`names`: roles, `*` for all, `!name` for all but that one. Upper and lower case are one: a role must not slip
    through by its spelling."""
    admitted, role = {name.casefold() for name in names}, role.casefold()
    return f"!{role}" not in admitted and ("*" in admitted or role in admitted)


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """Settings of alerts."""

    defaults: bool = True
    "Whether the rules `anger` and `risk` hold, at the levels that the emotion model brings with it"
    rules: tuple[Rule, ...] = ()
    "Rules, each a table [[alerts.rules]]; one that is named like a default takes its place"

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules have one name: {', '.join(twice)}")

    def in_force(self, spec: EmotionSpec | None) -> tuple[Rule, ...]:
        """The rules for calls that are analysed with this emotion model."""
        rules = {rule.name: rule for rule in default_rules(spec)} if self.defaults and spec is not None else {}
        return tuple((rules | {rule.name: rule for rule in self.rules}).values())


def default_rules(spec: EmotionSpec) -> tuple[Rule, ...]:
    """Anger of a customer, and high risk: anger and fear together; those of which the model knows the labels."""
    scores = {"anger": {"angry": 1.0}, "risk": {"angry": 1.0, "fearful": 1.0}}
    return tuple(
        Rule(
            name=name,
            score=score,
            above=spec.alerts[name].above,
            clear=spec.alerts[name].clear,
            for_s=spec.alerts[name].for_s,
        )
        for name, score in scores.items()
        if name in spec.alerts and set(score) <= set(spec.labels)
    )


def _problems(rule: Rule) -> Iterator[str]:
    """What is wrong with it, in words."""
    if not NAME.fullmatch(rule.name):
        yield "a name is 1 to 64 letters, digits, `.`, `_`, `-`, the first a letter or a digit"
    if (rule.score is None) == (rule.measure is None or rule.measure == "score"):
        yield "expected one of `score`, weights such as {angry = 1.0}, and `measure`"
    if rule.score is not None:
        unknown = sorted(set(rule.score) - set(LABELS))
        if unknown or not rule.score:
            yield f"score: {', '.join(unknown) or 'nothing'} is no label; expected some of {', '.join(LABELS)}"
    if (rule.above is None) == (rule.below is None):
        yield "expected one of `above` and `below`"
    lowest, highest = _bounds(rule)
    for name, level in (("above", rule.above), ("below", rule.below), ("clear", rule.clear)):
        if level is not None and not lowest <= level <= highest:
            yield f"{name} = {level:g} is never reached: expected {lowest:g} to {highest:g}"
    if rule.clear is not None and rule.worse(rule.clear, rule.threshold):
        yield "clear lies beyond the level at which the alert is raised, so that it would never be over"
    if rule.clear_level <= lowest if rule.above is not None else rule.clear_level >= highest:
        side = f"above {lowest:g}" if rule.above is not None else f"below {highest:g}"
        yield f"it would never be over: expected clear (or the level, where there is none) {side}"
    for name, seconds in (("for_s", rule.for_s), ("cooldown_s", rule.cooldown_s)):
        if not 0 <= seconds <= LONGEST_S:
            yield f"{name} = {seconds:g}: expected 0 to {LONGEST_S:g} seconds"
    if not 5 <= rule.over_s <= LONGEST_S:
        yield f"over_s = {rule.over_s:g}: expected 5 to {LONGEST_S:g} seconds"


def _bounds(rule: Rule) -> tuple[float, float]:
    """The lowest and the highest value that its measure can have."""
    if rule.measure is not None and rule.measure in BOUNDS:
        return BOUNDS[rule.measure]
    weights = (rule.score or {}).values()
    return min(0.0, *weights, 0.0), max(0.0, *weights, 0.0)
