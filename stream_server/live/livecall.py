"""One live call: its Session, wired to the models, the clock, and whoever listens to its events."""

from __future__ import annotations

import asyncio
import logging
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from history.keeping import History
from inference.batcher import Answer, Deliver
from metrics.instruments import Instruments
from monitor.analysis import Analysis
from monitor.events import (
    Alert,
    AlertRaised,
    CallEnded,
    CallStarted,
    Emotion,
    Error,
    Event,
    SpeakerChanged,
    SpeechEnded,
    Warning,
)
from monitor.rules import Rule
from monitor.session import Session, State
from notify.delivery import Notifier
from notify.notice import CallFacts
from stream_server.faults import FAULTS
from stream_server.live.callbook import CallBook, CallRecord
from stream_server.live.dispatch import Dispatch
from stream_server.live.fanout import Fanout, Published
from stream_server.live.outbox import Message, Outbox
from stream_server.live.pressure import Pressure
from stream_server.live.rulebook import RuleBook
from vad.pcm import Samples

log = logging.getLogger("undertone.call")
PATIENT_S = 0.4
"""Windows of a sender that is further ahead of the clock than this are never skipped; before the first window."""
AHEAD_S = 2.0
"""A sender that is further ahead of the clock than this sends faster than real time."""
WEARS_OFF = 0.05
MOST_UNANSWERED = 24
"""Windows of one call under way before a fast sender is held back."""
ARRIVALS_KEPT_S = 30.0
ARRIVALS_SPARE = 256


@dataclass(frozen=True, slots=True)
class House:
    """What calls share that are served by the same models."""

    book: CallBook
    fanout: Fanout
    instruments: Instruments
    dispatch: Dispatch
    pressure: Pressure
    rules: RuleBook
    notifier: Notifier | None = None
    history: History | None = None


class ArrivalClock:
    """When the audio up to a position of the call had been received; positions and times in seconds.

    Whoever is silent for long is not asked about: what lies further back than ARRIVALS_KEPT_S is forgotten.
    """

    def __init__(self) -> None:
        self._positions = array("d")
        self._times = array("d")
        self._first = 0

    def arrived(self, position_s: float, now_s: float) -> None:
        self._positions.append(position_s)
        self._times.append(now_s)
        if self._positions[self._first] < position_s - ARRIVALS_KEPT_S:
            self._first += 1
        if self._first > ARRIVALS_SPARE:
            del self._positions[: self._first], self._times[: self._first]
            self._first = 0

    def lag_ms(self, position_s: float, now_s: float) -> float | None:
        """Since the message that completed `position_s` came; forgets what lies before it."""
        last = len(self._positions) - 1
        while self._first < last and self._positions[self._first] < position_s - 1e-9:
            self._first += 1
        if last < 0:
            return None
        return round(1000 * (now_s - self._times[self._first]), 2)


class Pace:
    """How far a sender is ahead of the clock. What it is ahead wears off by WEARS_OFF of the time that passes, so that
    neither a head start nor a clock that is a little fast counts for long. Times in seconds."""

    def __init__(self, now_s: float) -> None:
        self._ahead_s = 0.0
        self._at_s = now_s

    def arrived(self, more_s: float, now_s: float) -> None:
        """Audio of `more_s` has come."""
        passed_s = now_s - self._at_s
        ahead_s = self._ahead_s - passed_s
        if ahead_s > 0:
            ahead_s = max(0.0, ahead_s - WEARS_OFF * passed_s)
        self._ahead_s, self._at_s = ahead_s + more_s, now_s

    def ahead_s(self, now_s: float) -> float:
        return self._ahead_s - (now_s - self._at_s)


class LiveCall:
    """Drives a Session. Everything runs in the event loop; the models answer through `answered`."""

    def __init__(self, session: Session, house: House, outbox: Outbox, transport: str, hop_s: float) -> None:
        self.session = session
        self.outbox = outbox
        self.ended = asyncio.Event()
        self.failed = False
        """Whether something broke on our side."""
        self.last_words: Callable[[], None] | None = None
        """What the transport still has to say when the call is to finish."""
        self.house = house
        self._transport = transport
        self._hop_s = hop_s
        self._pace = Pace(time.monotonic())
        self._arrivals = ArrivalClock()
        self._fed = ArrivalClock()
        self._room = asyncio.Event()
        self._room.set()
        self._arrived_s = self._counted_s = 0.0
        self._dropped = 0
        self._record: CallRecord | None = None
        house.instruments.streams_active.labels(transport).inc()
        self._pump()

    @property
    def ahead_s(self) -> float:
        """How far the audio is ahead of the clock; a head start wears off."""
        return self._pace.ahead_s(time.monotonic())

    @property
    def has_room(self) -> bool:
        """Whether audio may come without asking `room`: the sender keeps to real time."""
        return self.ahead_s <= AHEAD_S

    def feed(self, channels: list[Samples]) -> None:
        """Audio that has just come: per channel, 16 kHz. Positions on the wire are told by `arrived`."""
        self.house.instruments.audio_seconds.inc((self._arrived_s - self._counted_s) * len(channels))
        self._counted_s = self._arrived_s
        for channel, samples in enumerate(channels):
            if len(samples):
                self.session.receive_audio(channel, samples)
        self._fed.arrived(self.session.duration_s, time.monotonic())
        self._pump()

    def miss(self, samples: int) -> None:
        """So many samples at 16 kHz are missing on every channel; `arrived` or `left_out` has told of them."""
        self._counted_s = self._arrived_s
        for channel in range(len(self.session.roles)):
            self.session.receive_gap(channel, samples)
        self._fed.arrived(self.session.duration_s, time.monotonic())
        self._pump()

    def arrived(self, position_s: float) -> None:
        """The wire has brought the call's audio up to `position_s`, which only grows; it may be fed later."""
        self._pace.arrived(position_s - self._arrived_s, time.monotonic())
        self.left_out(position_s)

    def left_out(self, position_s: float) -> None:
        """As `arrived`, of audio that is not taken because it comes too fast: its sender is no further ahead for it."""
        self._arrived_s = position_s
        self._arrivals.arrived(position_s, time.monotonic())

    async def room(self) -> None:
        """Wait, if the sender is faster than real time, until the models have caught up with it."""
        if self.has_room:
            return
        self.warn("audio.too_fast", "audio comes faster than real time; it is held back as needed, nothing is lost")
        if self.session.unanswered > MOST_UNANSWERED:
            self._room.clear()
            await self._room.wait()

    def answered(self, answers: list[tuple[int, Analysis]]) -> None:
        """The call's share of a batch: window numbers and their analyses. A call that breaks on it breaks alone."""
        if self.ended.is_set():
            return
        try:
            for number, analysis in answers:
                self.session.receive_analysis(number, analysis)
            self._pump()
        except Exception:
            self.fail()
        if self.session.unanswered <= MOST_UNANSWERED // 2:
            self._room.set()

    def set_hop(self, seconds: float, offset_s: float = 0.0) -> None:
        """Look every so many seconds from now on, `offset_s` after their multiples."""
        if self.ended.is_set():
            return
        self._hop_s = seconds
        try:
            self.session.set_hop(seconds, offset_s)
            self._pump()
        except Exception:
            self.fail()

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """Alert by these rules from now on."""
        if self.ended.is_set():
            return
        try:
            self.session.set_rules(rules)
            self._pump()
        except Exception:
            self.fail()

    def warn(self, code: str, reason: str) -> None:
        self.session.warn(code, reason)
        self._pump()

    def reject(self, code: str, reason: str) -> None:
        """Tell the peer of its mistake; whether the call survives it stands in the table of faults."""
        self.session.reject(code, reason, FAULTS[code].call_survives)
        self._pump()

    def finish(self, reason: str) -> None:
        """No more audio; `ended` is set once every window is answered."""
        try:
            last_words, self.last_words = self.last_words, None
            if last_words is not None and self.session.state is State.LIVE:
                last_words()
            self.session.finish(reason)
            self._pump()
        except Exception:
            self.fail()

    def abort(self, reason: str) -> None:
        """End at once; nothing happens if the call has ended."""
        if self.ended.is_set():
            return
        try:
            self._cut_off(reason)
        except Exception:
            self.fail()

    def fail(self) -> None:
        """Something broke on our side: log it, and end the call whatever state it is in. Never raises."""
        log.exception("call %s failed", self.session.call_id)
        if self.ended.is_set():
            return
        self.failed = True
        try:
            self.reject("server.failed", "something broke on our side; the call ends here")
            self._cut_off("server.failed")
        except Exception:
            log.exception("call %s could not be ended in order", self.session.call_id)
        if not self.ended.is_set() and self._record is not None:
            self._record.break_off("server.failed", _now())
            self._over("server.failed")

    def _cut_off(self, reason: str) -> None:
        self.house.dispatch.drop(self)
        self.session.abort(reason)
        self._pump()

    def _pump(self) -> None:
        """Hand the session's windows to the models and its events to their readers."""
        if self.ended.is_set():
            return
        if windows := self.session.take_windows():
            patience_s = None if self.ahead_s > PATIENT_S or self.session.state is not State.LIVE else self._hop_s
            for window in windows:
                self.house.dispatch.submit(self, window, patience_s)
        for event in self.session.take_events():
            self._publish(self._stamped(event))

    def _stamped(self, event: Event) -> Event:
        """The event with what only the edge knows: the time of day, and the lag."""
        at = _now()
        if isinstance(event, Emotion):
            now_s = time.monotonic()
            lag_ms = self._arrivals.lag_ms(event.t, now_s)
            if lag_ms is not None:
                self.house.instruments.event_lag_seconds.observe(lag_ms / 1000)
            self._strain(event.t, now_s)
            return msgspec.structs.replace(event, at=at, lag_ms=lag_ms)
        return msgspec.structs.replace(event, at=at)

    def _strain(self, position_s: float, now_s: float) -> None:
        """Tell how long an event about the audio up to a position took us, and no more: not a resampler's wait for the
        next message, nor what is due to a sender faster than real time, or to a call that is to finish."""
        lag_ms = self._fed.lag_ms(position_s, now_s)
        if lag_ms is not None and self.session.state is State.LIVE and self.ahead_s <= PATIENT_S:
            self.house.pressure.event_sent(now_s, lag_ms / 1000)

    def _publish(self, event: Event) -> None:
        if isinstance(event, CallStarted):
            self._record = CallRecord(self.session, event, event.at or "")
            self.house.book.open(self._record)
            log.info("call %s started: %s, %s", event.call_id, self._transport, ",".join(self.session.roles))
        assert self._record is not None
        self._record.apply(event)
        message = Message.of(event)
        self._observe(event, message.type)
        self.outbox.put(message)
        self._count_dropped()
        self.house.fanout.publish(Published(message, self.session.roles, self.session.tags))
        if isinstance(event, Alert) and self.house.notifier is not None:
            self.house.notifier.tell(event, self._facts(self._record.started_at), self.house.rules.told(event.rule))
        if self.house.history is not None:
            self.house.history.tell(event, self.session.tags)
        if isinstance(event, CallEnded):
            self._over(event.reason)

    def _facts(self, started_at: str) -> CallFacts:
        session = self.session
        return CallFacts(session.call_id, started_at, self._transport, session.roles, dict(session.tags))

    def _over(self, reason: str) -> None:
        """The call has ended: let go of everything that waits for it."""
        log.info("call %s ended after %.1f s: %s", self.session.call_id, self.session.duration_s, reason)
        self.house.instruments.streams_active.labels(self._transport).dec()
        self.house.instruments.calls.labels(self._transport, reason).inc()
        self.house.book.close(self.session.call_id)
        if self.house.notifier is not None:
            self.house.notifier.call_over(self.session.call_id)
        if self.house.history is not None:
            self.house.history.over(self.session.call_id, reason)
        self.outbox.close()
        self._room.set()
        self.ended.set()

    def _count_dropped(self) -> None:
        if self.outbox.dropped > self._dropped:
            self.house.instruments.events_dropped.labels("call").inc(self.outbox.dropped - self._dropped)
            self._dropped = self.outbox.dropped
            self.session.warn("client.events_dropped", "you read too slowly; scores were left out of your events")

    def _observe(self, event: Event, kind: str) -> None:
        instruments = self.house.instruments
        instruments.event_said(kind)
        match event:
            case Emotion():
                pass  # most are
            case SpeechEnded():
                instruments.speech_seconds.inc(max(0.0, event.t - event.start_s))
            case SpeakerChanged() if event.from_ is not None:
                instruments.speaker_changes.inc()
            case AlertRaised():
                instruments.alert_raised(event.rule, event.severity)
            case Warning() | Error():
                instruments.faults.labels(event.code).inc()


def _now() -> str:
    """The time of day, RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def delivery(loop: asyncio.AbstractEventLoop) -> Deliver:
    """What a batcher's thread calls: hands the answers to their calls, in the loop, with one wake-up a batch."""

    def arrive(answers: list[Answer]) -> None:
        by_call: dict[LiveCall, list[tuple[int, Analysis]]] = {}
        for ticket, analysis in answers:
            assert isinstance(ticket.owner, LiveCall)
            by_call.setdefault(ticket.owner, []).append((ticket.window.number, analysis))
        for call, own in by_call.items():
            call.answered(own)

    def deliver(answers: list[Answer]) -> None:
        loop.call_soon_threadsafe(arrive, answers)

    return deliver
