"""`undertone replay`: the same Session, offline."""

from __future__ import annotations

import errno
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import IO

from inference.model import specs
from monitor.events import Alert, AlertCleared, Event, encode
from monitor.turns import TurnLog, rttm
from stream_server.commands import plot
from stream_server.live import rulefile
from stream_server.live.crews import load_models
from stream_server.live.recognition import gallery_now
from stream_server.live.sessions import open_session
from stream_server.settings import Settings
from workbench import media, offline


def replay(
    settings: Settings,
    recording: Path,
    roles: tuple[str, ...],
    out: IO[bytes],
    picture: Path | None,
    turns: Path | None,
    rules: Path | None = None,
    tags: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Write the events of a recording as JSON lines to `out`; optionally a picture and an RTTM file. With a file of
    alert `rules`, these hold in place of those of the settings, and what they did is told. `tags`: of the call, for
    rules that ask for some. Exit status.

    Raises MediaError, CheckpointError, SettingsError, DatabaseError, SealError or plot.PlotError before any work is
    done where that can be told.
    """
    if rules is not None:
        settings = replace(settings, alerts=rulefile.read(rules))
    if picture is not None:
        plot.check()
    for path in (picture, turns):
        if path is not None and not path.absolute().parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "there is no folder", str(path.absolute().parent))
    audio = media.opened(media.read(recording, len(roles)))
    models = load_models(settings)
    gallery = gallery_now(settings, specs(models).speaker)
    session = open_session(settings, specs(models), "replay", roles, "replay", gallery=gallery)
    session.tags.update(tags)
    log = TurnLog()
    events: list[Event] = []
    alerts: dict[str, list[Alert]] = {}
    for event in offline.run(session, audio, models):
        log.apply(event)
        out.write(encode(event) + b"\n")
        if picture is not None:
            events.append(event)
        if isinstance(event, Alert):
            alerts.setdefault(event.alert_id, []).append(event)
    out.flush()
    if rules is not None:
        _tell(alerts.values())
    if turns is not None:
        turns.write_text(rttm(log.turns(), recording.stem), encoding="utf-8")
        print(f"wrote {turns}", file=sys.stderr)
    if picture is not None:
        plot.draw(events, log.turns(), picture, recording.name)
        print(f"drew {picture}", file=sys.stderr)
    return 0


def _tell(alerts: Collection[Sequence[Alert]]) -> None:
    """What the rules did, a line for each alert."""
    for events in alerts:
        raised, last = events[0], events[-1]
        until = f"until {last.t:.1f} s" if isinstance(last, AlertCleared) else "to the end"
        who = f" by {last.speaker}" if last.speaker else ""
        span = f"evidence {last.start_s:.1f} to {last.end_s:.1f} s"
        print(
            f"{raised.rule} ({raised.severity}){who}: raised at {raised.t:.1f} s, {until}; {raised.measure} "
            f"{last.value:g}, level {last.threshold:g}; {span}",
            file=sys.stderr,
        )
    print(f"{len(alerts)} alerts" if alerts else "no rule would have raised an alert", file=sys.stderr)
