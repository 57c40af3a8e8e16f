"""Times as they are kept, seconds since 1970, and as they are told: RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def told(at: float) -> str:
    """Such as 2026-11-21T13:37:56.079Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def kept(at: str) -> float:
    """Seconds since 1970 of a time or of the beginning of a day (RFC 3339); without a zone UTC. Raises ValueError."""
    read = datetime.fromisoformat(at)
    return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp()
