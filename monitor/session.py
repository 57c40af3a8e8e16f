"""A call: audio and analyses go in, windows and events come out. No clock, no I/O.

    LIVE --finish()--> FINISHING --[every window answered]--> ENDED
    LIVE, FINISHING --abort()--> ENDED

Two orders hold. What follows from audio alone (edges of speech, the floor between channels, warnings) is said at
once, in the order of frames over all channels. What follows from analyses is applied in the order of the windows,
however late and out of order the answers come. So the events of each type and channel depend on the audio and the
models only, not on chunking or timing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le

from monitor.analysis import (
    Analysis,
    EmotionAnalysis,
    EmotionSpec,
    Missing,
    Role,
    SpeakerAnalysis,
    Specs,
    SpeechAnalysis,
    Window,
)
from monitor.events import (
    CallEnded,
    CallStarted,
    CallSummary,
    ChannelInfo,
    Error,
    Event,
    ModelInfo,
    SpeakerChanged,
    SpeakerUpdated,
    SpeechEnded,
    SpeechStarted,
    Warning,
)
from monitor.mood import Mood
from monitor.summary import Ledger
from monitor.tracking import Confirmed, SpeakerTracker, TrackingConfig
from vad.cuts import Clipped, ContextCut, Cutting, FellSilent, NoSpeech, Occurrence, SpeechCut
from vad.endpointing import Closed, EndpointingConfig, Opened
from vad.listener import Listener
from vad.pcm import Samples
from vad.resample import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ

WARNING_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """Settings of what is said about a call."""

    horizon_s: Annotated[float, Ge(0.5), Le(30)] = 3.0
    "Length in seconds of the span that an `emotion` event is about"
    hop_s: Annotated[float, Ge(0.1), Le(5)] = 0.5
    "Seconds from one window to the next, in steps of 0.02"
    emotion_roles: tuple[str, ...] = ("*", "!agent")
    "Roles whose emotion is inferred: names, `*` for all, `!name` for all but that one"
    no_speech_s: Annotated[float, Gt(0)] = 30.0
    "Seconds without any speech after which a warning is sent"

    def infers_emotion(self, role: str) -> bool:
        return f"!{role}" not in self.emotion_roles and ("*" in self.emotion_roles or role in self.emotion_roles)


class State(Enum):
    LIVE = auto()
    FINISHING = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class _Step:
    """Something to be applied in order, once the window `number` is answered (None: at once)."""

    channel: int
    number: int | None
    occurrence: Occurrence


class Session:
    """One call. Feed it with `receive_*`, take what it has made with `take_windows` and `take_events`."""

    def __init__(
        self,
        call_id: str,
        roles: tuple[str, ...],
        specs: Specs,
        *,
        transport: str,
        tags: dict[str, str] | None = None,
        monitor: MonitorConfig = MonitorConfig(),
        endpointing: EndpointingConfig = EndpointingConfig(),
        tracking: TrackingConfig = TrackingConfig(),
    ) -> None:
        self.call_id = call_id
        self.roles = roles
        self.state = State.LIVE
        self.tags = dict(tags or {})
        self.send_frames = False
        self._specs = specs
        self._transport = transport
        self._monitor = monitor
        self._reason = ""
        self._seq = 0
        self._events: list[Event] = []
        self._windows: list[Window] = []
        self._numbers = 0
        self._pending: list[tuple[int, int, Occurrence]] = []
        self._steps: deque[_Step] = deque()
        self._answers: dict[int, Analysis] = {}
        self._unanswered: set[int] = set()
        self._judging: dict[int, tuple[int, int]] = {}
        self._flushed = [False] * len(roles)
        self._floor: str | None = None
        self._speaking = 0
        self._spoken_until = 0
        self._warned: dict[str, float] = {}
        self._ledger = Ledger()
        self._listeners = [Listener(endpointing, self._cutting(role), specs.speech is not None) for role in roles]
        self._moods = [self._mood(role) for role in roles]
        tracked = specs.speaker if len(roles) == 1 else None
        self._tracker = SpeakerTracker(tracked, tracking) if tracked is not None else None
        self._start()

    # --- what comes in

    def receive_audio(self, channel: int, samples: Samples) -> None:
        """The next samples, shape (n,), float32 at 16 kHz in [-1, 1], of a channel. Ignored once finishing."""
        if self.state is State.LIVE:
            self._heard(channel, self._listeners[channel].feed(samples))

    def receive_gap(self, channel: int, samples: int) -> None:
        """`samples` samples of a channel were lost: the clock goes on, nobody is heard, and the client is told."""
        if self.state is not State.LIVE:
            return
        self.warn(
            "audio.gap",
            f"{samples / SAMPLE_RATE_HZ:.2f} s of audio are missing; they count as silence",
            channel,
        )
        self._heard(channel, self._listeners[channel].gap(samples))

    def receive_analysis(self, number: int, analysis: Analysis) -> None:
        """The answer for window `number`, at any time and in any order; unknown numbers are ignored."""
        if number not in self._unanswered or self.state is State.ENDED:
            return
        self._unanswered.discard(number)
        if number in self._judging:
            self._judged(*self._judging.pop(number), analysis)
        else:
            self._answers[number] = analysis
        self._apply()

    def finish(self, reason: str) -> None:
        """No more audio will come; `call.ended` follows once every window is answered."""
        if self.state is not State.LIVE:
            return
        self.state, self._reason = State.FINISHING, reason
        for channel, listener in enumerate(self._listeners):
            self._heard(channel, listener.finish_hearing())
        self._apply()

    def abort(self, reason: str) -> None:
        """End now; windows that are still out are counted as skipped."""
        self.finish(reason)
        for number in sorted(self._unanswered):
            self.receive_analysis(number, Missing.SKIPPED)

    def warn(self, code: str, reason: str, channel: int | None = None) -> None:
        """Say that something is amiss, at most once in 30 s of call per code."""
        now = self.duration_s
        if now - self._warned.get(code, -WARNING_EVERY_S) >= WARNING_EVERY_S and self.state is not State.ENDED:
            self._warned[code] = now
            self._emit(Warning, now, channel, code=code, reason=reason)

    def reject(self, code: str, reason: str, call_survives: bool) -> None:
        """Tell the peer of its mistake."""
        if self.state is not State.ENDED:
            self._emit(Error, self.duration_s, None, code=code, reason=reason, call_survives=call_survives)

    # --- what goes out

    def take_windows(self) -> list[Window]:
        """The windows to be analysed since the last time; each is owed one `receive_analysis`."""
        out, self._windows = self._windows, []
        return out

    def take_events(self) -> list[Event]:
        """The events since the last time, in the order of their `seq`."""
        out, self._events = self._events, []
        return out

    @property
    def unanswered(self) -> int:
        """How many windows are out; a driver that feeds faster than real time holds back on it."""
        return len(self._unanswered)

    @property
    def duration_s(self) -> float:
        """Seconds of audio received on the channel that has most."""
        return round(max(listener.received_samples for listener in self._listeners) / SAMPLE_RATE_HZ, 3)

    def summary(self) -> CallSummary:
        """What is known of the call so far."""
        return self._ledger.summary(self.duration_s, self._moods)

    # --- inside

    def _emotion_spec(self, role: str) -> EmotionSpec | None:
        return self._specs.emotion if self._monitor.infers_emotion(role) else None

    def _mood(self, role: str) -> Mood | None:
        spec = self._emotion_spec(role)
        return None if spec is None else Mood(spec, self._monitor.horizon_s)

    def _cutting(self, role: str) -> Cutting:
        emotion, speaker = self._emotion_spec(role), self._specs.speaker
        return Cutting(
            hop=round(self._monitor.hop_s / FRAME_S),
            horizon=round(self._monitor.horizon_s / FRAME_S),
            context=emotion.window_samples // FRAME_SAMPLES if emotion else 0,
            speech=speaker.window_samples // FRAME_SAMPLES if speaker and len(self.roles) == 1 else 0,
            no_speech=round(self._monitor.no_speech_s / FRAME_S),
        )

    def _start(self) -> None:
        specs = {"emotion": self._specs.emotion, "speaker": self._specs.speaker, "speech": self._specs.speech}
        self._emit(
            CallStarted,
            0.0,
            None,
            transport=self._transport,
            channels=[ChannelInfo(n, role, self._emotion_spec(role) is not None) for n, role in enumerate(self.roles)],
            models={
                name: ModelInfo(spec.name, spec.licence, list(getattr(spec, "labels", ())))
                for name, spec in specs.items()
                if spec is not None
            },
            horizon_s=self._monitor.horizon_s,
            hop_s=self._monitor.hop_s,
            tags=dict(self.tags),
        )

    def _emit(self, kind: type[Event], t: float, channel: int | None, **fields: Any) -> None:
        self._seq += 1
        event = kind(call_id=self.call_id, seq=self._seq, t=round(t, 3), channel=channel, **fields)
        self._ledger.apply(event)
        self._events.append(event)

    def _heard(self, channel: int, occurrences: list[Occurrence]) -> None:
        """Queue what a channel's listener reports and release what all channels have passed."""
        self._pending += [(occurrence.decided, channel, occurrence) for occurrence in occurrences]
        listener = self._listeners[channel]
        while listener.unjudged:
            frame, samples = listener.unjudged.popleft()
            number = self._window(Role.SPEECH, channel, frame * FRAME_SAMPLES + len(samples), samples)
            self._judging[number] = (channel, frame)
        if self.state is State.FINISHING and not listener.waiting and not self._flushed[channel]:
            self._flushed[channel] = True
            self._pending += [(occurrence.decided, channel, occurrence) for occurrence in listener.flush()]
        passed = min(
            (x.frame for x, done in zip(self._listeners, self._flushed, strict=True) if not done),
            default=None,
        )
        self._pending.sort(key=lambda entry: entry[:2])
        ready = [entry for entry in self._pending if passed is None or entry[0] <= passed]
        self._pending = self._pending[len(ready) :]
        for _, where, occurrence in ready:
            self._occur(where, occurrence)
        self._apply()

    def _judged(self, channel: int, frame: int, analysis: Analysis) -> None:
        self._ledger.count(Role.SPEECH, analysis)
        probabilities = analysis.probabilities if isinstance(analysis, SpeechAnalysis) else None
        self._heard(channel, self._listeners[channel].judge(frame, probabilities))

    def _window(self, role: Role, channel: int, end_sample: int, samples: Samples) -> int:
        self._numbers += 1
        self._windows.append(Window(self._numbers, role, channel, end_sample, samples))
        self._unanswered.add(self._numbers)
        return self._numbers

    def _occur(self, channel: int, occurrence: Occurrence) -> None:
        """Say at once what follows from audio alone; queue the rest."""
        match occurrence:
            case Opened(start):
                self._emit(SpeechStarted, start * FRAME_S, channel)
                self._speaking += 1
                self._pass_floor(channel, start)
            case Closed(start, end):
                self._emit(SpeechEnded, end * FRAME_S, channel, start_s=round(start * FRAME_S, 3))
                self._speaking, self._spoken_until = self._speaking - 1, max(self._spoken_until, end)
                self._steps.append(_Step(channel, None, occurrence))
            case ContextCut(decided, samples):
                number = self._window(Role.EMOTION, channel, decided * FRAME_SAMPLES, samples)
                self._steps.append(_Step(channel, number, occurrence))
            case SpeechCut(end=end, samples=samples):
                number = self._window(Role.SPEAKER, channel, end * FRAME_SAMPLES, samples)
                self._steps.append(_Step(channel, number, occurrence))
            case FellSilent():
                self._steps.append(_Step(channel, None, occurrence))
            case NoSpeech(decided, seconds, level_db) if self._quiet_for(decided) >= seconds:
                self.warn(
                    "audio.no_speech",
                    f"no speech for {seconds:.0f} s (level {level_db:.0f} dB); is the right source connected?",
                    channel,
                )
            case Clipped():
                self.warn("audio.clipped", "the audio reaches full scale; lower the gain at its source", channel)

    def _quiet_for(self, frame: int) -> float:
        """Seconds before `frame` for which nobody spoke on any channel: that one party only listens is no fault."""
        return 0.0 if self._speaking else (frame - self._spoken_until) * FRAME_S

    def _pass_floor(self, channel: int, start: int) -> None:
        """Where channels separate the parties, the floor goes to whoever began to speak last."""
        role = self.roles[channel]
        if len(self.roles) > 1 and role != self._floor:
            self._emit(SpeakerChanged, start * FRAME_S, None, from_=self._floor, to=role, confidence=1.0)
            self._floor = role

    def _apply(self) -> None:
        """Apply, in order, every step whose answer is there; end the call after the last."""
        while self._steps:
            step = self._steps[0]
            answer: Analysis | None = None
            if step.number is not None:
                answer = self._answers.pop(step.number, None)
                if answer is None:
                    return
            self._steps.popleft()
            self._take(step, answer)
        if self.state is State.FINISHING and all(self._flushed):
            summary = self.summary()
            self._emit(CallEnded, self.duration_s, None, reason=self._reason, summary=summary)
            self.state = State.ENDED

    def _take(self, step: _Step, answer: Analysis | None) -> None:
        channel, occurrence = step.channel, step.occurrence
        mood = self._moods[channel]
        if isinstance(occurrence, (ContextCut, SpeechCut)):
            role = Role.EMOTION if isinstance(occurrence, ContextCut) else Role.SPEAKER
            self._ledger.count(role, answer)
            if isinstance(answer, Missing):
                reason = f"a window was {answer}; scores and speakers may come late"
                self.warn(f"windows.{answer}", reason, channel)
        match occurrence, answer:
            case ContextCut(), EmotionAnalysis() if mood is not None:
                speaker = self._speaker(channel)
                for kind, t, fields in mood.heard(occurrence, answer, speaker, self.send_frames):
                    self._emit(kind, t, channel, **fields)
            case SpeechCut(), SpeakerAnalysis() if self._tracker is not None:
                self._track(channel, occurrence, answer)
            case FellSilent(decided), _ if mood is not None:
                for kind, t, fields in mood.fell_silent(decided, self._speaker(channel)):
                    self._emit(kind, t, channel, **fields)
            case Closed(start, end), _ if mood is not None:
                self._end_turn(channel, start, end)

    def _speaker(self, channel: int) -> str | None:
        if len(self.roles) > 1:
            return self.roles[channel]
        return self._tracker.current if self._tracker is not None else None

    def _track(self, channel: int, cut: SpeechCut, answer: SpeakerAnalysis) -> None:
        assert self._tracker is not None
        for finding in self._tracker.hear(cut, answer.embedding):
            if isinstance(finding, Confirmed):
                self._emit(SpeakerUpdated, cut.decided * FRAME_S, channel, speaker=finding.speaker, confirmed=True)
                continue
            if finding.before is not None and cut.segment < finding.boundary:
                self._end_turn(channel, cut.segment, finding.boundary, finding.before)
            self._emit(
                SpeakerChanged,
                finding.boundary * FRAME_S,
                channel,
                from_=finding.before,
                to=finding.after,
                confidence=finding.confidence,
            )

    def _end_turn(self, channel: int, start: int, end: int, speaker: str | None = None) -> None:
        """Say the emotion of the turn that ended at frame `end` of the segment that began at frame `start`."""
        mood = self._moods[channel]
        if mood is not None:
            for kind, t, fields in mood.turn_ended(start, end, speaker or self._speaker(channel)):
                self._emit(kind, t, channel, **fields)
