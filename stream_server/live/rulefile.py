"""Alert rules in a file of their own, to be tried out on recordings."""

from __future__ import annotations

from pathlib import Path

from monitor.rules import AlertsConfig
from stream_server.settings import load


def read(file: Path) -> AlertsConfig:
    """The section [alerts] of a TOML file, which may be a whole undertone.toml. Raises SettingsError."""
    return load({}, {}, file).alerts
