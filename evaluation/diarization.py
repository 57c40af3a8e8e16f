"""Who spoke when, and how soon a change is told, held against a reference.

To tune the tracker, load the models once and run many times; only what no settings have asked before is computed:

    models = caching(load("none", "undertone-speaker-small", "cpu"))
    for switch in (0.002, 0.01):
        settings = Settings(tracking=TrackingConfig(switch=switch))
        results = [run(recording, models, settings) for recording in conversations(folder)]
        print(pooled(results).document())
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationCoverage, DiarizationErrorRate, DiarizationPurity
from rich.console import RenderableType

from evaluation.changes import TOLERANCE_S, changes, matched
from evaluation.manifest import EvaluationError
from evaluation.references import Recording, Reference, conversations, read_rttm
from evaluation.report import Results, percent, progress, table
from inference.batcher import checked
from inference.model import Models, specs
from monitor.analysis import Missing
from monitor.events import Event, SpeakerChanged
from monitor.session import Session, State
from monitor.turns import TurnLog
from stream_server.live.sessions import open_session
from stream_server.settings import Settings
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media

BLOCK_SAMPLES = SAMPLE_RATE_HZ // 10
ROUNDING_S = 1e-3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one recording or of several pooled. Times in seconds. `latencies_s`: for each change that was found,
    the call audio that had been heard beyond it when it was told; the models' own time comes on top."""

    name: str
    expected_changes: int
    found_changes: int
    matched_changes: int
    speech_s: float
    confusion_s: float
    missed_s: float
    false_alarm_s: float
    pure_s: float
    found_s: float
    covered_s: float
    expected_s: float
    expected_speakers: int
    found_speakers: int
    latencies_s: tuple[float, ...]

    @property
    def precision(self) -> float:
        return self.matched_changes / self.found_changes if self.found_changes else float(not self.expected_changes)

    @property
    def recall(self) -> float:
        return self.matched_changes / self.expected_changes if self.expected_changes else float(not self.found_changes)

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def der(self) -> float:
        """Diarization error rate: wrong, missed and invented speaker time over the time spoken in the reference."""
        return _share(self.confusion_s + self.missed_s + self.false_alarm_s, self.speech_s)

    def document(self) -> Results:
        return {
            "change_f1": self.f1,
            "change_precision": self.precision,
            "change_recall": self.recall,
            "changes": {
                "expected": self.expected_changes,
                "found": self.found_changes,
                "matched": self.matched_changes,
            },
            "purity": _share(self.pure_s, self.found_s),
            "coverage": _share(self.covered_s, self.expected_s),
            "der": self.der,
            "confusion": _share(self.confusion_s, self.speech_s),
            "missed": _share(self.missed_s, self.speech_s),
            "false_alarm": _share(self.false_alarm_s, self.speech_s),
            "speech_s": self.speech_s,
            "speakers": {"expected": self.expected_speakers, "found": self.found_speakers},
            "latency_s_p50": float(np.quantile(self.latencies_s, 0.5)) if self.latencies_s else None,
            "latency_s_p95": float(np.quantile(self.latencies_s, 0.95)) if self.latencies_s else None,
        }


def pooled(outcomes: Sequence[Outcome], name: str = "pooled") -> Outcome:
    """The recordings as if they were one; speakers are counted per recording."""
    return Outcome(
        name,
        sum(outcome.expected_changes for outcome in outcomes),
        sum(outcome.found_changes for outcome in outcomes),
        sum(outcome.matched_changes for outcome in outcomes),
        sum(outcome.speech_s for outcome in outcomes),
        sum(outcome.confusion_s for outcome in outcomes),
        sum(outcome.missed_s for outcome in outcomes),
        sum(outcome.false_alarm_s for outcome in outcomes),
        sum(outcome.pure_s for outcome in outcomes),
        sum(outcome.found_s for outcome in outcomes),
        sum(outcome.covered_s for outcome in outcomes),
        sum(outcome.expected_s for outcome in outcomes),
        sum(outcome.expected_speakers for outcome in outcomes),
        sum(outcome.found_speakers for outcome in outcomes),
        tuple(latency for outcome in outcomes for latency in outcome.latencies_s),
    )


def run(recording: Recording, models: Models, settings: Settings) -> Outcome:
    """Run the Session over a recording in blocks of 100 ms and hold its turns against the reference.

    Raises EvaluationError if the recording or its reference cannot be read.
    """
    try:
        reference = read_rttm(recording.rttm.read_text(encoding="utf-8"))
        blocks = audio_blocks(recording.audio, len(recording.roles))
    except (OSError, ValueError, media.MediaError) as error:
        raise EvaluationError(f"{recording.name}: {error}") from None
    session = open_session(settings, specs(models), recording.name, recording.roles, "replay")
    log = TurnLog()
    told: list[tuple[float, float]] = []
    for position_s, event in _heard(session, blocks, models):
        log.apply(event)
        if isinstance(event, SpeakerChanged) and event.from_ is not None:
            told.append((event.t, position_s))
    duration_s = session.duration_s
    turns = [
        Reference(turn.speaker, turn.start, duration_s if turn.end is None else turn.end)
        for turn in log.turns()
        if turn.speaker is not None
    ]
    return compared(recording.name, reference, turns, told, duration_s, log.changes())


def compared(
    name: str,
    reference: Sequence[Reference],
    turns: Sequence[Reference],
    told: Sequence[tuple[float, float]],
    duration_s: float,
    found: Sequence[float] | None = None,
) -> Outcome:
    """Turns, and the changes `found` (None: those of the turns), held against those of the reference. `told`: for each
    change that was told, where it was said to be and how much of the call had been heard by then.
    """
    expected = changes((turn.start, turn.speaker) for turn in reference)
    if found is None:
        found = changes((turn.start, turn.speaker) for turn in turns)
    pairs = matched(expected, found)
    latencies = [
        max((event for event in told if event[0] <= found[k] + ROUNDING_S), default=(0.0, duration_s))[1] - expected[i]
        for i, k in pairs
    ]
    there, said = _annotation(reference), _annotation(turns)
    whole = Timeline([Segment(0.0, duration_s)])
    errors = DiarizationErrorRate(collar=0.0, skip_overlap=False)(there, said, uem=whole, detailed=True)
    purity = DiarizationPurity().compute_components(there, said, uem=whole)  # type: ignore[no-untyped-call]
    coverage = DiarizationCoverage().compute_components(there, said, uem=whole)  # type: ignore[no-untyped-call]
    return Outcome(
        name,
        len(expected),
        len(found),
        len(pairs),
        errors["total"],
        errors["confusion"],
        errors["missed detection"],
        errors["false alarm"],
        purity["correct"],
        purity["total"],
        coverage["correct"],
        coverage["total"],
        len({turn.speaker for turn in reference}),
        len({turn.speaker for turn in turns}),
        tuple(latencies),
    )


@lru_cache(maxsize=32)
def audio_blocks(path: Path, channels: int) -> tuple[Samples, ...]:
    """A recording in blocks of 100 ms, shape (channels, n)."""
    whole = np.concatenate(list(media.read(path, channels)), axis=1)
    return tuple(whole[:, at : at + BLOCK_SAMPLES] for at in range(0, whole.shape[1], BLOCK_SAMPLES))


def evaluate(folder: Path, models: Models, settings: Settings) -> Results:
    """Every conversation of a folder, and the kinds of them pooled."""
    recordings = conversations(folder)
    outcomes = [run(recording, models, settings) for recording in progress(recordings, "conversations")]
    first = ("one channel", "channels apart")
    found = {kind for recording in recordings for kind in recording.groups}
    kinds = sorted(found, key=lambda kind: (kind not in first, kind))
    by_kind = {
        kind: pooled([o for o, recording in zip(outcomes, recordings, strict=True) if kind in recording.groups], kind)
        for kind in kinds
    }
    return {
        "models": {role.value: model.spec.name for role, model in models.items()},
        "tolerance_s": TOLERANCE_S,
        "recordings": {outcome.name: outcome.document() for outcome in outcomes},
        "pooled": {kind: outcome.document() for kind, outcome in by_kind.items()},
    }


def shown(results: Results) -> Iterator[RenderableType]:
    yield (
        f"{', '.join(results['models'].values())}; a change is right within {results['tolerance_s']} s; DER without "
        "collar, with overlap; p50, p95: call audio heard beyond a change when it was told"
    )
    yield table("Who spoke when", {name: _line(row) for name, row in results["recordings"].items()}, "recording")
    yield table("Pooled", {name: _line(row) for name, row in results["pooled"].items()}, "kind")


def _line(row: Results) -> Results:
    found, speakers = row["changes"], row["speakers"]
    return {
        "change F1": row["change_f1"],
        "prec.": row["change_precision"],
        "recall": row["change_recall"],
        "right/found/of": f"{found['matched']}/{found['found']}/{found['expected']}",
        "purity": row["purity"],
        "coverage": row["coverage"],
        "DER %": percent(row["der"]),
        "confused": percent(row["confusion"]),
        "missed": percent(row["missed"]),
        "false": percent(row["false_alarm"]),
        "speakers": f"{speakers['found']}/{speakers['expected']}",
        "p50 s": row["latency_s_p50"],
        "p95 s": row["latency_s_p95"],
    }


def _heard(session: Session, blocks: Sequence[Samples], models: Models) -> Iterator[tuple[float, Event]]:
    """The events, each with the position in the call that had been received when it came out."""
    received = 0
    for block in blocks:
        for channel, samples in enumerate(block):
            session.receive_audio(channel, samples)
        received += block.shape[1]
        _answer(session, models)
        yield from ((received / SAMPLE_RATE_HZ, event) for event in session.take_events())
    session.finish("finished")
    while session.state is not State.ENDED:
        _answer(session, models)
    yield from ((received / SAMPLE_RATE_HZ, event) for event in session.take_events())


def _answer(session: Session, models: Models) -> None:
    while windows := session.take_windows():  # what a judge lets through makes new ones
        for window in windows:
            model = models.get(window.role)
            answer = Missing.FAILED if model is None else checked(model.analyse([window])[0], model.spec)
            session.receive_analysis(window.number, answer)


def _annotation(turns: Sequence[Reference]) -> Annotation:
    out = Annotation()
    for track, turn in enumerate(turns):
        out[Segment(turn.start, turn.end), track] = turn.speaker
    return out


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
