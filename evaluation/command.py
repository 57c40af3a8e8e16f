"""`undertone evaluate emotion | alerts | speaker | calibration | diarization | vad`: which module answers what.

Only the standard library is imported here; what an evaluation needs is imported when one runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from evaluation.manifest import Manifest
    from inference.model import Models
    from stream_server.settings import Settings

CONDITIONS = ("clean", "telephone", "noise10")
SWEEP = "0.3:0.95:0.05"
LASTING = "0,1,2,3"
NEEDED = {"sklearn": "scikit-learn", "pyannote": "pyannote.metrics"}
Results = dict[str, Any]
Answer = tuple[Results, Callable[[Results], Iterable["RenderableType"]]]
"""Results, and what shows them to people."""
Options = argparse.Namespace


def add_arguments(
    parser: argparse.ArgumentParser,
    add_settings: Callable[[argparse.ArgumentParser, tuple[str, ...]], None],
    settings: Callable[[Options], Settings],
) -> None:
    """Declare what `undertone evaluate` takes. `add_settings` declares settings as flags, `settings` reads them."""
    kinds = parser.add_subparsers(required=True, metavar="WHAT")

    def kind(name: str, text: str, answer: Callable[[Options, Settings], Answer]) -> argparse.ArgumentParser:
        sub = kinds.add_parser(name, help=text, description=text[0].upper() + text[1:] + ". See docs/evaluation.md.")
        sub.add_argument("--json", action="store_true", help="print one JSON document")
        sub.set_defaults(run=lambda options: run(options, settings, answer))
        return sub

    emotion = kind("emotion", "emotion of single recordings, and what noise is taken for", _emotion)
    emotion.add_argument("manifest", type=Path, nargs="?", help="CSV with path, speaker, emotion [, dataset, language]")
    emotion.add_argument("--nonspeech", type=Path, metavar="DIR", help="a folder of recordings in which nobody speaks")
    _add_selection(emotion)
    _add_conditions(emotion, CONDITIONS)
    add_settings(emotion, ("models", "vad", "monitor"))

    alerts = kind("alerts", "how soon alert rules notice, and how often they cry wolf, at which level", _alerts)
    alerts.add_argument("manifest", type=Path, help="CSV with path, speaker, emotion [, dataset, language]")
    alerts.add_argument("--rules", type=Path, metavar="FILE", help="TOML with [[alerts.rules]] (default: the model's)")
    alerts.add_argument("--calm", type=Path, action="append", default=[], metavar="DIR", help="recordings in which "
                        "there is nothing to notice; repeatable")  # fmt: skip
    alerts.add_argument("--sweep", default=SWEEP, metavar="FROM:TO:STEP", help=f"levels to try (default {SWEEP})")
    alerts.add_argument("--for", dest="lasting", default=LASTING, metavar="SECONDS", help="how long a level must last, "
                        f"to try (default {LASTING})")  # fmt: skip
    alerts.add_argument("--false-per-hour", type=float, default=1.0, help="false alerts that a calm hour may have")
    alerts.add_argument("--plot", type=Path, metavar="PNG", help="also draw a picture of the sweep")
    _add_selection(alerts)
    _add_conditions(alerts, CONDITIONS)
    add_settings(alerts, ("models", "vad", "monitor"))

    speaker = kind("speaker", "are two stretches of speech from the same speaker?", _speaker)
    speaker.add_argument("manifest", type=Path, help="CSV with path, speaker [, dataset, emotion]")
    speaker.add_argument("--calls", type=Path, metavar="DIR", help="also within each conversation of a folder")
    speaker.add_argument("--against", choices=("resemblyzer",), action="append", default=[], help="also measure a peer")
    _add_selection(speaker)
    _add_conditions(speaker, CONDITIONS[:2])
    add_settings(speaker, ("models",))

    calibration = kind("calibration", "what probabilities of one speaker are worth, and who is named", _calibration)
    calibration.add_argument("manifest", type=Path, help="CSV with path, speaker [, dataset, emotion]")
    calibration.add_argument("--cohort", metavar="PART", help="speakers of this part of the split to compare with")
    _add_selection(calibration)
    _add_conditions(calibration, CONDITIONS[:2])
    add_settings(calibration, ("models",))

    diarization = kind("diarization", "who spoke when, and how soon a change of speaker is told", _diarization)
    diarization.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="audio with .rttm files beside it")
    diarization.add_argument("--model", help="speaker model: an embedded model's name or a path")
    diarization.add_argument("--build", type=Path, metavar="OUT", help="build conversations into OUT instead")
    diarization.add_argument("--manifest", type=Path, help="for --build: whose recordings (default: the data folder's)")
    diarization.add_argument("--count", type=int, default=16, help="for --build: how many (default 16)")
    _add_selection(diarization, model=False)
    add_settings(diarization, ("models", "vad", "monitor", "tracking"))

    vad = kind("vad", "is anyone speaking?", _vad)
    vad.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="conversations (default: the data folder's)")
    vad.add_argument("--nonspeech", type=Path, metavar="DIR", help="a folder of recordings in which nobody speaks")
    vad.add_argument("--backend", dest="vad.backend", help="the same as --vad.backend")
    add_settings(vad, ("vad", "models"))


def run(
    options: Options, settings: Callable[[Options], Settings], answer: Callable[[Options, Settings], Answer]
) -> int:
    """Evaluate and print; the exit status: 2 if something must be installed first, 1 if it cannot be done."""
    if missing := [package for module, package in NEEDED.items() if find_spec(module) is None]:
        print(
            f"undertone: evaluating needs {' and '.join(missing)}: pip install 'undertone[evaluate]'", file=sys.stderr
        )
        return 2
    from evaluation.manifest import EvaluationError
    from evaluation.report import rounded, show
    from inference.model import CheckpointError
    from stream_server.commands.plot import PlotError
    from workbench.media import MediaError

    try:
        results, shown = answer(options, settings(options))
        results = rounded(results)
        show(results, () if options.json else shown(results), options.json)
    except (EvaluationError, CheckpointError, MediaError, PlotError) as error:
        print(f"undertone: {error}", file=sys.stderr)
        return 1
    return 0


def _add_selection(parser: argparse.ArgumentParser, model: bool = True) -> None:
    if model:
        parser.add_argument("--model", help="an embedded model's name or a path (default: that of the settings)")
    parser.add_argument("--only", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]", help="rows to use")
    parser.add_argument("--part", help="only speakers of this part of the split, such as held_out")
    parser.add_argument("--split", type=Path, help="CSV with speaker, part (default training/split.csv)")
    if model:
        parser.add_argument("--limit", type=int, metavar="N", help="at most N recordings of each speaker and emotion")
    parser.add_argument("--seed", type=int, default=0, help="of whatever is drawn (default 0)")
    parser.add_argument("--skip-bad", action="store_true", help="go on without rows that cannot be used")


def _add_conditions(parser: argparse.ArgumentParser, choices: tuple[str, ...]) -> None:
    parser.add_argument("--condition", action="append", choices=choices, help="repeatable (default: all)")


def _manifest(path: Path, options: Options, needed: tuple[str, ...]) -> Manifest:
    from evaluation.manifest import SPLIT, filters, read_manifest

    return read_manifest(path, needed, filters(options.only, options.part, options.split or SPLIT), options.skip_bad)


def _models(settings: Settings, wanted: str, name: str | None) -> tuple[Settings, Models]:
    """The settings with the model of one role alone, beside that of speech detection, and what they load."""
    from stream_server.live.crews import load_models

    emotion = name or settings.models.emotion if wanted == "emotion" else "none"
    speaker = name or settings.models.speaker if wanted == "speaker" else "none"
    settings = replace(settings, models=replace(settings.models, emotion=emotion, speaker=speaker))
    return settings, load_models(settings)


def _emotion(options: Options, settings: Settings) -> Answer:
    from evaluation import emotion, nonspeech
    from evaluation.manifest import EvaluationError, sampled
    from monitor.analysis import Role

    if options.manifest is None and options.nonspeech is None:
        raise EvaluationError("what is to be evaluated? name a manifest, or a folder with --nonspeech")
    settings, models = _models(settings, "emotion", options.model)
    conditions = options.condition or list(CONDITIONS)
    results: Results = {}
    if options.manifest is not None:
        manifest = _manifest(options.manifest, options, ("speaker", "emotion"))
        entries = sampled(manifest.entries, options.limit, options.seed)
        results["emotion"] = emotion.evaluate(manifest, entries, models[Role.EMOTION], conditions, options.seed)
        results["bad_rows"] = manifest.bad
    if options.nonspeech is not None:
        results["nonspeech"] = nonspeech.evaluate(options.nonspeech, models, settings)
    return results, _shown_emotion


def _shown_emotion(results: Results) -> Iterable[RenderableType]:
    from evaluation import emotion, nonspeech

    yield from _shown_bad(results)
    if "emotion" in results:
        yield from emotion.shown(results["emotion"])
    if "nonspeech" in results:
        yield from nonspeech.shown(results["nonspeech"])


def _alerts(options: Options, settings: Settings) -> Answer:
    from evaluation import alerts
    from evaluation.manifest import sampled
    from inference.model import specs
    from stream_server.commands import plot
    from stream_server.live import rulefile

    if options.plot is not None:
        plot.check()
    sweep = alerts.Sweep(_levels(options.sweep), _seconds(options.lasting), options.false_per_hour)
    settings, models = _models(settings, "emotion", options.model)
    config = settings.alerts if options.rules is None else rulefile.read(options.rules)
    manifest = _manifest(options.manifest, options, ("speaker", "emotion"))
    manifest.entries = sampled(manifest.entries, options.limit, options.seed)
    results = alerts.evaluate(
        manifest,
        models,
        settings,
        config.in_force(specs(models).emotion),
        sweep,
        options.calm,
        options.condition or list(CONDITIONS[:2]),
        options.seed,
    )
    results["bad_rows"] = manifest.bad
    if options.plot is not None:
        alerts.draw(results, options.plot)
    return results, lambda results: [*_shown_bad(results), *alerts.shown(results)]


def _levels(text: str) -> list[float]:
    """FROM:TO:STEP, both ends included."""
    from evaluation.manifest import EvaluationError

    try:
        first, last, step = (float(part) for part in text.split(":"))
        if not (step > 0 and first <= last and (last - first) / step < 1000):
            raise ValueError
    except ValueError:
        raise EvaluationError(f"--sweep {text}: write FROM:TO:STEP, such as {SWEEP}") from None
    return [round(first + number * step, 6) for number in range(round((last - first) / step) + 1)]


def _seconds(text: str) -> list[float]:
    """Numbers, comma-separated."""
    from evaluation.manifest import EvaluationError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise EvaluationError(f"--for {text}: write seconds, such as {LASTING}") from None


def _speaker(options: Options, settings: Settings) -> Answer:
    from evaluation import speaker
    from evaluation.manifest import sampled
    from evaluation.references import conversations
    from monitor.analysis import Role

    _, models = _models(settings, "speaker", options.model)
    embedders: list[speaker.Embedder] = [speaker.ModelEmbedder(models[Role.SPEAKER])]
    embedders += [speaker.PEERS[name]() for name in options.against]
    manifest = _manifest(options.manifest, options, ("speaker",))
    manifest.entries = sampled(manifest.entries, options.limit, options.seed)
    calls = [each for each in conversations(options.calls) if len(each.roles) == 1] if options.calls else []
    results = speaker.evaluate(manifest, embedders, options.condition or list(CONDITIONS[:2]), options.seed, calls)
    results["bad_rows"] = manifest.bad
    return results, lambda results: [*_shown_bad(results), *speaker.shown(results)]


def _calibration(options: Options, settings: Settings) -> Answer:
    from evaluation import calibration
    from evaluation.manifest import SPLIT, filters, read_manifest, sampled
    from monitor.analysis import Role

    _, models = _models(settings, "speaker", options.model)
    manifest = _manifest(options.manifest, options, ("speaker",))
    manifest.entries = sampled(manifest.entries, options.limit, options.seed)
    cohort = None
    if options.cohort is not None:
        other = filters(options.only, options.cohort, options.split or SPLIT)
        cohort = read_manifest(options.manifest, ("speaker",), other, options.skip_bad)
        cohort.entries = sampled(cohort.entries, 2, options.seed)
    conditions = options.condition or list(CONDITIONS[:2])
    results = calibration.evaluate(manifest, models[Role.SPEAKER], conditions, options.seed, cohort)
    results["bad_rows"] = manifest.bad
    return results, lambda results: [*_shown_bad(results), *calibration.shown(results)]


def _diarization(options: Options, settings: Settings) -> Answer:
    from evaluation import conversations, diarization
    from evaluation.manifest import data_folder

    if options.build is not None:
        manifest = _manifest(options.manifest or data_folder() / "index.csv", options, ("speaker",))
        built = conversations.build(manifest, options.build, options.seed, options.count)
        results = {"folder": str(options.build), "built": built, "bad_rows": manifest.bad}
        return results, lambda results: [*_shown_bad(results), f"{len(built)} conversations are in {options.build}"]
    settings, models = _models(settings, "speaker", options.model)
    return diarization.evaluate(options.folder or data_folder() / "conversations", models, settings), diarization.shown


def _vad(options: Options, settings: Settings) -> Answer:
    from evaluation import vad
    from evaluation.manifest import data_folder
    from monitor.analysis import Role

    settings, models = _models(settings, "speech", None)
    folder = options.folder or data_folder() / "conversations"
    return vad.evaluate(folder, options.nonspeech, settings.vad, models.get(Role.SPEECH)), vad.shown


def _shown_bad(results: Results) -> Iterable[RenderableType]:
    if bad := results.get("bad_rows"):
        yield f"{len(bad)} rows were skipped; the first: {bad[0]}"
