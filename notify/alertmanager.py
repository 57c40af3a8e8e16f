"""Prometheus' Alertmanager, by its API v2.

Alertmanager keeps states, not messages: an alert holds until its `endsAt`. So every open alert is sent with an end a
few minutes ahead and sent again before that; when the server dies, its alerts end by themselves.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from monitor.events import AlertCleared
from notify.channel import Channel
from notify.moments import moment, seconds_of
from notify.notice import Notice, Told, Trial
from notify.posting import Answer, Poster
from notify.settings import AlertmanagerConfig
from notify.wording import words

log = logging.getLogger("undertone.notify")
NAME = "UndertoneAlert"
TRIAL = "UndertoneTrial"
LIFETIME_S = 240.0
"""So far ahead an open alert's end is put."""
REPEAT_S = 60.0
TRIAL_S = 60.0
MOST_OPEN = 10_000
"""Open alerts that are said again; those beyond end in Alertmanager after LIFETIME_S."""
AT_A_TIME = 500
UNFIT = re.compile(r"[^a-zA-Z0-9_]")


class Alertmanager(Channel):
    """One message after the other, so that what is said again never overtakes what is over."""

    at_once = 1
    repeat_every_s = REPEAT_S

    def __init__(self, name: str, config: AlertmanagerConfig, timeout_s: float) -> None:
        super().__init__(name, "alertmanager", urlsplit(config.url).netloc, config.updates)
        self._poster = Poster(f"{config.url.rstrip('/')}/api/v2/alerts", timeout_s)
        self._open: dict[str, dict[str, Any]] = {}

    def payload(self, told: Told) -> str:
        """One alert as JSON, with `endsAt` if it is over, and with the labels with which it began: they identify it."""
        if isinstance(told, Trial):
            labels = {"alertname": TRIAL, "channel": told.channel}
            alert = {"labels": labels, "startsAt": told.at, "endsAt": moment(seconds_of(told.at) + TRIAL_S)}
            return msgspec.json.encode(alert | _said(told)).decode()
        began = self._open.pop(told.event.alert_id, None) or {"labels": _labels(told), "startsAt": told.at}
        alert = began | _said(told)
        if isinstance(told.event, AlertCleared):
            return msgspec.json.encode(alert | {"endsAt": told.at}).decode()
        if len(self._open) < MOST_OPEN:
            self._open[told.event.alert_id] = alert
        return msgspec.json.encode(alert).decode()

    async def send(self, message_id: str, payload: str, now_s: float) -> Answer:
        alert = msgspec.json.decode(payload)
        return await self._post([{"endsAt": moment(now_s + LIFETIME_S)} | alert])

    async def repeat(self, now_s: float) -> None:
        alerts = [alert | {"endsAt": moment(now_s + LIFETIME_S)} for alert in self._open.values()]
        for at in range(0, len(alerts), AT_A_TIME):
            answer = await self._post(alerts[at : at + AT_A_TIME])
            if answer.problem is not None:
                log.warning("channel %s: open alerts could not be said again: %s", self.name, answer.problem)
                return

    def call_over(self, call_id: str) -> None:
        for alert_id in [key for key, alert in self._open.items() if alert["labels"]["call_id"] == call_id]:
            del self._open[alert_id]

    async def close(self) -> None:
        await self._poster.close()

    async def _post(self, alerts: list[dict[str, Any]]) -> Answer:
        return await self._poster.post(msgspec.json.encode(alerts), {})


def _labels(notice: Notice) -> dict[str, str]:
    """What tells the alert from others. Labels without a value are left out, as Prometheus does."""
    event = notice.event
    labels = {
        "alertname": NAME,
        "rule": event.rule,
        "severity": event.severity,
        "call_id": event.call_id,
        "role": notice.role,
        "speaker": event.speaker,
    } | {f"tag_{UNFIT.sub('_', key)}": value for key, value in notice.call.tags.items()}
    return {name: value for name, value in labels.items() if value}


def _said(told: Told) -> dict[str, Any]:
    """What people read of it; unlike labels it may change."""
    said = words(told)
    annotations = {"summary": f"{said.title}: {said.sentence}", "link": said.link}
    return {"annotations": annotations, "generatorURL": said.link}
