"""From settings to channels."""

from __future__ import annotations

from collections.abc import Mapping

from notify.alertmanager import Alertmanager
from notify.channel import Channel, ChannelError
from notify.service import Service
from notify.settings import AlertmanagerConfig, AppriseConfig, NotifyConfig, WebhookConfig
from notify.webhook import Webhook


def open_channels(config: NotifyConfig, environ: Mapping[str, str]) -> list[Channel]:
    """Every channel, ready. Raises ChannelError, which names the one that cannot be used."""
    channels = []
    for name, each in config.channels.items():
        try:
            channels.append(_opened(name, each, config.timeout_s, environ))
        except (ChannelError, ValueError) as error:
            raise ChannelError(f"notify.channels.{name}: {error}") from None
    return channels


def _opened(
    name: str,
    config: WebhookConfig | AlertmanagerConfig | AppriseConfig,
    timeout_s: float,
    environ: Mapping[str, str],
) -> Channel:
    match config:
        case WebhookConfig():
            return Webhook(name, config, config.key(environ), timeout_s)
        case AlertmanagerConfig():
            return Alertmanager(name, config, timeout_s)
        case AppriseConfig():
            return Service(name, config.address(environ), config.updates, timeout_s)
