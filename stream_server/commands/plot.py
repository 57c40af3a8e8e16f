"""A picture of a call: emotion over time, arousal, speakers, speech."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from monitor.events import CallStarted, Emotion, Event, SpeakerChanged
from monitor.turns import Turn

# As in frontend_static/shared (theme.css, labels.js): colours that the colour-blind tell apart, neutral on top.
COLOURS = {
    "angry": "#d55e00",
    "fearful": "#cc79a7",
    "sad": "#0072b2",
    "disgusted": "#00855f",
    "surprised": "#56b4e9",
    "happy": "#f0c419",
    "other": "#8a6a3f",
    "unknown": "#6d7783",
    "neutral": "#c3cbd4",
}
LANES = ("#4a5fc1", "#14808a", "#a3527f", "#7d6a12", "#5d7f2e", "#8a5a3b")


class PlotError(Exception):
    """A picture was asked for and cannot be drawn."""


def check() -> None:
    """Raises PlotError if what draws is not installed."""
    if find_spec("matplotlib") is None:
        raise PlotError("--plot needs matplotlib: pip install 'undertone[plot]' (make install does)")


def draw(events: Sequence[Event], turns: Sequence[Turn], path: Path, title: str) -> None:
    """Write the picture of a finished call to `path`, in the format of its suffix."""
    check()
    from matplotlib.figure import Figure

    started = next(event for event in events if isinstance(event, CallStarted))
    shown = [channel for channel in started.channels if channel.emotion]
    known = started.models["emotion"].labels if "emotion" in started.models else []
    end = max((event.t for event in events), default=1.0)
    figure = Figure(figsize=(14, 2.6 * max(1, len(shown)) + 1.8), layout="constrained")
    axes = figure.subplots(len(shown) + 1, 1, sharex=True, squeeze=False, height_ratios=[3] * len(shown) + [1.2])[:, 0]
    for axis, channel in zip(axes, shown, strict=False):
        points = [event for event in events if isinstance(event, Emotion) and event.channel == channel.channel]
        _draw_emotion(axis, points, known)
        axis.set_ylabel(f"{channel.role}: share of emotion")
    if shown:
        axes[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    changes = [event.t for event in events if isinstance(event, SpeakerChanged) and event.from_ is not None]
    _draw_speakers(axes[-1], turns, changes, end)
    axes[0].set_title(title, loc="left")
    axes[-1].set_xlim(0, end)
    axes[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=110)


def _draw_emotion(axis: Any, points: Sequence[Emotion], known: Sequence[str]) -> None:
    """Stacked scores; a break wherever nothing was usable."""
    for run in _runs(points):
        base = [0.0] * len(run)
        times = [point.t for point in run]
        for label in (label for label in COLOURS if label in known):
            top = [low + point.scores[label] for low, point in zip(base, run, strict=True)]
            axis.fill_between(times, base, top, color=COLOURS[label], linewidth=0)
            base = top
        axis.plot(times, [point.arousal for point in run], color="black", linewidth=1.2)
    for label in (label for label in COLOURS if label in known):
        axis.fill_between([], [], [], color=COLOURS[label], label=label)
    axis.plot([], [], color="black", label="arousal")
    axis.set_ylim(0, 1)


def _runs(points: Sequence[Emotion]) -> list[list[Emotion]]:
    runs: list[list[Emotion]] = [[]]
    for point in points:
        if point.label is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if len(run) > 1]


def _draw_speakers(axis: Any, turns: Sequence[Turn], changes: Sequence[float], end: float) -> None:
    names = sorted({turn.speaker or "?" for turn in turns})
    for at, name in enumerate(names):
        spans = [
            (turn.start, (end if turn.end is None else turn.end) - turn.start)
            for turn in turns
            if (turn.speaker or "?") == name
        ]
        axis.broken_barh(spans, (at - 0.4, 0.8), color=LANES[at % len(LANES)])
    for change in changes:
        axis.axvline(change, color="black", linewidth=0.6, alpha=0.5)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.6, max(1, len(names)) - 0.4)
