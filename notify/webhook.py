"""Programs that are told by signed JSON."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from monitor.events import event_type
from notify.channel import Channel
from notify.network import PublicOnly
from notify.notice import Told, Trial
from notify.posting import Answer, Poster
from notify.settings import WebhookConfig
from notify.signing import signed

TRIAL = "channel.trial"


class Webhook(Channel):
    """Posts `{"type", "timestamp", "data"}`, signed as Standard Webhooks has it."""

    def __init__(self, name: str, config: WebhookConfig, key: bytes, timeout_s: float) -> None:
        super().__init__(name, "webhook", urlsplit(config.url).netloc, config.updates)
        self._key = key
        self._poster = Poster(config.url, timeout_s, None if config.allow_private else PublicOnly())

    def payload(self, told: Told) -> str:
        data: dict[str, object] = {"link": told.link}
        if isinstance(told, Trial):
            kind = TRIAL
            data["channel"] = told.channel
        else:
            kind = event_type(told.event)
            data |= {"event_id": told.event.id, "event": told.event, "call": told.call}
        return msgspec.json.encode({"type": kind, "timestamp": told.at, "data": data}).decode()

    async def send(self, message_id: str, payload: str, now_s: float) -> Answer:
        body = payload.encode()
        return await self._poster.post(body, signed(self._key, message_id, now_s, body))

    async def close(self) -> None:
        await self._poster.close()
