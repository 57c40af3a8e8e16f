"""Live events against their reference."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from benchmarks.likeness import Comparison, Findings, Reference, differing, read
from monitor.events import Emotion, Error, Event, SpeakerChanged, SpeechEnded, SpeechStarted, Warning, encode

EVENTS: list[Event] = [
    SpeechStarted(call_id="r", seq=1, t=0.4, channel=0),
    *(
        Emotion(
            call_id="r",
            seq=2 + at,
            t=1.0 + at / 2,
            channel=0,
            scores={"angry": 0.5, "happy": 0.3, "sad": 0.2},
            label="angry",
            confidence=0.5,
            arousal=0.4,
            shape="mixed",
            reliability="high",
            speech_s=0.6 + at / 2,
            snr_db=20.0,
            speaker="S1",
        )
        for at in range(6)
    ),
    SpeakerChanged(call_id="r", seq=8, t=2.25, channel=0, from_="S1", to="S2", confidence=0.9),
    SpeechEnded(call_id="r", seq=9, t=4.2, channel=0, start_s=0.4),
]


def live(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The events as a server tells them; `changes`: by seq, as in e3={"t": 2.0}."""
    told = [read(encode(event)) for event in EVENTS]
    for event in told:
        event |= {"call_id": "live", "at": "2026-11-21T13:37:56.079Z", "lag_ms": 12.5} | changes.get(
            f"e{event['seq']}", {}
        )
    return told


def compared(events: list[dict[str, Any]], reference: Reference | None = None) -> Findings:
    findings = Findings()
    comparison = Comparison(Reference.of(EVENTS) if reference is None else reference)
    for event in events:
        comparison.hear(event, findings)
    comparison.end(findings)
    return findings


def faults(findings: Findings) -> tuple[int, int, int, int]:
    return findings.missing, findings.different, findings.disordered, findings.skipped


def test_the_same_events_agree_whoever_tells_them() -> None:
    findings = compared(live())
    assert faults(findings) == (0, 0, 0, 0)
    assert findings.compared == len(EVENTS)


def test_the_order_of_speech_edges_among_the_rest_does_not_matter() -> None:
    told = live()
    told.insert(3, told.pop())
    for number, event in enumerate(told, start=1):
        event["seq"] = number
    assert faults(compared(told)) == (0, 0, 0, 0)


def test_rounding_is_tolerated_and_what_it_tips_over() -> None:
    scores = {"angry": 0.4985, "happy": 0.3015, "sad": 0.2}
    tipped = {"scores": scores, "confidence": 0.4985, "arousal": 0.4011, "shape": "single", "reliability": "medium"}
    assert faults(compared(live(e3=tipped))) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"scores": {"angry": 0.503, "happy": 0.297, "sad": 0.2}}, "scores"),
        ({"scores": {"angry": 0.5, "happy": 0.3}}, "scores"),
        ({"arousal": None}, "arousal"),
        ({"speaker": "S2"}, "speaker"),
        ({"speech_s": 0.62}, "speech_s"),
        ({"snr_db": 21.0}, "snr_db"),
    ],
)
def test_what_is_more_than_rounding_is_told_by_its_field(changes: dict[str, Any], name: str) -> None:
    findings = compared(live(e3=changes))
    assert faults(findings) == (0, 1, 0, 0)
    assert findings.fields == {name: 1}
    assert findings.words[0].startswith(f"emotion at 1.5 s: {name}")


def test_a_label_counts_where_the_scores_do_not_agree() -> None:
    event = {"scores": {"angry": 0.3, "happy": 0.5, "sad": 0.2}, "label": "happy"}
    assert compared(live(e3=event)).fields == {"scores": 1, "label": 1}


def test_positions_must_be_exact() -> None:
    assert compared(live(e9={"start_s": 0.401})).fields == {"start_s": 1}
    assert compared(live(e8={"t": 2.251})).fields == {"t": 1}


def test_what_lies_within_a_summary_is_compared_and_its_count_of_work_is_not() -> None:
    turns = [{"speaker": "S1", "start_s": 0.4}]
    one = {"type": "call.ended", "summary": {"duration_s": 7.9, "windows": {"emotion.analysed": 12}, "turns": turns}}
    two = {"type": "call.ended", "summary": {"duration_s": 7.901, "windows": {}, "turns": turns}}
    assert differing(one, two) == []
    two["summary"] = {**one["summary"], "turns": [{"speaker": "S1", "start_s": 0.5}]}
    assert differing(one, two) == ["summary"]


def test_an_event_that_was_left_out_is_missing_and_those_after_it_are_not_different() -> None:
    told = live()
    del told[3]
    findings = compared(told)
    assert faults(findings) == (1, 0, 0, 1)
    assert findings.words == ["1 of emotion before 2.5 s did not come"]


def test_what_does_not_come_before_the_end_is_missing() -> None:
    assert faults(compared(live()[:-3])) == (3, 0, 0, 0)


def test_a_call_that_is_broken_off_misses_nothing() -> None:
    findings = Findings()
    comparison = Comparison(Reference.of(EVENTS))
    for event in live()[:4]:
        comparison.hear(event, findings)
    assert faults(findings) == (0, 0, 0, 0)


def test_one_event_too_many_is_different() -> None:
    findings = compared([*live(), {**live()[-1], "seq": 10}])
    assert faults(findings) == (0, 1, 0, 0)
    assert findings.fields == {"surplus": 1}


def test_events_out_of_order_are_told_by_their_numbers() -> None:
    told = live()
    told[2], told[3] = told[3], told[2]
    findings = compared(told)
    assert findings.disordered == 1
    assert findings.different > 0


def test_warnings_of_a_busy_server_and_errors_are_not_compared_and_others_are() -> None:
    busy = read(encode(Warning(call_id="c", seq=10, t=3.0, channel=0, code="windows.skipped", reason="")))
    error = read(encode(Error(call_id="c", seq=11, t=3.0, code="message.flood", reason="", call_survives=True)))
    assert faults(compared([*live(), busy, error])) == (0, 0, 0, 0)
    clipped = Warning(call_id="c", seq=12, t=3.0, channel=0, code="audio.clipped", reason="")
    assert compared([*live(), read(encode(clipped))]).missing == 0
    assert compared([*live(), read(encode(clipped))]).different == 1
    assert compared(live(), Reference.of([*EVENTS, clipped])).missing == 1


def test_without_a_reference_the_order_alone_is_looked_at() -> None:
    findings, comparison = Findings(), Comparison(None)
    for seq in (1, 2, 5, 4):
        comparison.hear({**live()[0], "seq": seq}, findings)
    assert faults(findings) == (0, 0, 1, 2)
    assert findings.compared == 0


def test_what_is_no_object_is_no_event() -> None:
    with pytest.raises(msgspec.MsgspecError):
        read(b"[]")
