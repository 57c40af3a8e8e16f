"""Voices and recordings with a known course."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from monitor.analysis import Role, SpeakerSpec
from monitor.gallery import unit
from tests.evaluation.recordings import ScriptedModel
from vad.endpointing import EndpointingConfig
from vad.pcm import Samples
from workbench.listening import Audio
from workbench.speakers import Ears, Quality, Voice

SPEC = SpeakerSpec("model", "none", 24_000, 48, 0.6, 0.12, 0.0, 0.145)
ENDPOINTING = EndpointingConfig("webrtcvad")
CLEAN = Quality(duration_s=6.0, speech_s=5.0, snr_db=30.0, clipped_share=0.0, consistency=0.6)
SPEAKERS = unit(np.random.default_rng(5).standard_normal((100, 48)))


def spoken(speaker: int, seed: int = 0, windows: int = 4, quality: Quality = CLEAN, name: str = "") -> Voice:
    """A recording of a speaker: the cosine of two single windows is about 0.6, of two speakers' about 0."""
    noise = np.random.default_rng([speaker, seed]).standard_normal((windows, 48)) / np.sqrt(48)
    vector = unit(unit(np.sqrt(0.6) * SPEAKERS[speaker] + np.sqrt(0.4) * noise).mean(axis=0)).astype(np.float32)
    return Voice(name or f"{speaker}-{seed}.wav", SPEC.name, vector, float(windows), quality)


def ears() -> Ears:
    """Hear with the scripted speaker model and WebRTC's detector."""
    return Ears(ScriptedModel(Role.SPEAKER), None, ENDPOINTING)


def recording(name: str, samples: Samples, block: int = 8000) -> Audio:
    return Audio(name, blocks(samples, block))


def blocks(samples: Samples, size: int) -> Iterator[Samples]:
    return (samples[at : at + size] for at in range(0, len(samples), size))
