"""`python -m benchmarks.cost [RECORDING]`: what the models cost, in ms of one core per second of call audio.

As many calls as asked for play the same two-party recording, each from another place, in lockstep: every 100 ms all
their new windows form the batches. Only the models' own time counts, wrapping and padding included, on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from evaluation.manifest import data_folder
from inference.allocation import keep_freed_memory
from inference.loading import load
from inference.model import CheckpointError, Models, specs, warm_up
from monitor.analysis import Role, Window
from monitor.session import Session
from stream_server.live.sessions import open_session
from stream_server.settings import Settings, SettingsError
from stream_server.settings import load as load_settings
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media
from workbench.media import MediaError

TICK_SAMPLES = SAMPLE_RATE_HZ // 10
GOAL_MS = 1.5
CALLS = (1, 16, 64, 200)
Cost = dict[str, float]


def measure(audio: Samples, models: Models, settings: Settings, calls: int, seconds: float) -> Cost:
    """Per role, ms of one core's time per second of call audio; and windows per second and call.

    `audio`: (samples,). The calls begin evenly spread over it and go round at its end.
    """
    sessions = [open_session(settings, specs(models), f"c{n}", ("mixed",), "replay") for n in range(calls)]
    starts = [n * len(audio) // calls for n in range(calls)]
    spent_s: defaultdict[Role, float] = defaultdict(float)
    counted: defaultdict[Role, int] = defaultdict(int)
    for tick in range(round(seconds * SAMPLE_RATE_HZ / TICK_SAMPLES)):
        for session, start in zip(sessions, starts, strict=True):
            at = (start + tick * TICK_SAMPLES + np.arange(TICK_SAMPLES)) % len(audio)
            session.receive_audio(0, audio[at])
        waiting = [(session, window) for session in sessions for window in session.take_windows()]
        while waiting:
            for role in models:
                spent_s[role] += _answer(models, role, [pair for pair in waiting if pair[1].role is role], counted)
            waiting = [(session, window) for session in sessions for window in session.take_windows()]
        for session in sessions:
            session.take_events()
    heard_s = calls * seconds
    return {
        **{f"{role}_ms": 1000 * spent_s[role] / heard_s for role in models},
        **{f"{role}_windows": counted[role] / heard_s for role in models},
    }


def _answer(models: Models, role: Role, pairs: list[tuple[Session, Window]], counted: dict[Role, int]) -> float:
    """Answer the windows of one role, in batches; the seconds that the model took."""
    model, spent_s = models[role], 0.0
    for first in range(0, len(pairs), model.max_batch):
        batch = pairs[first : first + model.max_batch]
        began_s = time.thread_time()
        analyses = model.analyse([window for _, window in batch])
        spent_s += time.thread_time() - began_s
        for (session, window), analysis in zip(batch, analyses, strict=True):
            session.receive_analysis(window.number, analysis)
    counted[role] += len(pairs)
    return spent_s


def machine_gflops(rounds: int = 5) -> float:
    """How fast this core multiplies matrices of the networks' shape now, in 10^9 operations per second: machines that
    are shared are not always the same."""
    left, right, times = torch.randn(1600, 384), torch.randn(384, 128), 100
    best_s = float("inf")
    for _ in range(rounds):
        began_s = time.thread_time()
        for _ in range(times):
            left @ right
        best_s = min(best_s, time.thread_time() - began_s)
    return 2 * left.numel() * right.shape[1] * times / best_s / 1e9


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; a goal that is missed is said, and no failure."""
    usual = data_folder() / "conversations" / "auto_repairs_40.flac"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__.split("\n")[0])
    parser.add_argument("recording", type=Path, nargs="?", default=usual, help="a two-party call")
    parser.add_argument("--calls", type=int, nargs="+", default=CALLS, help="how many at once (default 1 16 64 200)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each call (default 20)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures there")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()  # as the server does
    try:
        settings = load_settings({}, os.environ, None)
        audio = np.concatenate([block[0] for block in media.read(options.recording, 1)])
        rows: dict[int, Cost] = {}
        for calls in options.calls:
            models = load(settings.models.emotion, settings.models.speaker, "cpu", settings.vad.backend != "webrtcvad")
            for model in models.values():
                warm_up(model, min(calls, model.max_batch))
            seconds = options.seconds if calls > 1 else 5 * options.seconds
            rows[calls] = measure(audio, models, settings, calls, seconds)
    except (MediaError, CheckpointError, SettingsError) as error:
        print(f"cost: {error}", file=sys.stderr)
        return 1
    names = [model.spec.name for model in models.values()]
    print(f"ms of one core per second of call audio ({', '.join(names)}; {options.recording.name}, one channel)")
    print(f"this core multiplies matrices at {machine_gflops():.0f} GFLOP/s")
    print(f"{'calls':>6}" + "".join(f"{role:>10}" for role in models) + f"{'emotion + speaker':>20}")
    for calls, row in rows.items():
        both = sum(row.get(f"{role}_ms", 0.0) for role in (Role.EMOTION, Role.SPEAKER))
        print(f"{calls:6}" + "".join(f"{row[f'{role}_ms']:10.2f}" for role in models) + f"{both:20.2f}")
    last = list(rows.values())[-1]
    both = sum(last.get(f"{role}_ms", 0.0) for role in (Role.EMOTION, Role.SPEAKER))
    print(f"goal, emotion and speaker together: {GOAL_MS} ms; {'met' if both <= GOAL_MS else 'MISSED'}")
    if options.json is not None:
        options.json.write_text(json.dumps({str(calls): row for calls, row in rows.items()}) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
