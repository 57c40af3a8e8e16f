"""Anger in a stream of one voice: how soon a rule notices it, and how often it cries wolf.

The recordings of one speaker follow each other with pauses of 0.3-1 s. Their order is drawn by a seed, but for the
angry ones: they stand together in episodes of at least 8 s with at least 20 s of other emotions before each, for a rule
is not meant to notice a single sentence. Everything goes through the Session as a call does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from rich.console import RenderableType

from evaluation.conditions import CONDITIONS, frame_energies
from evaluation.manifest import AUDIO_SUFFIXES, EvaluationError, Manifest
from evaluation.report import Results, progress, table
from evaluation.rules import Rule, alarms
from inference.model import Models, specs
from monitor.analysis import Role
from monitor.events import Emotion
from monitor.labels import LABELS
from stream_server.sessions import open_session
from stream_server.settings import Settings
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media, offline

EPISODE_S = 8.0
BEFORE_S = 20.0
LONGEST_S = 180.0
PAUSE_S = (0.3, 1.0)
BLOCK_SAMPLES = SAMPLE_RATE_HZ // 2


@dataclass(frozen=True, slots=True)
class AngerStream:
    """`audio` (n,), and the episodes of anger in it, from the first to the last sample, in seconds."""

    audio: Samples
    episodes: tuple[tuple[float, float], ...]

    @property
    def duration_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE_HZ


def build(angry: Sequence[Samples], others: Sequence[Samples], rng: np.random.Generator) -> AngerStream:
    """One speaker's recordings in a row, about three minutes at most, ending with an episode of anger."""
    waiting = {
        True: [angry[place] for place in rng.permutation(len(angry))],
        False: [others[place] for place in rng.permutation(len(others))],
    }
    parts: list[Samples] = []
    episodes: list[tuple[float, float]] = []
    at = 0
    while at < LONGEST_S * SAMPLE_RATE_HZ and waiting[False] and _lasts(waiting[True], EPISODE_S):
        for is_angry, least_s in ((False, BEFORE_S), (True, EPISODE_S)):
            start = at
            while waiting[is_angry] and at - start < least_s * SAMPLE_RATE_HZ:
                clip = waiting[is_angry].pop()
                pause = _pause(clip, rng)
                parts += [clip, pause]
                at += len(clip) + len(pause)
            if is_angry:
                episodes.append((start / SAMPLE_RATE_HZ, (at - len(pause)) / SAMPLE_RATE_HZ))
    return AngerStream(np.concatenate(parts) if parts else np.zeros(0, np.float32), tuple(episodes))


def heard(audio: Samples, models: Models, settings: Settings) -> list[Emotion]:
    """The `emotion` events of a call that is this audio."""
    session = open_session(settings, specs(models), "evaluation", ("caller",), "replay")
    blocks = (audio[None, at : at + BLOCK_SAMPLES] for at in range(0, len(audio), BLOCK_SAMPLES))
    return [event for event in offline.run(session, blocks, models) if isinstance(event, Emotion)]


def evaluate(
    manifest: Manifest, models: Models, settings: Settings, conditions: Sequence[str], rules: Sequence[Rule], seed: int
) -> Results:
    """Per condition and rule, over one stream of each speaker who is angry in some recordings and not in others."""
    out: Results = {"horizon_s": settings.monitor.horizon_s, "hop_s": settings.monitor.hop_s, "conditions": {}}
    for condition in conditions:
        said: list[tuple[AngerStream, list[Emotion]]] = []
        for speaker, entries in progress(list(manifest.by_speaker().items()), f"anger in streams, {condition}"):
            rng = np.random.default_rng([seed, crc32(speaker.encode())])
            labelled = [entry for entry in entries if entry.emotion]
            if not 0 < sum(entry.emotion == "angry" for entry in labelled) < len(labelled):
                continue
            enough = [labelled[i] for i in rng.permutation(len(labelled))[:250]]
            clips = [(entry.emotion == "angry", samples) for entry, samples in manifest.audio(enough)]
            stream = build([s for angry, s in clips if angry], [s for angry, s in clips if not angry], rng)
            audio = CONDITIONS[condition](stream.audio, crc32(speaker.encode()))
            said.append((stream, heard(audio, models, settings)))
        out["conditions"][condition] = {
            rule.text: noticed(rule, said, settings.monitor.horizon_s) for rule in rules
        } | {"streams": len(said), "minutes": sum(stream.duration_s for stream, _ in said) / 60}
    return out


def noticed(rule: Rule, said: Sequence[tuple[AngerStream, Sequence[Emotion]]], horizon_s: float) -> Results:
    """An episode is found if an alarm stands at any time from its start to one horizon after its end; how long that
    takes is counted from its start. An alarm raised at any other time is false."""
    delays: list[float] = []
    episodes = false = 0
    calm_s = false_s = 0.0
    for stream, events in said:
        raised = alarms(rule, events, stream.duration_s)
        spans = [(start, end + horizon_s) for start, end in stream.episodes]
        episodes += len(spans)
        for start, end in spans:
            standing = [max(alarm.start - start, 0.0) for alarm in raised if alarm.start < end and alarm.end > start]
            delays += [min(standing)] if standing else []
        false += sum(not any(start <= alarm.start < end for start, end in spans) for alarm in raised)
        calm_s += stream.duration_s - _overlap_s([(0.0, stream.duration_s)], spans)
        times = [(alarm.start, alarm.end) for alarm in raised]
        false_s += sum(end - start for start, end in times) - _overlap_s(times, spans)
    return {
        "episodes": episodes,
        "found": len(delays),
        "time_to_detect_s_p50": float(np.median(delays)) if delays else None,
        "time_to_detect_s_p90": float(np.quantile(delays, 0.9)) if delays else None,
        "false_alarms": false,
        "false_alarms_per_hour": false / calm_s * 3600 if calm_s else None,
        "share_of_calm_time_in_alarm": false_s / calm_s if calm_s else None,
    }


def evaluate_nonspeech(folder: Path, models: Models, settings: Settings) -> Results:
    """What the whole pipeline says of recordings in which nobody speaks. A category is a folder, or what stands before
    `__` in the names of its files."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())
    if not files:
        raise EvaluationError(f"{folder}: no audio in it ({', '.join(sorted(AUDIO_SUFFIXES))})")
    sums: dict[str, dict[str, float]] = {}
    for path in progress(files, "nonspeech"):
        try:
            audio = np.concatenate(list(media.read(path, 1)), axis=1)[0]
        except media.MediaError as error:
            raise EvaluationError(str(error)) from None
        usable = [event for event in heard(audio, models, settings) if event.reliability != "unusable"]
        hop_s = settings.monitor.hop_s
        for name in (category(path, folder), "all"):
            row = sums.setdefault(name, dict.fromkeys(("files", "seconds", "usable", "trusted", *LABELS), 0.0))
            row["files"] += 1
            row["seconds"] += len(audio) / SAMPLE_RATE_HZ
            row["usable"] += hop_s * len(usable)
            row["trusted"] += hop_s * sum(event.reliability != "low" for event in usable)
            for event in usable:
                row[event.label or "unknown"] += hop_s
    categories = {name: _shares(row) for name, row in sums.items()}
    return {"model": models[Role.EMOTION].spec.name, "folder": str(folder), "categories": categories}


def category(path: Path, folder: Path) -> str:
    prefix, found, _ = path.stem.partition("__")
    if found:
        return prefix
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else folder.name


def _shares(row: Mapping[str, float]) -> Results:
    seconds = row["seconds"] or 1.0
    common = max(LABELS, key=lambda label: row[label])
    return {
        "files": int(row["files"]),
        "minutes": row["seconds"] / 60,
        "usable": min(1.0, row["usable"] / seconds),
        "medium_or_high": min(1.0, row["trusted"] / seconds),
        "angry": min(1.0, row["angry"] / seconds),
        "most_often": common if row[common] else None,
    }


def shown(results: Results) -> Iterator[RenderableType]:
    for condition, found in results["conditions"].items():
        rows = {name: row for name, row in found.items() if isinstance(row, dict)}
        title = f"Anger in {found['streams']} streams, {found['minutes']:.0f} minutes, {condition}"
        yield table(title, rows, "rule")


def shown_nonspeech(results: Results) -> Iterator[RenderableType]:
    yield f"{results['model']} on {results['folder']}: share of the time in which an emotion event was"
    rows = dict(sorted(results["categories"].items(), key=lambda item: (item[0] == "all", -item[1]["usable"])))
    yield table("Nobody speaks", rows, "category")


def _lasts(clips: Sequence[Samples], seconds: float) -> bool:
    """Whether the clips and the pauses after them last so long."""
    return sum(len(clip) + PAUSE_S[0] * SAMPLE_RATE_HZ for clip in clips) >= seconds * SAMPLE_RATE_HZ


def _pause(before: Samples, rng: np.random.Generator) -> Samples:
    """0.3-1 s of hiss as loud as the quiet parts of the recording before it."""
    energies = frame_energies(before)
    level = np.sqrt(np.quantile(energies, 0.05)) if len(energies) else 0.0
    return (rng.standard_normal(int(rng.uniform(*PAUSE_S) * SAMPLE_RATE_HZ)) * max(level, 1e-5)).astype(np.float32)


def _overlap_s(some: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> float:
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in some for b in others)
