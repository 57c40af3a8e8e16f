"""Debian's Chromium, whose microphone plays a recording."""

from __future__ import annotations

import shutil
from pathlib import Path

import soundfile
from playwright.sync_api import Browser, Playwright

FOREIGN_HOST = "undertone.test"
"""This machine by a name that is not known to be it: a page from there gets no microphone without HTTPS."""


class NoBrowser(Exception):
    """There is no Chromium on this machine."""


def program() -> str:
    """Where Chromium is. Raises NoBrowser."""
    path = shutil.which("chromium")
    if path is None:
        raise NoBrowser("Chromium is not installed: run `make browser`")
    return path


def launch(playwright: Playwright, microphone: Path) -> Browser:
    """A browser that gives any page the microphone without asking. `microphone`: a WAV file, played over and over."""
    flags = [
        "--no-sandbox",  # it runs as root in a container
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--allow-loopback-in-peer-connection",
        "--autoplay-policy=no-user-gesture-required",
        "--mute-audio",
        f"--host-resolver-rules=MAP {FOREIGN_HOST} 127.0.0.1",
    ]
    return playwright.chromium.launch(executable_path=program(), args=flags)


def write_microphone(recording: Path, path: Path, from_s: float = 0.0, length_s: float = 60.0) -> Path:
    """A part of a recording as a WAV file that Chromium takes for a microphone."""
    rate = soundfile.info(recording).samplerate
    start = int(from_s * rate)
    samples, _ = soundfile.read(recording, start=start, frames=int(length_s * rate), dtype="int16")
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path
