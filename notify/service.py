"""Slack, Teams, DingTalk, Feishu, WeCom, PagerDuty, mail and many others, by the library Apprise (extra `services`)."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from notify.channel import Channel, ChannelError
from notify.notice import Told
from notify.posting import DELIVERED, Answer
from notify.secrets import Secrets
from notify.wording import Tone, words

KINDS: dict[Tone, str] = {"info": "info", "warning": "warning", "critical": "failure", "over": "success"}
"""Apprise's names of what we call a tone."""
GRACE_S = 1.0
"""So much longer than Apprise itself one waits for it."""


class Service(Channel):
    """Apprise blocks, so it runs in threads; one that does not come back keeps its thread, and no more are started."""

    at_once = 2

    def __init__(self, name: str, url: str, updates: bool, timeout_s: float) -> None:
        """Raises ChannelError; it does not show the url, which is a secret."""
        try:
            import apprise
        except ModuleNotFoundError:
            raise ChannelError("kind apprise needs a library: pip install 'undertone[services]'") from None
        self._apprise = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Undertone", storage_mode="memory"))
        if not self._apprise.add(url):
            raise ChannelError("url is none of a service that Apprise knows, or something is missing in it")
        super().__init__(name, "apprise", url.partition(":")[0], updates)
        self._secrets = Secrets(url)
        # What a service says against a message may quote its address, and so does Apprise's own log.
        self._log = apprise.logger
        self._log.addFilter(self._secrets.filter)
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(self.at_once, f"undertone-{name}")

    def payload(self, told: Told) -> str:
        said = words(told)
        return msgspec.json.encode({"title": said.title, "body": said.body, "kind": KINDS[said.tone]}).decode()

    async def send(self, message_id: str, payload: str, now_s: float) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s + GRACE_S):
                sending = asyncio.get_running_loop().run_in_executor(
                    self._threads, self._send, msgspec.json.decode(payload)
                )
                return await sending
        except TimeoutError:
            return Answer(f"no answer within {self._timeout_s:g} s")

    def _send(self, message: dict[str, Any]) -> Answer:
        result = self._apprise.notify(
            title=message["title"],
            body=message["body"],
            notify_type=message["kind"],
            body_format="text",
            timeout=self._timeout_s,
        )
        if result:
            return DELIVERED
        said = [entry.message for entry in result.logs()]
        return Answer(self._secrets.kept(said[-1]) if said else f"Apprise says {result.status.name.lower()}, no more")

    async def close(self) -> None:
        self._log.removeFilter(self._secrets.filter)
        self._threads.shutdown(wait=False, cancel_futures=True)
