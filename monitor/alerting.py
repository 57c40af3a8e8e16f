"""The alerts of one call: all rules, whatever they measure and whoever they are about."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from monitor.alarm import Alarm, Sample, Told
from monitor.analysis import EmotionSpec
from monitor.conduct import Conduct
from monitor.events import AlertCleared, AlertRaised, AlertUpdated, Event
from monitor.reading import reliability_of
from monitor.rules import OF_EMOTION, OF_PARTIES, Rule, same_but_for_telling
from vad.grid import FRAME_S

Said = tuple[type[Event], float, int | None, dict[str, Any]]
"""An event to be: its class, its `t`, its channel, and the fields that are its own."""
KINDS: dict[Told, type[Event]] = {Told.RAISED: AlertRaised, Told.UPDATED: AlertUpdated, Told.CLEARED: AlertCleared}
RANKS = {"unusable": 0, "low": 1, "medium": 2, "high": 3}
SHOWN_AROUND_S = 3.0
"""What a link shows before and after the evidence."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a call stands with a rule: `value`, the one nearest to an alert now, None where nothing is usable; `beyond`:
    whether it is beyond the level; `raised`: how many alerts are open."""

    rule: Rule
    value: float | None
    beyond: bool
    raised: int


class _Watched:
    """One rule in one call. Alarms by speaker, or one for the call under None."""

    def __init__(self, rule: Rule, roles: Sequence[str]) -> None:
        self.rule = rule
        self.channels = [channel for channel, role in enumerate(roles) if rule.admits(role)]
        self.of_emotion = rule.measured in OF_EMOTION
        self.weights = tuple((rule.score or {}).items())
        self.rank = RANKS[rule.reliability]
        self.alarms: dict[str | None, Alarm] = {}
        self.now: dict[tuple[int | None, str | None], Sample] = {}
        """The newest sample of each channel and, where the scope is the speaker, speaker."""
        self.open: dict[str | None, str] = {}
        """Of each open alert its id."""

    def alarm(self, key: str | None) -> Alarm:
        if key not in self.alarms:
            self.alarms[key] = Alarm(self.rule)
        return self.alarms[key]

    def exchange(self, rule: Rule) -> None:
        """Go on with a rule that raises the same alerts."""
        self.rule = rule
        for alarm in self.alarms.values():
            alarm.rule = rule

    def rename(self, speaker: str | None, into: str) -> str | None:
        """Whose alarm is over now that two speakers are one, if one is: of two that are raised the newer name's, else
        what is raised goes on."""
        for channel, name in [place for place in self.now if place[1] == speaker]:
            last = self.now.pop((channel, name))
            self.now.setdefault((channel, into), last)
        if speaker not in self.alarms or self.rule.scope == "call":
            return None
        if into in self.open:
            return speaker
        if speaker in self.open or into not in self.alarms:
            self.alarms[into] = self.alarms.pop(speaker)
            if speaker in self.open:
                self.open[into] = self.open.pop(speaker)
        else:
            del self.alarms[speaker]
        return None


class Alarms:
    """Is told, in the order of the call, of readings of emotion, of speech and of time, and says what alerts follow.

    `roles`: of each channel. `tags` is looked at whenever a rule asks for some. `horizon_s`: the span of a reading,
    which the emotion model of `spec` made.
    """

    def __init__(
        self,
        call_id: str,
        roles: tuple[str, ...],
        tags: Mapping[str, str],
        rules: Iterable[Rule],
        horizon_s: float,
        spec: EmotionSpec | None,
    ) -> None:
        self._call_id = call_id
        self._roles = roles
        self._tags = tags
        self._horizon_s = horizon_s
        self._spec = spec
        self._t = 0.0
        self._speaker: str | None = None
        self._speaker_since = -math.inf
        """Who speaks on a call of one channel, and since which reading."""
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._conduct = Conduct(len(roles))
        self._watched = {rule.name: _Watched(rule, roles) for rule in rules if rule.enabled}

    # --- what is heard

    def heard(self, channel: int, t: float, emotion: Mapping[str, Any]) -> Iterator[Said]:
        """Rolling emotion of a channel: the fields of an `emotion` event."""
        self._t = max(self._t, t)
        if len(self._roles) == 1:
            yield from self._follow(emotion["speaker"], t)
        usable, scores, rank = emotion["label"] is not None, emotion["scores"], RANKS[emotion["reliability"]]
        for watched in self._watched.values():
            if not watched.of_emotion or channel not in watched.channels:
                continue
            value, reliable = None, rank >= watched.rank
            if usable and self._applies(watched.rule):
                value = emotion["arousal"]
                if watched.weights:
                    value = round(sum([weight * scores[label] for label, weight in watched.weights]), 4)
                    reliable = reliable or self._rank(value, emotion) >= watched.rank
            if watched.rule.scope == "speaker" and t - self._speaker_since < self._horizon_s:
                reliable = False  # the horizon holds what someone else said
            sample = Sample(
                t, value, self._horizon_s, channel, emotion["speaker"], reliable, scores if usable else None
            )
            yield from self._take(watched, sample)

    def opened(self, channel: int, start: int) -> None:
        """Speech began on a channel at a frame; all frames are those of 20 ms."""
        self._conduct.opened(channel, start)

    def closed(self, channel: int, start: int, end: int) -> None:
        """The speech of frames [start, end) of a channel is over."""
        self._conduct.closed(channel, start, end)

    def took(self, channel: int, frame: int) -> None:
        """A channel took the floor from someone who went on speaking."""
        self._conduct.took(channel, frame)

    def passed(self, frame: int, parties: Sequence[str | None]) -> Iterator[Said]:
        """The call has come to a frame; `parties`: who is on each channel."""
        t = frame * FRAME_S
        self._t = max(self._t, t)
        self._conduct.passed(frame, parties)
        for watched in self._watched.values():
            if not watched.of_emotion:
                for sample in self._conducted(watched, frame, parties):
                    yield from self._take(watched, sample)

    def merged(self, speaker: str, into: str) -> Iterator[Said]:
        """Two speakers turned out to be one, and so do their alerts."""
        self._conduct.merged(speaker, into)
        if self._speaker == speaker:
            self._speaker = into
        yield from self._rename(speaker, into)

    def set_rules(self, rules: Iterable[Rule]) -> Iterator[Said]:
        """Watch these from now on. What is the same goes on; alerts of others are cleared."""
        wanted = {rule.name: rule for rule in rules if rule.enabled}
        for name, watched in list(self._watched.items()):
            if name in wanted and same_but_for_telling(watched.rule, wanted[name]):
                watched.exchange(wanted[name])
            else:
                yield from self._clear(watched, self._t)
                del self._watched[name]
        self._watched = {name: self._watched.get(name) or _Watched(rule, self._roles) for name, rule in wanted.items()}

    def finish(self, t: float) -> Iterator[Said]:
        """The call is over."""
        for watched in self._watched.values():
            yield from self._clear(watched, t)

    def standing(self) -> list[Standing]:
        """How the call stands with each rule."""
        out = []
        for watched in self._watched.values():
            rule = watched.rule
            values = [sample.value for sample in watched.now.values() if sample.value is not None]
            value = (max if rule.above is not None else min)(values, default=None)
            beyond = value is not None and rule.beyond(value)
            out.append(Standing(rule, value, beyond, len(watched.open)))
        return out

    # --- inside

    def _follow(self, speaker: str | None, t: float) -> Iterator[Said]:
        """Take note of who speaks on the only channel; the first name is that of whoever spoke before it was known."""
        if speaker == self._speaker:
            return
        first, self._speaker = self._speaker is None, speaker
        if speaker is not None and first:
            yield from self._rename(None, speaker)
        else:
            self._speaker_since = t

    def _rename(self, speaker: str | None, into: str) -> Iterator[Said]:
        for watched in self._watched.values():
            over = watched.rename(speaker, into)
            if over is not None:
                alarm = watched.alarms.pop(over)
                yield from self._say(watched, over, alarm, alarm.clear(self._t), self._t)

    def _rank(self, value: float, emotion: Mapping[str, Any]) -> int:
        """How reliable a score of this height would be that is one label's."""
        if self._spec is None:
            return 0
        return RANKS[reliability_of(value, emotion["speech_s"], emotion["snr_db"], self._spec)]

    def _applies(self, rule: Rule) -> bool:
        return not rule.tags or rule.tags.items() <= self._tags.items()

    def _conducted(self, watched: _Watched, frame: int, parties: Sequence[str | None]) -> Iterator[Sample]:
        """What a rule that is not about emotion measures now, of each it is about."""
        rule, t, over = watched.rule, frame * FRAME_S, round(watched.rule.over_s)
        if rule.measured in OF_PARTIES and len(self._roles) < 2:
            return
        for channel, party, value in self._values(watched, frame, parties, over):
            span_s = value if rule.measured == "silence_s" and value is not None else min(t, float(over))
            yield Sample(t, value if self._applies(rule) else None, span_s, channel, party)

    def _values(
        self, watched: _Watched, frame: int, parties: Sequence[str | None], over: int
    ) -> Iterator[tuple[int | None, str | None, float | None]]:
        conduct, channels = self._conduct, watched.channels
        match watched.rule.measured:
            case "silence_s" if watched.rule.scope == "call":
                if channels:
                    yield None, None, round(conduct.silence_s(channels, frame), 3)
            case "silence_s":
                for channel in channels:
                    party = parties[channel] if len(self._roles) > 1 else None
                    yield channel, party, round(conduct.silence_s([channel], frame), 3)
            case "talk_ratio" if len(self._roles) > 1:
                for channel in channels:
                    yield channel, parties[channel], _rounded(conduct.talk_ratio(parties[channel], over))
            case "talk_ratio":
                told_apart = conduct.parties
                for party in told_apart if channels and len(told_apart) > 1 else ():
                    yield 0, party, _rounded(conduct.talk_ratio(party, over))
            case "overlap_ratio":
                for channel in channels:
                    yield channel, parties[channel], round(conduct.overlap_ratio(over), 4)
            case "interruptions":
                for channel in channels:
                    yield channel, parties[channel], float(conduct.interruptions(channel, over, frame))

    def _take(self, watched: _Watched, sample: Sample) -> Iterator[Said]:
        """Give a sample to the alarm that it is for, and to those that it tells of silence."""
        rule = watched.rule
        if rule.scope == "call":
            place = (sample.channel, None if watched.of_emotion else sample.speaker)
            watched.now[place] = sample
            worst = sample
            if len(watched.now) > 1:
                for other in watched.now.values():
                    worst = other if _worse(rule, other, worst) else worst
            if worst is not sample:
                if worst.value is not None and rule.beyond(worst.value):
                    return  # that one's own samples say how long it lasts
                worst = replace(worst, t=sample.t)
            alarm = watched.alarm(None)
            yield from self._say(watched, None, alarm, alarm.hear(worst), sample.t)
            return
        watched.now[sample.channel, sample.speaker] = sample
        alarm = watched.alarm(sample.speaker)
        yield from self._say(watched, sample.speaker, alarm, alarm.hear(sample), sample.t)
        if watched.of_emotion:
            yield from self._silence(watched, sample)

    def _silence(self, watched: _Watched, sample: Sample) -> Iterator[Said]:
        """The others on a channel have said nothing for a horizon, or nobody has."""
        for (channel, speaker), last in list(watched.now.items()):
            if channel != sample.channel or speaker == sample.speaker or last.value is None:
                continue
            if sample.value is None or sample.t - last.t > self._horizon_s:
                nothing = Sample(sample.t, None, self._horizon_s, channel, speaker)
                watched.now[channel, speaker] = nothing
                alarm = watched.alarm(speaker)
                yield from self._say(watched, speaker, alarm, alarm.hear(nothing), sample.t)

    def _clear(self, watched: _Watched, t: float) -> Iterator[Said]:
        for key, alarm in watched.alarms.items():
            yield from self._say(watched, key, alarm, alarm.clear(t), t)

    def _say(self, watched: _Watched, key: str | None, alarm: Alarm, told: Told | None, t: float) -> Iterator[Said]:
        """An alert event, if there is something to tell."""
        if told is None:
            return
        rule, evidence = watched.rule, alarm.evidence
        assert evidence is not None
        if told is Told.RAISED:
            self._numbers[rule.name] += 1
            number = self._numbers[rule.name]
            watched.open[key] = f"{self._call_id}:{rule.name}:{number}"
        alert_id = watched.open[key]
        if told is Told.CLEARED:
            del watched.open[key]
        worst = evidence.worst
        yield (
            KINDS[told],
            t,
            worst.channel,
            {
                "alert_id": alert_id,
                "rule": rule.name,
                "severity": rule.severity,
                "measure": rule.measured,
                "value": worst.value,
                "threshold": rule.threshold,
                "start_s": round(evidence.start_s, 3),
                "end_s": round(evidence.end_s, 3),
                "speaker": worst.speaker if key is None else key,
                "scores": worst.scores,
                "link": link(self._call_id, evidence.start_s, evidence.end_s),
            },
        )


def link(call_id: str, start_s: float, end_s: float) -> str:
    """Where the dashboard shows a span of a call, on this server."""
    end = math.ceil(end_s + SHOWN_AROUND_S)
    span = end - max(0, math.floor(start_s - SHOWN_AROUND_S))
    return f"/dashboard#call={quote(call_id, safe='')}&span={span}&end={end}"


def _worse(rule: Rule, sample: Sample, than: Sample) -> bool:
    """Whether one is nearer to an alert than another; what is beyond the level and not reliable is not that near."""
    values = [
        rule.clear_level if each.value is not None and rule.beyond(each.value) and not each.reliable else each.value
        for each in (sample, than)
    ]
    return values[0] is not None and (values[1] is None or rule.worse(values[0], values[1]))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
