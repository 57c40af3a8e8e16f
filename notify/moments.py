"""Times as they are written: RFC 3339 in UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: float) -> str:
    """Of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def seconds_of(moment: str) -> float:
    """Since 1970, of what `moment` gave."""
    return datetime.fromisoformat(moment).timestamp()
