"""From settings to a Session: the one place where the sections that it reads are picked."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.analysis import Specs
from monitor.gallery import Gallery
from monitor.rules import Rule
from monitor.session import Session
from stream_server.settings import Settings


def open_session(
    settings: Settings,
    specs: Specs,
    call_id: str,
    roles: tuple[str, ...],
    transport: str,
    rules: Iterable[Rule] | None = None,
    gallery: Gallery | None = None,
) -> Session:
    """A Session for a live call or for a recording. `rules`: by default those of the settings; `gallery`: the people
    who are to be recognised."""
    return Session(
        call_id,
        roles,
        specs,
        transport=transport,
        monitor=settings.monitor,
        endpointing=settings.vad,
        tracking=settings.tracking,
        rules=settings.alerts.in_force(specs.emotion) if rules is None else rules,
        gallery=gallery,
    )
