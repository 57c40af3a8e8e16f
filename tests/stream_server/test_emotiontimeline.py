"""What GET /v1/calls/{id} shows of the past survives its packing."""

from __future__ import annotations

from itertools import pairwise

import pytest

from monitor.events import CallEnded, CallStarted, CallSummary, ChannelInfo, Emotion, Reliability
from monitor.labels import LABELS
from stream_server.live.callbook import CallRecord
from stream_server.live.emotiontimeline import POINTS, POINTS_ENDED, EmotionTimeline, Point
from tests.scripted import SPECS, Session


def emotion(
    t: float = 1.5,
    channel: int = 0,
    label: str | None = "happy",
    arousal: float | None = 0.4321,
    reliability: Reliability = "medium",
    speaker: str | None = "S1",
    top: float = 0.612,
) -> Emotion:
    shares = dict.fromkeys(LABELS, 0.0 if label is None else round((1 - top) / 8, 4))
    if label is not None:
        shares[label] = top
    return Emotion(
        call_id="c",
        seq=1,
        t=t,
        channel=channel,
        scores=shares,
        label=label,
        confidence=0.0 if label is None else 0.8765,
        arousal=arousal,
        shape=None,
        reliability=reliability,
        speech_s=1.0,
        snr_db=None,
        speaker=speaker,
    )


def packed(*events: Emotion, channels: int = 2) -> list[Point]:
    timeline = EmotionTimeline(channels)
    for event in events:
        timeline.add(event)
    return timeline.points()


@pytest.mark.parametrize(
    "event",
    [
        emotion(),
        emotion(t=7205.52),
        emotion(channel=1, speaker="agent"),
        emotion(arousal=0.0),
        emotion(arousal=1.0, top=1.0),
        emotion(arousal=None),
        emotion(speaker=None),
        emotion(label=None, arousal=None, reliability="unusable", speaker=None),
        *[emotion(label=label) for label in LABELS],
        *[emotion(reliability=reliability) for reliability in ("high", "medium", "low", "unusable")],
    ],
)
def test_a_point_says_what_its_event_said(event: Emotion) -> None:
    (point,) = packed(event)
    for name in ("t", "channel", "label", "confidence", "arousal", "reliability", "speaker"):
        assert getattr(point, name) == getattr(event, name), name
    assert list(point.scores) == list(LABELS)
    assert point.scores == pytest.approx(event.scores, abs=1e-3)


def test_every_point_keeps_its_own_speaker() -> None:
    names = ["S1", None, "S2", "S1", "S30", None, "S2"]
    points = packed(*[emotion(t=float(n), speaker=name) for n, name in enumerate(names)])
    assert [point.speaker for point in points] == names


@pytest.mark.parametrize("channels", [1, 2])
def test_when_full_the_oldest_point_goes(channels: int) -> None:
    points = packed(*[emotion(t=n * 0.5) for n in range(POINTS * channels + 3)], channels=channels)
    assert len(points) == POINTS * channels
    assert points[0].t == 1.5


@pytest.mark.parametrize("before", [0, 1, POINTS_ENDED, POINTS_ENDED + 1, 5 * POINTS_ENDED - 1, POINTS])
def test_a_thinned_timeline_is_short_and_even(before: int) -> None:
    timeline = EmotionTimeline(1)
    for n in range(before):
        timeline.add(emotion(t=float(n)))
    timeline.thin()
    times = [point.t for point in timeline.points()]
    assert min(before, POINTS_ENDED // 2) <= len(times) <= POINTS_ENDED
    assert len({later - earlier for earlier, later in pairwise(times)}) <= 1
    assert times[:1] == [0.0][:before]


def test_the_record_of_a_call_that_ended_is_thinned() -> None:
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
    record = CallRecord(Session("c", ("mixed",), SPECS, transport="test"), started, "now")
    for n in range(1500):
        record.apply(emotion(t=n * 0.5))
    assert len(record.details().timeline) == 1500
    summary = CallSummary(750.0, 1.0, None, None, [], 0, {}, [])
    record.apply(CallEnded(call_id="c", seq=2, t=750.0, reason="finished", summary=summary))
    assert len(record.details().timeline) == 500
    assert record.details().emotions["0"].t == 749.5


def test_the_recent_past_is_thinned_for_each_channel_and_keeps_the_newest() -> None:
    timeline = EmotionTimeline(2)
    for n in range(1, 41):
        for channel in (0, 1):
            timeline.add(emotion(t=n * 0.5, channel=channel))
    recent = timeline.recent(since_s=10.0)
    assert [point.t for point in recent if point.channel == 0] == [12.0, 14.0, 16.0, 18.0, 20.0]
    assert [point.t for point in recent if point.channel == 1] == [12.0, 14.0, 16.0, 18.0, 20.0]
    assert timeline.recent(since_s=20.0) == []


def test_a_recent_point_says_what_its_event_said() -> None:
    timeline = EmotionTimeline(1)
    timeline.add(emotion(label="angry", arousal=0.5, top=0.75))
    (point,) = timeline.recent(since_s=0.0)
    assert (point.t, point.channel, point.speaker, point.label, point.reliability) == (1.5, 0, "S1", "angry", "medium")
    assert (point.angry, point.fearful, point.arousal) == pytest.approx((0.75, 0.0313, 0.5), abs=1e-3)
