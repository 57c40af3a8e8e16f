"""What of a call becomes which rows."""

from __future__ import annotations

import pytest

from history.chronicle import MOST_MINUTES, Chronicle
from history.packing import unpacked
from monitor.events import AlertUpdated, Event, SpeakerUpdated, SpeechStarted, Warning
from tests.history.callsmade import MORNING, Telling, short_call


def told(call: Telling, *events: Event) -> Chronicle:
    chronicle = Chronicle(call.start())
    for event in events:
        chronicle.apply(event)
    return chronicle


def spans(chronicle: Chronicle) -> list[tuple[str | None, float, float | None]]:
    return [(turn["speaker"], turn["start_s"], turn["end_s"]) for turn in chronicle.turns()]


def test_a_call_has_a_row_from_its_start() -> None:
    chronicle = told(Telling("c-7", ("customer", "agent")))
    head = chronicle.head()
    assert (head["call_id"], head["started_at"], head["tags"]) == ("c-7", MORNING, {})
    assert chronicle.has_news
    assert chronicle.facets() == [{"name": "role", "value": "agent"}, {"name": "role", "value": "customer"}]


def test_tags_that_change_are_news_and_the_same_are_not() -> None:
    chronicle = told(Telling())
    chronicle.written()
    chronicle.label({})
    assert not chronicle.has_news
    chronicle.label({"team": "no\0rth"})
    assert chronicle.has_news
    assert {"name": "tag:team", "value": "north"} in chronicle.facets()


def test_what_is_written_is_news_no_more() -> None:
    call = Telling()
    chronicle = told(call, *call.speech(1, 5), call.emotion(3.0), call.alert(3.0, "a"))
    chronicle.written()
    assert not chronicle.has_news
    assert (chronicle.minutes(), chronicle.turns(), chronicle.alerts()) == ([], [], [])


def test_a_minute_is_written_again_as_it_grows() -> None:
    call = Telling()
    chronicle = told(call, call.emotion(3.0))
    chronicle.written()
    chronicle.apply(call.emotion(4.0))
    (row,) = chronicle.minutes()
    assert [second.t for second in unpacked(0, row["minute"], row["body"], ["S1"])] == [3.0, 4.0]


def test_minutes_that_were_not_written_wait() -> None:
    call = Telling()
    chronicle = told(call, call.emotion(59.0), call.emotion(61.0), call.emotion(121.0))
    assert [row["minute"] for row in chronicle.minutes()] == [0, 1, 2]


def test_the_oldest_of_what_waits_is_given_up_and_counted() -> None:
    call = Telling()
    chronicle = told(call, *(call.emotion(60.0 * minute + 1) for minute in range(MOST_MINUTES + 3)))
    assert len(chronicle.minutes()) == MOST_MINUTES + 1
    assert dict(chronicle.take_lost()) == {"seconds": 2}
    assert dict(chronicle.take_lost()) == {}


def test_a_turn_that_goes_on_has_no_end() -> None:
    call = Telling()
    chronicle = told(call, call.say(SpeechStarted, 1.0, 0))
    assert spans(chronicle) == [(None, 1.0, None)]


def test_a_turn_has_the_emotion_that_was_said_of_it() -> None:
    call = Telling()
    chronicle = told(call, *call.speech(1, 5), call.speaks(1, "S1"), call.turn(1, 5))
    (turn,) = chronicle.turns()
    assert (turn["speaker"], turn["label"], turn["confidence"], turn["reliability"]) == ("S1", "angry", 0.8, "high")


def test_a_change_of_speaker_in_the_past_cuts_turns_anew() -> None:
    call = Telling()
    chronicle = told(call, *call.speech(1, 9), call.speaks(1, "S1"))
    assert spans(chronicle) == [("S1", 1, 9)]
    chronicle.written()
    chronicle.apply(call.speaks(6, "S2", "S1"))
    assert chronicle.recut_since == 1
    assert spans(chronicle) == [("S1", 1, 6), ("S2", 6, 9)]


def test_two_speakers_that_were_one_have_one_name_afterwards() -> None:
    call = Telling()
    chronicle = told(call, *call.speech(1, 5), call.speaks(1, "S1"), call.emotion(3.0), call.emotion(4.0, speaker="S2"))
    chronicle.apply(call.say(SpeakerUpdated, 5.0, 0, speaker="S2", confirmed=False, merged_into="S1"))
    (row,) = chronicle.minutes()
    assert [each.speaker for each in unpacked(0, 0, row["body"], chronicle.voices)] == ["S1", "S1"]
    assert chronicle.recut_since == 0


def test_an_alert_is_one_row_as_its_newest_event_has_it() -> None:
    call = Telling()
    chronicle = told(call, call.alert(10, "a"), call.alert(15, "a", AlertUpdated, value=0.9))
    (row,) = chronicle.alerts()
    assert (row["value"], row["raised_s"], row["raised_at"], row["cleared_at"]) == (0.9, 10, MORNING + 10, None)
    chronicle.written()
    chronicle.apply(call.cleared(20, "a"))
    (row,) = chronicle.alerts()
    assert (row["raised_s"], row["cleared_s"], row["cleared_at"], row["role"]) == (10, 20, MORNING + 20, "mixed")


def test_what_was_never_raised_is_no_alert() -> None:
    call = Telling()
    assert told(call, call.cleared(20, "a")).alerts() == []


def test_changes_and_warnings_are_kept_as_they_were() -> None:
    call = Telling()
    warning = call.say(Warning, 3.0, 0, code="audio.clipped", reason="loud")
    chronicle = told(call, call.speaks(1, "S1"), warning)
    assert [(row["t"], row["after"], row["code"]) for row in chronicle.moments()] == [
        (1, "S1", None),
        (3, None, "audio.clipped"),
    ]


def test_a_call_that_is_over_says_how_it_went_and_what_it_adds_up_to() -> None:
    call = Telling()
    chronicle = told(call, *short_call(call, "a")[1:])
    tail, facts = chronicle.tail(), chronicle.facts()
    assert (tail["ended_at"], tail["reason"], tail["duration_s"], tail["emotion"]) == (
        MORNING + 12,
        "finished",
        12,
        "angry",
    )
    assert '"turns":[]' in tail["summary"]
    assert (facts.duration_s, facts.alerts, facts.speech_s) == (12, {"mixed": 1}, {"mixed": 7.0})
    assert facts.tallies["mixed"].heard_s == 7
    assert facts.tallies["mixed"].scores[0] == pytest.approx(4 * 0.8 + 3 * 0.1)
    assert chronicle.facts() == facts


def test_whoever_says_first_that_it_is_over_is_believed() -> None:
    chronicle = told(Telling())
    chronicle.end("server.failed", 1.0)
    chronicle.end("finished", 2.0)
    assert chronicle.ending == ("server.failed", 1.0, None)
