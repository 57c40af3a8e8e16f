"""`undertone replay`: the same Session, offline."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import IO

from inference.model import specs
from monitor.events import Event, encode
from monitor.turns import TurnLog, rttm
from stream_server import media, offline, plot
from stream_server.crews import load_models
from stream_server.recognition import open_recognition
from stream_server.sessions import open_session
from stream_server.settings import Settings


def replay(
    settings: Settings,
    recording: Path,
    roles: tuple[str, ...],
    out: IO[bytes],
    picture: Path | None,
    turns: Path | None,
) -> int:
    """Write the events of a recording as JSON lines to `out`; optionally a picture and an RTTM file. Exit status.

    Raises MediaError, CheckpointError, DatabaseError, SealError or plot.PlotError before any work is
    done where that can be told.
    """
    if picture is not None:
        plot.check()
    for path in (picture, turns):
        if path is not None and not path.absolute().parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "there is no folder", str(path.absolute().parent))
    audio = media.opened(media.read(recording, len(roles)))
    models = load_models(settings)
    recognition = open_recognition(settings, specs(models).speaker)
    gallery = None if recognition is None else recognition.gallery
    session = open_session(settings, specs(models), "replay", roles, "replay", gallery)
    if recognition is not None:
        recognition.close()
    log = TurnLog()
    events: list[Event] = []
    for event in offline.run(session, audio, models):
        log.apply(event)
        out.write(encode(event) + b"\n")
        if picture is not None:
            events.append(event)
    out.flush()
    if turns is not None:
        turns.write_text(rttm(log.turns(), recording.stem), encoding="utf-8")
        print(f"wrote {turns}", file=sys.stderr)
    if picture is not None:
        plot.draw(events, log.turns(), picture, recording.name)
        print(f"drew {picture}", file=sys.stderr)
    return 0
