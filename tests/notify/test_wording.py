"""What people read, in words that need no explanation."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from monitor.events import Alert, AlertCleared, AlertUpdated
from notify.notice import Notice, Trial
from notify.wording import Words, words
from tests.notify.receiving import CALL, later, raised

LINK = "https://desk.example/dashboard#call=c-17&span=18&end=12.5"
UNTAGGED = msgspec.structs.replace(CALL, tags={})


def said(event: Alert, **call: Any) -> Words:
    return words(Notice(event, msgspec.structs.replace(UNTAGGED, **call), LINK))


def test_anger_of_a_customer() -> None:
    assert said(raised()) == Words(
        "Anger in call c-17", "The customer has sounded angry for 3 s (0.82, from 0.70).", LINK, "warning"
    )
    assert said(raised()).body == f"The customer has sounded angry for 3 s (0.82, from 0.70).\n{LINK}"


def test_while_it_goes_on_and_when_it_is_over() -> None:
    going_on = said(later(raised(), AlertUpdated))
    assert (going_on.title, going_on.sentence) == (
        "Anger goes on in call c-17", "The customer has sounded angry for 9 s (0.82, from 0.70)."
    )  # fmt: skip
    over = said(later(raised(), AlertCleared, value=0.3))
    assert (over.title, over.sentence, over.tone) == ("Anger is over in call c-17", "It has lasted 9 s.", "over")


@pytest.mark.parametrize(
    ("measure", "value", "threshold", "sentence"),
    [
        ("arousal", 0.9, 0.8, "The customer has sounded agitated for 3 s (arousal 0.90, from 0.80)."),
        ("arousal", 0.1, 0.2, "The customer has sounded listless for 3 s (arousal 0.10, down to 0.20)."),
        ("silence_s", 21, 20, "The customer has said nothing for 21 s (from 20 s)."),
        ("silence_s", 240, 20, "The customer has said nothing for 4 min (from 20 s)."),
        ("talk_ratio", 0.8, 0.75, "The customer has had 80% of the talk (from 75%)."),
        ("talk_ratio", 0.1, 0.2, "The customer has had 10% of the talk (down to 20%)."),
        ("overlap_ratio", 0.3, 0.2, "Both parties have talked at once for 30% of the time (from 20%)."),
        ("interruptions", 4, 3, "The customer has interrupted 4 times (from 3)."),
        ("score", 0.05, 0.1, "The customer: score for 3 s (0.05, down to 0.10)."),
        ("overlap_ratio", 0.1, 0.2, "The customer: overlap ratio for 3 s (0.10, down to 0.20)."),
    ],
)
def test_every_measure_has_words(measure: str, value: float, threshold: float, sentence: str) -> None:
    assert said(raised(measure=measure, value=value, threshold=threshold, scores=None)).sentence == sentence


def test_of_a_whole_call_it_is_said_that_nobody_speaks() -> None:
    event = raised(measure="silence_s", value=21, threshold=20, scores=None, channel=None, speaker=None)
    assert said(event).sentence == "Nobody has spoken for 21 s (from 20 s)."


def test_long_spans_are_in_minutes() -> None:
    assert said(raised(end_s=309.5)).sentence == "The customer has sounded angry for 5 min (0.82, from 0.70)."


@pytest.mark.parametrize(
    ("roles", "speaker", "who"),
    [
        (("mixed",), "S2", "Speaker S2"),
        (("mixed",), None, "Somebody"),
        (("left", "right"), "left", "The party on the left"),
        (("supervisor",), "supervisor", "Supervisor"),
    ],
)
def test_it_is_said_who_is_meant(roles: tuple[str, ...], speaker: str | None, who: str) -> None:
    assert said(raised(speaker=speaker), roles=roles).sentence.startswith(f"{who} has sounded angry")


def test_a_critical_alert_says_so() -> None:
    assert said(raised(severity="critical", rule="high-risk")).title == "Critical: high risk in call c-17"
    assert said(raised(severity="critical")).tone == "critical"
    assert said(raised(severity="info")).tone == "info"


def test_tags_are_shown_on_one_line_and_not_endlessly() -> None:
    tags = {"team": "north", "note": "a\nb\x00\u202e" + 100 * "c"}
    assert said(raised(), tags=tags).title == f"Anger in call c-17 (note: a b  {59 * 'c'}, team: north)"


def test_a_trial_says_what_it_is() -> None:
    trial = words(Trial("desk", "2026-11-21T13:38:08.630Z", "https://desk.example/dashboard"))
    assert trial.title == "Trial of desk"
    assert trial.body == "If you can read this, alerts of Undertone reach you here.\nhttps://desk.example/dashboard"
