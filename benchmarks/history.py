"""`python -m benchmarks.history`: what history costs. A year of calls, and how quickly every query of it is answered;
and many live calls, and whether their history is written in time.

The year is made in a file (`--year FILE` keeps it for another time) and asked by a real server over HTTP. The live
calls, both of whose parties are heard, are told to a writer as the event loop would, in real time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.pastcalls import Scriptwriter, fill
from benchmarks.serving import Serving
from history.database import Database
from history.schema import calls, metadata
from history.writer import Writer
from monitor.events import Event

NO_MODELS = ("--models.emotion", "none", "--models.speaker", "none", "--vad.backend", "webrtcvad")
TAGS = {"team": "north", "agent": "a-07"}
PROMISE_MS = 200.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365, help="how far back calls go")
    parser.add_argument("--calls-a-day", type=int, default=200)
    parser.add_argument("--year", type=Path, help="a file to keep the past calls in, made if it is not there")
    parser.add_argument("--times", type=int, default=9, help="how often each query is asked")
    parser.add_argument("--live", type=int, default=500, help="live calls that are written")
    parser.add_argument("--seconds", type=float, default=30.0, help="for how long")
    parser.add_argument("--url", default="", help="database for the live calls; a file of SQLite if left out")
    parser.add_argument("--only", choices=("year", "live"), help="one half of it")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="undertone-history-") as folder:
        if given.only != "live":
            _year(given.year or Path(folder) / "year.sqlite3", given.days, given.calls_a_day, given.times)
        if given.only != "year":
            _live(given.url or f"sqlite:///{folder}/live.sqlite3", given.live, given.seconds)


def _year(file: Path, days: int, calls_a_day: int, times: int) -> None:
    database = Database(f"sqlite:///{file}")
    with database.reading() as connection:
        there = connection.scalar(select(func.count()).select_from(calls))
    if not there:
        began_s = time.monotonic()
        made = fill(database, days, calls_a_day, time.time())
        print(f"{made} calls made in {time.monotonic() - began_s:.0f} s, {file.stat().st_size / 1e6:.0f} MB")
    with database.reading() as connection:
        counts = {
            table.name: connection.scalar(select(func.count()).select_from(table)) for table in metadata.sorted_tables
        }
    print(", ".join(f"{name} {number:,}" for name, number in counts.items() if number))
    database.close()
    print(f"\neach asked {times} times; promise: {PROMISE_MS:.0f} ms\n")
    print("| query | median, ms | most, ms | answer, kB |\n|---|---|---|---|")
    with Serving(("--history.url", f"sqlite:///{file}", *NO_MODELS)) as server:
        worst = max(_timed(server.url, path, times) for path in _queries(server.url, days, counts["calls"] or 0))
    print(f"\nthe slowest median: {worst:.0f} ms")


def _queries(url: str, days: int, number: int) -> Iterator[str]:
    """Every query of the history, broad and narrow."""
    now = datetime.now(UTC)
    start, month, day = (now - timedelta(days=back) for back in (min(365, days), 30, 1))
    from_start, from_month, from_day = (f"from={at:%Y-%m-%dT%H:%M:%SZ}" for at in (start, month, day))
    page = json.loads(_get(f"{url}/v1/calls?state=ended&limit=500"))
    newest, middle = page["calls"][0]["call_id"], f"call-{number // 2:06}"
    for query in (
        "state=ended", "state=live", "state=ended&limit=500", f"cursor={page['next']}", from_day,
        f"to={month:%Y-%m-%d}",
        "role=agent", "emotion=neutral", "emotion=sad", "alert=*", "alert=nothing", "tag=team:north", "tag=agent:a-07",
        "tag=agent:a-07&tag=team:north&alert=anger", "tag=team:nowhere", f"role=customer&alert=anger&{from_month}",
    ):  # fmt: skip
        yield f"/v1/calls?{query}"
    for call_id in (newest, middle):
        for part in ("", "/timeline", "/turns", "/summary", "/summary.svg", "/notes", "/turns?format=csv"):
            yield f"/v1/calls/{call_id}{part}"
    for query in (
        "limit=50", "state=open", "state=cleared&limit=500", "attention=none", "attention=resolved", "rule=anger",
        "rule=nothing", "role=customer", "severity=critical", from_month, f"to={month:%Y-%m-%d}", f"call_id={middle}",
    ):  # fmt: skip
        yield f"/v1/alerts?{query}"
    yield "/v1/audit"
    for query in (
        "by=day", f"by=day&{from_start}", f"by=day&{from_start}&zone=Asia/Shanghai&role=customer",
        f"by=hour&{from_month}", f"by=week&{from_start}&zone=Europe/Berlin", f"by=role&{from_start}",
        f"by=agent&{from_start}", f"by=tag:team&{from_start}", f"by=day&tag=team:north&{from_start}",
    ):  # fmt: skip
        yield f"/v1/trends?{query}"


def _timed(url: str, path: str, times: int) -> float:
    """The median of so many answers, in milliseconds."""
    took_ms, size = [], 0
    for _ in range(times):
        began_s = time.perf_counter()
        size = len(_get(url + path))
        took_ms.append(1000 * (time.perf_counter() - began_s))
    median = statistics.median(took_ms)
    print(f"| `{path}` | {median:.1f} | {max(took_ms):.1f} | {size / 1000:.1f} |", flush=True)
    return median


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        body: bytes = answer.read()
    return body


def _live(url: str, number: int, seconds: float) -> None:
    """Tell the events of so many calls as they would come, and see how late they are written."""
    database = Database(url)
    watched = _Watched()
    writer = Writer(database, watched)
    scripts = [_later(call, seconds, time.time()) for call in range(number)]
    due = sorted((event for script in scripts for event in script), key=lambda event: event.t)
    writer.start()
    began_s, busy_s = time.monotonic(), time.process_time()
    spent_s, promises = 0.0, list[tuple[float, Future[float]]]()
    next_s, behind_s = 1.0, list[float]()
    for event in due:
        wait_s = began_s + event.t - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        behind_s.append(max(0.0, time.monotonic() - began_s - event.t))
        before_s = time.perf_counter()
        writer.tell(event, TAGS)
        spent_s += time.perf_counter() - before_s
        if event.t >= next_s:
            next_s += 1.0
            promises.append((time.monotonic(), _noted(writer.flush())))
    late_s = [promise.result(60) - told_at for told_at, promise in promises]
    used = time.process_time() - busy_s
    writer.close()
    database.close()
    events_a_second, kind = len(due) / seconds, database.url.get_backend_name()
    behind_ms = 1000 * statistics.quantiles(behind_s, n=100)[98]
    print(
        f"\n{number} calls for {seconds:g} s, {kind}: {len(due)} events told, {events_a_second:.0f} a second, "
        f"{1e6 * spent_s / len(due):.1f} us each, 99 % of them no more than "
        f"{behind_ms:.1f} ms after their time; {watched.rows} rows written, {watched.lost} lost; "
        f"the process took {100 * used / seconds:.0f} % of a core, telling included; "
        f"from told to committed {1000 * statistics.median(late_s):.0f} ms, {1000 * max(late_s):.0f} ms at most"
    )


def _later(call: int, seconds: float, now: float) -> list[Event]:
    """The first seconds of a call; the calls begin one after the other within a second."""
    events = []
    for event in Scriptwriter(f"live-{call}", now, call, inferred=(0, 1)).whole():
        if event.t > seconds:
            break
        events.append(event)
    return events


def _noted(promise: Future[None]) -> Future[float]:
    """When it was kept."""
    kept: Future[float] = Future()
    promise.add_done_callback(lambda _: kept.set_result(time.monotonic()))
    return kept


class _Watched:
    def __init__(self) -> None:
        self.rows = self.lost = 0

    def rows_done(self, table: str, outcome: str, number: int) -> None:
        if outcome == "written":
            self.rows += number
        else:
            self.lost += number


if __name__ == "__main__":
    main()
