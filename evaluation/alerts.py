"""How soon an alert rule notices what it is to notice, and how often it cries wolf, over a sweep of its level.

Episodes are those of `evaluation.episodes`; where nobody should be noticed at all is what `--calm` names. Everything
goes through the Session once, as a call does; then the same alert machine that watches live calls hears its events once
for each level.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgspec
import numpy as np
from rich.console import RenderableType

from evaluation.conditions import CONDITIONS
from evaluation.episodes import EpisodeStream, build
from evaluation.manifest import Entry, EvaluationError, Manifest
from evaluation.nonspeech import decoded, heard, recordings
from evaluation.report import Results, progress, table
from inference.model import Models
from monitor.alerting import Alarms
from monitor.events import AlertCleared, AlertRaised, Emotion
from monitor.rules import Rule
from stream_server.settings import Settings
from vad.grid import SAMPLE_RATE_HZ

ROLE = "caller"
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


def evaluate(
    manifest: Manifest,
    models: Models,
    settings: Settings,
    rules: Sequence[Rule],
    levels: Sequence[float],
    calm: Sequence[Path],
    conditions: Sequence[str],
    seed: int,
    false_per_hour: float,
) -> Results:
    """Per condition and rule of emotion: its own level, and the sweep over `levels`, each with its clear level as far
    below as the rule has it. `chosen`: the lowest level at which a calm hour has no more than `false_per_hour` alerts,
    None if there is none. Raises EvaluationError."""
    judged = [rule for rule in rules if rule.score is not None]
    if not judged:
        raise EvaluationError("no rule is over emotion scores; what others do shows undertone replay --rules")
    horizon_s = settings.monitor.exact_horizon_s
    out: Results = {"horizon_s": horizon_s, "hop_s": settings.monitor.exact_hop_s, "conditions": {}}
    for condition in conditions:
        quiet = [_calm(path, models, settings, condition) for folder in calm for path in recordings(folder)]
        found: Results = {"calm_minutes": sum(each.duration_s for each in quiet) / 60, "rules": {}}
        for rule in judged:
            course = Course(_streams(manifest, models, settings, rule, condition, seed), quiet)
            found["rules"][rule.name] = _swept(rule, course, horizon_s, levels, false_per_hour)
        out["conditions"][condition] = found
    return out


def alarms(rule: Rule, heard: Heard, horizon_s: float) -> list[Span]:
    """From when to when alerts of a rule stand in a recording."""
    machine = Alarms("c", (ROLE,), {}, [rule], horizon_s)
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


def noticed(rule: Rule, course: Course, horizon_s: float) -> Results:
    """An episode is found if an alert stands at any time from its start to one horizon after its end; how long that
    takes is counted from its start. An alert that is raised at any other time is false; the hours by which those of the
    streams are counted are the rest of them, in which people are happy, afraid or sad."""
    delays: list[float] = []
    episodes = false = 0
    other_s = 0.0
    for stream in course.streams:
        raised = alarms(rule, stream, horizon_s)
        spans = [(start, end + horizon_s) for start, end in stream.episodes]
        episodes += len(spans)
        for start, end in spans:
            standing = [max(alarm[0] - start, 0.0) for alarm in raised if alarm[0] < end and alarm[1] > start]
            delays += [min(standing)] if standing else []
        false += sum(not any(start <= alarm[0] < end for start, end in spans) for alarm in raised)
        other_s += stream.duration_s - _overlap_s([(0.0, stream.duration_s)], spans)
    calm_s = sum(each.duration_s for each in course.calm)
    cried = sum(len(alarms(rule, each, horizon_s)) for each in course.calm)
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
    for condition, found in results["conditions"].items():
        for name, row in found["rules"].items():
            title = f"Rule {name}, {condition}: {row['streams']} streams, {row['minutes']:.0f} minutes"
            rows = {f"from {each['level']:g}": each for each in row["sweep"]} | {"as it stands": row["own"]}
            yield table(f"{title}; {found['calm_minutes']:.0f} calm minutes", rows, "level")
            chosen = "no level of the sweep" if row["chosen"] is None else f"from {row['chosen']:g}"
            yield f"At most {row['false_per_hour']:g} false alerts in a calm hour: {chosen}\n"


def draw(results: Results, path: Path) -> None:
    """The sweep as a picture: a panel for each rule, found episodes against false alerts per hour."""
    from matplotlib.figure import Figure

    conditions: Mapping[str, Results] = results["conditions"]
    names = list(next(iter(conditions.values()))["rules"])
    figure = Figure(figsize=(6.2 * len(names), 4.6), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for panel, name in zip(panels, names, strict=True):
        for condition, colour in zip(conditions, ("#0072b2", "#d55e00", "#00855f"), strict=False):
            rows = conditions[condition]["rules"][name]["sweep"]
            share = [100 * row["found"] / max(1, row["episodes"]) for row in rows]
            for key, style in (("false_per_hour_calm", "-"), ("false_per_hour_other_emotions", ":")):
                of = "calm speech" if key.endswith("calm") else "other strong emotions"
                panel.plot([row[key] or 0.0 for row in rows], share, style, color=colour, marker="o", ms=3,
                           label=f"{condition}, {of}")  # fmt: skip
            for row, y in list(zip(rows, share, strict=True))[::2]:
                panel.annotate(f"{row['level']:.2f}", (row["false_per_hour_calm"] or 0.0, y), fontsize=7,
                               textcoords="offset points", xytext=(4, -8))  # fmt: skip
        panel.set_title(f"{name}: from which level on", loc="left")
        panel.set_xscale("symlog", linthresh=1)
        panel.set_xlabel("false alerts per hour")
        panel.set_ylabel("episodes noticed, %")
        panel.set_ylim(0, 102)
        panel.grid(alpha=0.3)
    panels[-1].legend(fontsize=7, loc="lower right")
    figure.savefig(path, dpi=110)


def _swept(rule: Rule, course: Course, horizon_s: float, levels: Sequence[float], false_per_hour: float) -> Results:
    gap = rule.clear_level - rule.threshold
    sweep = [
        noticed(msgspec.structs.replace(rule, **_at(rule, level, gap)), course, horizon_s)
        for level in progress(levels, f"rule {rule.name}")
    ]
    good = [row["level"] for row in sweep if (row["false_per_hour_calm"] or 0.0) <= false_per_hour]
    return {
        "streams": len(course.streams),
        "minutes": sum(stream.duration_s for stream in course.streams) / 60,
        "own": noticed(rule, course, horizon_s),
        "sweep": sweep,
        "false_per_hour": false_per_hour,
        "chosen": (min if rule.above is not None else max)(good, default=None) if course.calm else None,
    }


def _at(rule: Rule, level: float, gap: float) -> dict[str, float]:
    """The fields that make a rule one of another level."""
    return {"above" if rule.above is not None else "below": level, "clear": round(max(0.0, level + gap), 4)}


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
    return {name: getattr(event, name) for name in ("label", "scores", "arousal", "reliability", "speaker")}


def _overlap_s(some: Sequence[Span], others: Sequence[Span]) -> float:
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in some for b in others)
