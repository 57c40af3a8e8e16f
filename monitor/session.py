"""A call: audio and analyses go in, windows and events come out. No clock, no I/O.

    LIVE --finish()--> FINISHING --[every window answered]--> ENDED
    LIVE, FINISHING --abort()--> ENDED

Two orders hold. What follows from audio alone (edges of speech, the floor between channels, warnings) is said at
once, in the order of frames over all channels. What follows from analyses is applied in the order of the windows,
however late and out of order the answers come. So the events of each type and channel depend on the audio and the
models only, not on chunking or timing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from monitor.alerting import Alarms, Standing
from monitor.analysis import Analysis, EmotionSpec, Missing, Role, Specs, SpeechAnalysis, Stream, Window
from monitor.events import (
    CallEnded,
    CallStarted,
    CallSummary,
    ChannelInfo,
    Error,
    Event,
    ModelInfo,
    SpeechEnded,
    SpeechStarted,
)
from monitor.gallery import Gallery
from monitor.interpreter import Interpreter, Took
from monitor.mood import Mood
from monitor.naming import ChannelVoice, Naming
from monitor.parties import MARKS, Parties, Passed
from monitor.rules import Rule, admits
from monitor.teller import Teller
from monitor.tracking import SpeakerTracker, TrackingConfig
from vad.cuts import Clipped, ContextCut, Cutting, FellSilent, Lasted, NoSpeech, Occurrence, SpeechCut, Ticked
from vad.endpointing import Closed, EndpointingConfig, Opened
from vad.grid import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.listener import BLOCK_FRAMES, Listener
from vad.lockstep import Happened, Lockstep
from vad.pcm import Samples


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """Settings of what is said about a call."""

    horizon_s: Annotated[float, Ge(0.5), Le(30)] = 3.0
    "Length in seconds of the span that an `emotion` event is about"
    hop_s: Annotated[float, Ge(0.1), Le(5)] = 0.5
    "Seconds from one window to the next, in steps of 0.02"
    emotion_roles: tuple[str, ...] = ("*", "!agent")
    "Roles whose emotion is inferred: names, `*` for all, `!name` for all but that one"
    no_speech_s: Annotated[float, Gt(0), Le(86400)] = 30.0
    "Seconds without any speech after which a warning is sent"

    @property
    def exact_horizon_s(self) -> float:
        """The horizon in whole frames, as it is used."""
        return round(self.horizon_s / FRAME_S) * FRAME_S

    @property
    def exact_hop_s(self) -> float:
        """The hop in whole frames, as it is used."""
        return round(self.hop_s / FRAME_S) * FRAME_S

    def infers_emotion(self, role: str) -> bool:
        return admits(self.emotion_roles, role)


class State(Enum):
    LIVE = auto()
    FINISHING = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class _Step:
    """Something to be applied in order, once the window `number` is answered (None: at once)."""

    channel: int
    number: int | None
    occurrence: Occurrence | Took | Passed


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
        rules: Iterable[Rule] = (),
        gallery: Gallery | None = None,
    ) -> None:
        """`gallery`: the people who are to be recognised; nobody is without it. Where channels separate the parties
        nobody is in a call that began without one, for their voices are not heard then."""
        self.call_id = call_id
        self.roles = roles
        self.state = State.LIVE
        self.tags = dict(tags or {})
        self._specs = specs
        self._monitor = monitor
        self._reason = ""
        self._widened = False
        self._wanted: dict[Role, int] = {}
        """How many of its newest samples a window is cut for; all where nothing stands."""
        self._teller = Teller(call_id)
        self._windows: list[Window] = []
        self._numbers = 0
        self._streams: defaultdict[tuple[Role, int], Stream] = defaultdict(Stream)
        self._steps: deque[_Step] = deque()
        self._answers: dict[int, Analysis] = {}
        self._unanswered: set[int] = set()
        self._judging: dict[int, tuple[int, int, int]] = {}
        """Of each window that waits for the judge: channel, first frame, and how many blocks it asks about."""
        self._parties = Parties()
        self._speaking = 0
        self._spoken_until = 0
        judged = specs.speech.window_samples // FRAME_SAMPLES if specs.speech is not None else 0
        parties = specs.speaker if len(roles) > 1 and gallery is not None else None
        self._voices = [] if parties is None else [ChannelVoice(parties) for _ in roles]
        self._ears = Lockstep([Listener(endpointing, self._cutting(n), judged) for n in range(len(roles))])
        tracked = specs.speaker if len(roles) == 1 else None
        tracker = SpeakerTracker(tracked, tracking) if tracked is not None else None
        alarms = Alarms(call_id, roles, self.tags, rules, monitor.exact_horizon_s, specs.emotion)
        moods = [self._mood(role) for role in roles]
        self._interpreter = Interpreter(self._teller, roles, moods, tracker, alarms, Naming(gallery), self._voices)
        self._start(transport)

    # --- what comes in

    def receive_audio(self, channel: int, samples: Samples) -> None:
        """The next samples, shape (n,), float32 at 16 kHz in [-1, 1], of a channel. Ignored once finishing."""
        if self.state is State.LIVE:
            self._heard(self._ears.feed(channel, samples))

    def receive_gap(self, channel: int, samples: int) -> None:
        """`samples` samples of a channel were lost: the clock goes on, nobody is heard, and the client is told."""
        if self.state is not State.LIVE:
            return
        reason = f"{samples / SAMPLE_RATE_HZ:.2f} s of audio are missing; they count as silence"
        self._teller.warn("audio.gap", reason, self.duration_s, channel)
        self._heard(self._ears.gap(channel, samples))

    def receive_analysis(self, number: int, analysis: Analysis) -> None:
        """The answer for window `number`, at any time and in any order; unknown numbers are ignored."""
        if number not in self._unanswered or self.state is State.ENDED:
            return
        self._unanswered.discard(number)
        if number in self._judging:
            channel, frame, blocks = self._judging.pop(number)
            self._teller.ledger.count(Role.SPEECH, analysis, blocks)
            levels = analysis.levels if isinstance(analysis, SpeechAnalysis) else None
            self._heard(self._ears.judge(channel, frame, levels))
        else:
            self._answers[number] = analysis
            self._apply()

    def finish(self, reason: str) -> None:
        """No more audio will come; `call.ended` follows once every window is answered."""
        if self.state is State.LIVE:
            self.state, self._reason = State.FINISHING, reason
            self._heard(self._ears.finish())

    def abort(self, reason: str) -> None:
        """End now; windows that are still out are counted as skipped."""
        self.finish(reason)
        while self._unanswered and self.state is not State.ENDED:  # a judge that is skipped lets new windows through
            for number in sorted(self._unanswered):
                self.receive_analysis(number, Missing.SKIPPED)

    def send_frames(self, wanted: bool) -> None:
        """Whether `emotion.frames` are sent from now on."""
        self._interpreter.send_frames = wanted

    def recognise(self, gallery: Gallery | None) -> None:
        """From now on, ask this one who speaks; None: nobody is to be recognised."""
        self._interpreter.naming.use(gallery)

    def set_hop(self, seconds: float, offset_s: float = 0.0) -> None:
        """From now on, look every so many seconds, `offset_s` after their multiples. Where that is further apart than
        the client was told at the start, it is told so, once in a call, and models need not hear all between."""
        self._ears.set_hop(round(seconds / FRAME_S), round(offset_s / FRAME_S))
        own, hop = round(self._monitor.exact_hop_s / FRAME_S), round(seconds / FRAME_S)
        wide = hop > own
        self._wanted = {}
        if wide:
            self._wanted = {Role.EMOTION: max(own, hop // 2) * FRAME_SAMPLES, Role.SPEAKER: 2 * own * FRAME_SAMPLES}
        if wide and not self._widened:
            self._widened = True
            self.warn("hop.widened", f"the server is busy; for now scores come every {seconds:g} s")

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Watch these rules from now on; alerts of rules that are gone, or are others now, are cleared."""
        if self.state is not State.ENDED:
            self._interpreter.set_rules(rules)

    def standing(self) -> list[Standing]:
        """How the call stands with each of its rules."""
        return self._interpreter.alarms.standing()

    def warn(self, code: str, reason: str) -> None:
        """Say that something is amiss at the edge, at most once in 30 s of call per code."""
        if self.state is not State.ENDED:
            self._teller.warn(code, reason, self.duration_s)

    def reject(self, code: str, reason: str, call_survives: bool) -> None:
        """Tell the peer of its mistake."""
        if self.state is not State.ENDED:
            self._teller.say(Error, self.duration_s, None, code=code, reason=reason, call_survives=call_survives)

    # --- what goes out

    def take_windows(self) -> list[Window]:
        """The windows to be analysed since the last time; each is owed one `receive_analysis`."""
        out, self._windows = self._windows, []
        return out

    def take_events(self) -> list[Event]:
        """The events since the last time, in the order of their `seq`."""
        return self._teller.take()

    @property
    def unanswered(self) -> int:
        """How many windows are out; a driver that feeds faster than real time holds back on it."""
        return len(self._unanswered)

    @property
    def duration_s(self) -> float:
        """Seconds of audio received on the channel that has most."""
        return round(self._ears.received_samples / SAMPLE_RATE_HZ, 3)

    def summary(self) -> CallSummary:
        """What is known of the call so far."""
        return self._interpreter.summary(self.duration_s)

    # --- inside

    def _emotion_spec(self, role: str) -> EmotionSpec | None:
        return self._specs.emotion if self._monitor.infers_emotion(role) else None

    def _mood(self, role: str) -> Mood | None:
        spec = self._emotion_spec(role)
        return None if spec is None else Mood(spec, self._monitor.horizon_s)

    def _cutting(self, channel: int) -> Cutting:
        emotion, speaker = self._emotion_spec(self.roles[channel]), self._specs.speaker
        return Cutting(
            hop=round(self._monitor.hop_s / FRAME_S),
            horizon=round(self._monitor.horizon_s / FRAME_S),
            context=emotion.window_samples // FRAME_SAMPLES if emotion else 0,
            speech=speaker.window_samples // FRAME_SAMPLES if speaker and (len(self.roles) == 1 or self._voices) else 0,
            no_speech=round(self._monitor.no_speech_s / FRAME_S),
            marks=MARKS if len(self.roles) > 1 else (),
            ticks=channel == 0,
        )

    def _start(self, transport: str) -> None:
        specs = {"emotion": self._specs.emotion, "speaker": self._specs.speaker, "speech": self._specs.speech}
        self._teller.say(
            CallStarted,
            0.0,
            None,
            transport=transport,
            channels=[ChannelInfo(n, role, self._emotion_spec(role) is not None) for n, role in enumerate(self.roles)],
            models={
                name: ModelInfo(spec.name, spec.licence, list(getattr(spec, "labels", ())))
                for name, spec in specs.items()
                if spec is not None
            },
            horizon_s=round(self._monitor.exact_horizon_s, 3),
            hop_s=round(round(self._monitor.hop_s / FRAME_S) * FRAME_S, 3),
            tags=dict(self.tags),
        )

    def _heard(self, happened: list[Happened]) -> None:
        """Act on what the channels report, and see how far the answers reach."""
        for channel, (frame, end, samples) in self._ears.take_unjudged():
            number = self._window(Role.SPEECH, channel, end * FRAME_SAMPLES, samples)
            self._judging[number] = (channel, frame, -((frame - end) // BLOCK_FRAMES))
        for channel, occurrence in happened:
            self._occur(channel, occurrence)
        self._apply()

    def _window(
        self, role: Role, channel: int, end_sample: int, samples: Samples, speech: NDArray[np.bool_] | None = None
    ) -> int:
        self._numbers += 1
        stream = self._streams[role, channel]
        wanted = self._wanted.get(role, 0)
        self._windows.append(Window(self._numbers, role, channel, end_sample, samples, stream, speech, wanted=wanted))
        self._unanswered.add(self._numbers)
        return self._numbers

    def _occur(self, channel: int, occurrence: Occurrence) -> None:
        """Say at once what follows from audio alone; queue the rest."""
        match occurrence:
            case Opened(start):
                self._speaking += 1
                self._parties.opened(channel)
                self._teller.say(SpeechStarted, start * FRAME_S, channel)
                self._steps.append(_Step(channel, None, occurrence))
            case Lasted(decided, start, frames):
                self._pass_floor(self._parties.lasted(channel, start, frames), decided)
            case Closed(start, end):
                self._speaking, self._spoken_until = self._speaking - 1, max(self._spoken_until, end)
                self._teller.say(SpeechEnded, end * FRAME_S, channel, start_s=round(start * FRAME_S, 3))
                self._pass_floor(self._parties.closed(channel, end), end)
                self._steps.append(_Step(channel, None, occurrence))
            case ContextCut(decided, samples, speech):
                number = self._window(Role.EMOTION, channel, decided * FRAME_SAMPLES, samples, speech)
                self._steps.append(_Step(channel, number, occurrence))
            case SpeechCut(end=end, samples=samples):
                number = self._window(Role.SPEAKER, channel, end * FRAME_SAMPLES, samples)
                self._steps.append(_Step(channel, number, occurrence))
            case FellSilent() | Ticked():
                self._steps.append(_Step(channel, None, occurrence))
            case NoSpeech(decided, seconds, level_db) if self._quiet_for(decided) >= seconds:
                reason = f"no speech for {seconds:.0f} s (level {level_db:.0f} dB); is the right source connected?"
                self._teller.warn("audio.no_speech", reason, decided * FRAME_S, channel)
            case Clipped(decided):
                reason = "the audio reaches full scale; lower the gain at its source"
                self._teller.warn("audio.clipped", reason, decided * FRAME_S, channel)

    def _quiet_for(self, frame: int) -> float:
        """Seconds before `frame` for which nobody spoke on any channel: that one party only listens is no fault."""
        return 0.0 if self._speaking else (frame - self._spoken_until) * FRAME_S

    def _pass_floor(self, passed: Passed | None, decided: int) -> None:
        if passed is None:
            return
        if passed.taken:
            self._steps.append(_Step(passed.after, None, Took(decided)))
        if self._voices:  # what whoever has it now is called follows from analyses
            self._steps.append(_Step(passed.after, None, passed))
        else:
            self._interpreter.pass_floor(passed)

    def _apply(self) -> None:
        """Apply, in order, every step whose answer is there; end the call after the last."""
        while self._steps:
            step = self._steps[0]
            if step.number is not None and step.number not in self._answers:
                return
            self._steps.popleft()
            answer = None if step.number is None else self._answers.pop(step.number)
            self._interpreter.interpret(step.channel, step.occurrence, answer)
        if self.state is State.FINISHING and self._ears.done:
            self._interpreter.finish(self.duration_s)
            self._teller.say(CallEnded, self.duration_s, None, reason=self._reason, summary=self.summary())
            self.state = State.ENDED
