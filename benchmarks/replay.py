"""`python -m benchmarks.replay RECORDING`: how much faster than real time a recording is analysed, and on what."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from evaluation.caching import WrappedModel
from evaluation.manifest import data_folder
from inference.model import CheckpointError, Model, Models, specs, warm_up
from monitor.analysis import Analysis, Window
from monitor.events import encode
from stream_server.live.crews import load_models
from stream_server.live.sessions import open_session
from stream_server.settings import Settings, SettingsError
from stream_server.settings import load as load_settings
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media, offline
from workbench.media import MediaError

GOAL_RATIO = 1 / 20


class TimedModel(WrappedModel):
    """A model with a stop-watch."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.seconds = 0.0
        self.windows = 0

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        began_s = time.perf_counter()
        answers = self.inner.analyse(windows)
        self.seconds += time.perf_counter() - began_s
        self.windows += len(windows)
        return answers


@dataclass
class TimedAudio:
    """The blocks of a recording with a stop-watch on their decoding, and their length."""

    path: Path
    channels: int
    seconds: float = 0.0
    duration_s: float = 0.0
    _blocks: Iterator[Samples] = field(init=False)

    def __post_init__(self) -> None:
        self._blocks = media.read(self.path, self.channels)

    def __iter__(self) -> Iterator[Samples]:
        while True:
            began_s = time.perf_counter()
            block = next(self._blocks, None)
            self.seconds += time.perf_counter() - began_s
            if block is None:
                return
            self.duration_s += block.shape[1] / SAMPLE_RATE_HZ
            yield block


@dataclass(frozen=True, slots=True)
class Pace:
    """Where the time went, in seconds of wall time; `duration_s` is the recording's length."""

    duration_s: float
    taken_s: float
    decoding_s: float
    models_s: dict[str, float]
    windows: dict[str, int]
    events: int

    @property
    def ratio(self) -> float:
        return self.taken_s / self.duration_s

    @property
    def session_s(self) -> float:
        """What is left: speech detection, windows, rolling scores, tracking, encoding the events."""
        return self.taken_s - self.decoding_s - sum(self.models_s.values())


def measure(recording: Path, roles: tuple[str, ...], models: Models, settings: Settings) -> Pace:
    """Time one replay, from the open file to the encoded events. Raises MediaError."""
    timed = {role: TimedModel(model) for role, model in models.items()}
    audio = TimedAudio(recording, len(roles))
    session = open_session(settings, specs(models), "replay", roles, "replay")
    began_s = time.perf_counter()
    events = sum(bool(encode(event)) for event in offline.run(session, audio, dict(timed)))
    taken_s = time.perf_counter() - began_s
    return Pace(
        audio.duration_s,
        taken_s,
        audio.seconds,
        {str(role): model.seconds for role, model in timed.items()},
        {str(role): model.windows for role, model in timed.items()},
        events,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; a goal that is missed is said, and no failure."""
    usual = data_folder() / "conversations" / "auto_repairs_40.flac"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__.split("\n")[0])
    parser.add_argument("recording", type=Path, nargs="?", default=usual, help="anything FFmpeg reads")
    parser.add_argument("--channels", type=int, choices=(1, 2), default=1, help="2 keeps the parties apart (default 1)")
    parser.add_argument("--threads", type=int, help="processor threads for the models (default: as `undertone replay`)")
    parser.add_argument("--repeat", type=int, default=1, help="times over; the fastest counts (default 1)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures there")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings({}, os.environ, None)
        models = load_models(settings)
        if options.threads:
            torch.set_num_threads(options.threads)
        threads = torch.get_num_threads()
        for model in models.values():
            warm_up(model, offline.BATCH)
        roles = ("mixed",) if options.channels == 1 else ("customer", "agent")
        paces = [measure(options.recording, roles, models, settings) for _ in range(max(1, options.repeat))]
    except (MediaError, CheckpointError, SettingsError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    pace = min(paces, key=lambda pace: pace.taken_s)
    print(
        f"{options.recording.name}: {pace.duration_s:.1f} s of call in {pace.taken_s:.2f} s on {threads} "
        f"thread(s), 1/{1 / pace.ratio:.0f} of its length, {pace.events} events"
    )
    parts = {"decoding": pace.decoding_s, "session": pace.session_s}
    parts |= {f"{role} model, {pace.windows[role]} windows": seconds for role, seconds in pace.models_s.items()}
    for name, seconds in parts.items():
        print(f"  {name:30}{seconds:8.2f} s{100 * seconds / pace.taken_s:6.0f} %")
    print(f"goal 1/{1 / GOAL_RATIO:.0f} of the length: {'met' if pace.ratio <= GOAL_RATIO else 'MISSED'}")
    busy = os.getloadavg()[0]
    if busy > 0.5 + threads:
        print(f"the machine is busy with other things (load {busy:.1f}): the figures are worse than they need be")
    if options.json is not None:
        document = {
            "duration_s": round(pace.duration_s, 3),
            "taken_s": round(pace.taken_s, 3),
            "ratio": round(pace.ratio, 5),
            "parts_s": {name.split(" ")[0]: round(seconds, 3) for name, seconds in parts.items()},
            "windows": pace.windows,
            "threads": threads,
        }
        options.json.write_text(json.dumps(document) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
