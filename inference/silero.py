"""Silero VAD's 16 kHz network, batched over all chunks of all streams; the weights come from the `silero-vad` package.

A chunk of 512 samples, with the 64 before it, becomes four spectra, one vector by four convolutions, and one step of an
LSTM, whose state is all that a stream carries on. Only that step has an order: everything before it is done for all
chunks of a batch at once, as matrix products. The package itself is never imported: it would bring torchaudio.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.checkpoint import CheckpointError
from monitor.analysis import Analysis, Missing, Role, SpeechAnalysis, SpeechSpec, Stream, Window
from vad.listener import BLOCK_FRAMES
from vad.resample import FRAME_SAMPLES

VERSION = "6.2.3"
DIGEST = "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720"
CHUNK_SAMPLES = 512
CONTEXT_SAMPLES = 64
FFT_SAMPLES = 256
HOP_SAMPLES = 128
WINDOW_SAMPLES = 8_000
"""Of a window that asks about one block. Long enough for the network to settle after a gap; what it has heard already
it does not compute again."""
BLOCK_SAMPLES = BLOCK_FRAMES * FRAME_SAMPLES
BINS = FFT_SAMPLES // 2 + 1
CELLS = 128
SLICE = 128
"""Chunks that are encoded at once: what lies between two layers then stays in the cache."""
STRIDES = {"conv1": 1, "conv2": 2, "conv3": 2, "conv4": 1}
SHAPES = {
    "stft": (2 * BINS, 1, FFT_SAMPLES),
    "conv1": (128, BINS, 3),
    "conv1_bias": (128,),
    "conv2": (64, 128, 3),
    "conv2_bias": (64,),
    "conv3": (64, 64, 3),
    "conv3_bias": (64,),
    "conv4": (CELLS, 64, 3),
    "conv4_bias": (CELLS,),
    "input": (4 * CELLS, CELLS),
    "hidden": (4 * CELLS, CELLS),
    "input_bias": (4 * CELLS,),
    "hidden_bias": (4 * CELLS,),
    "final": (1, CELLS, 1),
    "final_bias": (1,),
}
"""The tensors of the 16 kHz network, in the order in which the package's file numbers their storages."""
FIRST_STORAGE = 2


class SileroNet:
    """The network in two parts: `encode`, for any number of chunks in any order, and `step`, in the order of time."""

    def __init__(self, tensors: Mapping[str, Tensor], device: str = "cpu") -> None:
        """`tensors`: those of `SHAPES`."""
        placed = {name: tensor.to(device) for name, tensor in tensors.items()}
        self._convolutions = [
            (placed[name].permute(2, 1, 0).flatten(0, 1).contiguous(), placed[f"{name}_bias"], stride)
            for name, stride in STRIDES.items()  # (out, in, 3) -> (3 in, out), the taps in order of time
        ]
        scale = torch.ones(4 * CELLS, 1, device=device)
        scale[2 * CELLS : 3 * CELLS] = 2  # tanh(x) = 2 sigmoid(2x) - 1: one fast sigmoid serves all four gates
        self._input = (scale * placed["input"]).T.contiguous()
        self._hidden = (scale * placed["hidden"]).T.contiguous()
        self._bias = scale[:, 0] * (placed["input_bias"] + placed["hidden_bias"])
        self._final = placed["final"][0, :, 0]
        self._final_bias = placed["final_bias"]
        self._window = placed["stft"][0, 0]  # the cosine of bin 0 is 1: what is left is the window

    def encode(self, chunks: Tensor) -> Tensor:
        """Chunks, each behind its context, (n, 576) -> what they bring to the LSTM's gates, (n, 512)."""
        return torch.cat([self._encode(chunks[at : at + SLICE]) for at in range(0, len(chunks), SLICE)])

    def _encode(self, chunks: Tensor) -> Tensor:
        end = chunks.shape[1]
        mirrored = chunks[:, end - 1 - CONTEXT_SAMPLES : end - 1].flip(1)
        frames = torch.cat((chunks, mirrored), 1).unfold(1, FFT_SAMPLES, HOP_SAMPLES)
        squares = torch.view_as_real(torch.fft.rfft(frames * self._window)).square_()
        x = (squares[..., 0] + squares[..., 1]).sqrt_().flatten(1)
        for weight, bias, stride in self._convolutions:
            x = _convolve(x, weight, bias, stride)
        return torch.addmm(self._bias, x, self._input)

    def step(self, gates: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One chunk of each of n streams: `gates` (n, 512) from `encode`, the state (n, 128) twice -> the logits of
        speech (n,) and the state anew."""
        through, forget, new, show = torch.addmm(gates, hidden, self._hidden).sigmoid_().chunk(4, 1)
        cell = torch.addcmul(forget * cell, through, new.mul_(2).sub_(1))
        hidden = (2 * cell).sigmoid_().mul_(2).sub_(1).mul_(show)
        return hidden.relu() @ self._final + self._final_bias, hidden, cell


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """A convolution over three frames, then ReLU: (n, frames * in) -> (n, frames out * out).

    Taps that would lie beyond an edge are left out: no padding is ever multiplied.
    """
    width = len(weight) // 3
    frames = x.shape[1] // width
    centres = range(0, frames, stride)
    out = x.new_empty(len(x), len(centres), len(bias))
    for place, centre in enumerate(centres):
        first, last = max(0, centre - 1), min(frames, centre + 2)
        taps = weight[(first - centre + 1) * width : (last - centre + 1) * width]
        torch.addmm(bias, x[:, first * width : last * width], taps, out=out[:, place])
    return out.flatten(1).relu_()


def packaged_file() -> Path:
    """The model's file in the installed `silero-vad` package. Raises CheckpointError if it is not there."""
    found = find_spec("silero_vad")
    if found is None or found.origin is None:
        raise CheckpointError(
            f"the speech model needs the package silero-vad {VERSION}; vad.backend webrtcvad does not"
        )
    return Path(found.origin).parent / "data" / "silero_vad.jit"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of `SHAPES`, out of the file of `silero-vad` 6.2.3; its code is not executed, they are read as bytes.

    Raises CheckpointError if it is any other file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    if sha256(content).hexdigest() != DIGEST:
        raise CheckpointError(f"{path}: is not the model of silero-vad {VERSION}, the only one whose layout is known")
    with ZipFile(BytesIO(content)) as archive:
        root = archive.namelist()[0].split("/")[0]
        stored = [archive.read(f"{root}/data/{FIRST_STORAGE + number}") for number in range(len(SHAPES))]
    return {
        name: torch.from_numpy(np.frombuffer(raw, "<f4").reshape(shape).copy())
        for (name, shape), raw in zip(SHAPES.items(), stored, strict=True)
    }


@dataclass(frozen=True, slots=True)
class Heard:
    """What the judge remembers of a stream: the first sample of the next chunk, the LSTM's state (2, 128), and the
    logit of the last chunk."""

    position: int
    state: NDArray[np.float32]
    logit: float


CHUNK_OF_FRAME = np.array(
    [
        [
            -max(
                0,
                -((FRAME_SAMPLES * at + FRAME_SAMPLES // 2 - BLOCK_FRAMES * FRAME_SAMPLES + rest) // CHUNK_SAMPLES) - 1,
            )
            for at in range(BLOCK_FRAMES)
        ]
        for rest in range(CHUNK_SAMPLES)
    ]
)
"""Which chunk holds the middle of each frame of a block, counted from the latest (0, -1, ...): a row per number of
samples that follow on the latest chunk, which also answers for frames of which it has not heard the middle."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Audio of one stream from sample `begin`, in `parts`: windows, each but the first without what the one before it
    held. `places`: theirs in the batch, each with the number of blocks that it asks about; `ends`: where those end."""

    stream: Stream
    begin: int
    places: list[tuple[int, int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    parts: list[NDArray[np.float32]] = field(default_factory=list)

    def append(self, place: int, window: Window, new: int) -> None:
        """One more window, of which only the last `new` samples are new."""
        more = (len(window.samples) - WINDOW_SAMPLES) // BLOCK_SAMPLES
        self.places.append((place, 1 + more))
        end = window.end_sample
        self.ends.extend(range(end - more * BLOCK_SAMPLES, end + 1, BLOCK_SAMPLES) if more else (end,))
        self.parts.append(window.samples[-new:])

    @property
    def samples(self) -> NDArray[np.float32]:
        return self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)


class SileroJudge:
    """Silero VAD as a model of the role speech. A window of WINDOW_SAMPLES asks about its last block of `BLOCK_FRAMES`;
    one that is longer by some blocks asks about those as well.

    A window that follows on what its stream has heard costs only its new chunks; after a gap the network starts anew at
    the window's beginning, so that it has settled on real audio by the time it is asked.
    """

    role = Role.SPEECH
    max_batch = 256

    def __init__(self, path: Path, device: str) -> None:
        self._net = SileroNet(read_tensors(path), device)
        self._device = device
        self.spec = SpeechSpec(f"silero-vad-{VERSION}", "MIT", WINDOW_SAMPLES)

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        answers: dict[int, Analysis] = {}
        for stretches in _rounds(windows):
            levels, finite = self._judge(stretches)
            at = 0
            for place, blocks in (asked for stretch in stretches for asked in stretch.places):
                own = levels[at * BLOCK_FRAMES : (at + blocks) * BLOCK_FRAMES]
                answers[place] = SpeechAnalysis(own) if all(finite[at : at + blocks]) else Missing.FAILED
                at += blocks
        return [answers[place] for place in range(len(windows))]

    def _judge(self, stretches: list[Stretch]) -> tuple[bytes, list[bool]]:
        """The levels of all blocks of stretches, each of another stream, and which blocks' are numbers."""
        heard = [_resumed(stretch) for stretch in stretches]
        unheard = [stretch.ends[-1] - each.position for stretch, each in zip(stretches, heard, strict=True)]
        order = sorted(range(len(stretches)), key=unheard.__getitem__, reverse=True)
        counts = np.array([unheard[at] // CHUNK_SAMPLES for at in order])
        audio = np.empty((len(order), CONTEXT_SAMPLES + CHUNK_SAMPLES * int(counts[0])), np.float32)
        for row, at, count in zip(audio, order, counts.tolist(), strict=True):
            samples, length = stretches[at].samples, CONTEXT_SAMPLES + CHUNK_SAMPLES * count
            first = len(samples) - unheard[at] - CONTEXT_SAMPLES
            row[:length] = samples[first : first + length]
        state = np.stack([heard[at].state for at in order])
        logits = np.empty((len(order), 1 + int(counts[0])), np.float32)
        logits[order, 1:] = self._listen(audio, counts, state)
        logits[:, 0] = [each.logit for each in heard]
        for at, count, after in zip(order, counts.tolist(), state, strict=True):
            position, logit = heard[at].position + CHUNK_SAMPLES * count, float(logits[at, count])
            stretches[at].stream.memory = Heard(position, after.copy(), logit)
        rows = [row for row, stretch in enumerate(stretches) for _ in stretch.ends]
        new = np.array(
            [end - each.position for stretch, each in zip(stretches, heard, strict=True) for end in stretch.ends]
        )
        columns = np.maximum(CHUNK_OF_FRAME[new % CHUNK_SAMPLES] + (new // CHUNK_SAMPLES)[:, None], 0)
        asked = logits[np.array(rows)[:, None], columns]
        levels = np.rint(255 / (1 + np.exp(-np.nan_to_num(asked)))).astype(np.uint8)
        return levels.tobytes(), np.isfinite(asked).all(axis=1).tolist()

    def _listen(
        self, audio: NDArray[np.float32], counts: NDArray[np.int64], state: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The logits of the chunks of `audio`: (n, most). `counts`, chunks per row, falls; `state` (n, 2, 128) is
        brought up to date."""
        alive = [int(np.count_nonzero(counts > step)) for step in range(counts[0])]
        logits = np.empty((len(counts), len(alive)), np.float32)
        if not alive:
            return logits
        with torch.inference_mode():
            rows = torch.from_numpy(audio).to(self._device)
            chunks = rows.unfold(1, CONTEXT_SAMPLES + CHUNK_SAMPLES, CHUNK_SAMPLES)
            gates = self._net.encode(torch.cat([chunks[:n, step] for step, n in enumerate(alive)]))
            hidden, cell = torch.from_numpy(state).to(self._device).unbind(1)
            for step, n in enumerate(alive):
                begun = sum(alive[:step])
                said, hidden[:n], cell[:n] = self._net.step(gates[begun : begun + n], hidden[:n], cell[:n])
                logits[:n, step] = said.cpu().numpy()
            state[:, 0], state[:, 1] = hidden.cpu().numpy(), cell.cpu().numpy()
        return logits


def _rounds(windows: Sequence[Window]) -> Iterator[list[Stretch]]:
    """Joins windows of a stream that follow on each other to stretches; in a round each stream has one at most."""
    stretches: dict[Stream, list[Stretch]] = {}
    for place, window in enumerate(windows):
        own = stretches.setdefault(window.stream, [])
        new = window.end_sample - own[-1].ends[-1] if own else len(window.samples)
        if 0 < new <= len(window.samples) - CONTEXT_SAMPLES - CHUNK_SAMPLES:
            own[-1].append(place, window, new)
        else:
            own.append(Stretch(window.stream, window.end_sample - len(window.samples)))
            own[-1].append(place, window, len(window.samples))
    for turn in range(max(map(len, stretches.values()), default=0)):
        yield [own[turn] for own in stretches.values() if turn < len(own)]


def _resumed(stretch: Stretch) -> Heard:
    """What the stream has heard, if the stretch follows on it; otherwise a fresh start at the stretch's beginning."""
    begin = stretch.begin + CONTEXT_SAMPLES
    heard = stretch.stream.memory
    if isinstance(heard, Heard) and begin <= heard.position <= stretch.ends[0]:
        return heard
    return Heard(begin, np.zeros((2, CELLS), np.float32), 0.0)
