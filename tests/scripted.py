"""Deterministic doubles: audio with a known course, and models whose answers follow from the samples alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.analysis import (
    Analysis,
    EmotionAnalysis,
    EmotionSpec,
    Role,
    SpeakerAnalysis,
    SpeakerSpec,
    Specs,
    SpeechAnalysis,
    SpeechSpec,
    Window,
)
from monitor.events import Event, event_type
from monitor.gallery import Gallery, Person
from monitor.session import Session, State
from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.pcm import Samples

EMOTION = EmotionSpec("scripted-emotion", "none", 48_000, ("angry", "happy", "neutral", "sad"))
SPEAKER = SpeakerSpec("scripted-speaker", "none", 24_000, 8, 0.9, 0.1, 0.1, 0.15)
SPEECH = SpeechSpec("scripted-judge", "none", 1600)
Cuttable = TypeVar("Cuttable", bytes, NDArray[np.float32])
SPECS = Specs(EMOTION, SPEAKER)
JUDGED = Specs(EMOTION, SPEAKER, SPEECH)


def voice(pitch_hz: float, seconds: float, seed: int = 0, level: float = 0.3) -> Samples:
    """A buzz with formant-like bands that WebRTC's detector takes for speech; its spectrum tells `pitch_hz`."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = sum(np.sin(2 * np.pi * pitch_hz * k * t + rng.uniform(0, 6)) / k for k in range(1, int(3500 / pitch_hz)))
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)
    return (level * syllables * wave / np.abs(wave).max()).astype(np.float32)


def silence(seconds: float, seed: int = 0, level: float = 1e-4) -> Samples:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * SAMPLE_RATE_HZ))).astype(np.float32)


def conversation() -> Samples:
    """Two voices in turn, with short and long pauses; 24.5 s, shape (n,)."""
    parts = [
        silence(0.7, 1), voice(110, 3.1, 2), silence(0.2, 3), voice(110, 1.3, 4), silence(1.1, 5),
        voice(260, 4.2, 6), silence(0.6, 7), voice(110, 0.4, 8), silence(0.5, 9), voice(260, 2.5, 10),
        silence(4.0, 11), voice(110, 3.3, 12), voice(260, 2.0, 13), silence(0.6, 14),
    ]  # fmt: skip
    return np.concatenate(parts)


def levels_of(probabilities: NDArray[Any]) -> bytes:
    """Probabilities of speech as the core takes them: in 255ths, a byte each."""
    return np.rint(np.asarray(probabilities, np.float64) * 255).astype(np.uint8).tobytes()


def answer(window: Window) -> Analysis:
    """What the scripted models say: a function of the window's samples."""
    if window.role is Role.SPEECH:
        loud = np.abs(window.samples.reshape(-1, 320)).max(axis=1)
        return SpeechAnalysis(levels_of(loud > 0.02))
    if window.role is Role.SPEAKER:
        spectrum = np.abs(np.fft.rfft(np.resize(window.samples, SPEAKER.window_samples)))[:1600]
        low = spectrum[: len(spectrum) // 8 * 8].reshape(8, -1).mean(axis=1)
        tall = np.log(low + 1e-6)
        return SpeakerAnalysis((tall - tall.mean()).astype(np.float32))
    frames = window.samples.reshape(-1, 320)
    loud = np.log(np.square(frames).mean(axis=1) + 1e-6)
    logits = np.zeros((len(frames), 9), np.float32)
    logits[:, 0] = loud
    logits[:, 3] = np.abs(np.diff(frames, axis=1)).mean(axis=1) * 20
    logits[:, 4] = -loud / 2
    return EmotionAnalysis(logits, (loud / 4).astype(np.float32))


def known_voices() -> Gallery:
    """The two who speak in `conversation`, as the scripted model hears them."""
    people = []
    for name, pitch_hz in (("Low", 110), ("High", 260)):
        samples = voice(pitch_hz, 1.5, 99)
        heard = answer(Window(0, Role.SPEAKER, 0, len(samples), samples))
        assert isinstance(heard, SpeakerAnalysis)
        people.append(Person(name, heard.embedding, 8.0))
    return Gallery(SPEAKER, people)


@dataclass
class Driver:
    """Feeds a Session and answers its windows: at once, or only after `hold` have gathered, newest first."""

    session: Session
    hold: int = 0
    windows: list[Window] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def feed(self, samples: Samples, channel: int = 0) -> None:
        self.session.receive_audio(channel, samples)
        self.turn()

    def turn(self) -> None:
        self.windows += self.session.take_windows()
        if len(self.windows) > self.hold:
            self.answer()
        self.events += self.session.take_events()

    def answer(self) -> None:
        while self.windows:
            window = self.windows.pop()
            self.session.receive_analysis(window.number, answer(window))

    def finish(self, reason: str = "finished") -> list[Event]:
        self.session.finish(reason)
        while self.session.state is not State.ENDED:
            self.windows += self.session.take_windows()
            self.answer()
        self.events += self.session.take_events()
        return self.events


def events_of(
    audio: Samples | Iterable[Samples],
    chunk: int,
    specs: Specs = SPECS,
    roles: tuple[str, ...] = ("mixed",),
    hold: int = 0,
    gallery: Gallery | None = None,
) -> list[Event]:
    """All events of a call fed in chunks of `chunk` samples; `audio` has shape (n,) or one row per channel."""
    planes = np.atleast_2d(np.asarray(audio, np.float32))
    driver = Driver(Session("call", roles, specs, transport="test", gallery=gallery), hold)
    for at in range(0, planes.shape[1], chunk):
        for channel, plane in enumerate(planes):
            driver.feed(plane[at : at + chunk], channel)
    return driver.finish()


def by_type_and_channel(events: Iterable[Event]) -> dict[tuple[str, int | None], list[Event]]:
    """Events grouped as architecture.md promises them equal, without their place among the others."""
    groups: dict[tuple[str, int | None], list[Event]] = {}
    for event in events:
        groups.setdefault((event_type(event), event.channel), []).append(msgspec.structs.replace(event, seq=0))
    return groups


def of(events: Iterable[Event], *kinds: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kinds)]


Bools = NDArray[np.bool_]


class LoudnessGate:
    """Stands in for `WebrtcDetector`: a frame is speech if it reaches 0.02, so a test knows its frames exactly."""

    def __init__(self, mode: int) -> None:
        self.mode = mode

    def feed(self, samples: Samples) -> bytes:
        return levels_of(np.abs(samples.reshape(-1, FRAME_SAMPLES)).max(axis=1) >= 0.02)


def loud(frames: int, level: float = 0.1) -> Samples:
    """`frames` frames that `LoudnessGate` takes for speech; no two samples of it are alike."""
    n = frames * FRAME_SAMPLES
    return (level * np.sin(2 * np.pi * 200 * np.arange(n) / SAMPLE_RATE_HZ) + np.linspace(0, 1e-3, n)).astype(
        np.float32
    )


def quiet(frames: int, level: float = 1e-3) -> Samples:
    """`frames` frames that `LoudnessGate` takes for silence."""
    return (level * np.sin(np.arange(frames * FRAME_SAMPLES))).astype(np.float32)


def pieces(data: Cuttable, sizes: Iterable[int]) -> list[Cuttable]:
    """`data`, cut into pieces of the `sizes` given; what is left is the last one."""
    out: list[Cuttable] = []
    for size in sizes:
        out.append(data[:size])
        data = data[size:]
    return [*out, data]
