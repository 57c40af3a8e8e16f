"""The summary of a call, kept up as its events pass by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from monitor.analysis import Analysis, Missing, Role
from monitor.events import CallSummary, Event, Scores, SpeakerChanged, SpeakerSummary, TurnSummary
from monitor.mood import Mood
from monitor.reading import read
from monitor.timeline import Span
from monitor.turns import Turn, TurnLog
from vad.grid import FRAME_S


class Ledger:
    """Counts what a call is summed up by."""

    def __init__(self) -> None:
        self._turns = TurnLog()
        self._windows: Counter[tuple[Role, Missing | None]] = Counter()
        self._changes = 0

    def apply(self, event: Event) -> None:
        self._turns.apply(event)
        if isinstance(event, SpeakerChanged) and event.from_ is not None:
            self._changes += 1

    def count(self, role: Role, analysis: Analysis | None, number: int = 1) -> None:
        """Count a window's outcome; of a window of several blocks of speech, each."""
        self._windows[role, analysis if isinstance(analysis, Missing) else None] += number

    def summary(self, duration_s: float, moods: Sequence[Mood | None]) -> CallSummary:
        """The call so far; an open turn counts up to now."""
        turns = self._turns.turns()
        by_speaker: dict[str, list[Turn]] = defaultdict(list)
        for turn in turns:
            by_speaker[turn.speaker or ""].append(turn)
        speakers = [
            self._speaker(speaker, own, duration_s, moods) for speaker, own in sorted(by_speaker.items()) if speaker
        ]
        emotion, arousal = _mean(turns, duration_s, moods)
        return CallSummary(
            duration_s=duration_s,
            speech_s=_speech_s(turns, duration_s),
            emotion=emotion,
            arousal=arousal,
            speakers=speakers,
            speaker_changes=self._changes,
            windows={
                key: self._windows[role, missing]
                for key, role, missing in sorted(
                    (f"{role.value}.{'analysed' if missing is None else missing.value}", role, missing)
                    for role, missing in self._windows
                )
            },
            turns=[
                TurnSummary(turn.speaker, turn.channel, turn.start, duration_s if turn.end is None else turn.end)
                for turn in turns
            ],
        )

    def _speaker(
        self, speaker: str, turns: list[Turn], duration_s: float, moods: Sequence[Mood | None]
    ) -> SpeakerSummary:
        emotion, arousal = _mean(turns, duration_s, moods)
        return SpeakerSummary(speaker, _speech_s(turns, duration_s), len(turns), emotion, arousal)


def _speech_s(turns: list[Turn], now: float) -> float:
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
