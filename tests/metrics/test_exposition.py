"""What a real server says at /metrics is what is declared, all of it and no more, and Prometheus' own tool takes it."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from metrics.declared import DECLARED, Kind
from metrics.settings import MetricsConfig
from monitor.labels import LABELS
from tests.scripted import conversation
from tests.stream_server.serving import Served, pcm, serving, until

TYPES = {kind: kind.value for kind in Kind} | {Kind.GAUGE_HISTOGRAM: "gaugehistogram"}
OTHERS = ("process_", "python_")
"""What prometheus_client says of any program in Python."""


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server with a live call of which scores are known."""
    async with serving(metrics=MetricsConfig(per_call=3)) as served, served.stream(call_id="a") as call:
        await call.send(pcm(conversation()[: 16_000 * 4]))
        await until(lambda: any(record.emotions for record in served.engine.book.live()))
        yield served


async def said(served: Served, accept: str = "") -> str:
    answer = await served.get("/metrics", accept=accept)
    assert answer.status_code == 200
    return answer.text


async def test_a_server_says_what_is_declared_and_nothing_else(served: Served) -> None:
    text = await said(served, "application/openmetrics-text;version=1.0.0")
    families = {family.name: family for family in parse_openmetrics(text)}
    ours = {name: family for name, family in families.items() if not name.startswith(OTHERS)}
    assert {name: family.type for name, family in ours.items()} == {
        one.name.removesuffix("_total").removesuffix("_info" if one.kind is Kind.INFO else ""): TYPES[one.kind]
        for one in DECLARED
    }
    assert {name: family.documentation for name, family in ours.items()} == {
        one.name.removesuffix("_total").removesuffix("_info" if one.kind is Kind.INFO else ""): one.meaning
        for one in DECLARED
    }


async def test_a_live_call_is_in_the_distribution_and_has_series_of_its_own(served: Served) -> None:
    text = await said(served)
    found = [sample for family in parse_text(text) for sample in family.samples]
    counts = [one for one in found if one.name == "undertone_emotion_score_gcount"]
    assert {one.labels["label"] for one in counts} == set(LABELS)
    assert {one.value for one in counts} == {1.0}
    own = [one for one in found if one.name == "undertone_call_emotion_score"]
    assert {one.labels["call_id"] for one in own} == {"a"}
    assert sum(one.value for one in own) == pytest.approx(1.0, abs=0.01)


async def test_nothing_says_when_a_counter_was_made(served: Served) -> None:
    """Prometheus would keep it as a series."""
    assert "_created" not in await said(served)


async def test_what_readyz_says_is_the_status_that_is_1(served: Served) -> None:
    statuses = re.findall(r'^undertone_status\{status="([a-z ]+)"\} 1\.0$', await said(served), re.MULTILINE)
    assert statuses == ["ready"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: make operators")
async def test_promtool_finds_nothing_to_complain_of(served: Served) -> None:
    text = await said(served)
    command = ["promtool", "check", "metrics"]
    done = await asyncio.to_thread(subprocess.run, command, input=text, text=True, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
