"""What REST keeps of the alerts of a call."""

from __future__ import annotations

from typing import Any

from monitor.events import Alert, AlertCleared, AlertRaised, AlertUpdated, CallStarted, ChannelInfo
from stream_server.live.callbook import ALERTS, AlertView, CallRecord
from tests.scripted import SPECS, Session


def record() -> CallRecord:
    started = CallStarted(
        call_id="c",
        seq=1,
        t=0.0,
        transport="test",
        channels=[ChannelInfo(0, "mixed", True)],
        models={},
        horizon_s=3.0,
        hop_s=0.5,
        tags={},
    )
    return CallRecord(Session("c", ("mixed",), SPECS, transport="test"), started, "now")


def alert(kind: type[Alert], t: float, rule: str = "anger", value: float = 0.7, **fields: Any) -> Alert:
    whole: dict[str, Any] = {
        "channel": 0,
        "alert_id": f"c:{rule}",
        "severity": "warning",
        "measure": "score",
        "threshold": 0.7,
        "start_s": t - 3,
        "end_s": t,
        "speaker": "S1",
        "scores": None,
        "link": "/dashboard#call=c",
    } | fields
    return kind(call_id="c", seq=2, t=t, rule=rule, value=value, **whole)


def told(*events: Alert) -> list[AlertView]:
    of = record()
    for event in events:
        of.apply(event)
    return of.view().alerts


def test_an_alert_is_open_until_it_is_cleared() -> None:
    raised, updated = alert(AlertRaised, 10.0), alert(AlertUpdated, 12.0, value=0.9, start_s=7.0)
    (opened,) = told(raised)
    (later,) = told(raised, updated)
    (over,) = told(raised, updated, alert(AlertCleared, 20.0, value=0.2))
    assert (opened.raised_s, opened.cleared_s, opened.value) == (10.0, None, 0.7)
    assert (later.raised_s, later.cleared_s, later.value, later.start_s) == (10.0, None, 0.9, 7.0)
    assert (over.raised_s, over.cleared_s, over.value) == (10.0, 20.0, 0.2)


def test_the_same_rule_raised_again_is_another_alert_and_so_is_another_speaker_s() -> None:
    alerts = told(
        alert(AlertRaised, 10.0),
        alert(AlertCleared, 20.0),
        alert(AlertRaised, 30.0, alert_id="c:7"),
        alert(AlertRaised, 31.0, channel=1, alert_id="c:8"),
    )
    assert [(one.channel, one.raised_s, one.cleared_s) for one in alerts] == [
        (0, 10.0, 20.0),
        (0, 30.0, None),
        (1, 31.0, None),
    ]


def test_what_was_never_raised_is_not_cleared() -> None:
    assert told(alert(AlertCleared, 20.0)) == []


def test_the_oldest_alert_is_forgotten_in_the_end() -> None:
    alerts = told(*[alert(AlertRaised, float(n), rule=f"rule-{n}") for n in range(ALERTS + 1)])
    assert [one.rule for one in alerts] == [f"rule-{n}" for n in range(1, ALERTS + 1)]


def test_a_list_has_the_recent_past_only_where_it_is_asked_for() -> None:
    of = record()
    assert of.view().recent is None
    assert of.view(recent_s=60).recent == []


def test_no_alert_is_open_in_a_call_that_broke_off() -> None:
    of = record()
    of.apply(alert(AlertRaised, 10.0))
    of.break_off("server.failed", "now")
    assert [one.cleared_s for one in of.view().alerts] == [0.0]
