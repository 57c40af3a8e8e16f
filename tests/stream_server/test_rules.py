"""Alert rules over REST: set, shown, forgotten, kept over a restart, and in force at once for live calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import insert

from history.database import Database
from history.schema import alert_rules
from inference.model import Models
from monitor.analysis import Analysis, EmotionAnalysis, Role, Window
from monitor.events import AlertCleared, AlertRaised, CallEnded, decode
from monitor.labels import LABELS
from monitor.rules import AlertsConfig, Rule
from stream_server.faults import Refusal
from stream_server.live.rulebook import RuleBook, RuleView
from tests.scripted import EMOTION, of, silence, voice
from tests.stream_server.serving import ScriptedModel, heard, pcm, send_all, serving

ANGER: dict[str, Any] = {"score": {"angry": 1.0}, "above": 0.6, "for_s": 1.0}


class Furious(ScriptedModel):
    """Takes everything that it hears for anger."""

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        logits = np.zeros((1, len(LABELS)), np.float32)
        logits[0, LABELS.index("angry")] = 6.0
        frames = [window.frames for window in windows]
        return [EmotionAnalysis(np.repeat(logits, n, 0), np.ones(n, np.float32)) for n in frames]


def furious() -> Models:
    return {Role.EMOTION: Furious(Role.EMOTION, EMOTION)}


async def put(http: str, name: str, document: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=http) as client:
        return await client.put(f"/v1/rules/{name}", json=document)


async def delete(http: str, name: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=http) as client:
        return await client.delete(f"/v1/rules/{name}")


async def test_the_model_s_own_rules_are_there_from_the_start() -> None:
    async with serving() as served:
        (view,) = (await served.get("/v1/rules")).json()["rules"]
    assert view["origin"] == "default"
    assert (view["rule"]["name"], view["rule"]["above"], view["rule"]["roles"]) == ("anger", 0.7, ["*", "!agent"])


def test_a_rule_says_who_is_told_whether_it_is_on_or_gone() -> None:
    rules = (Rule(name="loud", measure="arousal", above=0.9, notify=("desk",)), Rule(name="anger", **ANGER))
    book = RuleBook(AlertsConfig(rules=rules), EMOTION, channels=("desk", "wall"))
    assert [book.told(name) for name in ("loud", "anger", "gone")] == [("desk",), None, ()]


async def test_a_rule_that_is_set_takes_the_default_s_place_until_it_is_forgotten() -> None:
    async with serving() as served:
        assert (await put(served.http, "anger", ANGER)).json()["rule"]["above"] == 0.6
        shown = (await served.get("/v1/rules/anger")).json()
        assert (shown["origin"], shown["rule"]["above"]) == ("rest", 0.6)
        assert (await delete(served.http, "anger")).status_code == 204
        assert (await served.get("/v1/rules/anger")).json()["origin"] == "default"


@pytest.mark.parametrize(
    ("name", "document", "status", "code", "reason"),
    [
        ("anger", {"score": {"angry": 1.0}}, 422, "rule.invalid", "expected one of `above` and `below`"),
        (
            "anger",
            ANGER | {"score": {"other": 1.0}},
            422,
            "rule.invalid",
            "scripted-emotion knows none of these labels",
        ),
        ("anger", ANGER | {"abov": 1}, 422, "rule.invalid", "abov"),
        ("anger", ANGER | {"above": "much"}, 422, "rule.invalid", "$.above"),
        ("anger", ANGER | {"name": "fear"}, 422, "rule.invalid", "another in the body"),
        ("anger", [1], 422, "rule.invalid", "must be a JSON object"),
        ("so angry", ANGER, 422, "rule.invalid", "a name is"),
        ("anger", ANGER | {"notify": ["desk"]}, 422, "rule.invalid", "there is no channel desk; there are none"),
    ],
)
async def test_a_rule_that_cannot_be_in_force_is_refused(
    name: str, document: Any, status: int, code: str, reason: str
) -> None:
    async with serving() as served:
        answer = await put(served.http, name, document)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert reason in answer.json()["error"]["reason"]
        assert len((await served.get("/v1/rules")).json()["rules"]) == 1


async def test_a_rule_that_was_not_set_over_rest_is_not_forgotten() -> None:
    async with serving() as served:
        fixed = await delete(served.http, "anger")
        assert (fixed.status_code, fixed.json()["error"]["code"]) == (409, "rule.fixed")
        missing = await delete(served.http, "fear")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "rule.not_found")
        assert "there are anger" in missing.json()["error"]["reason"]


async def test_a_live_call_raises_an_alert_and_a_rule_that_is_switched_off_clears_it() -> None:
    async with serving(furious()) as served, served.stream(encoding="pcm_s16le", sample_rate=16000) as call:
        for at in range(0, 96_000, 1600):
            await call.send(pcm(voice(150, 6.0)[at : at + 1600]))
        raised: list[AlertRaised] = []
        async with asyncio.timeout(10):
            async for message in call:
                event = decode(message)
                if isinstance(event, AlertRaised):
                    raised.append(event)
                    break
        assert raised[0].value > 0.9
        (alert,) = (await served.call(raised[0].call_id))["alerts"]
        assert (alert["alert_id"], alert["rule"], alert["cleared_s"]) == (f"{raised[0].call_id}:anger:1", "anger", None)
        assert (await put(served.http, "anger", ANGER | {"enabled": False})).status_code == 200
        await send_all(call, silence(0.5))
        events = await heard(call)
        (cleared,) = of(events, AlertCleared)
        assert isinstance(cleared, AlertCleared)
        assert cleared.alert_id == raised[0].alert_id
        assert events.index(cleared) < len(events) - 1
        assert isinstance(events[-1], CallEnded)


async def test_rules_outlive_the_server(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.sqlite3"
    rule = Rule(name="anger", score={"angry": 1.0}, above=0.9, tags={"queue": "billing"})
    database = Database(url)
    book = RuleBook(AlertsConfig(), EMOTION, database)
    await book.put(rule)
    await book.put(Rule(name="gone", measure="arousal", above=0.9))
    await book.remove("gone")
    database.close()
    again = RuleBook(AlertsConfig(), EMOTION, database := Database(url))
    assert again.views() == [RuleView("rest", rule)]
    database.close()


def test_a_kept_rule_that_this_version_cannot_use_is_said_to_and_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{tmp_path}/kept.sqlite3")
    with database.writing() as connection:
        connection.execute(insert(alert_rules).values(name="old", rule={"name": "old", "mood": 1}, changed_at=0.0))
    assert [view.rule.name for view in RuleBook(AlertsConfig(), EMOTION, database).views()] == ["anger"]
    assert "the rule old in the database is not in force" in caplog.text
    database.close()


async def test_a_kept_rule_whose_channels_are_gone_is_said_to_and_tells_all_that_are_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{tmp_path}/kept.sqlite3")
    book = RuleBook(AlertsConfig(), EMOTION, database, ["desk", "chat"])
    for name, notify in (("one", ("desk",)), ("both", ("desk", "chat"))):
        await book.put(Rule(name=name, score={"angry": 1.0}, above=0.9, notify=notify))
    again = RuleBook(AlertsConfig(), EMOTION, database, ["chat"])
    assert [again.told(name) for name in ("one", "both", "anger", "none")] == [None, ("desk", "chat"), None, ()]
    assert "there is no channel desk; there are chat" in caplog.text
    database.close()


async def test_without_an_emotion_model_rules_over_emotion_are_refused() -> None:
    with pytest.raises(Refusal, match="there is no emotion model"):
        await RuleBook(AlertsConfig(), None).put(Rule(name="loud", measure="arousal", above=0.9))


def test_a_rule_of_the_settings_that_names_an_unknown_channel_stops_the_start() -> None:
    config = AlertsConfig(rules=(Rule(name="anger", score={"angry": 1.0}, above=0.7, notify=("desk", "chat")),))
    with pytest.raises(ValueError, match="there is no channel desk; there are chat"):
        RuleBook(config, EMOTION, channels=("chat",))
