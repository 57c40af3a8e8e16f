"""`undertone models`: what is there, what it knows, under which licence, and how fast it is here."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from inference.catalogue import MODELS, kept
from inference.loading import WEIGHTS, embedded, silero
from inference.model import CheckpointError, Model
from monitor.analysis import EmotionSpec, Role, SpeakerSpec, Spec, Stream, Window
from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.listener import BLOCK_FRAMES

STREAMS = 16
TIMED_S = 2.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A model of this installation. `ms_per_s`: ms of one core per second of audio, 16 calls at once, measured now."""

    name: str
    role: str
    knows: str
    window_s: float
    megabytes: float | None
    licence: str
    ms_per_s: float
    source: str


def show(as_json: bool) -> int:
    """Print the models, as a table or as JSON; the exit status is 1 if one of them cannot be loaded."""
    torch.set_num_threads(1)
    listed: list[Listed] = []
    damaged: list[str] = []
    for load, megabytes, source in _there():
        try:
            listed.append(_listed(load(), megabytes, source))
        except CheckpointError as error:
            damaged.append(str(error))
    if as_json:
        print(json.dumps([asdict(model) for model in listed], indent=2))
    else:
        _print(listed)
    for message in damaged:
        print(f"undertone: {message}", file=sys.stderr)
    return 1 if damaged else 0


def _there() -> Iterator[tuple[Callable[[], Model], float | None, str]]:
    for path in sorted(WEIGHTS.glob("*.safetensors")):
        yield partial(embedded, path, "cpu"), path.stat().st_size / 1e6, "built in"
    yield partial(silero, "cpu"), None, "silero-vad"


def knows(spec: Spec) -> str:
    """What a model can say, in words."""
    match spec:
        case EmotionSpec():
            return ", ".join(spec.labels) + ", arousal"
        case SpeakerSpec():
            return f"{spec.embedding_size}-d embedding"
        case _:
            return "speech or not"


def _listed(model: Model, megabytes: float | None, source: str) -> Listed:
    spec = model.spec
    length_s = spec.window_samples / SAMPLE_RATE_HZ
    ms = round(_ms_per_s(model), 2)
    return Listed(
        spec.name, model.role.value, knows(spec), length_s, megabytes and round(megabytes, 1), spec.licence, ms, source
    )


def _ms_per_s(model: Model) -> float:
    """Let the model hear `STREAMS` streams of noise, window after window as calls bring them."""
    hop = SAMPLE_RATE_HZ // 2 if model.role is not Role.SPEECH else BLOCK_FRAMES * FRAME_SAMPLES
    length = model.spec.window_samples
    audio = np.random.default_rng(0).normal(0, 0.1, length + round(TIMED_S * SAMPLE_RATE_HZ)).astype(np.float32)
    streams = [Stream() for _ in range(STREAMS)]
    began_s = 0.0
    for turn, end in enumerate(range(length, len(audio), hop)):
        model.analyse([Window(0, model.role, 0, end, audio[end - length : end], stream) for stream in streams])
        if turn == 0:  # which computes whole windows
            began_s = time.perf_counter()
    return 1000 * (time.perf_counter() - began_s) / (STREAMS * turn * hop / SAMPLE_RATE_HZ)


def _print(listed: list[Listed]) -> None:
    table = Table(
        title="Models in this installation",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=True,
    )
    for column in ("name", "size", "speed", "licence", "source"):
        table.add_column(column, no_wrap=True)
    for model in listed:
        size = "" if model.megabytes is None else f"{model.megabytes:.1f} MB"
        table.add_row(model.name, size, f"{model.ms_per_s:.1f} ms/s", model.licence, model.source)
    console = Console()
    console.print(table)
    for model in listed:
        console.print(f"{model.name} ({model.role}) knows: {model.knows}.")
    console.print("Speed here: ms of one core per second of audio, 16 calls at once.")
    if any("NC" in model.licence for model in listed):
        console.print("NC: not for commercial use; for production, emotion2vec+ and CAM++ are meant:")
    else:
        console.print("Others:")
    for name, about in MODELS.items():
        pulled = "pulled" if kept(name) else f"undertone models pull {name}"
        console.print(f"  {name} ({about.role}): {pulled}", soft_wrap=True)
