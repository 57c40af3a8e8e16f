"""A throwaway PostgreSQL server, where its binaries are."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@contextmanager
def server() -> Iterator[str]:
    """Its URL, with user and without database; stopped and gone at the end. Skips where there is none to be had."""
    binaries = shutil.which("postgres") or next((str(folder / "postgres") for folder in FOLDERS), None)
    if binaries is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    folder = Path(binaries).parent
    as_user = _as_another_user()
    with TemporaryDirectory(prefix="undertone-postgres-") as made:
        home = Path(made)
        if as_user:
            shutil.chown(home, "nobody")
        data, port = home / "data", _free_port()
        initdb = [
            *as_user,
            str(folder / "initdb"),
            "-D",
            str(data),
            "-U",
            "undertone",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "-N",
        ]
        subprocess.run(initdb, check=True, capture_output=True, cwd=home)
        options = f"-p {port} -h 127.0.0.1 -k {home} -F"
        control = [*as_user, str(folder / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "log")]
        subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd=home)
        try:
            yield f"postgresql://undertone@127.0.0.1:{port}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=home)


def fresh(url: str, name: str) -> str:
    """The URL of an empty database of this name."""
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"{url}/{name}"


def _as_another_user() -> list[str]:
    """PostgreSQL does not run as root."""
    if os.getuid() != 0:
        return []
    try:
        pwd.getpwnam("nobody")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user nobody")
    return ["runuser", "-u", "nobody", "--"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
