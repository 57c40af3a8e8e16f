"""`undertone predict` and `undertone embed`: the workbench's results on a terminal, and in the folder of a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from stream_server.live.crews import load_models
from stream_server.settings import Settings
from workbench import batch, runfolder, tables
from workbench.asked import Asked, Item
from workbench.batch import Progress
from workbench.ledger import RunError
from workbench.prediction import emotion_model
from workbench.results import AudioFacts, Prediction, Reading, encode
from workbench.runfolder import RunFolder

CLEAR = "\r\x1b[K"
NOT_INFERRED = "no channel's role is one whose emotion is inferred"
WRITERS = {"csv": ("results.csv", tables.write_csv), "parquet": ("results.parquet", tables.write_parquet)}


@dataclass(frozen=True, slots=True)
class Predicting:
    """What the command line asks for. `out`: the folder of the run; None: one that is named for the time if something
    must be kept, else nothing is written. `of_embeddings`: they are what is shown, not the emotion."""

    asked: Asked
    form: tables.Format = "table"
    out: Path | None = None
    of_embeddings: bool = False

    def folder(self, now: datetime) -> Path | None:
        must = self.asked.embeddings or self.asked.keep_audio or self.form == "parquet"
        return runfolder.named_for(now) if self.out is None and must else self.out


def run(settings: Settings, items: Sequence[Item], wanted: Predicting) -> int:
    """Analyse, print and write; the exit status: 1 if no recording could be used.

    Raises CheckpointError, RunError or TableError before any work is done, RunError if the folder cannot be written to.
    """
    if wanted.form == "parquet":
        tables.check_parquet()
    speaker = settings.models.speaker if wanted.asked.speakers and wanted.asked.mixes else "none"
    began_s = time.monotonic()
    models = load_models(replace(settings, models=replace(settings.models, speaker=speaker)))
    loading_s = time.monotonic() - began_s
    _, spec = emotion_model(models)
    path = wanted.folder(datetime.now())
    about = runfolder.about(wanted.asked, spec.name, len(items) == 1)
    status = StatusLine()
    with ExitStack() as stack:
        folder = None if path is None else stack.enter_context(RunFolder(path, about, spec.embedding_size))
        at = batch.start(items, folder)
        if wanted.form == "csv":
            sys.stdout.write(tables.csv_line(None))
        try:
            for prediction, at in batch.run(items, models, wanted.asked, folder, tell=status.show):
                status.clear()
                sys.stdout.write(_shown(prediction, wanted, len(items) == 1))
                sys.stdout.flush()
                status.show(at)
            status.clear()
            if folder is not None:
                _finish(folder, wanted, at, loading_s)
        except KeyboardInterrupt:
            status.clear()
            print(_broken_off(at, path), file=sys.stderr)
            raise
        except OSError as error:
            status.clear()
            if path is None or isinstance(error, BrokenPipeError):
                raise
            raise RunError(_broken_off(at, path, f"cannot be written to ({error.strerror or error})")) from None
    print(_summed_up(at, path, wanted.asked), file=sys.stderr)
    return 0 if at.done or at.skipped else 1


def _finish(folder: RunFolder, wanted: Predicting, at: Progress, loading_s: float) -> None:
    if wanted.form in WRITERS:
        name, write = WRITERS[wanted.form]
        write(folder.predictions(), folder.path / name)
    log = {"loading_s": round(loading_s, 2), "taken_s": round(at.taken_s, 2), "audio_s": round(at.audio_s, 1)}
    folder.finish(datetime.now(), log)


class StatusLine:
    """How far the run is, in the last line of a terminal; nothing where standard error is none."""

    def __init__(self) -> None:
        self._wanted = sys.stderr.isatty()

    def show(self, at: Progress) -> None:
        if self._wanted and at.left and at.remaining_s is not None:
            failed = f", {at.failed} failed" if at.failed else ""
            passed = f"{at.total - at.left} of {at.total}{failed}" if at.total > 1 else f"{at.share:.0%} heard"
            sys.stderr.write(f"{CLEAR}{passed}, {_duration(at.remaining_s)} left")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._wanted:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()


def _shown(prediction: Prediction, wanted: Predicting, alone: bool) -> str:
    """What is printed of a recording, with line ends; nothing where the table can only be a file."""
    match wanted.form:
        case "jsonl":
            return encode(prediction).decode() + "\n"
        case "csv":
            return tables.csv_line(prediction)
        case "parquet":
            return ""
    lines = list(_embedding_lines(prediction) if wanted.of_embeddings else _emotion_lines(prediction, alone))
    return "".join(f"{line}\n" for line in lines)


def _emotion_lines(prediction: Prediction, alone: bool) -> Iterator[str]:
    if prediction.failure is not None:
        yield _failed(prediction)
        return
    if (reading := prediction.emotion) is None:
        yield f"{_name(prediction)}  done; {NOT_INFERRED}"
    else:
        yield f"{_name(prediction)}  {_told(reading)}"
    if alone and prediction.facts is not None:
        yield f"  {_facts(prediction.facts)}"
        yield from (f"  {remark.text}" for remark in prediction.facts.remarks)
        if reading is not None:
            ranked = sorted(reading.scores.items(), key=lambda score: -score[1])
            yield "  " + ", ".join(f"{label} {score:.0%}" for label, score in ranked if score >= 0.005)
            yield f"  {reading.advice.text}"
        yield from (f"  {moment.sentence.text}" for moment in prediction.moments)
    for speaker in prediction.speakers:
        told = "not inferred" if speaker.reading is None else _told(speaker.reading)
        yield f"  {speaker.speaker}: {speaker.share:.0%} of the speech, {speaker.turns} turn(s); {told}"
    yield from _kept_lines(prediction)


def _embedding_lines(prediction: Prediction) -> Iterator[str]:
    if prediction.failure is not None:
        yield _failed(prediction)
        return
    if not prediction.embeddings:
        yield f"{_name(prediction)}  done, without an embedding: {NOT_INFERRED}"
    for each in prediction.embeddings:
        numbers = f"mean {each.mean:.4f}, std {each.std:.4f}, norm {each.norm:.3f}"
        yield f"{_name(prediction)}  done {each.shape}  {numbers}"
    yield from _kept_lines(prediction)


def _kept_lines(prediction: Prediction) -> Iterator[str]:
    for each in prediction.embeddings:
        if not each.sound:
            yield from (f"  {remark.text}" for remark in each.remarks)


def _name(prediction: Prediction) -> str:
    """A recording's, on one line, and with nothing in it that a terminal would obey."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in prediction.file)


def _failed(prediction: Prediction) -> str:
    assert prediction.failure is not None
    code, reason, remedy = prediction.failure.code, prediction.failure.reason.text, prediction.failure.remedy.text
    return f"{_name(prediction)}  failed ({code}): {reason} {remedy}"


def _told(reading: Reading) -> str:
    if reading.label is None:
        return reading.sentence.text
    return f"{reading.label} {reading.confidence:.0%}  {reading.band}  {reading.sentence.text}"


def _facts(facts: AudioFacts) -> str:
    noise = "" if facts.snr_db is None else f", {facts.snr_db:g} dB above the noise"
    audio = f"{facts.duration_s:g} s, {facts.codec}, {facts.rate_hz} Hz, {facts.channels} channel(s)"
    return f"{audio}; speech {facts.speech_s:g} s ({facts.speech_share:.0%}) at {facts.level_dbfs:g} dBFS{noise}"


def _summed_up(at: Progress, path: Path | None, asked: Asked) -> str:
    counted = {"done": at.done, "failed": at.failed, "done before": at.skipped}
    counts = [f"{number} {what}" for what, number in counted.items() if number or what == "done"]
    pace = f" in {at.taken_s:.1f} s, {at.audio_s / at.taken_s:.0f} times real time" if at.taken_s and at.done else ""
    if path is None:
        kept = "nothing was written: --out DIR keeps the results, --embeddings the embeddings too"
    elif asked.embeddings and any(map(asked.monitor.infers_emotion, asked.roles)):
        kept = f"results and embeddings are in {path}"
    elif asked.embeddings:
        kept = f"results are in {path}; there was nothing to make embeddings of"
    else:
        kept = f"results are in {path}, without embeddings (--embeddings writes them)"
    return f"{', '.join(counts)}{pace}; {kept}"


def _broken_off(at: Progress, path: Path | None, why: str = "broken off") -> str:
    passed = f"{at.total - at.left} of {at.total} are done"
    if path is None:
        return f"{why}: {passed}"
    return f"{path}: {why}: {passed}, and kept; the same command with --out {path} does the others"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
