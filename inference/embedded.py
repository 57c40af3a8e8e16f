"""The networks that ship with Undertone, as models: every frame of a stream is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.checkpoint import load_emotion, load_speaker
from inference.emotion_net import WINDOW_SAMPLES
from inference.features import HISTORY_SAMPLES
from inference.folding import folded
from inference.model import CheckpointError, EmotionFeatures
from inference.stretches import Memory, Stretch, batches, padded, stretches
from monitor.analysis import (
    DEFAULT_ALERTS,
    AlertLevels,
    Analysis,
    EmotionAnalysis,
    EmotionSpec,
    Role,
    SpeakerAnalysis,
    SpeakerSpec,
    Window,
)
from monitor.labels import LABELS
from vad.grid import FRAME_SAMPLES

MAX_BATCH = 128
LEAD_FRAMES = 25
"""How much of a pause the emotion network hears before speech: half a second, about as far as it looks back."""
USUAL_NORMS = {"undertone-emotion-small": (2.0, 18.0)}
"""Between which lengths the embeddings of recordings lay, all but one in five hundred of 3,972 of five corpora
(`undertone embed`)."""
Array = NDArray[np.float32]


def _alert_levels(stored: dict[str, dict[str, float]]) -> dict[str, AlertLevels]:
    return {rule: AlertLevels(**levels) for rule, levels in stored.items()}


def fresh_state(frames: Callable[[torch.Tensor], Sequence[torch.Tensor]], device: str) -> Array:
    """The state of a stream that has not begun: zeros, as many as the network keeps."""
    with torch.inference_mode():
        after = frames(torch.zeros(1, HISTORY_SAMPLES + FRAME_SAMPLES, device=device))[-1]
    return np.zeros(after.shape[1], np.float32)


class EmbeddedEmotion:
    """The small frame-level emotion network that ships with Undertone, or another in the same layout.

    An analysis holds the frames that are new in its window; what a pause was longer than `LEAD_FRAMES` is left out.
    After a gap the network goes on with what it remembers, from the window's beginning.
    """

    role = Role.EMOTION
    max_batch = MAX_BATCH
    overlap_samples = HISTORY_SAMPLES
    longest_samples = WINDOW_SAMPLES + FRAME_SAMPLES

    def __init__(self, path: Path, device: str) -> None:
        net, header = load_emotion(path)
        self._net = folded(net).to(device)
        self._device = device
        self._columns = [LABELS.index(label) for label in header["labels"]]
        thresholds: dict[str, Any] = header["thresholds"]
        self.spec = EmotionSpec(
            name=header["name"],
            licence=header["licence"],
            window_samples=header["window_samples"],
            labels=tuple(header["labels"]),
            medium_from=float(thresholds.get("medium_from", 0.5)),
            high_from=float(thresholds.get("high_from", 0.7)),
            alerts={**DEFAULT_ALERTS, **_alert_levels(thresholds.get("alerts", {}))},
            calibrated="high_from" in thresholds,
            embedding_size=net.config.channels,
            usual_norms=USUAL_NORMS.get(header["name"]),
        )
        self._fresh = fresh_state(self._net, device)

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        answers = self._unheard(windows)
        for batch, (logits, arousal, _) in self._computed(windows, self._net):
            for row, stretch in enumerate(batch):
                for place, first, start, end in stretch.parts:
                    answers[place] = EmotionAnalysis(logits[row, start:end], arousal[row, start:end], first)
        return answers

    def embed(self, windows: Sequence[Window]) -> Sequence[EmotionFeatures]:
        """See `EmbeddingModel`."""
        nothing = np.zeros((0, self.spec.embedding_size), np.float32)
        answers = [EmotionFeatures(analysis, nothing) for analysis in self._unheard(windows)]
        for batch, (logits, arousal, _, frames) in self._computed(windows, self._net.embed):
            for row, stretch in enumerate(batch):
                for place, first, start, end in stretch.parts:
                    analysis = EmotionAnalysis(logits[row, start:end], arousal[row, start:end], first)
                    answers[place] = EmotionFeatures(analysis, frames[row, start:end])
        return answers

    def _unheard(self, windows: Sequence[Window]) -> list[EmotionAnalysis]:
        """What is said of windows that hold nothing new."""
        nothing = np.zeros((0, len(LABELS)), np.float32)
        return [EmotionAnalysis(nothing, nothing[:, 0], len(window.samples) // FRAME_SAMPLES) for window in windows]

    def _computed(
        self, windows: Sequence[Window], run: Callable[..., Sequence[torch.Tensor]]
    ) -> Iterator[tuple[list[Stretch], list[Array]]]:
        """What `run` gives for the batches that the windows make, the logits of all nine labels first; then the streams
        remember them."""
        for batch in batches(stretches(windows, LEAD_FRAMES), MAX_BATCH):
            audio, lengths = padded(batch)
            states = np.empty((len(batch), len(self._fresh)), np.float32)
            for state, stretch in zip(states, batch, strict=True):
                memory = stretch.stream.memory
                state[:] = self._fresh if memory is None else memory.state
            with torch.inference_mode():
                given = [torch.from_numpy(array).to(self._device) for array in (audio, states, lengths)]
                logits, arousal, after, *more = (tensor.float().cpu().numpy() for tensor in run(*given))
            full = np.zeros((*logits.shape[:2], len(LABELS)), np.float32)
            full[:, :, self._columns] = logits
            for state, stretch in zip(after, batch, strict=True):
                stretch.stream.memory = Memory(stretch.end, state.copy())
            yield batch, [full, arousal, after, *more]


@dataclass(slots=True)
class SpeakerMemory(Memory):
    """Also the last frames: `held` (frames, values and attention logits), which end at `end`."""

    held: Array


class Spans:
    """The frames of each window of a batch, gathered for pooling: `frames`: (windows, longest, size)."""

    def __init__(self, windows: Sequence[Window], size: int) -> None:
        self._asked = [window.frames for window in windows]
        self._lengths = np.zeros(len(windows), np.int64)
        self.frames = np.empty((len(windows), max(self._asked, default=0), size), np.float32)

    def put(self, place: int, old: Array, new: Array) -> None:
        """The window at `place` ends with the frames `new`, and begins with some of `old`, as far as it has room."""
        asked, row = self._asked[place], self.frames[place]
        late = min(asked, len(new))
        early = min(asked - late, len(old))
        row[:early] = old[len(old) - early :]
        row[early : early + late] = new[len(new) - late :]
        row[early + late :] = 0
        self._lengths[place] = early + late

    def mask(self) -> NDArray[np.bool_]:
        """Which of the frames are a window's, (windows, longest)."""
        return np.arange(self.frames.shape[1]) < self._lengths[:, None]


class EmbeddedSpeaker:
    """The small speaker embedding network that ships with Undertone, or another in the same layout.

    Frames are computed once and pooled for every window that holds them. After a pause the network forgets the voice
    it heard before, but not what the line sounds like.
    """

    role = Role.SPEAKER
    max_batch = MAX_BATCH
    overlap_samples = HISTORY_SAMPLES

    def __init__(self, path: Path, device: str) -> None:
        net, header = load_speaker(path)
        self._net = folded(net).to(device)
        self._device = device
        thresholds: dict[str, Any] = header["thresholds"]
        try:
            cosines = [float(thresholds[key]) for key in ("same_mean", "same_std", "different_mean", "different_std")]
        except KeyError as missing:
            raise CheckpointError(f"{path}: thresholds lack {missing}; the tracker needs its cosines") from None
        self.spec = SpeakerSpec(
            header["name"], header["licence"], header["window_samples"], net.config.embedding, *cosines
        )
        self._most = self.spec.window_samples // FRAME_SAMPLES
        self._fresh = fresh_state(self._net.frames, device)

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        spans = Spans(windows, self._net.config.values + self._net.config.heads)
        found = stretches(windows)
        for batch in batches(found, MAX_BATCH):
            audio, lengths = padded(batch)
            states = np.empty((len(batch), len(self._fresh)), np.float32)
            for state, stretch in zip(states, batch, strict=True):
                self._resume(state, stretch)
            with torch.inference_mode():
                given = [torch.from_numpy(array).to(self._device) for array in (audio, states, lengths)]
                values, attention, after = self._net.frames(*given)
                joined = torch.cat([values.transpose(0, 1), attention.transpose(0, 1)], dim=2).transpose(0, 1)
                frames, states = (tensor.float().cpu().numpy() for tensor in (joined, after))
            for stretch, new, state in zip(batch, frames, states, strict=True):
                self._remember(stretch, new[: stretch.frames], state, spans)
        for stretch in found:
            if not stretch.frames:  # windows that end where the last one did
                held = stretch.stream.memory.held
                for place, *_ in stretch.parts:
                    spans.put(place, held, held[:0])
        return [SpeakerAnalysis(row) for row in self._pool(spans)]

    def _resume(self, state: Array, stretch: Stretch) -> None:
        """Into `state` what the network is to go on with; after a pause only what the line sounds like."""
        memory = stretch.stream.memory
        state[:] = self._fresh
        if memory is not None:
            kept = len(state) if stretch.joined else self._net.reference.size
            state[:kept] = memory.state[:kept]

    def _remember(self, stretch: Stretch, new: Array, state: Array, spans: Spans) -> None:
        """Takes the `new` frames of a stretch into the spans of its windows, and into the stream's memory."""
        memory = stretch.stream.memory
        old = memory.held if memory is not None and stretch.joined else new[:0]
        for place, _, _, end in stretch.parts:
            spans.put(place, old, new[:end])
        fresh = min(len(new), self._most)
        held = np.concatenate([old[max(0, len(old) - self._most + fresh) :], new[len(new) - fresh :]])
        stretch.stream.memory = SpeakerMemory(stretch.end, state.copy(), held)

    def _pool(self, spans: Spans) -> Array:
        """Embeddings (windows, size) of the windows' frames."""
        with torch.inference_mode():
            given = [torch.from_numpy(array).to(self._device) for array in (spans.frames, spans.mask())]
            values, attention = given[0].tensor_split([self._net.config.values], dim=2)
            embeddings: torch.Tensor = self._net.embed(values, attention, given[1])
        return np.asarray(embeddings.float().cpu().numpy(), np.float32)
