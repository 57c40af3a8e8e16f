"""What a call is summed up by."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis import EmotionAnalysis, EmotionSpec, Missing, Role
from monitor.events import (
    Alert,
    AlertCleared,
    AlertCount,
    AlertRaised,
    CallStarted,
    CallSummary,
    ChannelInfo,
    Emotion,
    Event,
    Quality,
    SpeakerChanged,
    SpeechEnded,
    SpeechStarted,
    TurnSummary,
    Warning,
)
from monitor.labels import LABELS
from monitor.mood import Mood
from monitor.summary import Ledger
from vad.cuts import ContextCut

SPEC = EmotionSpec("m", "none", 1_000 * 320, LABELS)
ANGRY, SAD = LABELS.index("angry"), LABELS.index("sad")


def mood() -> Mood:
    """20 s of speech, angry up to 10 s and sad from then on."""
    logits = np.zeros((1_000, 9), np.float32)
    logits[:500, ANGRY] = logits[500:, SAD] = 12.0
    made = Mood(SPEC, 3.0)
    cut = ContextCut(1_000, np.zeros(0, np.float32), np.ones(1_000, np.bool_), None)
    list(made.heard(cut, EmotionAnalysis(logits, np.zeros(1_000, np.float32)), None, False))
    return made


def segment(start: float, end: float, channel: int = 0) -> list[Event]:
    return [
        SpeechStarted(call_id="c", seq=0, t=start, channel=channel),
        SpeechEnded(call_id="c", seq=0, t=end, channel=channel, start_s=start),
    ]


def changed(t: float, before: str | None, to: str) -> Event:
    return SpeakerChanged(call_id="c", seq=0, t=t, channel=0, from_=before, to=to, confidence=0.9)


TALK = [*segment(1, 8), changed(1, None, "S1"), *segment(12, 14), changed(12, "S1", "S2"), *segment(15, 16)]


def ledger(*events: Event, roles: tuple[str, ...] = ("mixed",)) -> Ledger:
    made = Ledger()
    channels = [ChannelInfo(at, role, True) for at, role in enumerate(roles)]
    made.apply(
        CallStarted(
            call_id="c", seq=0, t=0.0, transport="test", channels=channels, models={}, horizon_s=3.0, hop_s=0.5, tags={}
        )
    )
    for event in events:
        made.apply(event)
    return made


def test_a_call_in_which_nothing_happened_has_an_empty_summary() -> None:
    silent = CallSummary(3.0, 0, None, None, [], 0, {}, [], 3.0, 3.0, quality=Quality(None, {}, {}))
    assert ledger().summary(3.0, [None]) == silent


def test_speech_is_counted_per_call_and_per_speaker() -> None:
    summary = ledger(*TALK).summary(20.0, [None])
    assert summary.speech_s == 10.0
    assert [(each.speaker, each.speech_s, each.turns) for each in summary.speakers] == [("S1", 7.0, 1), ("S2", 3.0, 2)]


def test_the_first_speaker_is_no_change() -> None:
    assert ledger(*TALK).summary(20.0, [None]).speaker_changes == 1


def test_turns_are_listed_with_their_speakers() -> None:
    assert ledger(*TALK).summary(20.0, [None]).turns[1] == TurnSummary("S2", 0, 12, 14)


def test_a_turn_that_goes_on_counts_up_to_now() -> None:
    summary = ledger(segment(5, 6)[0]).summary(8.0, [None])
    assert (summary.speech_s, summary.turns) == (3.0, [TurnSummary(None, 0, 5, 8.0)])


def test_each_speaker_has_their_own_emotion() -> None:
    first, second = ledger(*TALK).summary(20.0, [mood()]).speakers
    assert first.emotion is not None
    assert second.emotion is not None
    assert max(first.emotion, key=first.emotion.__getitem__) == "angry"
    assert max(second.emotion, key=second.emotion.__getitem__) == "sad"


def test_the_emotion_of_the_call_is_that_of_all_its_speech() -> None:
    summary = ledger(*segment(6, 14)).summary(20.0, [mood()])
    assert summary.emotion is not None
    assert summary.emotion["angry"] == pytest.approx(summary.emotion["sad"])
    assert summary.emotion["angry"] > 0.4
    assert summary.arousal == 0.5


def test_what_is_too_short_to_use_has_no_emotion() -> None:
    summary = ledger(*segment(6, 6.2)).summary(20.0, [mood()])
    assert (summary.emotion, summary.arousal) == (None, None)


def test_a_channel_on_which_nothing_is_inferred_adds_nothing() -> None:
    roles = ("agent", "customer")
    summary = ledger(*segment(1, 8, 0), *segment(12, 14, 1), roles=roles).summary(20.0, [None, mood()])
    agent, customer = summary.speakers
    assert (agent.speaker, agent.emotion) == ("agent", None)
    assert summary.emotion == customer.emotion
    assert customer.emotion is not None
    assert customer.emotion["sad"] > 0.9


def test_windows_are_counted_by_role_and_outcome() -> None:
    made = ledger()
    made.count(Role.EMOTION, Missing.SKIPPED)
    for _ in range(2):
        made.count(Role.EMOTION, EmotionAnalysis(np.zeros((1, 9), np.float32), np.zeros(1, np.float32)))
    made.count(Role.SPEAKER, Missing.FAILED)
    assert made.summary(1.0, [None]).windows == {"emotion.analysed": 2, "emotion.skipped": 1, "speaker.failed": 1}


def alert(kind: type[Alert], t: float, alert_id: str, rule: str = "anger") -> Event:
    return kind(
        call_id="c", seq=0, t=t, channel=0, alert_id=alert_id, rule=rule, severity="warning", measure="score",
        value=0.8, threshold=0.7, start_s=t - 3, end_s=t, speaker="S1", scores=None, link="/dashboard",
    )  # fmt: skip


def test_alerts_are_counted_by_rule_the_most_frequent_first() -> None:
    events = [alert(AlertRaised, 5, "risk-1", "risk"), alert(AlertRaised, 5, "a"), alert(AlertRaised, 20, "b")]
    counts = ledger(*events, alert(AlertCleared, 9, "a")).summary(30.0, [None]).alerts
    assert counts == [AlertCount("anger", "warning", 2, 1, 6.0), AlertCount("risk", "warning", 1, 1, 3.0)]


def emotion(reliability: str, snr_db: float | None = None, speech_s: float = 2.0) -> Event:
    return Emotion(
        call_id="c", seq=0, t=1.0, channel=0, scores=dict.fromkeys(LABELS, 0.0), label=None, confidence=0.0,
        arousal=None, shape=None, reliability=reliability, speech_s=speech_s, snr_db=snr_db, speaker=None,
    )  # fmt: skip


def test_how_well_it_could_be_heard_leaves_pauses_out() -> None:
    events = [emotion("high", 20.0), emotion("high", 24.0), emotion("low"), emotion("unusable", speech_s=0.2)]
    warning = Warning(call_id="c", seq=0, t=1.0, channel=0, code="audio.clipped", reason="loud")
    fast = Warning(call_id="c", seq=0, t=1.0, channel=0, code="audio.too_fast", reason="fast")
    quality = ledger(*events, emotion("unusable", speech_s=0.0), warning, fast).summary(30.0, [None]).quality
    shares = {"high": 0.5, "medium": 0.0, "low": 0.25, "unusable": 0.25}
    assert quality == Quality(22.0, shares, {"audio.clipped": 1})


def test_each_speaker_has_a_course_and_the_call_its_turning_points() -> None:
    summary = ledger(*segment(0.5, 19.5), changed(0.5, None, "S1")).summary(20.0, [mood()])
    (speaker,) = summary.speakers
    assert speaker.course is not None
    assert (speaker.course.start.label, speaker.course.end.label) == ("angry", "sad")
    assert speaker.course.recovered_after_s is not None
    (point,) = summary.turning_points
    assert point.before > 0.7 > 0.3 > point.after


def test_shares_of_talk_and_roles() -> None:
    first, second = ledger(*TALK).summary(20.0, [None]).speakers
    assert (first.talk_ratio, second.talk_ratio, first.role, first.interruptions) == (0.7, 0.3, "mixed", None)


def test_where_channels_separate_the_parties_overlap_and_interruptions_are_counted() -> None:
    changes = [
        SpeakerChanged(call_id="c", seq=0, t=1.0, from_=None, to="agent", confidence=1.0),
        SpeakerChanged(call_id="c", seq=0, t=6.0, from_="agent", to="customer", confidence=1.0),
    ]
    talk = [*segment(1, 8, 0), *segment(6, 12, 1), *changes]
    summary = ledger(*talk, roles=("agent", "customer")).summary(15.0, [None, None])
    assert (summary.overlap_s, summary.silence_s, summary.longest_silence_s) == (2.0, 4.0, 3.0)
    assert [(each.speaker, each.interruptions) for each in summary.speakers] == [("agent", 0), ("customer", 1)]
