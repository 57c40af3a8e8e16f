"""What brings Undertone onto machines: the image, and the composition with Prometheus, Alertmanager and Grafana."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from stream_server.settings import declared

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = ROOT / "deploy" / "compose.yaml"
SERVICES: dict[str, dict] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def mounts() -> list[tuple[str, str]]:
    return [tuple(mount.split(":")[:2]) for service in SERVICES.values() for mount in service["volumes"]]


def test_every_setting_that_the_image_sets_is_one() -> None:
    used = set(re.findall(r"UNDERTONE_\w+(?==)", DOCKERFILE))
    assert used
    assert used <= {setting.env for setting in declared()}


def test_the_database_and_uploads_lie_on_the_volume() -> None:
    (url,) = re.findall(r"UNDERTONE_HISTORY__URL=(\S+)", DOCKERFILE)
    (folder,) = re.findall(r"UNDERTONE_JOBS__FOLDER=(\S+)", DOCKERFILE)
    (volume,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)
    assert url.startswith(f"sqlite:///{volume}/")
    assert folder == volume
    assert f"undertone:{volume}" in SERVICES["undertone"]["volumes"]


def test_the_image_has_the_extras_that_rest_asks_for() -> None:
    declared_extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", DOCKERFILE)
    installed = set(extras.split(","))
    assert installed <= set(declared_extras["optional-dependencies"])
    assert {"workbench", "parquet"} <= installed, "/v1/cluster, results.parquet"


def test_the_image_does_not_run_as_root() -> None:
    assert int(re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1]) > 0


def test_images_are_pinned_and_named_without_a_registry() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images += [service["image"] for name, service in SERVICES.items() if name != "undertone"]
    for image in images:
        name, _, tag = image.partition(":")
        assert re.match(r"v?\d", tag), image
        assert "." not in name.split("/")[0], image


def test_nothing_is_reached_from_other_machines() -> None:
    published = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(published) == len(SERVICES)
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_is_mounted_exists() -> None:
    named = set(yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["volumes"])
    for source, _ in mounts():
        assert source in named or (COMPOSE.parent / source).exists(), source


def test_prometheus_finds_undertone_and_alertmanager_by_the_names_of_the_composition() -> None:
    document = yaml.safe_load((ROOT / "metrics" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = [document["scrape_configs"][0], document["alerting"]["alertmanagers"][0]]
    for (target,) in (one["static_configs"][0]["targets"] for one in targets):
        name, port = target.split(":")
        assert any(published.endswith(f":{port}") for published in SERVICES[name]["ports"]), target


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed: make operators")
def test_hadolint_has_nothing_against_the_dockerfile() -> None:
    done = subprocess.run([str(HADOLINT), "Dockerfile"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(find_spec("check_jsonschema") is None, reason="check-jsonschema is not installed: make operators")
def test_the_composition_is_one_by_its_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
