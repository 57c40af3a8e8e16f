"""Calls as their events, made by hand."""

from __future__ import annotations

from typing import Any

import msgspec

from history.clock import kept, told
from history.database import Database
from history.writer import Writer
from monitor.events import (
    Alert,
    AlertCleared,
    AlertRaised,
    CallEnded,
    CallStarted,
    CallSummary,
    ChannelInfo,
    Emotion,
    EmotionTurn,
    Event,
    SpeakerChanged,
    SpeechEnded,
    SpeechStarted,
)
from monitor.labels import LABELS
from monitor.teller import Teller

MORNING = kept("2026-11-02T09:00:00Z")


class Telling:
    """Says the events of a call, each with its time of day, as the edge would."""

    def __init__(self, call_id: str = "c-1", roles: tuple[str, ...] = ("mixed",), started_at: float = MORNING) -> None:
        self.started_at = started_at
        self._teller = Teller(call_id)
        self._roles = roles

    def start(self) -> CallStarted:
        channels = [ChannelInfo(at, role, role != "agent") for at, role in enumerate(self._roles)]
        started = self.say(
            CallStarted, 0.0, transport="test", channels=channels, models={}, horizon_s=3.0, hop_s=0.5, tags={}
        )
        assert isinstance(started, CallStarted)
        return started

    def speech(self, start: float, end: float, channel: int = 0) -> list[Event]:
        return [
            self.say(SpeechStarted, start, channel),
            self.say(SpeechEnded, end, channel, start_s=start),
        ]

    def speaks(self, t: float, to: str, before: str | None = None, channel: int | None = 0) -> Event:
        return self.say(SpeakerChanged, t, channel, from_=before, to=to, confidence=0.9)

    def emotion(self, t: float, angry: float = 0.8, channel: int = 0, speaker: str | None = "S1") -> Event:
        return self.say(Emotion, t, channel, **_felt(angry), speaker=speaker)

    def turn(self, start: float, end: float, angry: float = 0.8, channel: int = 0, speaker: str | None = "S1") -> Event:
        return self.say(EmotionTurn, end, channel, start_s=start, **_felt(angry), speaker=speaker)

    def alert(
        self, t: float, alert_id: str, kind: type[Alert] = AlertRaised, rule: str = "anger", **more: Any
    ) -> Event:
        fields: dict[str, Any] = {
            "severity": "warning", "measure": "score", "value": 0.8, "threshold": 0.7, "start_s": max(0.0, t - 3),
            "end_s": t, "speaker": "S1", "scores": scores(0.8), "link": "/dashboard#call=c-1",
        }  # fmt: skip
        return self.say(kind, t, 0, alert_id=alert_id, rule=rule, **(fields | more))

    def cleared(self, t: float, alert_id: str) -> Event:
        return self.alert(t, alert_id, AlertCleared, value=0.2)

    def end(self, t: float, reason: str = "finished") -> Event:
        moods = [None for _ in self._roles]
        summary: CallSummary = self._teller.ledger.summary(t, moods)
        return self.say(CallEnded, t, reason=reason, summary=msgspec.structs.replace(summary, emotion=scores(0.8)))

    def say(self, kind: type[Event], t: float, channel: int | None = None, **fields: Any) -> Event:
        self._teller.say(kind, t, channel, **fields)
        (event,) = self._teller.take()
        return msgspec.structs.replace(event, at=told(self.started_at + t))


def scores(angry: float) -> dict[str, float]:
    return dict.fromkeys(LABELS, 0.0) | {"angry": angry, "neutral": round(1 - angry, 4)}


def short_call(of: Telling, alert: str | None = None) -> list[Event]:
    """12 s: angry S1, then S2; with an alert that is cleared, if it has an id."""
    events: list[Event] = [of.start(), *of.speech(1, 5), of.speaks(1, "S1")]
    events += [of.emotion(t) for t in (2.0, 2.5, 3.0, 4.0, 5.0)]
    events.append(of.turn(1, 5))
    if alert is not None:
        events += [of.alert(4, alert), of.cleared(6, alert)]
    events += [*of.speech(7, 10), of.speaks(7, "S2", "S1")]
    events += [of.emotion(t, 0.1, speaker="S2") for t in (8.0, 9.0, 10.0)]
    return [*events, of.turn(7, 10, 0.1, speaker="S2"), of.end(12)]


def write(database: Database, *calls: list[Event], tags: dict[str, str] | None = None) -> Writer:
    """Write events as the server does; the writer is closed."""
    writer = Writer(database)
    writer.start()
    for events in calls:
        for event in events:
            writer.tell(event, tags or {})
    writer.flush().result(10)
    writer.close()
    return writer


def _felt(angry: float) -> dict[str, Any]:
    usable = angry >= 0
    made = scores(angry) if usable else dict.fromkeys(LABELS, 0.0)
    label = max(made, key=made.__getitem__) if usable else None
    return {
        "scores": made,
        "label": label,
        "confidence": made[label] if label else 0.0,
        "arousal": 0.5 if usable else None,
        "shape": "single" if usable else None,
        "reliability": "high" if usable else "unusable",
        "speech_s": 2.0 if usable else 0.0,
        "snr_db": 20.0 if usable else None,
    }
