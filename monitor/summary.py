"""The summary of a call, kept up as its events pass by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from monitor.analysis import Analysis, Missing, Role
from monitor.conversation import Change, interruptions, pauses
from monitor.course import Measure, course, greatest, readings, turning_points
from monitor.events import (
    Alert,
    AlertCleared,
    AlertCount,
    CallStarted,
    CallSummary,
    Emotion,
    Event,
    Quality,
    Reliability,
    Scores,
    SpeakerChanged,
    SpeakerSummary,
    TurningPoint,
    TurnSummary,
    Warning,
)
from monitor.mood import Mood
from monitor.reading import read
from monitor.timeline import Span
from monitor.turns import Turn, TurnLog
from vad.grid import FRAME_S

OF_AUDIO = ("audio.clipped", "audio.gap", "audio.no_speech", "audio.not_finite")
"""Warnings that say how well it could be heard; others are about the connection or the server."""
MOST_ALERTS = 1000
"""Whose evidence is counted singly; what is raised after them is counted by its rule alone."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a call is summed up from. `roles`: by channel; `turns` in the order of their starts; `changes` of the floor;
    `measure`: the emotion over some turns."""

    roles: Sequence[str]
    turns: Sequence[Turn]
    changes: Sequence[Change]
    measure: Measure
    windows: Mapping[str, int]
    alerts: Sequence[AlertCount]
    quality: Quality


class Ledger:
    """Counts what a call is summed up by."""

    def __init__(self) -> None:
        self._roles: list[str] = []
        self._turns = TurnLog()
        self._windows: Counter[tuple[Role, Missing | None]] = Counter()
        self._changes: list[Change] = []
        self._alerts = AlertLedger()
        self._quality = QualityLedger()

    def apply(self, event: Event) -> None:
        self._turns.apply(event)
        match event:
            case Emotion() | Warning():
                self._quality.apply(event)
            case CallStarted():
                self._roles = [channel.role for channel in event.channels]
            case SpeakerChanged():
                self._changes.append((event.t, event.from_, event.to))
            case Alert():
                self._alerts.apply(event)

    def count(self, role: Role, analysis: Analysis | None, number: int = 1) -> None:
        """Count a window's outcome; of a window of several blocks of speech, each."""
        self._windows[role, analysis if isinstance(analysis, Missing) else None] += number

    def summary(self, duration_s: float, moods: Sequence[Mood | None]) -> CallSummary:
        """The call so far; an open turn counts up to now."""
        told = Told(
            self._roles,
            self._turns.turns(),
            self._changes,
            partial(_mean, now=duration_s, moods=moods),
            {
                f"{role.value}.{'analysed' if missing is None else missing.value}": number
                for (role, missing), number in self._windows.items()
            },
            self._alerts.counts(),
            self._quality.quality(),
        )
        return summed_up(told, duration_s)


def summed_up(told: Told, duration_s: float) -> CallSummary:
    """A call of which all this is known."""
    by_speaker: dict[str, list[Turn]] = defaultdict(list)
    for turn in told.turns:
        if turn.speaker is not None:
            by_speaker[turn.speaker].append(turn)
    speakers, points = [], []
    taken = interruptions(told.turns, told.changes, duration_s) if len(told.roles) > 1 else None
    for speaker, own in sorted(by_speaker.items()):
        summary, turned = _speaker(speaker, own, told, duration_s, taken)
        speakers.append(summary)
        points += turned
    emotion, arousal = told.measure(list(told.turns))
    paused = pauses(told.turns, duration_s)
    return CallSummary(
        duration_s=duration_s,
        speech_s=_speech_s(told.turns, duration_s),
        emotion=emotion,
        arousal=arousal,
        speakers=speakers,
        speaker_changes=sum(before is not None for _, before, _ in told.changes),
        windows=dict(sorted(told.windows.items())),
        turns=[
            TurnSummary(turn.speaker, turn.channel, turn.start, duration_s if turn.end is None else turn.end)
            for turn in told.turns
        ],
        silence_s=paused.silence_s,
        longest_silence_s=paused.longest_s,
        overlap_s=paused.overlap_s if len(told.roles) > 1 else None,
        turning_points=greatest(points),
        alerts=list(told.alerts),
        quality=told.quality,
    )


def _speaker(
    speaker: str, turns: list[Turn], told: Told, duration_s: float, taken: Counter[str] | None
) -> tuple[SpeakerSummary, list[TurningPoint]]:
    emotion, arousal = told.measure(turns)
    heard = readings(turns, duration_s, told.measure)
    speech_s, all_s = _speech_s(turns, duration_s), _speech_s(told.turns, duration_s)
    summary = SpeakerSummary(
        speaker=speaker,
        speech_s=speech_s,
        turns=len(turns),
        emotion=emotion,
        arousal=arousal,
        role=told.roles[turns[0].channel] if told.roles else None,
        talk_ratio=round(speech_s / all_s, 4) if all_s else 0.0,
        interruptions=None if taken is None else taken[speaker],
        course=course(heard),
    )
    return summary, turning_points(speaker, heard)


class AlertLedger:
    """The alerts of a call, as their newest events have them."""

    def __init__(self) -> None:
        self._newest: dict[str, Alert] = {}
        self._forgotten: Counter[tuple[str, str]] = Counter()

    def apply(self, event: Alert) -> None:
        self._newest[event.alert_id] = event
        if len(self._newest) > MOST_ALERTS:
            gone = self._newest.pop(next(iter(self._newest)))
            self._forgotten[gone.rule, gone.severity] += 1

    def counts(self) -> list[AlertCount]:
        """By rule, the most frequent first."""
        by_rule: dict[tuple[str, str], list[Alert]] = defaultdict(list)
        for alert in self._newest.values():
            by_rule[alert.rule, alert.severity].append(alert)
        counted = [
            AlertCount(
                rule,
                severity,
                len(alerts) + self._forgotten[rule, severity],
                sum(not isinstance(alert, AlertCleared) for alert in alerts),
                round(sum(alert.end_s - alert.start_s for alert in alerts), 2),
            )
            for (rule, severity), alerts in by_rule.items()
        ]
        return sorted(counted, key=lambda count: (-count.raised, count.rule))


class QualityLedger:
    """How well it could be heard so far."""

    def __init__(self) -> None:
        self._readings: Counter[Reliability] = Counter()
        self._warnings: Counter[str] = Counter()
        self._snr_db = 0.0
        self._measured = 0

    def apply(self, event: Emotion | Warning) -> None:
        if isinstance(event, Warning):
            if event.code in OF_AUDIO:
                self._warnings[event.code] += 1
        elif event.speech_s > 0:  # else it says that nobody speaks any more
            self._readings[event.reliability] += 1
            if event.snr_db is not None:
                self._snr_db, self._measured = self._snr_db + event.snr_db, self._measured + 1

    def quality(self) -> Quality:
        total = self._readings.total()
        shares = {name: round(self._readings[name] / total, 4) for name in get_args(Reliability)} if total else {}
        snr_db = round(self._snr_db / self._measured, 1) if self._measured else None
        return Quality(snr_db, shares, dict(sorted(self._warnings.items())))


def _speech_s(turns: Sequence[Turn], now: float) -> float:
    return round(sum((now if turn.end is None else turn.end) - turn.start for turn in turns), 2)


def _mean(turns: list[Turn], now: float, moods: Sequence[Mood | None]) -> tuple[Scores | None, float | None]:
    """Scores and arousal over all speech of `turns`; None where nothing was inferred or usable."""
    total, spec = Span.empty(), None
    for turn in turns:
        mood = moods[turn.channel]
        if mood is None:
            continue
        end = now if turn.end is None else turn.end
        total, spec = total + mood.span(round(turn.start / FRAME_S), round(end / FRAME_S)), mood.spec
    if spec is None:
        return None, None
    reading = read(total, spec, None)
    return (reading.scores, reading.arousal) if reading.label is not None else (None, None)
