"""`python -m benchmarks.operators`: what a real Prometheus and Alertmanager make of a real server under load.

Starts a server, calls, of which some become loud, and both of them with the rules that ship; asks Prometheus everything
that the dashboard asks; waits for an alert of a call; stops the server and waits for that to be told. Prints what they
answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import numpy as np
import uvloop

from benchmarks.live import allow_files
from benchmarks.load import Load
from benchmarks.scripts import Form, Script, cuts, recordings, write
from benchmarks.serving import Serving, ServingError
from benchmarks.watchers import WatcherError, Watchers, until
from evaluation.manifest import EvaluationError, data_folder, filters, read_manifest
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench.media import MediaError

DASHBOARD = Path(__file__).resolve().parent.parent / "metrics" / "grafana" / "undertone.json"
VARIABLES = {"$instance": ".*", "$role": ".*", "$label": "angry", "$__interval": "1m"}
RAMP_S, PATIENCE_S, JITTER_S = 5.0, 120.0, 0.02
CALL_S, LOUD, PAUSE_S = 90.0, 3, 0.3
"""The length of a call, the number of those that become loud, and the pause between two sentences of theirs."""
CALL_ALERT, DOWN_ALERT = "UndertoneCallAlert", "UndertoneDown"
PICTURED = "undertone_rule_worst"
SHOWN = (
    "up",
    "sum(undertone_streams_active)",
    "instance:undertone_event_lag_seconds:p95",
    "role_label:undertone_emotion_score:mean > 0.1",
    'undertone_emotion_score_bucket{label="angry", le=~"0.5|1.0"}',
    "undertone_rule_calls",
    "undertone_rule_worst",
    "undertone_alerts_firing",
    "count(undertone_call_info)",
)
T = TypeVar("T")


def dashboard_queries() -> Iterator[tuple[str, str]]:
    """The title of each panel with each of its expressions, as Grafana asks for them."""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for variable, text in VARIABLES.items():
                expression = expression.replace(variable, text)
            yield panel["title"], expression


def loud(number: int) -> list[Samples]:
    """Calls of CALL_S, shape (1, n): of one actor each, who is calm, then shouts, then is calm again. Raises
    EvaluationError."""
    index = data_folder() / "index.csv"
    manifest = read_manifest(index, ("speaker", "emotion"), filters(["dataset=emodb"], None, index))
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ), np.float32)
    calls = []
    for entries in list(manifest.by_speaker().values())[:number]:
        parts: list[Samples] = []
        for emotion in ("neutral", "angry", "neutral"):
            spoken = [audio for _, audio in manifest.audio(one for one in entries if one.emotion == emotion)]
            parts += [piece for audio in spoken for piece in (audio, pause)]
        calls.append(np.resize(np.concatenate(parts), (1, round(CALL_S * SAMPLE_RATE_HZ))))
    return calls


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if something did not come as it should."""
    options, server_flags = _parser().parse_known_args(arguments)
    form = Form()
    try:
        calm = cuts(recordings(form.channels), options.calls - LOUD, CALL_S)
        scripts = write([*calm, *loud(LOUD)], form)
        allow_files()
        with Serving(["--metrics.per-call", "5", *server_flags]) as server:
            where = urlsplit(server.url).netloc
            with Watchers([where], options.every_s) as watchers:
                print(f"server {server.url}, Prometheus {watchers.prometheus}, Alertmanager {watchers.alertmanager}")
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(_under_load(f"{form.wire.url(server.url, **form.query)}", scripts, watchers, options))
                server.stop()
                _told(watchers, DOWN_ALERT)
    except (EvaluationError, MediaError, ServingError, WatcherError, OSError) as error:
        print(f"operators: {error}", file=sys.stderr)
        return 1
    return 0


async def _under_load(url: str, scripts: Sequence[Script], watchers: Watchers, options: argparse.Namespace) -> None:
    """Raises WatcherError."""
    load = Load(url, scripts, JITTER_S)
    load.resize(options.calls, RAMP_S)
    try:
        await _waited(lambda: watchers.value("sum(undertone_streams_active)") == options.calls, "all calls to be seen")
        await asyncio.sleep(options.hold_s)
        await asyncio.to_thread(_ask, watchers)
        await asyncio.to_thread(_told, watchers, CALL_ALERT)
        if options.picture is not None:
            await asyncio.to_thread(_draw, watchers, options.picture)
    finally:
        await load.close()


def _ask(watchers: Watchers) -> None:
    """Every query of the dashboard must be understood; some have no answer where nothing has happened."""
    empty = [title for title, expression in dashboard_queries() if not watchers.query(expression)]
    print(f"the dashboard's {len(list(dashboard_queries()))} queries are understood; no answer yet for:")
    print("  " + ("; ".join(empty) or "none"))
    for expression in SHOWN:
        print(f"\n{expression}")
        for series in watchers.query(expression):
            print(f"  {_short(series['metric'])} {float(series['value'][1]):.4g}")


def _told(watchers: Watchers, name: str) -> None:
    print(f"\nAlertmanager, {name}:")
    for alert in until(lambda: watchers.alerts(name), PATIENCE_S, f"Alertmanager to be told of {name}"):
        shown = {key: alert[key] for key in ("labels", "annotations", "startsAt", "receivers")}
        print(json.dumps(shown | {"state": alert["status"]["state"]}, indent=2, ensure_ascii=False), flush=True)


def _draw(watchers: Watchers, path: Path) -> None:
    """Raises WatcherError."""
    query = urlencode({"g0.expr": PICTURED, "g0.tab": 0, "g0.range_input": "2m", "g0.step_input": 1})
    command = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,860"]
    command += ["--virtual-time-budget=8000", f"--screenshot={path}", f"{watchers.prometheus}/classic/graph?{query}"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise WatcherError(f"Chromium drew nothing: {error}; `make browser` installs it") from None
    print(f"drew {path}")


async def _waited(condition: Callable[[], T], what: str) -> T:
    return await asyncio.to_thread(until, condition, PATIENCE_S, what)


def _short(metric: dict[str, Any]) -> str:
    labels = ", ".join(f'{key}="{value}"' for key, value in metric.items() if key not in ("__name__", "job"))
    return "{" + labels + "}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.operators",
        description=__doc__.split("\n")[0],
        epilog="Any further flag goes to `undertone serve`.",
        allow_abbrev=False,
    )
    parser.add_argument("--calls", type=int, default=20, help="live calls (default 20)")
    parser.add_argument("--hold-s", type=float, default=60.0, help="before Prometheus is asked (default 60)")
    parser.add_argument("--every-s", type=int, default=5, help="between scrapes (default 5)")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="also let Chromium draw Prometheus' graph page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
