"""Who spoke when, folded from events."""

from __future__ import annotations

from monitor.events import CallStarted, ChannelInfo, Event, SpeakerChanged, SpeakerUpdated, SpeechEnded, SpeechStarted
from monitor.turns import Turn, TurnLog, rttm


def started(*roles: str) -> CallStarted:
    channels = [ChannelInfo(at, role, True) for at, role in enumerate(roles)]
    return CallStarted(
        call_id="c", seq=0, t=0.0, transport="test", channels=channels, models={}, horizon_s=3.0, hop_s=0.5, tags={}
    )


def segment(start: float, end: float, channel: int = 0) -> list[Event]:
    return [
        SpeechStarted(call_id="c", seq=0, t=start, channel=channel),
        SpeechEnded(call_id="c", seq=0, t=end, channel=channel, start_s=start),
    ]


def changed(t: float, before: str | None, to: str) -> SpeakerChanged:
    return SpeakerChanged(call_id="c", seq=0, t=t, channel=0, from_=before, to=to, confidence=0.9)


def merged(speaker: str, into: str) -> SpeakerUpdated:
    return SpeakerUpdated(call_id="c", seq=0, t=0.0, speaker=speaker, confirmed=True, merged_into=into)


def turns(*events: Event, roles: tuple[str, ...] = ("mixed",), since: float = 0.0) -> list[Turn]:
    log = TurnLog()
    for event in (started(*roles), *events):
        log.apply(event)
    return log.turns(since)


def test_a_segment_of_nobody_known_is_a_turn_of_none() -> None:
    assert turns(*segment(1.0, 2.0)) == [Turn(0, None, 1.0, 2.0)]


def test_a_turn_that_goes_on_has_no_end() -> None:
    assert turns(segment(1.0, 2.0)[0]) == [Turn(0, None, 1.0, None)]


def test_a_change_at_the_start_of_a_segment_names_the_whole_segment() -> None:
    assert turns(*segment(1.0, 2.0), changed(1.0, None, "S1")) == [Turn(0, "S1", 1.0, 2.0)]


def test_a_segment_is_cut_where_the_speaker_changed() -> None:
    assert turns(*segment(1.0, 5.0), changed(1.0, None, "S1"), changed(3.2, "S1", "S2")) == [
        Turn(0, "S1", 1.0, 3.2),
        Turn(0, "S2", 3.2, 5.0),
    ]


def test_a_speaker_keeps_the_floor_over_a_pause() -> None:
    assert [turn.speaker for turn in turns(*segment(1, 2), changed(1, None, "S1"), *segment(3, 4))] == ["S1", "S1"]


def test_a_change_in_the_past_re_attributes_what_was_said_since() -> None:
    events = [*segment(1, 2), changed(1, None, "S1"), *segment(3, 4), *segment(5, 6), changed(3, "S1", "S2")]
    assert [turn.speaker for turn in turns(*events)] == ["S1", "S2", "S2"]


def test_a_change_in_the_past_replaces_later_changes() -> None:
    events = [*segment(1, 9), changed(1, None, "S1"), changed(6, "S1", "S2"), changed(4, "S2", "S3")]
    assert turns(*events) == [Turn(0, "S1", 1, 4), Turn(0, "S3", 4, 9)]


def test_a_change_in_a_pause_cuts_nothing() -> None:
    events = [*segment(1, 2), changed(1, None, "S1"), changed(2.5, "S1", "S2"), *segment(3, 4)]
    assert turns(*events) == [Turn(0, "S1", 1, 2), Turn(0, "S2", 3, 4)]


def test_a_change_at_the_very_end_of_a_segment_makes_no_empty_turn() -> None:
    assert turns(*segment(1, 2), changed(1, None, "S1"), changed(2, "S1", "S2")) == [Turn(0, "S1", 1, 2)]


def test_a_merged_speaker_goes_by_the_name_of_the_other() -> None:
    events = [*segment(1, 2), changed(1, None, "S1"), *segment(3, 4), changed(3, "S1", "S2"), merged("S2", "S1")]
    assert [turn.speaker for turn in turns(*events)] == ["S1", "S1"]


def test_a_change_between_two_names_of_one_speaker_cuts_nothing() -> None:
    events = [
        *segment(1, 9),
        changed(1, None, "S1"),
        changed(4, "S1", "S2"),
        changed(6, "S2", "S3"),
        merged("S2", "S1"),
    ]
    assert turns(*events) == [Turn(0, "S1", 1, 6), Turn(0, "S3", 6, 9)]


def test_a_change_at_the_same_place_withdraws_the_one_before() -> None:
    events = [*segment(1, 9), changed(1, None, "S1"), changed(4, "S1", "S2"), changed(4, "S2", "S1")]
    assert turns(*events) == [Turn(0, "S1", 1, 9)]


def test_mergers_chain() -> None:
    events = [*segment(1, 2), changed(1, None, "S3"), merged("S3", "S2"), merged("S2", "S1")]
    assert [turn.speaker for turn in turns(*events)] == ["S1"]


def test_where_channels_separate_the_parties_the_speaker_is_the_role() -> None:
    events = [*segment(1, 4, 0), *segment(2, 3, 1), changed(2, "customer", "agent")]
    assert turns(*events, roles=("customer", "agent")) == [Turn(0, "customer", 1, 4), Turn(1, "agent", 2, 3)]


def test_turns_come_in_the_order_of_their_starts() -> None:
    first, second = segment(1, 5, 0), segment(2, 3, 1)
    events = [first[0], second[0], second[1], first[1]]
    assert [turn.start for turn in turns(*events, *segment(0.5, 0.8, 1), roles=("a", "b"))] == [0.5, 1, 2]


def test_turns_can_be_asked_for_from_a_time_on() -> None:
    assert [turn.start for turn in turns(*segment(1, 2), *segment(3, 4), *segment(5, 6), since=3)] == [3, 5]


def test_rttm_has_one_line_of_ten_fields_per_turn() -> None:
    text = rttm([Turn(0, "S1", 1.0, 2.5), Turn(0, "S2", 3.25, 4.0)], "call")
    assert text == (
        "SPEAKER call 1 1.000 1.500 <NA> <NA> S1 <NA> <NA>\nSPEAKER call 1 3.250 0.750 <NA> <NA> S2 <NA> <NA>\n"
    )


def test_rttm_leaves_out_what_goes_on_and_who_is_unknown() -> None:
    assert rttm([Turn(0, "S1", 1.0, None), Turn(0, None, 1.0, 2.0)], "call") == ""


def test_where_channels_separate_the_parties_the_changes_are_those_of_the_floor() -> None:
    log = TurnLog()
    events = [*segment(1, 4, 0), changed(1, None, "customer"), *segment(2, 2.2, 1), *segment(5, 6, 1)]
    for event in (started("customer", "agent"), *events, changed(5, "customer", "agent")):
        log.apply(event)
    assert log.changes() == [5]


def test_on_one_channel_the_changes_are_those_of_the_turns() -> None:
    log = TurnLog()
    for event in (started("mixed"), *segment(1, 2), changed(1, None, "S1"), changed(2.5, "S1", "S2"), *segment(3, 4)):
        log.apply(event)
    assert log.changes() == [3]
