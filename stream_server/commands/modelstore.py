"""`undertone models pull NAME` and `undertone models check PATH`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from inference import hub
from inference.loading import load_file
from inference.model import CheckpointError, timed_s
from inference.precision import Precision
from inference.published import PublishedEmotion, said
from inference.reuse import Shortcuts
from stream_server.commands.modellist import knows
from vad.grid import SAMPLE_RATE_HZ


def pull(names: Sequence[str]) -> int:
    """Fetch models into the cache; the exit status."""
    for name in names:
        try:
            folder = hub.pull(name)
        except CheckpointError as error:
            print(f"undertone: {error}", file=sys.stderr)
            return 1
        print(f"{name} is in {folder}")
    return 0


def check(path: Path) -> int:
    """Say what a checkpoint is, once each of its tensors was found in its place and a window of silence has gone
    through the network; the exit status."""
    torch.set_num_threads(1)
    try:
        model = load_file(path.expanduser(), "cpu", Shortcuts(precision=Precision.AUTO))
    except CheckpointError as error:
        print(f"undertone: {error}", file=sys.stderr)
        return 1
    spec, ms = model.spec, 1000 * timed_s(model)
    print(f"{path} is whole: {spec.name}, for {model.role}; knows {knows(spec)}; licence: {spec.licence}")
    print(f"one window of {spec.window_samples / SAMPLE_RATE_HZ:g} s takes {ms:.0f} ms of one core here")
    if isinstance(model, PublishedEmotion):
        print(said(model.choice))
    return 0
