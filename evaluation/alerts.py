"""How soon an alert rule notices what it is to notice, and how often it cries wolf, over a sweep of its level.

Episodes are those of `evaluation.episodes`; where nobody should be noticed at all is what `--calm` names. Everything
goes through the Session once, as a call does; then the same alert machine that watches live calls hears its events once
for each level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from rich.console import RenderableType

from evaluation.conditions import CONDITIONS
from evaluation.episodes import EpisodeStream, build
from evaluation.manifest import Entry, EvaluationError, Manifest
from evaluation.nonspeech import decoded, heard, recordings
from evaluation.report import Results, progress, table
from inference.model import Models, specs
from monitor.alerting import Alarms
from monitor.analysis import EmotionSpec
from monitor.events import AlertCleared, AlertRaised, Emotion
from monitor.rules import Rule
from stream_server.settings import Settings
from vad.grid import SAMPLE_RATE_HZ

ROLE = "caller"
COLOURS = ("#0072b2", "#d55e00", "#00855f", "#cc79a7", "#56b4e9", "#f0c419")
FIELDS = ("label", "scores", "arousal", "reliability", "speech_s", "snr_db", "speaker")
"""What the machine asks of an `emotion` event."""
MARKED = (0.5, 0.7, 0.9)
"""Levels whose numbers stand in the picture."""
MOST_RECORDINGS = 250
"""Of one speaker; more than fit into a stream."""
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Heard:
    """The `emotion` events of a recording, and the spans in it that are to be noticed, in seconds."""

    events: Sequence[Emotion]
    duration_s: float
    episodes: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """What a rule is measured on: streams with episodes, and calls in which there is nothing to notice."""

    streams: Sequence[Heard]
    calm: Sequence[Heard]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is tried: `levels`, each for `for_s`; how many false alerts a calm hour may have where it is good."""

    levels: Sequence[float]
    for_s: Sequence[float]
    false_per_hour: float = 1.0


def evaluate(
    manifest: Manifest,
    models: Models,
    settings: Settings,
    rules: Sequence[Rule],
    sweep: Sweep,
    calm: Sequence[Path],
    conditions: Sequence[str],
    seed: int,
) -> Results:
    """Per rule of emotion and condition: the rule as it stands, and the sweep, in which the clear level is as far from
    the level as the rule has it. `chosen`: what notices most episodes of those that are good in every condition, None
    if there is none or nothing is calm. Roles and tags that a rule asks for do not count. Raises EvaluationError."""
    whoever: dict[str, Any] = {"roles": ("*",), "tags": {}, "enabled": True}
    judged = [msgspec.structs.replace(rule, **whoever) for rule in rules if rule.score is not None]
    if not judged:
        raise EvaluationError("no rule is over emotion scores; what others do shows undertone replay --rules")
    spec = specs(models).emotion
    assert spec is not None
    horizon_s = settings.monitor.exact_horizon_s
    out: Results = {"horizon_s": horizon_s, "hop_s": settings.monitor.exact_hop_s, "rules": {}}
    quiet = {
        condition: [_calm(path, models, settings, condition) for folder in calm for path in recordings(folder)]
        for condition in conditions
    }
    for rule in judged:
        found: dict[str, Results] = {}
        for condition in conditions:
            streams = _streams(manifest, models, settings, rule, condition, seed)
            found[condition] = _swept(rule, Course(streams, quiet[condition]), horizon_s, spec, sweep)
        out["rules"][rule.name] = {
            "conditions": found,
            "false_per_hour": sweep.false_per_hour,
            "chosen": _chosen([each["sweep"] for each in found.values()], sweep.false_per_hour) if calm else None,
        }
    return out


def alarms(rule: Rule, heard: Heard, horizon_s: float, spec: EmotionSpec) -> list[Span]:
    """From when to when alerts of a rule stand in a recording."""
    machine = Alarms("c", (ROLE,), {}, [rule], horizon_s, spec)
    out: list[Span] = []
    raised = 0.0
    for event in [*heard.events, None]:
        said = machine.finish(heard.duration_s) if event is None else machine.heard(0, event.t, _fields(event))
        for kind, t, _, _ in said:
            if kind is AlertRaised:
                raised = t
            elif kind is AlertCleared:
                out.append((raised, t))
    return out


def noticed(rule: Rule, course: Course, horizon_s: float, spec: EmotionSpec) -> Results:
    """An episode is found if an alert stands at any time from its start to one horizon after its end; how long that
    takes is counted from its start. An alert that is raised at any other time is false; the hours by which those of the
    streams are counted are the rest of them, in which people are happy, afraid or sad."""
    delays: list[float] = []
    episodes = false = 0
    other_s = 0.0
    for stream in course.streams:
        raised = alarms(rule, stream, horizon_s, spec)
        spans = [(start, end + horizon_s) for start, end in stream.episodes]
        episodes += len(spans)
        for start, end in spans:
            standing = [max(alarm[0] - start, 0.0) for alarm in raised if alarm[0] < end and alarm[1] > start]
            delays += [min(standing)] if standing else []
        false += sum(not any(start <= alarm[0] < end for start, end in spans) for alarm in raised)
        other_s += stream.duration_s - _overlap_s([(0.0, stream.duration_s)], spans)
    calm_s = sum(each.duration_s for each in course.calm)
    cried = sum(len(alarms(rule, each, horizon_s, spec)) for each in course.calm)
    return {
        "level": rule.threshold,
        "clear": rule.clear_level,
        "for_s": rule.for_s,
        "episodes": episodes,
        "found": len(delays),
        "time_to_detect_s_p50": float(np.median(delays)) if delays else None,
        "time_to_detect_s_p90": float(np.quantile(delays, 0.9)) if delays else None,
        "false_per_hour_other_emotions": false / other_s * 3600 if other_s else None,
        "false_per_hour_calm": cried / calm_s * 3600 if calm_s else None,
    }


def shown(results: Results) -> Iterator[RenderableType]:
    for name, found in results["rules"].items():
        for condition, row in found["conditions"].items():
            title = f"Rule {name}, {condition}: {row['streams']} streams, {row['minutes']:.0f} minutes"
            rows = {"as it stands": row["own"]} | {_named(each): each for each in row["sweep"]}
            yield table(f"{title}; {row['calm_minutes']:.0f} calm minutes", rows, "rule")
        chosen = found["chosen"]
        good = "nothing in the sweep" if chosen is None else f"{_named(chosen)}, over below {chosen['clear']:g}"
        yield f"{name}, at most {found['false_per_hour']:g} false alerts in a calm hour: {good}\n"


def draw(results: Results, path: Path) -> None:
    """The sweep as a picture: a panel for each rule and condition, found episodes against false alerts per hour."""
    from matplotlib.figure import Figure

    rules = results["rules"]
    conditions = list(next(iter(rules.values()))["conditions"])
    figure = Figure(figsize=(5.4 * len(conditions), 3.6 * len(rules)), layout="constrained")
    axes = figure.subplots(len(rules), len(conditions), squeeze=False, sharex=True, sharey=True)
    for (name, found), row_of_axes in zip(rules.items(), axes, strict=True):
        for (condition, row), axis in zip(found["conditions"].items(), row_of_axes, strict=True):
            _draw_sweep(axis, row["sweep"])
            axis.axvline(found["false_per_hour"], color="black", linewidth=0.6, linestyle=":")
            axis.set_title(f"{name}, {condition}", loc="left")
        row_of_axes[0].set_ylabel("episodes noticed, %")
    for axis in axes[-1]:
        axis.set_xlabel("false alerts in an hour of calm speech")
    axes[0][-1].legend(fontsize=8, title="level, which lasts", title_fontsize=8, loc="upper left")
    figure.savefig(path, dpi=110)


def _draw_sweep(axis: Any, sweep: Sequence[Results]) -> None:
    for for_s, colour in zip(sorted({each["for_s"] for each in sweep}), COLOURS, strict=False):
        own = [each for each in sweep if each["for_s"] == for_s]
        false = [each["false_per_hour_calm"] or 0.0 for each in own]
        share = [100 * each["found"] / max(1, each["episodes"]) for each in own]
        axis.plot(false, share, color=colour, marker="o", ms=3, label=f"for {for_s:g} s")
        for each, x, y in zip(own, false, share, strict=True):
            if round(each["level"], 2) in MARKED:
                axis.annotate(f"{each['level']:g}", (x, y), fontsize=7, textcoords="offset points", xytext=(3, -8))
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xlim(left=-0.05)
    axis.grid(alpha=0.3)


def _named(row: Results) -> str:
    return f"from {row['level']:g} for {row['for_s']:g} s"


def _swept(rule: Rule, course: Course, horizon_s: float, spec: EmotionSpec, sweep: Sweep) -> Results:
    tried = [at for for_s in sweep.for_s for level in sweep.levels if (at := _at(rule, level, for_s)) is not None]
    return {
        "streams": len(course.streams),
        "minutes": sum(stream.duration_s for stream in course.streams) / 60,
        "calm_minutes": sum(each.duration_s for each in course.calm) / 60,
        "own": noticed(rule, course, horizon_s, spec),
        "sweep": [noticed(each, course, horizon_s, spec) for each in progress(tried, f"rule {rule.name}")],
    }


def _chosen(sweeps: Sequence[Sequence[Results]], false_per_hour: float) -> Results | None:
    """What notices most in all conditions together; of equals, what cries wolf less, and then what lasts longer."""
    best, best_worth = None, (0.0, 0.0, 0.0)
    for rows in zip(*sweeps, strict=True):
        false = max(row["false_per_hour_calm"] or 0.0 for row in rows)
        worth = (float(sum(row["found"] for row in rows)), -false, rows[0]["for_s"])
        if false <= false_per_hour and worth > best_worth:
            best, best_worth = {key: rows[0][key] for key in ("level", "clear", "for_s")}, worth
    return best


def _at(rule: Rule, level: float, for_s: float) -> Rule | None:
    """The rule at another level, None if its measure never reaches it; its clear level no further than it can be."""
    side = {"above": level} if rule.above is not None else {"below": level}
    gap = rule.clear_level - rule.threshold
    for clear in (round(level + gap, 4), level):
        try:
            return msgspec.structs.replace(rule, clear=clear, for_s=for_s, **side)
        except ValueError:
            continue
    return None


def _streams(
    manifest: Manifest, models: Models, settings: Settings, rule: Rule, condition: str, seed: int
) -> list[Heard]:
    """A stream of each speaker who is what the rule is to notice in some recordings, and not in others."""
    assert rule.score is not None
    wanted = {label for label, weight in rule.score.items() if weight > 0}
    out = []
    for speaker, entries in progress(list(manifest.by_speaker().items()), f"{rule.name}, {condition}"):
        rng = np.random.default_rng([seed, crc32(speaker.encode())])
        stream = _stream([entry for entry in entries if entry.emotion], manifest, wanted, rng)
        if stream is not None and stream.episodes:
            audio = CONDITIONS[condition](stream.audio, crc32(speaker.encode()))
            out.append(Heard(heard(audio, models, settings), stream.duration_s, stream.episodes))
    return out


def _stream(
    entries: Sequence[Entry], manifest: Manifest, wanted: set[str], rng: np.random.Generator
) -> EpisodeStream | None:
    if not 0 < sum(entry.emotion in wanted for entry in entries) < len(entries):
        return None
    enough = [entries[place] for place in rng.permutation(len(entries))[:MOST_RECORDINGS]]
    clips = [(entry.emotion in wanted, samples) for entry, samples in manifest.audio(enough)]
    return build([s for is_wanted, s in clips if is_wanted], [s for is_wanted, s in clips if not is_wanted], rng)


def _calm(path: Path, models: Models, settings: Settings, condition: str) -> Heard:
    audio = CONDITIONS[condition](decoded(path), crc32(path.name.encode()))
    return Heard(heard(audio, models, settings), len(audio) / SAMPLE_RATE_HZ)


def _fields(event: Emotion) -> dict[str, object]:
    return {name: getattr(event, name) for name in FIELDS}


def _overlap_s(some: Sequence[Span], others: Sequence[Span]) -> float:
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in some for b in others)
