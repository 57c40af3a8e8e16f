"""What occurrences and analyses mean: emotion by channel, speakers, turns, alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.alerting import Alarms
from monitor.alerting import Said as AlertSaid
from monitor.analysis import Analysis, EmotionAnalysis, Missing, Role, SpeakerAnalysis
from monitor.events import CallSummary, Emotion, SpeakerChanged, SpeakerUpdated
from monitor.mood import Mood, Said
from monitor.naming import ChannelVoice, Naming
from monitor.parties import Passed
from monitor.rules import Rule
from monitor.teller import Teller
from monitor.tracking import Confirmed, Merged, SpeakerTracker
from vad.cuts import ContextCut, FellSilent, Occurrence, SpeechCut, Ticked
from vad.endpointing import Closed, Opened
from vad.grid import FRAME_S


@dataclass(frozen=True, slots=True)
class Took:
    """The channel took the floor at frame `decided` from someone who was speaking."""

    decided: int


class Interpreter:
    """Is told everything in the order of the call, each cut with its analysis, and says what follows.

    `moods`: one per channel, None where no emotion is inferred. `tracker`: None where the speaker of a channel is its
    role, or where there is no speaker model. `naming`: what the speakers are called, be they the tracker's or roles;
    `voices`: of the channels whose roles are to be named, if they are.
    """

    def __init__(
        self,
        teller: Teller,
        roles: tuple[str, ...],
        moods: Sequence[Mood | None],
        tracker: SpeakerTracker | None,
        alarms: Alarms,
        naming: Naming,
        voices: Sequence[ChannelVoice] = (),
    ) -> None:
        self.send_frames = False
        self.alarms = alarms
        self.naming = naming
        self._teller = teller
        self._roles = roles
        self._moods = moods
        self._tracker = tracker
        self._voices = voices
        self._heard_until = [0] * len(roles)
        self._closing: dict[int, tuple[int, int, str | None]] = {}

    def finish(self, duration_s: float) -> None:
        """Nothing more will come: end the turns that waited for a last window, and what is still amiss."""
        for channel in sorted(self._closing):
            self._end_turn(channel, *self._closing.pop(channel))
        self._alert(self.alarms.finish(duration_s))

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Alert by these from now on."""
        self._alert(self.alarms.set_rules(rules))

    def summary(self, duration_s: float) -> CallSummary:
        """What is known of the call so far."""
        return self._teller.ledger.summary(duration_s, self._moods)

    def pass_floor(self, passed: Passed) -> None:
        """Say that another party has the floor."""
        before = None if passed.before is None else self._roles[passed.before]
        to, t = self._roles[passed.after], passed.boundary * FRAME_S
        self._teller.say(SpeakerChanged, t, None, from_=before, to=to, confidence=1.0, name=self.naming.name(to))

    def interpret(self, channel: int, occurrence: Occurrence | Took | Passed, answer: Analysis | None) -> None:
        """`answer`: the analysis of a cut; None for what needs none."""
        mood = self._moods[channel]
        if isinstance(occurrence, (ContextCut, SpeechCut)):
            self._count(channel, occurrence, answer)
        if isinstance(occurrence, ContextCut):
            self._heard_until[channel] = occurrence.decided
        match occurrence, answer:
            case ContextCut(), EmotionAnalysis() if mood is not None:
                said = mood.heard(occurrence, answer, self._speaker(channel), self.send_frames)
                self._say(channel, said)
            case SpeechCut(), SpeakerAnalysis() if self._tracker is not None:
                self._track(channel, self._tracker, occurrence, answer)
            case SpeechCut(), SpeakerAnalysis() if self._voices:
                self._hear_party(channel, self._voices[channel], occurrence, answer)
            case FellSilent(decided), _ if mood is not None:
                self._say(channel, mood.fell_silent(decided, self._speaker(channel)))
            case Closed(start, end), _:
                self.alarms.closed(channel, start, end)
                self._close_turn(channel, start, end)
            case Opened(start), _:
                self.alarms.opened(channel, start)
            case Took(decided), _:
                self.alarms.took(channel, decided)
            case Passed(), _:
                self.pass_floor(occurrence)
            case Ticked(decided), _:
                parties = [self._speaker(number) for number in range(len(self._roles))]
                self._alert(self.alarms.passed(decided, parties))
        if channel in self._closing and (
            self._heard_until[channel] >= self._closing[channel][1] or isinstance(occurrence, FellSilent)
        ):
            self._end_turn(channel, *self._closing.pop(channel))

    def _say(self, channel: int, said: Iterable[Said]) -> None:
        for kind, t, fields in said:
            self._teller.say(kind, t, channel, **fields)
            if kind is Emotion:
                self._alert(self.alarms.heard(channel, t, fields))

    def _alert(self, said: Iterable[AlertSaid]) -> None:
        for kind, t, channel, fields in said:
            self._teller.say(kind, t, channel, **fields)

    def _count(self, channel: int, cut: ContextCut | SpeechCut, answer: Analysis | None) -> None:
        self._teller.ledger.count(Role.EMOTION if isinstance(cut, ContextCut) else Role.SPEAKER, answer)
        if isinstance(answer, Missing):
            reason = f"a window was {answer}; scores and speakers may come late"
            self._teller.warn(f"windows.{answer}", reason, cut.decided * FRAME_S, channel)

    def _speaker(self, channel: int) -> str | None:
        if len(self._roles) > 1:
            return self._roles[channel]
        return self._tracker.current if self._tracker is not None else None

    def _track(self, channel: int, tracker: SpeakerTracker, cut: SpeechCut, answer: SpeakerAnalysis) -> None:
        for finding in tracker.hear(cut, answer.embedding):
            if isinstance(finding, Confirmed):
                self._update(channel, cut.decided, finding.speaker, confirmed=True)
                continue
            if isinstance(finding, Merged):
                self._merge(channel, cut.decided, finding)
                continue
            if finding.before is not None and cut.segment < finding.boundary:
                self._end_turn(channel, cut.segment, finding.boundary, finding.before)
            self._teller.say(
                SpeakerChanged,
                finding.boundary * FRAME_S,
                channel,
                from_=finding.before,
                to=finding.after,
                confidence=finding.confidence,
                name=self.naming.name(finding.after),
            )
        speaker = tracker.current
        if speaker is not None and self.naming.hear(speaker, *tracker.voice()):
            self._update(channel, cut.decided, speaker, tracker.is_confirmed(speaker))

    def _hear_party(self, channel: int, voice: ChannelVoice, cut: SpeechCut, answer: SpeakerAnalysis) -> None:
        voice.hear(cut, answer.embedding)
        role = self._roles[channel]
        if self.naming.hear(role, voice.total, voice.windows, voice.heard):
            self._update(channel, cut.decided, role, confirmed=True)

    def _update(self, channel: int, decided: int, speaker: str, confirmed: bool, into: str | None = None) -> None:
        """Say what is known of a speaker by now; of one that is another, what that one is called."""
        name = self.naming.name(speaker if into is None else into)
        t = decided * FRAME_S
        self._teller.say(SpeakerUpdated, t, channel, speaker=speaker, confirmed=confirmed, merged_into=into, name=name)

    def _merge(self, channel: int, decided: int, merged: Merged) -> None:
        """Say that two speakers were one; a turn that is not told yet goes by the name that is left."""
        if channel in self._closing and self._closing[channel][2] == merged.speaker:
            self._closing[channel] = (*self._closing[channel][:2], merged.into)
        self.naming.merge(merged.speaker, merged.into)
        self._update(channel, decided, merged.speaker, merged.confirmed, merged.into)
        self._alert(self.alarms.merged(merged.speaker, merged.into))

    def _close_turn(self, channel: int, start: int, end: int) -> None:
        """End a turn once the window that holds its last frames has been heard."""
        if channel in self._closing:
            self._end_turn(channel, *self._closing.pop(channel))
        self._closing[channel] = (start, end, self._speaker(channel))

    def _end_turn(self, channel: int, start: int, end: int, speaker: str | None) -> None:
        """Say the emotion of the turn that ended at frame `end` of the segment that began at frame `start`."""
        mood = self._moods[channel]
        if mood is not None:
            self._say(channel, mood.turn_ended(start, end, speaker))
