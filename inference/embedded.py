"""The networks that ship with Undertone, as models: every frame of a stream is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.checkpoint import CheckpointError, load_emotion, load_speaker
from inference.features import HISTORY_SAMPLES
from inference.folding import folded
from inference.stretches import Memory, batches, padded, stretches
from monitor.analysis import Analysis, EmotionAnalysis, EmotionSpec, Role, SpeakerAnalysis, SpeakerSpec, Window
from monitor.labels import LABELS
from vad.resample import FRAME_SAMPLES

MAX_BATCH = 64
LEAD_FRAMES = 25
"""How much of a pause the emotion network hears before speech: half a second, about as far as it looks back."""
Array = NDArray[np.float32]


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
        )
        self._fresh = fresh_state(self._net, device)

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        frames = [len(window.samples) // FRAME_SAMPLES for window in windows]
        nothing = np.zeros((0, len(LABELS)), np.float32)
        answers = [EmotionAnalysis(nothing, nothing[:, 0], count) for count in frames]
        for batch in batches(stretches(windows, LEAD_FRAMES), MAX_BATCH):
            audio, lengths = padded(batch)
            states = np.stack([s.stream.memory.state if s.stream.memory else self._fresh for s in batch])
            with torch.inference_mode():
                given = [torch.from_numpy(array).to(self._device) for array in (audio, states, lengths)]
                logits, arousal, after = (tensor.float().cpu().numpy() for tensor in self._net(*given))
            full = np.zeros((*logits.shape[:2], len(LABELS)), np.float32)
            full[:, :, self._columns] = logits
            for row, stretch in enumerate(batch):
                last = windows[stretch.parts[-1][0]]
                stretch.stream.memory = Memory(last.end_sample, after[row].copy())
                for place, first, start, end in stretch.parts:
                    answers[place] = EmotionAnalysis(full[row, start:end], arousal[row, start:end], first)
        return answers


@dataclass(slots=True)
class SpeakerMemory(Memory):
    """Also the last frames: `values` (frames, channels) and `attention` (frames, heads), which end at `end`."""

    values: Array
    attention: Array


class EmbeddedSpeaker:
    """The small speaker embedding network that ships with Undertone, or another in the same layout.

    Frames are computed once and pooled for every window that holds them. After a pause the network forgets the voice
    it heard before, but not what the line sounds like.
    """

    role = Role.SPEAKER
    max_batch = MAX_BATCH

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
        self._fresh = fresh_state(self._net.frames, device)

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        most = self.spec.window_samples // FRAME_SAMPLES
        held: dict[int, tuple[Array, Array]] = {}
        found = stretches(windows)
        for batch in batches(found, MAX_BATCH):
            audio, lengths = padded(batch)
            states = np.stack([self._before(stretch.stream.memory, stretch.joined) for stretch in batch])
            with torch.inference_mode():
                given = [torch.from_numpy(array).to(self._device) for array in (audio, states, lengths)]
                values, attention, after = (tensor.float().cpu().numpy() for tensor in self._net.frames(*given))
            for row, stretch in enumerate(batch):
                memory, new = stretch.stream.memory, slice(0, stretch.frames)
                joined = [memory] if memory is not None and stretch.joined else []
                all_values = np.concatenate([*(m.values for m in joined), values[row, new]])
                all_attention = np.concatenate([*(m.attention for m in joined), attention[row, new]])
                for place, _, _, end in stretch.parts:
                    upto = len(all_values) - stretch.frames + end
                    own = slice(max(0, upto - len(windows[place].samples) // FRAME_SAMPLES), upto)
                    held[place] = (all_values[own], all_attention[own])
                end_sample = windows[stretch.parts[-1][0]].end_sample
                kept = slice(max(0, len(all_values) - most), None)
                stretch.stream.memory = SpeakerMemory(
                    end_sample, after[row].copy(), all_values[kept].copy(), all_attention[kept].copy()
                )
        for stretch in found:
            if not stretch.frames:  # windows that end where the last one did
                for place, *_ in stretch.parts:
                    own = slice(-(len(windows[place].samples) // FRAME_SAMPLES), None)
                    held[place] = (stretch.stream.memory.values[own], stretch.stream.memory.attention[own])
        return [SpeakerAnalysis(row) for row in self._pool([held[place] for place in range(len(windows))])]

    def _before(self, memory: SpeakerMemory | None, joined: bool) -> Array:
        if memory is None:
            return self._fresh
        if joined:
            return memory.state
        state = self._fresh.copy()
        kept = self._net.reference.size
        state[:kept] = memory.state[:kept]
        return state

    def _pool(self, held: Sequence[tuple[Array, Array]]) -> Array:
        """Embeddings (windows, size) of the windows' frames."""
        longest = max(len(values) for values, _ in held)
        mask = np.zeros((len(held), longest), np.bool_)
        both = [np.zeros((len(held), longest, array.shape[1]), np.float32) for array in held[0]]
        for row, arrays in enumerate(held):
            mask[row, : len(arrays[0])] = True
            for whole, array in zip(both, arrays, strict=True):
                whole[row, : len(array)] = array
        with torch.inference_mode():
            given = [torch.from_numpy(array).to(self._device) for array in (*both, mask)]
            embeddings: torch.Tensor = self._net.embed(*given)
        return np.asarray(embeddings.float().cpu().numpy(), np.float32)
