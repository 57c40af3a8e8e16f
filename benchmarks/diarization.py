"""`python -m benchmarks.diarization`: who spoke when, held against a reference.

To tune the tracker, load the models once and evaluate many times; only what no settings have asked before is computed:

    models = load_models()
    for switch in (0.002, 0.01):
        settings = Settings(tracking=TrackingConfig(switch=switch))
        print(pooled([evaluate(recording, models, settings) for recording in conversations()]).line())
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.caching import caching
from benchmarks.changes import TOLERANCE_S, changes, matched
from benchmarks.recordings import Recording, Reference, conversations, read_rttm
from benchmarks.scores import HEADING, Result, pooled
from inference.batcher import checked
from inference.model import Models, load, specs
from monitor.analysis import Missing, Role
from monitor.events import Event, SpeakerChanged
from monitor.session import Session, State
from monitor.turns import TurnLog
from stream_server import media
from stream_server.sessions import open_session
from stream_server.settings import ModelsConfig, Settings
from stream_server.settings import load as load_settings
from vad.pcm import Samples
from vad.resample import SAMPLE_RATE_HZ

__all__ = ["Result", "conversations", "evaluate", "load_models", "pooled"]

BLOCK_SAMPLES = SAMPLE_RATE_HZ // 10


def load_models(config: ModelsConfig = ModelsConfig()) -> Models:
    """The speaker model, with a memory. Speakers do not depend on the emotion model, so there is none.

    One thread: windows are asked for one by one, and threads that wait for each other cost more than they bring.
    """
    torch.set_num_threads(config.threads or 1)
    return caching(load("none", config.speaker, config.device))


def evaluate(recording: Recording, models: Models, settings: Settings) -> Result:
    """Run the Session over a recording in blocks of 100 ms and hold its turns against the reference.

    Raises MediaError, OSError or ValueError if the recording or its reference cannot be read.
    """
    reference = read_rttm(recording.rttm.read_text(encoding="utf-8"))
    blocks = audio_blocks(recording.audio, len(recording.roles))
    session = open_session(settings, specs(models), recording.name, recording.roles, "replay")
    log = TurnLog()
    latencies_s: list[float] = []
    for position_s, event in _heard(session, blocks, models):
        log.apply(event)
        if isinstance(event, SpeakerChanged) and event.from_ is not None:
            latencies_s.append(position_s - event.t)
    duration_s = session.duration_s
    turns = [
        Reference(turn.speaker, turn.start, duration_s if turn.end is None else turn.end)
        for turn in log.turns()
        if turn.speaker is not None
    ]
    expected = changes((turn.start, turn.speaker) for turn in reference)
    found = changes((turn.start, turn.speaker) for turn in turns)
    errors = _speaker_time(reference, turns, duration_s)
    return Result(
        recording.name,
        len(expected),
        len(found),
        len(matched(expected, found)),
        errors["total"],
        errors["confusion"],
        errors["missed detection"],
        errors["false alarm"],
        len({turn.speaker for turn in reference}),
        len({turn.speaker for turn in turns}),
        tuple(latencies_s),
    )


@lru_cache(maxsize=16)
def audio_blocks(path: Path, channels: int) -> tuple[Samples, ...]:
    """A recording in blocks of 100 ms, shape (channels, n)."""
    whole = np.concatenate(list(media.read(path, channels)), axis=1)
    return tuple(whole[:, at : at + BLOCK_SAMPLES] for at in range(0, whole.shape[1], BLOCK_SAMPLES))


def _heard(session: Session, blocks: Sequence[Samples], models: Models) -> list[tuple[float, Event]]:
    """The events, each with the position in the call that had been received when it came out."""
    arrivals: list[tuple[float, Event]] = []
    received = 0
    for block in blocks:
        for channel, samples in enumerate(block):
            session.receive_audio(channel, samples)
        received += block.shape[1]
        _answer(session, models)
        arrivals += [(received / SAMPLE_RATE_HZ, event) for event in session.take_events()]
    session.finish("finished")
    while session.state is not State.ENDED:
        _answer(session, models)
    arrivals += [(received / SAMPLE_RATE_HZ, event) for event in session.take_events()]
    return arrivals


def _answer(session: Session, models: Models) -> None:
    windows = session.take_windows()
    for window in windows:
        model = models.get(window.role)
        if model is None:
            session.receive_analysis(window.number, Missing.FAILED)
        else:
            session.receive_analysis(window.number, checked(model.analyse(window.samples[None])[0], model.spec))


def _speaker_time(reference: Sequence[Reference], found: Sequence[Reference], duration_s: float) -> dict[str, float]:
    """Seconds of each kind of error, without a collar and with overlaps, over the whole recording."""
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(turns: Sequence[Reference]) -> Any:
        out = Annotation()
        for track, turn in enumerate(turns):
            out[Segment(turn.start, turn.end), track] = turn.speaker
        return out

    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    whole = Timeline([Segment(0.0, duration_s)])
    return dict(metric(annotation(reference), annotation(found), uem=whole, detailed=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate the conversations of the data folder; the exit status."""
    known = {recording.name: recording for recording in conversations()}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diarization", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones (default all): {', '.join(known)}")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures there")
    options = parser.parse_args(arguments)
    if strange := [name for name in options.names if name not in known]:
        parser.error(f"there is no conversation {strange[0]!r}; there are {', '.join(known)}")
    if find_spec("pyannote") is None:
        print("the evaluation needs pyannote.metrics: pip install --group evaluate", file=sys.stderr)
        return 2
    recordings = [known[name] for name in options.names or known]
    if absent := [recording for recording in recordings if not recording.audio.is_file()]:
        print(f"{absent[0].audio} is not there; set UNDERTONE_DATA to the folder of recordings", file=sys.stderr)
        return 2
    settings = load_settings({}, os.environ, None)
    models = load_models(settings.models)
    print(
        f"{models[Role.SPEAKER].spec.name}; a change is right within {TOLERANCE_S} s; DER without collar, with overlap"
    )
    print(HEADING)
    results: list[Result] = []
    for recording in recordings:
        results.append(evaluate(recording, models, settings))
        print(results[-1].line(), flush=True)
    tracked = [result for result, recording in zip(results, recordings, strict=True) if len(recording.roles) == 1]
    if len(tracked) > 1:
        print(pooled(tracked, "one-channel ones pooled").line())
    print("latency: call audio heard beyond the change when it was told; the models' own time comes on top")
    if options.json is not None:
        document = {"recordings": [result.document() for result in results]}
        if len(tracked) > 1:
            document["pooled"] = [pooled(tracked).document()]
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
