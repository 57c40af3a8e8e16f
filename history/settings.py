"""Settings of what is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """Settings of the database."""

    url: str = "sqlite:///undertone.sqlite3"
    "Database: sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME, or empty: nothing outlives the server"
