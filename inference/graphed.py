"""emotion2vec for many windows at once on a GPU: bfloat16, one CUDA graph per batch size, copies beside the arithmetic.

Windows of one length go through networks of a few fixed batch sizes, each recorded once as a graph: a small batch then
costs what its arithmetic costs and not what launching some hundred kernels does. The normalisation of the windows is
part of the graph, so what crosses to the device is the audio as it came. While one batch is computed, the next is
copied.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.emotion2vec import Emotion2vec, frames_in, normalised

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WARM_UPS = 3
Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A graph, what it reads, (size, samples), and what it writes, (size, frames, labels)."""

    run: Callable[[], None]
    audio: Tensor
    logits: Tensor


class GraphedEmotion2vec:
    """Windows of `window_samples` samples to logits. On a CPU (for tests) there are no graphs, and the copies wait.

    `dtype`: what the network computes in; the normalisation of the windows is in 32 bits.
    """

    def __init__(
        self,
        net: Emotion2vec,
        window_samples: int,
        device: str = "cuda",
        dtype: torch.dtype = torch.bfloat16,
        sizes: Sequence[int] = SIZES,
    ) -> None:
        self.sizes = tuple(sorted(sizes))
        self._device = torch.device(device)
        self._cuda = self._device.type == "cuda"
        self._dtype = dtype
        self._samples = window_samples
        self._net = copy.deepcopy(net).to(self._device, dtype)
        self._bias = net.bias(frames_in(window_samples), None).to(self._device, dtype)
        largest = self.sizes[-1]
        self._staged = [torch.empty(largest, window_samples, pin_memory=self._cuda) for _ in range(2)]
        self._copied = [torch.empty(largest, window_samples, device=self._device) for _ in range(2)]
        self._copying = _stream(self._device) if self._cuda else None
        self._recorded = {size: self._record(size) for size in reversed(self.sizes)}

    def __call__(self, windows: Sequence[Samples]) -> NDArray[np.float32]:
        """Logits (windows, frames, labels)."""
        parts = self._parts(len(windows))
        out: list[Tensor] = []
        with torch.inference_mode():
            ready = self._stage(windows[: parts[0]], 0) if parts else None
            at = 0
            for number, count in enumerate(parts):
                recorded = self._recorded[self._size(count)]
                self._await(ready)
                recorded.audio[:count].copy_(self._copied[number % 2][:count])
                at += count
                if number + 1 < len(parts):
                    ready = self._stage(windows[at : at + parts[number + 1]], (number + 1) % 2)
                recorded.run()
                out.append(recorded.logits[:count].clone())
            return torch.cat(out).cpu().numpy() if out else np.zeros((0, frames_in(self._samples), 0), np.float32)

    @torch.inference_mode()
    def embed(self, clips: Sequence[Samples]) -> list[tuple[Tensor, Tensor]]:
        """Features (frames, width) and logits (frames, labels) of clips of any length, in one batch without a graph."""
        lengths = [len(clip) for clip in clips]
        waves = [normalised(torch.from_numpy(clip).to(self._device)) for clip in clips]
        padded = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True).to(self._dtype)
        features, logits = self._net(padded, torch.tensor(lengths, device=self._device))
        return [
            (features[row, : frames_in(length)], logits[row, : frames_in(length)]) for row, length in enumerate(lengths)
        ]

    def _parts(self, count: int) -> list[int]:
        largest = self.sizes[-1]
        return [largest] * (count // largest) + [count % largest] * (count % largest > 0)

    def _size(self, count: int) -> int:
        return next(size for size in self.sizes if size >= count)

    def _stage(self, windows: Sequence[Samples], place: int) -> torch.cuda.Event | None:
        """Bring windows onto the device, beside what it computes; tells when they are there."""
        staged = self._staged[place].numpy()
        if self._copying is None:
            for row, window in enumerate(windows):
                staged[row] = window
            self._copied[place][: len(windows)] = self._staged[place][: len(windows)]
            return None
        self._copying.synchronize()  # the last copy out of this memory is done
        for row, window in enumerate(windows):
            staged[row] = window
        self._copying.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._copying):
            self._copied[place][: len(windows)].copy_(self._staged[place][: len(windows)], non_blocking=True)
            event: torch.cuda.Event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._copying)
        return event

    def _await(self, ready: torch.cuda.Event | None) -> None:
        if ready is not None:
            torch.cuda.current_stream(self._device).wait_event(ready)

    def _compute(self, audio: Tensor) -> Tensor:
        local = self._net.local(normalised(audio).to(self._dtype))
        logits: Tensor = self._net.head(self._net.relate(local, bias=self._bias))
        return logits.float()

    @torch.inference_mode()
    def _record(self, size: int) -> Recorded:
        audio = torch.zeros(size, self._samples, device=self._device)
        if not self._cuda:
            logits = self._compute(audio)
            return Recorded(lambda: _into(logits, self._compute(audio)), audio, logits)
        side = _stream(self._device)
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                self._compute(audio)
        torch.cuda.current_stream(self._device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = self._compute(audio)
        return Recorded(graph.replay, audio, logits)


def _stream(device: torch.device) -> torch.cuda.Stream:
    stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    return stream


def _into(place: Tensor, result: Tensor) -> None:
    place.copy_(result)
