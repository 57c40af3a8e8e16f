"""What REST says of notification: the channels, and what became of what they were told."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import FastAPI, Path, Query, Response

from notify.delivery import ChannelState, Notifier
from notify.moments import moment
from notify.outbox import Kept, State
from stream_server.bodies import answers, json
from stream_server.faults import Refusal

MOST = 500
"""Notifications in one answer."""


class ChannelView(msgspec.Struct, frozen=True):
    """A channel: where it leads, without secrets; `waiting` and `failed`: how many notifications of it are so."""

    name: str
    kind: str
    target: str
    updates: bool
    waiting: int
    failed: int


class ChannelList(msgspec.Struct, frozen=True):
    """All channels that are configured."""

    channels: list[ChannelView]


class TrialView(msgspec.Struct, frozen=True):
    """What became of a trial message; `problem` is null if it was delivered."""

    delivered: bool
    problem: str | None


class NotificationView(msgspec.Struct, frozen=True):
    """What became of one message. Times are RFC 3339 in UTC; `next_at`: when it is tried again, null unless it waits;
    `done_at`: when it was delivered or given up; `problem`: why the last attempt failed."""

    id: str
    channel: str
    event_id: str
    call_id: str
    state: State
    attempts: int
    created_at: str
    next_at: str | None
    done_at: str | None
    problem: str | None


class NotificationList(msgspec.Struct, frozen=True):
    """Newest first; `next`: the `after` of the page that follows, null on the last one."""

    notifications: list[NotificationView]
    next: str | None


SHAPES = (ChannelList, TrialView, NotificationView, NotificationList)


def add_notifications(app: FastAPI, notifier: Notifier | None) -> None:
    """The routes; without a notifier there are no channels and no notifications."""

    @app.get("/v1/channels", tags=["notifications"], responses=answers(ChannelList))
    async def list_channels() -> Response:
        """Who is told of alerts."""
        states = await notifier.channels() if notifier else []
        return json(ChannelList([_channel(state) for state in states]))

    @app.post("/v1/channels/{name}/test", tags=["notifications"], responses=answers(TrialView))
    async def try_channel(name: Annotated[str, Path(max_length=64)]) -> Response:
        """Send a trial message, once; answers when it has arrived or not."""
        if notifier is None or not notifier.has(name):
            raise Refusal("channel.not_found", f"there is no channel {name!r}")
        answer = await notifier.try_out(name)
        return json(TrialView(answer.problem is None, answer.problem))

    @app.get("/v1/notifications", tags=["notifications"], responses=answers(NotificationList))
    async def list_notifications(
        state: Annotated[State | None, Query(description="only these")] = None,
        channel: Annotated[str | None, Query(description="only for this channel")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
        after: Annotated[str | None, Query(description="`next` of the page before")] = None,
    ) -> Response:
        """What was to be told to whom, and what became of it, newest first."""
        kept = await notifier.listed(state, channel, limit + 1, after) if notifier else []
        page = kept[:limit]
        following = page[-1].id if len(kept) > limit else None
        return json(NotificationList([_notification(each) for each in page], following))

    @app.post("/v1/notifications/{message_id}/retry", tags=["notifications"], responses=answers(NotificationView))
    async def retry_notification(message_id: str) -> Response:
        """Send at once what has failed or still waits."""
        kept = await notifier.retry(message_id) if notifier else None
        if kept is None:
            raise Refusal("notification.not_found", f"there is no notification {message_id[:64]!r}")
        if kept.state == "delivered":
            raise Refusal("notification.delivered", "it was delivered; it is not sent again")
        return json(_notification(kept))


def _channel(state: ChannelState) -> ChannelView:
    channel = state.channel
    return ChannelView(channel.name, channel.kind, channel.target, channel.updates, state.waiting, state.failed)


def _notification(kept: Kept) -> NotificationView:
    return NotificationView(
        id=kept.id,
        channel=kept.channel,
        event_id=kept.event_id,
        call_id=kept.call_id,
        state=kept.state,
        attempts=kept.attempts,
        created_at=moment(kept.created_at),
        next_at=moment(kept.next_at) if kept.state == "waiting" else None,
        done_at=None if kept.done_at is None else moment(kept.done_at),
        problem=kept.problem,
    )
