"""The summary of a call as a picture."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from monitor.events import (
    AlertCount,
    CallSummary,
    ChannelInfo,
    Course,
    Feeling,
    Quality,
    SpeakerSummary,
    TurningPoint,
    TurnSummary,
)
from stream_server.live.callbook import AlertView, CallDetails
from stream_server.live.emotiontimeline import Point
from stream_server.rest.summarypicture import LEFT, RIGHT, SPEAKERS, picture
from stream_server.rest.summarywords import CHINESE, ENGLISH, LANGUAGES, Words
from tests.history.callsmade import scores
from tests.stream_server.serving import serving
from tests.stream_server.test_callsapi import forgotten, ids, make_call

SVG = "{http://www.w3.org/2000/svg}"


def felt(start_s: float, distress: float) -> Feeling:
    return Feeling(start_s, start_s + 5, "angry" if distress > 0.5 else "neutral", distress, 0.5)


def spoke(speaker: str, course: Course | None = None) -> SpeakerSummary:
    return SpeakerSummary(speaker, 30.0, 3, None, None, speaker, 0.5, 1, course)


def call(*speakers: SpeakerSummary, **more: Any) -> CallDetails:
    course = Course(felt(1, 0.1), felt(40, 0.8), felt(90, 0.2), 0.6, 20.0)
    summary = CallSummary(
        100.0, 60.0, None, None, list(speakers or (spoke("customer", course), spoke("agent"))), 3, {},
        [TurnSummary("customer", 0, 1.0, 50.0), TurnSummary("agent", 1, 40.0, 90.0)], 10.0, 4.0, 10.0,
        [TurningPoint(40.0, "customer", 0.1, 0.8)], [AlertCount("anger", "warning", 2, 0, 9.0)],
        Quality(21.0, {"high": 0.5, "medium": 0.25, "low": 0.15, "unusable": 0.1}, {}),
    )  # fmt: skip
    points = [Point(float(t), 0, "angry", 0.8, 0.5, "high", "customer", scores(0.8)) for t in (10, 11, 12, 60, 61)]
    alert = AlertView("a", "anger", "warning", 0, "score", 0.8, 0.7, 40.0, 60.0, "customer", None, "/", 45.0, 62.0)
    fields: dict[str, Any] = {
        "call_id": "c-1", "state": "ended", "transport": "test", "models": {}, "horizon_s": 3.0, "hop_s": 0.5,
        "channels": [ChannelInfo(0, "customer", True), ChannelInfo(1, "agent", False)], "tags": {"team": "north"},
        "started_at": "2026-11-02T09:00:00.000Z", "ended_at": None, "reason": "finished", "duration_s": 100.0,
        "speaking": [], "speaker": None, "emotions": {}, "alerts": [alert], "last_seq": 9, "summary": summary,
        "timeline": points, "changes": [], "warnings": [],
    }  # fmt: skip
    return CallDetails(**(fields | more))


def drawn(of: CallDetails, words: Words = ENGLISH) -> ElementTree.Element:
    return ElementTree.fromstring(picture(of, words))


def said(root: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def test_the_picture_says_what_the_summary_does() -> None:
    words = said(drawn(call()))
    for word in ("c-1", "1:40", "10 %", "anger 2", "75 %", "SNR 21 dB, 10 % unusable", "0:40 worse", "1", "50 %"):
        assert word in words, word
    assert words[words.index("neutral (10 %)") :][:4] == [
        "neutral (10 %)",
        "angry (80 %), 0:40",
        "neutral (20 %)",
        "after 0:20",
    ]
    assert "not inferred" in words
    assert any("team: north" in word and "finished" in word for word in words)


def test_a_pause_interrupts_the_curve() -> None:
    assert len(list(drawn(call()).iter(f"{SVG}polyline"))) == 2


def test_nothing_is_drawn_beyond_its_edges() -> None:
    for rect in list(drawn(call()).iter(f"{SVG}rect"))[1:]:
        assert LEFT <= float(rect.get("x", 0)) <= float(rect.get("x", 0)) + float(rect.get("width", 0)) <= RIGHT + 1


def test_texts_are_escaped() -> None:
    words = said(drawn(call(tags={"<script>": "\"&'</svg>"})))
    assert any("<script>: \"&'</svg>" in word for word in words)


def test_of_many_speakers_those_who_spoke_most_are_shown() -> None:
    root = drawn(call(*(spoke(f"S{number}") for number in range(SPEAKERS + 3))))
    assert len(list(root.iter(f"{SVG}circle"))) == SPEAKERS


def test_both_languages_have_the_same_words() -> None:
    assert CHINESE.keys() == ENGLISH.keys()
    for key in ENGLISH:
        assert ("{" in ENGLISH[key]) == ("{" in CHINESE[key])
    assert "愤怒 (80 %), 0:40" in said(drawn(call(), CHINESE))


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_the_picture_is_served_of_calls_in_memory_and_out_of_the_history(lang: str) -> None:
    async with serving(kept=True) as served:
        await make_call(served, "c-1")
        first = await served.get(f"/v1/calls/c-1/summary.svg?lang={lang}")
        assert first.headers["content-type"] == "image/svg+xml"
        assert first.headers["content-security-policy"] == "default-src 'none'; sandbox"
        await ids(served)
        forgotten(served)
        again = await served.get(f"/v1/calls/c-1/summary.svg?lang={lang}")
        assert said(ElementTree.fromstring(first.text)) == said(ElementTree.fromstring(again.text))
        assert (await served.get("/v1/calls/none/summary.svg")).status_code == 404
