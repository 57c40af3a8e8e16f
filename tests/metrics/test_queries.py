"""What the rules and the dashboard ask for exists, with the labels by which they ask."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from metrics.declared import DECLARED, Declared, Kind

ROOT = Path(__file__).resolve().parent.parent.parent
PROMETHEUS = ROOT / "metrics" / "prometheus"
GRAFANA = ROOT / "metrics" / "grafana"
SUFFIXES = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count"), Kind.GAUGE_HISTOGRAM: ("_bucket", "_gsum", "_gcount")}
SAMPLES: dict[str, Declared] = {one.name + suffix: one for one in DECLARED for suffix in SUFFIXES.get(one.kind, ("",))}
TARGET_LABELS = {"job", "instance", "le"}
"""Those that Prometheus adds, and that of a bucket."""
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: make operators"
)
needs_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed: make operators")


def rules() -> list[dict]:
    files = [yaml.safe_load((PROMETHEUS / name).read_text()) for name in ("recording.yml", "alerts.yml")]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def dashboard() -> dict:
    return json.loads((GRAFANA / "undertone.json").read_text(encoding="utf-8"))


def queries() -> Iterator[str]:
    """Every expression of the rules and of the dashboard, variables and annotations included."""
    yield from (rule["expr"] for rule in rules())
    document = dashboard()
    yield from (target["expr"] for panel in document["panels"] for target in panel.get("targets", ()))
    yield from (one["query"]["query"] for one in document["templating"]["list"] if one["type"] == "query")
    yield from (one["expr"] for one in document["annotations"]["list"])


RECORDED = {rule["record"] for rule in rules() if "record" in rule}


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_every_metric_that_is_asked_for_exists_with_the_labels_by_which_it_is(query: str) -> None:
    found = re.findall(
        r"(?<![\w:])((?:\w+:)?undertone_\w+(?::\w+)?)(?:\{([^}]*)\})?", re.sub(r'"undertone"', "", query)
    )
    assert found or "up{" in query, query
    for name, selector in found:
        if name in RECORDED:
            continue
        assert name in SAMPLES, name
        asked = set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', selector))
        assert asked <= {*SAMPLES[name].labels, *TARGET_LABELS}, f"{name}: {asked}"


def test_a_gauge_histogram_is_never_asked_for_its_rate() -> None:
    gauges = "|".join(name for name, one in SAMPLES.items() if one.kind in (Kind.GAUGE, Kind.GAUGE_HISTOGRAM))
    for query in queries():
        assert not re.search(rf"(?:rate|increase)\(\s*(?:{gauges})\b", query), query


def test_every_instrument_but_the_names_of_versions_is_on_the_dashboard() -> None:
    text = json.dumps(dashboard()) + json.dumps(rules())
    shown = {one.name for one in DECLARED if re.search(rf"\b{one.name}(?:_\w+)?\b", text)}
    assert {one.name for one in DECLARED} - shown == {"undertone_models_info", "undertone_call_info"}


def test_every_alert_says_what_it_means_and_how_bad_it_is() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    for alert in alerts:
        assert set(alert["annotations"]) == {"summary", "description"}
        assert alert.get("labels", {}).get("severity", "the rule's") in ("critical", "warning", "the rule's")
    assert [rule["alert"] for rule in alerts if "labels" not in rule] == ["UndertoneCallAlert"], "it has its own"


def test_panels_do_not_lie_over_one_another_and_have_numbers_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_dashboard_asks_the_data_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    chosen = next(one for one in dashboard()["templating"]["list"] if one["name"] == "datasource")
    assert chosen["current"]["value"] == source["uid"]
    assert {panel["datasource"]["uid"] for panel in dashboard()["panels"] if panel["type"] != "row"} == {
        "${datasource}"
    }


def succeeds(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_takes_the_configuration_with_its_rules() -> None:
    succeeds("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


@needs_promtool
def test_alerts_fire_and_end_when_promtool_expects_them_to() -> None:
    succeeds("promtool", "test", "rules", Path(__file__).parent / "rules_test.yml")


def test_every_alert_and_every_recording_has_a_test() -> None:
    tested = (Path(__file__).parent / "rules_test.yml").read_text()
    for rule in rules():
        assert (rule.get("alert") or rule["record"]) in tested


@needs_amtool
def test_alertmanager_takes_its_configuration() -> None:
    succeeds("amtool", "check-config", PROMETHEUS / "alertmanager.yml")
