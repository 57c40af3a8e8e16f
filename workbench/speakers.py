"""Voices in recordings: an embedding of the speech of each, and whether it can be relied on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference.model import Model
from monitor.analysis import Role, SpeakerSpec, Window
from monitor.gallery import unit
from vad.cuts import SpeechCut
from vad.endpointing import EndpointingConfig
from vad.grid import FRAME_SAMPLES
from vad.pcm import Samples
from workbench import media
from workbench.asked import Item
from workbench.embedding import embed_windows
from workbench.failures import failed
from workbench.listening import Audio, Listening, Sound
from workbench.results import Failure
from workbench.sentences import Sentence, say

log = logging.getLogger("undertone.workbench")
LITTLE_SPEECH_S = 2.0
NOISY_DB = 10.0
CLIPPED_SHARE = 0.001
APART_STD = 1.25
"""Windows of a recording are taken for several people's if their mean cosine lies so many standard deviations of single
cosines below the mean of one speaker's."""
Vector = NDArray[np.float32]


class Quality(msgspec.Struct, frozen=True):
    """What an embedding rests on. `snr_db`: null where no pause was heard; `clipped_share`: of all samples;
    `consistency`: mean cosine of the windows that do not overlap, null for fewer than two; `problems`: what makes it
    less sure."""

    duration_s: float
    speech_s: float
    snr_db: float | None
    clipped_share: float
    consistency: float | None
    problems: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Voice:
    """The voice of a recording as the model `model` hears it: `vector` (size,), of length 1; `windows`: how many full
    windows' worth of speech it is the mean of."""

    name: str
    model: str
    vector: Vector
    windows: float
    quality: Quality


@dataclass(frozen=True, slots=True)
class Unheard:
    """A recording of which there is no voice, and why. `quality`: None if it could not be heard at all."""

    name: str
    failure: Failure
    quality: Quality | None = None


@dataclass(slots=True)
class _Heard:
    """The windows of a recording so far: the sum of their embeddings by their lengths, and those side by side."""

    total: NDArray[np.float64]
    frames: int = 0
    until: int = 0
    beside: NDArray[np.float64] = field(init=False)
    count: int = 0
    _beside_until: int = 0

    def __post_init__(self) -> None:
        self.beside = np.zeros_like(self.total)

    def take(self, cut: SpeechCut, embedding: NDArray[np.float64]) -> None:
        self.total += (cut.end - cut.start) * embedding
        self.frames += cut.end - max(cut.start, self.until)
        self.until = cut.end
        if cut.start >= self._beside_until:
            self.beside += embedding
            self.count += 1
            self._beside_until = cut.end

    @property
    def consistency(self) -> float | None:
        """Mean cosine of the windows side by side with each other."""
        pairs = self.count * (self.count - 1)
        return (float(self.beside @ self.beside) - self.count) / pairs if pairs else None


class Ears:
    """Hears voices with one model, as live calls do: speech only, in windows that do not straddle pauses.

    `judge`: the model of speech, needed by every backend but webrtcvad. Not thread-safe: models are called from here.
    """

    def __init__(self, model: Model, judge: Model | None, endpointing: EndpointingConfig = EndpointingConfig()) -> None:
        if not isinstance(model.spec, SpeakerSpec):
            raise TypeError(f"{model.spec.name} is no speaker model")
        self.spec = model.spec
        self._model = model
        self._listening = Listening(endpointing, judge, model.spec.window_samples)

    def hear(self, recordings: Iterable[Audio]) -> Iterator[Voice | Unheard]:
        """The voice of each recording as it ends, not always in their order: batches are made across recordings, and of
        each only seconds are kept. One that the model fails on is Unheard and spoils none of the others."""
        heard: dict[int, _Heard] = {}
        broken: set[int] = set()
        for cuts, ended in self._listening.hear(iter(recordings)):
            windows = [
                Window(at, Role.SPEAKER, 0, cut.speech.end * FRAME_SAMPLES, cut.speech.samples, cut.stream)
                for at, cut in enumerate(cuts)
            ]
            for cut, embedding in zip(cuts, self._embedded(windows), strict=True):
                if embedding is None:
                    broken.add(cut.number)
                    continue
                if cut.number not in heard:
                    heard[cut.number] = _Heard(np.zeros(self.spec.embedding_size))
                heard[cut.number].take(cut.speech, embedding)
            for each in ended:
                voice = self._voice(each.name, each.sound, heard.pop(each.number, None))
                yield Unheard(each.name, failed("model"), voice.quality) if each.number in broken else voice

    def hear_files(self, items: Iterable[Item]) -> Iterator[Voice | Unheard]:
        """The same of recordings that are to be decoded, readable or not; their channels are mixed."""
        unreadable: list[Unheard] = []
        for voice in self.hear(_audio(items, unreadable)):
            yield voice
            yield from unreadable
            unreadable.clear()
        yield from unreadable

    def _embedded(self, windows: Sequence[Window]) -> list[NDArray[np.float64] | None]:
        """A unit embedding of each window; None of those on which the model fails. If it fails on a batch, they are
        asked about one by one."""
        remembered = [window.stream.memory for window in windows]
        try:
            return list(embed_windows(windows, self._model))
        except Exception:
            for window, memory in zip(windows, remembered, strict=True):
                window.stream.memory = memory
        found: list[NDArray[np.float64] | None] = []
        for window in windows:
            try:
                found += list(embed_windows([window], self._model))
            except Exception:
                log.exception("%s failed on a window", self.spec.name)
                found.append(None)
        return found

    def _voice(self, name: str, sound: Sound, heard: _Heard | None) -> Voice | Unheard:
        consistency = None if heard is None else heard.consistency
        quality = Quality(
            duration_s=round(sound.duration_s, 3),
            speech_s=round(sound.speech_s, 2),
            snr_db=None if sound.snr_db is None else round(sound.snr_db, 1),
            clipped_share=round(sound.clipped_share, 6),
            consistency=None if consistency is None else round(consistency, 4),
        )
        quality = msgspec.structs.replace(quality, problems=tuple(_problems(quality, self.spec)))
        if heard is None or not heard.total.any():
            failure = failed("no_speech", speech_s=quality.speech_s, duration_s=quality.duration_s)
            return Unheard(name, failure, quality)
        vector = unit(heard.total).astype(np.float32)
        return Voice(name, self.spec.name, vector, heard.frames * FRAME_SAMPLES / self.spec.window_samples, quality)


def _audio(items: Iterable[Item], unreadable: list[Unheard]) -> Iterator[Audio]:
    """Those that can be read; the others go into `unreadable`."""
    for item in items:
        try:
            blocks = media.opened(_mono(item))
        except media.MediaError as error:
            unreadable.append(Unheard(item.name, failed(error.code, **error.values)))
            continue
        yield Audio(item.name, blocks)


def _mono(item: Item) -> Iterator[Samples]:
    with media.Recording(item.source, item.name) as recording:
        for block in recording.blocks(1):
            yield block[0]


def _problems(quality: Quality, spec: SpeakerSpec) -> Iterator[Sentence]:
    """What makes an embedding less sure."""
    if quality.speech_s < LITTLE_SPEECH_S:
        yield say("voice.little_speech", speech_s=quality.speech_s, least_s=LITTLE_SPEECH_S)
    if quality.clipped_share > CLIPPED_SHARE:
        yield say("voice.clipped", percent=round(100 * quality.clipped_share, 1))
    if quality.snr_db is not None and quality.snr_db < NOISY_DB:
        yield say("voice.noisy", snr_db=quality.snr_db)
    if quality.consistency is not None and quality.consistency < spec.same_mean - APART_STD * spec.same_std:
        yield say("voice.several")
