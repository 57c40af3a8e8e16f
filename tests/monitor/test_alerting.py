"""Which alerts a call has: all rules, whatever they measure and whoever they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from monitor.alerting import Alarms, Said, link
from monitor.analysis import EmotionSpec
from monitor.events import Alert, AlertCleared, AlertRaised, AlertUpdated, CallEnded, event_type
from monitor.labels import LABELS
from monitor.rules import Rule
from monitor.session import Session
from tests.scripted import SPECS, Driver, by_type_and_channel, conversation, of, silence, voice
from vad.grid import FRAMES_PER_SECOND as SECOND

SPEC = EmotionSpec("a model", "none", 48_000, ("angry", "fearful", "neutral"), medium_from=0.5, high_from=0.7)


def rule(**fields: Any) -> Rule:
    whole: dict[str, Any] = {"name": "anger", "above": 0.7, "for_s": 0.0, "cooldown_s": 0.0} | fields
    return Rule(**(whole if "measure" in whole else {"score": {"angry": 1.0}} | whole))


def alarms(*rules: Rule, roles: tuple[str, ...] = ("mixed",), tags: dict[str, str] | None = None) -> Alarms:
    return Alarms("c", roles, {} if tags is None else tags, rules, 3.0, SPEC)


def emotion(
    angry: float | None, speaker: str | None = "S1", reliability: str = "high", **fields: Any
) -> dict[str, Any]:
    """The fields of an `emotion` event; None: unusable."""
    scores = dict.fromkeys(LABELS, 0.0)
    common = {"speaker": speaker, "speech_s": 2.0, "snr_db": 20.0}
    if angry is None:
        return {"label": None, "scores": scores, "arousal": None, "reliability": "unusable"} | common
    scores |= {"angry": angry, "neutral": round(1 - angry, 4)}
    label = "angry" if angry >= 0.5 else "neutral"
    return {"label": label, "scores": scores, "arousal": 0.5, "reliability": reliability} | common | fields


def unclear(angry: float, speaker: str | None = "S1") -> dict[str, Any]:
    """As `emotion`, in noise."""
    return emotion(angry, speaker, "low", snr_db=0.0)


def short(said: Iterable[Said]) -> list[tuple[str, float, int | None, str]]:
    """Kind, time, channel, and the alert's id."""
    return [
        (event_type(kind).removeprefix("alert."), t, channel, fields["alert_id"]) for kind, t, channel, fields in said
    ]


def test_an_alert_carries_all_its_evidence() -> None:
    told = alarms(rule(severity="critical"))
    ((kind, t, channel, fields),) = told.heard(0, 12.5, emotion(0.74))
    assert (kind, t, channel) == (AlertRaised, 12.5, 0)
    assert fields == {
        "alert_id": "c:anger:1", "rule": "anger", "severity": "critical", "measure": "score", "value": 0.74,
        "threshold": 0.7, "start_s": 9.5, "end_s": 12.5, "speaker": "S1", "scores": emotion(0.74)["scores"],
        "link": "/dashboard#call=c&span=10&end=16",
    }  # fmt: skip


def test_the_same_alert_is_told_of_under_one_id_and_the_next_under_another() -> None:
    told = alarms(rule())
    said: list[Said] = []
    for t, angry in ((1.0, 0.8), (6.0, 0.8), (7.0, 0.1), (8.0, 0.9)):
        said += told.heard(0, t, emotion(angry))
    assert short(said) == [
        ("raised", 1.0, 0, "c:anger:1"),
        ("updated", 6.0, 0, "c:anger:1"),
        ("cleared", 7.0, 0, "c:anger:1"),
        ("raised", 8.0, 0, "c:anger:2"),
    ]


def test_a_score_is_a_weighted_sum_and_other_measures_are_what_they_are_called() -> None:
    told = alarms(rule(name="risk", score={"angry": 1.0, "fearful": 1.0}), rule(name="loud", measure="arousal"))
    scores = emotion(0.4)["scores"] | {"fearful": 0.35, "neutral": 0.25}
    said = list(told.heard(0, 3.0, emotion(0.4, scores=scores, arousal=0.9)))
    assert [(fields["rule"], fields["value"]) for _, _, _, fields in said] == [("risk", 0.75), ("loud", 0.9)]


def test_an_agent_is_not_judged_unless_a_rule_says_so() -> None:
    roles = ("agent", "customer")
    assert list(alarms(rule(), roles=roles).heard(0, 3.0, emotion(0.9, "agent"))) == []
    assert len(list(alarms(rule(), roles=roles).heard(1, 3.0, emotion(0.9, "customer")))) == 1
    assert len(list(alarms(rule(roles=("*",)), roles=roles).heard(0, 3.0, emotion(0.9, "agent")))) == 1


def test_a_rule_with_tags_holds_for_calls_that_have_them_while_they_have_them() -> None:
    tags = {"queue": "sales"}
    told = alarms(rule(tags={"queue": "billing"}), tags=tags)
    assert list(told.heard(0, 1.0, emotion(0.9))) == []
    tags["queue"] = "billing"
    assert short(told.heard(0, 2.0, emotion(0.9))) == [("raised", 2.0, 0, "c:anger:1")]
    tags.clear()
    assert short(told.heard(0, 3.0, emotion(0.9))) == [("cleared", 3.0, 0, "c:anger:1")]


def test_what_is_not_reliable_enough_for_a_rule_raises_nothing() -> None:
    told = alarms(rule(reliability="high"), rule(name="any", reliability="low"))
    said = list(told.heard(0, 1.0, unclear(0.9)))
    assert [fields["rule"] for _, _, _, fields in said] == ["any"]


def test_a_call_has_one_alert_of_a_rule_however_many_are_angry() -> None:
    told = alarms(rule(roles=("*",)), roles=("left", "right"))
    assert short(told.heard(0, 1.0, emotion(0.8, "left"))) == [("raised", 1.0, 0, "c:anger:1")]
    assert short(told.heard(1, 1.1, emotion(0.9, "right"))) == []
    assert short(told.heard(0, 2.0, emotion(0.1, "left"))) == []  # the other is still angry
    assert short(told.heard(1, 2.1, emotion(None, "right"))) == [("cleared", 2.1, 1, "c:anger:1")]


def test_one_who_is_calm_does_not_keep_the_other_s_anger_from_lasting() -> None:
    told = alarms(rule(roles=("*",), for_s=1.0), roles=("left", "right"))
    said: list[Said] = []
    for number in range(5):
        said += told.heard(0, number * 0.5, emotion(0.9, "left"))
        said += told.heard(1, number * 0.5 + 0.1, emotion(0.6, "right"))
    assert short(said) == [("raised", 1.0, 0, "c:anger:1")]


def test_one_who_cannot_be_relied_on_does_not_hide_the_other() -> None:
    told = alarms(rule(roles=("*",)), roles=("left", "right"))
    assert short(told.heard(0, 1.0, unclear(0.95, "left"))) == []
    assert short(told.heard(1, 1.0, emotion(0.8, "right"))) == [("raised", 1.0, 1, "c:anger:1")]


def said_by(told: Alarms, *course: tuple[float, float | None, str | None]) -> list[tuple[str, float, int | None, str]]:
    """What follows from readings of (time, anger, speaker)."""
    return [each for t, angry, speaker in course for each in short(told.heard(0, t, emotion(angry, speaker)))]


def test_where_the_scope_is_the_speaker_each_has_an_alert() -> None:
    told = alarms(rule(scope="speaker"))
    assert said_by(told, (1.0, 0.8, "S1"), (2.0, 0.9, "S2"), (5.0, 0.9, "S2"), (6.0, 0.1, "S2")) == [
        ("raised", 1.0, 0, "c:anger:1"),
        ("raised", 5.0, 0, "c:anger:2"),  # nothing of S1's is left in what is heard of S2
        ("cleared", 5.0, 0, "c:anger:1"),  # and S1 has said nothing for a horizon
        ("cleared", 6.0, 0, "c:anger:2"),
    ]


def test_who_answers_is_not_blamed_for_what_was_shouted_before() -> None:
    told = alarms(rule(scope="speaker"))
    shouted = [(0.5 * n, 0.9, "S1") for n in range(1, 11)]
    answered = [(5.0 + 0.5 * n, max(0.1, 0.9 - 0.15 * n), "S2") for n in range(1, 11)]
    assert {alert_id for _, _, _, alert_id in said_by(told, *shouted, *answered)} == {"c:anger:1"}


def test_who_is_named_only_later_is_who_spoke_before() -> None:
    told = alarms(rule(scope="speaker"))
    assert said_by(told, (1.0, 0.8, None), (2.0, 0.8, "S1"), (3.0, 0.1, "S1")) == [
        ("raised", 1.0, 0, "c:anger:1"),
        ("cleared", 3.0, 0, "c:anger:1"),
    ]


def test_where_nobody_is_heard_any_more_every_speaker_s_alert_is_over() -> None:
    told = alarms(rule(scope="speaker"), roles=("left", "right"))
    list(told.heard(0, 1.0, emotion(0.8, "left")))
    list(told.heard(1, 1.0, emotion(0.8, "right")))
    said = [*told.heard(0, 2.0, emotion(None, "left")), *told.heard(1, 2.0, emotion(None, "right"))]
    assert [kind for kind, *_ in said] == [AlertCleared] * 2
    assert [standing.raised for standing in told.standing()] == [0]


def test_of_two_alerts_of_one_who_was_taken_for_two_one_goes_on() -> None:
    told = alarms(rule(scope="speaker"))
    said_by(told, (1.0, 0.8, "S1"), (2.0, 0.8, "S2"), (4.0, 0.8, "S1"), (4.5, 0.8, "S2"))
    assert said_by(told, (6.9, 0.8, "S1"), (7.0, 0.8, "S2"), (9.8, 0.8, "S2"), (10.0, 0.8, "S2")) == [
        ("raised", 10.0, 0, "c:anger:2"),
        ("cleared", 10.0, 0, "c:anger:1"),
    ]
    assert short(told.merged("S1", "S2")) == []
    assert said_by(told, (11.0, 0.1, "S2")) == [("cleared", 11.0, 0, "c:anger:2")]


@pytest.mark.parametrize("known_before", [False, True])
def test_an_alert_goes_on_under_the_name_that_is_left(known_before: bool) -> None:
    told = alarms(rule(scope="speaker", cooldown_s=30.0))
    if known_before:
        said_by(told, (0.5, 0.1, "S1"))
    assert said_by(told, (1.0, 0.8, "S2"), (4.0, 0.8, "S2"))[0][0] == "raised"
    assert short(told.merged("S2", "S1")) == []
    ((kind, _, _, fields),) = told.heard(0, 5.0, emotion(0.1, "S1"))
    assert (kind, fields["alert_id"], fields["speaker"]) == (AlertCleared, "c:anger:1", "S1")


def test_rules_may_change_in_the_middle_and_what_is_the_same_goes_on() -> None:
    told = alarms(rule(), rule(name="other"), rule(name="third"))
    list(told.heard(0, 1.0, emotion(0.8)))
    said = list(told.set_rules([rule(), rule(name="third", above=0.9)]))
    assert [(kind, fields["rule"]) for kind, _, _, fields in said] == [(AlertCleared, "other"), (AlertCleared, "third")]
    assert [(standing.rule.name, standing.raised) for standing in told.standing()] == [("anger", 1), ("third", 0)]


def test_a_rule_that_is_told_otherwise_goes_on() -> None:
    told = alarms(rule())
    list(told.heard(0, 1.0, emotion(0.8)))
    assert list(told.set_rules([rule(severity="critical", notify=("desk",))])) == []
    ((kind, _, _, fields),) = told.heard(0, 2.0, emotion(0.1))
    assert (kind, fields["alert_id"], fields["severity"]) == (AlertCleared, "c:anger:1", "critical")


@pytest.mark.parametrize(("fields", "raised"), [({}, 1), ({"speech_s": 0.5}, 0), ({"snr_db": 1.0}, 0)])
def test_what_two_labels_say_together_is_as_reliable_as_if_one_had_said_it(fields: dict[str, Any], raised: int) -> None:
    told = alarms(rule(name="risk", score={"angry": 1.0, "fearful": 1.0}, reliability="high"))
    scores = emotion(0.45)["scores"] | {"fearful": 0.45, "neutral": 0.1}
    assert len(list(told.heard(0, 1.0, emotion(0.45, "S1", "low", scores=scores, **fields)))) == raised


def test_a_rule_that_is_switched_off_is_none() -> None:
    told = alarms(rule(enabled=False))
    assert list(told.heard(0, 1.0, emotion(0.9))) == []
    list(told.set_rules([rule()]))
    assert short(told.heard(0, 2.0, emotion(0.9))) == [("raised", 2.0, 0, "c:anger:1")]
    assert short(told.set_rules([rule(enabled=False)])) == [("cleared", 2.0, 0, "c:anger:1")]


def test_how_a_call_stands_is_told_of_the_worst() -> None:
    told = alarms(rule(roles=("*",)), rule(name="calm", above=None, below=0.1, clear=0.2), roles=("left", "right"))
    list(told.heard(0, 1.0, emotion(0.6, "left")))
    list(told.heard(1, 1.0, emotion(0.8, "right")))
    anger, calm = told.standing()
    assert (anger.value, anger.beyond, anger.raised) == (0.8, True, 1)
    assert (calm.value, calm.beyond, calm.raised) == (0.6, False, 0)
    list(told.heard(1, 2.0, emotion(None, "right")))
    list(told.heard(0, 2.0, emotion(None, "left")))
    assert [(standing.value, standing.beyond) for standing in told.standing()] == [(None, False)] * 2


def passing(told: Alarms, until_s: float, parties: tuple[str | None, ...]) -> Iterator[Said]:
    for half in range(round(2 * until_s) + 1):
        yield from told.passed(half * SECOND // 2, parties)


def test_silence_of_those_that_are_meant_is_an_alert_until_they_speak() -> None:
    told = alarms(rule(name="quiet", measure="silence_s", above=10.0, clear=10.0), roles=("agent", "customer"))
    said = list(passing(told, 12, ("agent", "customer")))
    assert [(kind, t, channel, fields["start_s"]) for kind, t, channel, fields in said] == [
        (AlertRaised, 10.0, None, 0.0)
    ]
    told.opened(0, 12 * SECOND)
    assert list(told.passed(13 * SECOND, ("agent", "customer"))) == []
    told.opened(1, 13 * SECOND)
    ((kind, t, _, fields),) = told.passed(14 * SECOND, ("agent", "customer"))
    assert (kind, t, fields["value"], fields["scores"]) == (AlertCleared, 14.0, 13.0, None)


def test_who_talks_all_the_time_is_an_alert() -> None:
    told = alarms(
        rule(name="talker", measure="talk_ratio", above=0.8, over_s=20.0, roles=("agent",)), roles=("agent", "c")
    )
    told.opened(0, 0)
    ((kind, t, channel, fields),) = passing(told, 24, ("agent", "c"))
    assert (kind, channel, fields["speaker"], fields["value"]) == (AlertRaised, 0, "agent", 1.0)
    assert 20 <= t <= 24


def test_on_a_mono_call_talk_is_told_apart_by_speaker_and_overlap_is_not() -> None:
    told = alarms(
        rule(name="talker", measure="talk_ratio", above=0.7, over_s=20.0),
        rule(name="over", measure="overlap_ratio", above=0.01),
    )
    told.opened(0, 0)
    list(told.passed(4 * SECOND, ("S2",)))
    said = [each for second in range(5, 30) for each in told.passed(second * SECOND, ("S1",))]
    assert {(fields["rule"], fields["speaker"]) for _, _, _, fields in said} == {("talker", "S1")}


def test_silence_is_over_whoever_breaks_it() -> None:
    told = alarms(rule(name="quiet", measure="silence_s", above=10.0, scope="speaker"))
    assert [kind for kind, *_ in passing(told, 12, ("S1",))] == [AlertRaised]
    told.opened(0, 12 * SECOND)
    assert [kind for kind, *_ in told.passed(13 * SECOND, ("S2",))] == [AlertCleared]


def test_a_share_of_talk_goes_to_the_name_that_is_left() -> None:
    told = alarms(rule(name="talker", measure="talk_ratio", above=0.7, over_s=10.0))
    told.opened(0, 0)
    list(told.passed(4 * SECOND, ("S1",)))
    said = [each for second in range(5, 15) for each in told.passed(second * SECOND, ("S2",))]
    assert [kind for kind, *_ in said] == [AlertRaised]
    list(told.merged("S2", "S1"))
    said = [each for second in range(15, 40) for each in told.passed(second * SECOND, (f"S{1 + second % 2 * 2}",))]
    assert [kind for kind, *_ in said] == [AlertUpdated, AlertCleared]
    assert all((standing.value or 0) < 0.7 for standing in told.standing())


def test_one_who_says_nothing_has_no_share_and_one_who_is_alone_nobody_to_share_with() -> None:
    mute = rule(name="mute", measure="talk_ratio", above=None, below=0.1, clear=0.2, over_s=10.0)
    told = alarms(mute, roles=("agent", "c"))
    told.opened(0, 0)
    said = list(passing(told, 14, ("agent", "c")))
    assert [(kind, fields["speaker"]) for kind, _, _, fields in said] == [(AlertRaised, "c")]
    alone = alarms(rule(name="talker", measure="talk_ratio", above=0.8, over_s=10.0))
    alone.opened(0, 0)
    assert list(passing(alone, 20, (None,))) == []
    assert list(passing(alone, 40, ("S1",))) == []


def test_interruptions_are_counted_where_channels_separate_the_parties() -> None:
    told = alarms(
        rule(name="rude", measure="interruptions", above=2.0, clear=1.0, roles=("agent",)), roles=("agent", "c")
    )
    told.took(0, 5 * SECOND)
    told.took(1, 6 * SECOND)
    assert list(told.passed(7 * SECOND, ("agent", "c"))) == []
    told.took(0, 8 * SECOND)
    ((kind, _, channel, fields),) = told.passed(9 * SECOND, ("agent", "c"))
    assert (kind, channel, fields["value"]) == (AlertRaised, 0, 2.0)


def test_at_the_end_of_the_call_every_alert_is_over() -> None:
    told = alarms(rule(), rule(name="pending", for_s=5.0))
    list(told.heard(0, 3.0, emotion(0.9)))
    assert short(told.finish(4.0)) == [("cleared", 4.0, 0, "c:anger:1")]
    assert list(told.finish(4.0)) == []


@pytest.mark.parametrize(("start_s", "end_s", "shown"), [(9.5, 12.5, "&span=10&end=16"), (0.0, 2.2, "&span=6&end=6")])
def test_a_link_shows_the_evidence_and_a_little_around_it(start_s: float, end_s: float, shown: str) -> None:
    assert link("c:1", start_s, end_s) == "/dashboard#call=c%3A1" + shown


RULES = (
    rule(score={"happy": 1.0}, above=0.075, clear=0.06, for_s=0.5),
    rule(name="each", score={"happy": 1.0}, above=0.076, reliability="low", scope="speaker"),
    rule(name="quiet", measure="silence_s", above=2.0, clear=2.0),
    rule(name="talker", measure="talk_ratio", above=0.6, over_s=8.0, roles=("*",)),
    rule(name="over", measure="overlap_ratio", above=0.01, over_s=8.0, roles=("*",)),
    rule(name="rude", measure="interruptions", above=1.0, over_s=8.0, roles=("*",)),
)


def call(audio: Any, chunk: int, roles: tuple[str, ...], hold: int = 0) -> list[Any]:
    planes = np.atleast_2d(audio)
    driver = Driver(Session("call", roles, SPECS, transport="test", rules=RULES), hold)
    for at in range(0, planes.shape[1], chunk):
        for channel, plane in enumerate(planes):
            driver.feed(plane[at : at + chunk], channel)
    return driver.finish()


def two_parties() -> Any:
    """One talks, is interrupted for long, and both fall silent."""
    first = np.concatenate([silence(0.5, 1), voice(110, 6.0, 2), silence(5.5, 3)])
    second = np.concatenate([silence(4.0, 4), voice(260, 4.0, 5), silence(4.0, 6)])
    return np.stack([first, second])


@pytest.mark.parametrize(
    ("audio", "roles", "expected"),
    [
        (conversation(), ("mixed",), {"anger", "each", "quiet", "talker"}),
        (two_parties(), ("customer", "agent"), {"anger", "each", "quiet", "talker", "over", "rude"}),
    ],
    ids=["mono", "parties"],
)
def test_alerts_depend_on_the_audio_and_not_on_chunks_or_when_answers_come(
    audio: Any, roles: tuple[str, ...], expected: set[str]
) -> None:
    whole = call(audio, 160_000, roles)
    assert {event.rule for event in of(whole, AlertRaised)} == expected
    told = [of([event], AlertRaised, AlertUpdated, AlertCleared) for event in whole]
    alerts: list[Alert] = [event for events in told for event in events]  # type: ignore[misc]
    raised = [event.alert_id for event in alerts if isinstance(event, AlertRaised)]
    cleared = [event.alert_id for event in alerts if isinstance(event, AlertCleared)]
    assert sorted(raised) == sorted(cleared)
    assert len(set(raised)) == len(raised)
    assert isinstance(whole[-1], CallEnded)
    for chunk, hold in ((320, 0), (1601, 5), (4800, 3)):
        other = call(audio, chunk, roles, hold)
        key = lambda kind: {k: v for k, v in by_type_and_channel(kind).items() if k[0].startswith("alert.")}  # noqa: E731
        assert key(other) == key(whole)
