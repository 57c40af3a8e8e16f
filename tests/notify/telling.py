"""A server as far as notification goes, to be killed: `python -m tests.notify.telling DATABASE URL [tell]`."""

from __future__ import annotations

import asyncio
import sys

from history.database import Database
from notify.delivery import Notifier
from notify.settings import NotifyConfig, WebhookConfig
from notify.signing import signing_key
from notify.webhook import Webhook
from tests.notify.receiving import CALL, SECRET, raised


async def serve(database_url: str, url: str, told: bool) -> None:
    config = NotifyConfig()
    channel = Webhook("desk", WebhookConfig(url=url, secret=SECRET, allow_private=True), signing_key(SECRET), 60.0)
    notifier = Notifier(config, [channel], Database(database_url), "https://desk.example")
    notifier.start()
    if told:
        notifier.tell(raised(), CALL)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], "tell" in sys.argv[3:]))
