"""`undertone models`: what is there, what it knows, and under which licence."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from inference.checkpoint import CheckpointError
from inference.model import WEIGHTS, EmbeddedEmotion, EmbeddedSpeaker
from monitor.analysis import EmotionSpec, SpeakerSpec
from vad.resample import SAMPLE_RATE_HZ


def show() -> int:
    """Print a table of the embedded models; the exit status is 1 if one of them cannot be loaded."""
    table = Table(title="Models in this installation", title_justify="left")
    table.add_column("name", no_wrap=True)
    for column in ("role", "knows", "window", "size", "licence of the weights"):
        table.add_column(column)
    damaged: list[str] = []
    for path in sorted(WEIGHTS.glob("*.safetensors")):
        try:
            spec = _spec(path.stem)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        emotion = isinstance(spec, EmotionSpec)
        knows = ", ".join(spec.labels) if isinstance(spec, EmotionSpec) else f"{spec.embedding_size}-d embedding"
        table.add_row(
            spec.name,
            "emotion" if emotion else "speaker",
            knows,
            f"{spec.window_samples / SAMPLE_RATE_HZ:g} s",
            f"{path.stat().st_size / 1e6:.1f} MB",
            spec.licence,
        )
    Console().print(table)
    for message in damaged:
        print(f"undertone: {message}", file=sys.stderr)
    return 1 if damaged else 0


def _spec(name: str) -> EmotionSpec | SpeakerSpec:
    path = WEIGHTS / f"{name}.safetensors"
    try:
        return EmbeddedEmotion(path, "cpu").spec
    except CheckpointError:
        return EmbeddedSpeaker(path, "cpu").spec
