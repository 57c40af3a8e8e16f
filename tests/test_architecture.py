"""The rules of the house: which way imports point, and what the core must not touch."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    "vad",
    "monitor",
    "inference",
    "metrics",
    "history",
    "notify",
    "workbench",
    "undertone_client",
    "stream_server",
    "evaluation",
    "benchmarks",
)
STOREYS = ("live", "jobs", "webrtc", "rest", "commands")
"""Within `stream_server`, whose own modules (settings, faults, ...) lie below all of these."""
COMPOSITION_ROOT = {"stream_server/commands/cli.py": {"evaluation.command", "benchmarks.live"}}
"""The command line puts everything together, so it may know these modules of what lies above it."""
CORE = ("vad", "monitor")
CORE_MAY_IMPORT = {"numpy", "soxr", "webrtcvad", "msgspec", "annotated_types", *CORE}
STATEFUL = {"asyncio", "threading", "time", "random", "socket", "multiprocessing", "subprocess", "logging", "os", "io"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path, known: Collection[str] = ()) -> set[str]:
    """Full names of all modules that a file imports, at any depth of it; what is imported from a package is named with
    it where that gives one of the `known` modules."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {
                full if (full := f"{node.module}.{alias.name}") in known else node.module or "" for alias in node.names
            }
    return names


def violations(package: str, path: Path) -> list[str]:
    """The imports of `path` that point to a floor above `package`, or out of what inference may know of monitor."""
    above = FLOORS[FLOORS.index(package) + 1 :]
    known = COMPOSITION_ROOT.get("/".join(path.parts[-3:]), set())
    wrong = [name for name in imported(path, known) if name.split(".")[0] in above and name not in known]
    if package == "inference":
        allowed = {"monitor.analysis", "monitor.labels"}
        wrong += [name for name in imported(path) if name.startswith("monitor") and name not in allowed]
    return wrong


@pytest.mark.parametrize("package", FLOORS)
def test_imports_point_downwards_only(package: str) -> None:
    assert modules(package), f"{package} has no modules"
    wrong = {str(path.relative_to(ROOT)): found for path in modules(package) if (found := violations(package, path))}
    assert wrong == {}


@pytest.mark.parametrize("storey", ["", *STOREYS])
def test_imports_within_the_server_point_downwards_only(storey: str) -> None:
    own = ROOT / "stream_server" / storey
    above = {f"stream_server.{other}" for other in (STOREYS[STOREYS.index(storey) + 1 :] if storey else STOREYS)}
    wrong = {
        path.name: found
        for path in sorted(own.glob("*.py"))
        if (found := [name for name in imported(path) if ".".join(name.split(".")[:2]) in above])
    }
    assert wrong == {}


@pytest.mark.parametrize("package", CORE)
def test_the_core_knows_no_clock_no_io_and_no_torch(package: str) -> None:
    for path in modules(package):
        roots = {name.split(".")[0] for name in imported(path)}
        foreign = roots - CORE_MAY_IMPORT - set(sys.stdlib_module_names)
        assert not foreign, f"{path}: {foreign}"
        assert not roots & STATEFUL, f"{path}: {roots & STATEFUL}"


def test_a_wrong_import_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "intruder.py"
    path.write_text("def f():\n    from stream_server import app\n    import monitor.session\n", encoding="utf-8")
    assert violations("vad", path) == ["stream_server", "monitor.session"] or set(violations("vad", path)) == {
        "stream_server",
        "monitor.session",
    }
    assert "monitor.session" in violations("inference", path)
    assert violations("stream_server", path) == []


def test_the_command_line_knows_no_more_of_what_lies_above_it_than_is_named(tmp_path: Path) -> None:
    path = tmp_path / "stream_server" / "commands" / "cli.py"
    path.parent.mkdir(parents=True)
    path.write_text("from benchmarks import live\nfrom evaluation import command\n", encoding="utf-8")
    assert violations("stream_server", path) == []
    path.write_text("from benchmarks import live, load\n", encoding="utf-8")
    assert violations("stream_server", path) == ["benchmarks"]


def test_no_module_uses_global_or_nonlocal_state() -> None:
    for package in FLOORS:
        for path in modules(package):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Global, ast.Nonlocal))], path
