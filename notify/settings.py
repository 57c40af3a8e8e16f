"""Settings of notification: the channels, as people write them down, and how long they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from annotated_types import Ge, Gt, Le

from monitor.rules import NAME
from notify.addresses import is_public
from notify.signing import signing_key

ENV_PREFIX = "UNDERTONE_"


class ChannelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A channel that is told when an alert is raised and when it is over; with `updates`, in between too."""

    updates: bool = False


class WebhookConfig(
    ChannelConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="webhook"
):
    """A program: JSON by POST, signed with `secret` or with what the environment variable `secret_env` holds. Addresses
    that are none of the public internet's are refused unless `allow_private`."""

    url: str
    secret: str = ""
    secret_env: str = ""
    allow_private: bool = False

    def __post_init__(self) -> None:
        host = _host_of(self.url)
        if not self.allow_private and _is_special(host):
            raise ValueError(f"{host} is no address of the public internet; allow_private = true allows it")
        _either("secret", self.secret, self.secret_env)
        if self.secret:
            signing_key(self.secret)

    def key(self, environ: Mapping[str, str]) -> bytes:
        """Raises ValueError if there is none."""
        return signing_key(self.secret or _from_environment(environ, self.secret_env))


class AlertmanagerConfig(
    ChannelConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="alertmanager"
):
    """Prometheus' Alertmanager at `url`, such as http://localhost:9093."""

    url: str

    def __post_init__(self) -> None:
        _host_of(self.url)


class AppriseConfig(
    ChannelConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="apprise"
):
    """A service that Apprise knows, by its `url` (slack://..., mailto://...), or `url_env`: the environment
    variable that holds it."""

    url: str = ""
    url_env: str = ""

    def __post_init__(self) -> None:
        _either("url", self.url, self.url_env)

    def address(self, environ: Mapping[str, str]) -> str:
        """Raises ValueError if there is none."""
        return self.url or _from_environment(environ, self.url_env)


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """Settings of notification."""

    channels: dict[str, WebhookConfig | AlertmanagerConfig | AppriseConfig] = field(default_factory=dict)
    "Who is told of alerts, each a table [notify.channels.NAME] with a kind: webhook, alertmanager or apprise"
    timeout_s: Annotated[float, Gt(0), Le(120)] = 10.0
    "Seconds that a channel may take to answer"
    first_retry_s: Annotated[float, Gt(0), Le(3600)] = 5.0
    "Most seconds before the second try; twice as many before each one after it"
    longest_retry_s: Annotated[float, Gt(0), Le(86400)] = 3600.0
    "Most seconds from one try to the next"
    give_up_s: Annotated[float, Ge(0), Le(30 * 86400)] = 86400.0
    "Seconds after which what could not be delivered has failed; it is kept, and can be sent again by hand"
    keep_days: Annotated[float, Gt(0), Le(36500)] = 30.0
    "Days for which what was delivered or has failed is kept"

    def __post_init__(self) -> None:
        for name in self.channels:
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"channels: {name!r} is no name: 1 to 64 letters, digits, `.`, `_`, `-`, first a letter or digit"
                )
        if self.first_retry_s > self.longest_retry_s:
            raise ValueError("first_retry_s is more than longest_retry_s")


def _host_of(url: str) -> str:
    """Raises ValueError for what is no address that can be posted to; it does not show the address."""
    parts = urlsplit(url)
    if not url.isascii() or parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ValueError("url: expected http://HOST/... or https://HOST/..., in ASCII")
    if parts.username is not None or parts.port == 0:
        raise ValueError("url: a user, a password and port 0 are not supported in it")
    return parts.hostname


def _is_special(host: str) -> bool:
    """Whether it is written as an address that is not public; a name may yet lead to one."""
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _either(name: str, value: str, variable: str) -> None:
    if bool(value) == bool(variable):
        raise ValueError(f"expected one of `{name}` and `{name}_env`")
    if variable.startswith(ENV_PREFIX):
        raise ValueError(f"{name}_env: {variable} would be a setting; its name must not begin with {ENV_PREFIX}")


def _from_environment(environ: Mapping[str, str], variable: str) -> str:
    if not environ.get(variable):
        raise ValueError(f"the environment variable {variable} is not set")
    return environ[variable]
