"""Settings of what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

Days = Annotated[float, Ge(0), Le(36_500)]


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """Settings of the database, and of how long what is in it is kept; 0: for ever."""

    url: str = "sqlite:///undertone.sqlite3"
    "Database: sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME, or empty: nothing outlives the server"
    calls_days: Days = 365.0
    "Days after which a call goes, with everything that is known of it; 0: never (so for all of these)"
    seconds_days: Days = 90.0
    "Days after which the emotion by the second of a call goes"
    turns_days: Days = 365.0
    "Days after which the turns of a call, its changes of speaker and its warnings go"
    alerts_days: Days = 365.0
    "Days after which the alerts of a call and its notes go"
    audit_days: Days = 730.0
    "Days after which it is forgotten who did what"
    trends_days: Days = 1825.0
    "Days after which the sums go that trends are made of; they name no call"
