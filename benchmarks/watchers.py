"""Prometheus and Alertmanager as processes of their own, with the configuration that ships in metrics/prometheus."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import yaml

SHIPPED = Path(__file__).resolve().parent.parent / "metrics" / "prometheus"
PROGRAMS = ("prometheus", "prometheus-alertmanager")
START_S = 30.0
STOP_S = 10.0
POLL_S = 0.2
T = TypeVar("T")


class WatcherError(Exception):
    """One of them is not installed, did not start, or does not answer as it should; the message says which."""


class Watchers:
    """A Prometheus that scrapes and judges `targets` (HOST:PORT), and an Alertmanager that it tells, on free ports of
    this machine for as long as the `with` lasts. What they keep is gone with it.

    `every_s`: between scrapes, and between evaluations of the rules. Raises WatcherError.
    """

    def __init__(self, targets: Sequence[str], every_s: int = 5) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise WatcherError(f"{' and '.join(missing)} not installed; `make operators` does it")
        self._folder = tempfile.TemporaryDirectory(prefix="undertone-watchers-")
        self._processes: list[subprocess.Popen[bytes]] = []
        folder, (here, there) = Path(self._folder.name), (_free_address(), _free_address())
        self.prometheus, self.alertmanager = f"http://{here}", f"http://{there}"
        (folder / "prometheus.yml").write_text(yaml.safe_dump(_configuration(targets, there, every_s)))
        self._commands = {
            self.alertmanager: (
                PROGRAMS[1],
                f"--config.file={SHIPPED / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={there}",
                "--cluster.listen-address=",
            ),
            self.prometheus: (
                PROGRAMS[0],
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={here}",
            ),
        }

    def __enter__(self) -> Self:
        try:
            for url, command in self._commands.items():
                self._start(url, command)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus answers at /api/v1/query now: `metric` and `value` of each series."""
        query = urllib.parse.urlencode({"query": expression})
        found: list[dict[str, Any]] = _get(f"{self.prometheus}/api/v1/query?{query}")["data"]["result"]
        return found

    def value(self, expression: str) -> float | None:
        """The value of the only series that answers, or None."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if len(found) == 1 else None

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """The active alerts of a name, as Alertmanager has them at /api/v2/alerts."""
        query = urllib.parse.urlencode({"filter": f'alertname="{name}"', "active": "true"})
        found: list[dict[str, Any]] = _get(f"{self.alertmanager}/api/v2/alerts?{query}")
        return found

    def _start(self, url: str, command: Sequence[str]) -> None:
        log = Path(self._folder.name) / f"{command[0]}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self._processes.append(process)

        def ready() -> bool:
            if process.poll() is not None:
                tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
                raise WatcherError(f"{command[0]} ended at once, status {process.returncode}\n{tail}")
            with suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=5):
                return True
            return False

        until(ready, START_S, f"{command[0]} to be ready")


def until(condition: Callable[[], T], patience_s: float, what: str) -> T:
    """Ask until the answer is a true one, and give that. Raises WatcherError, naming `what`, after `patience_s`."""
    end_s = time.monotonic() + patience_s
    while not (answer := condition()):
        if time.monotonic() > end_s:
            raise WatcherError(f"waited {patience_s:g} s for {what}")
        time.sleep(POLL_S)
    return answer


def _configuration(targets: Sequence[str], alertmanager: str, every_s: int) -> dict[str, Any]:
    """What ships, with other addresses, other intervals, and its rules named by their full paths."""
    document: dict[str, Any] = yaml.safe_load((SHIPPED / "prometheus.yml").read_text(encoding="utf-8"))
    document["global"] = {"scrape_interval": f"{every_s}s", "evaluation_interval": f"{every_s}s"}
    document["rule_files"] = [str(SHIPPED / name) for name in document["rule_files"]]
    document["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    document["scrape_configs"][0]["static_configs"][0]["targets"] = list(targets)
    return document


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def _get(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise WatcherError(f"{url}: {error.code}: {error.read().decode()[:300]}") from None
    except (OSError, ValueError) as error:
        raise WatcherError(f"{url}: {error}") from None
