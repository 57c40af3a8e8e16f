"""Silero VAD's 16 kHz network, batched over all chunks of all streams; the weights come from the `silero-vad` package.

A chunk of 512 samples, with the 64 before it, becomes four spectra, one vector by four convolutions, and one step of an
LSTM, whose state is all that a stream carries on. Only that step has an order: everything before it is done for all
chunks of a batch at once, as matrix products. The package itself is never imported: it would bring torchaudio.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.model import CheckpointError
from monitor.analysis import Analysis, Missing, Role, SpeechAnalysis, SpeechSpec, Stream, Window
from vad.grid import FRAME_SAMPLES
from vad.listener import BLOCK_FRAMES

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
SLICE = 512
"""Chunks that are encoded at once."""
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
        gates = chunks.new_empty(len(chunks), 4 * CELLS)
        for some, out in zip(chunks.split(SLICE), gates.split(SLICE), strict=True):  # type: ignore[no-untyped-call]
            self._encode(some, out)
        return gates

    def _encode(self, chunks: Tensor, out: Tensor) -> None:
        end = chunks.shape[1]
        mirrored = chunks[:, end - 1 - CONTEXT_SAMPLES : end - 1].flip(1)
        frames = torch.cat((chunks, mirrored), 1).unfold(1, FFT_SAMPLES, HOP_SAMPLES)
        squares = torch.view_as_real(torch.fft.rfft(frames * self._window)).square_()
        x = (squares[..., 0] + squares[..., 1]).sqrt_().flatten(1)
        for weight, bias, stride in self._convolutions:
            x = _convolve(x, weight, bias, stride)
        torch.addmm(self._bias, x, self._input, out=out)

    def step(self, gates: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One chunk of each of n streams: `gates` (n, 512) from `encode`, the state (n, 128) twice -> the logits of
        speech (n,) and the state anew."""
        hidden, cell = hidden.clone(), cell.clone()
        self.advance(gates.clone(), hidden, cell)
        return self.logits(hidden), hidden, cell

    def advance(self, gates: Tensor, hidden: Tensor, cell: Tensor) -> None:
        """As `step`, in place: the gates are used up, the state is brought up to date."""
        through, forget, new, show = gates.addmm_(hidden, self._hidden).sigmoid_().chunk(4, 1)
        cell.mul_(forget).addcmul_(through, new.mul_(2).sub_(1))
        torch.mul(cell, 2, out=hidden).sigmoid_().mul_(2).sub_(1).mul_(show)

    def logits(self, hidden: Tensor) -> Tensor:
        """What the states (n, 128) after n chunks say of speech in them, (n,)."""
        return hidden.relu() @ self._final + self._final_bias


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


NEVER = -(1 << 62)
"""The position of a stream that has not begun: no window reaches back so far."""


class Heard:
    """What the judge remembers of its streams, a row each: `position`, the first sample of the next chunk, the LSTM's
    state (rows, 128) twice, and the logit of the last chunk."""

    def __init__(self, device: str) -> None:
        self.position = np.zeros(0, np.int64)
        self.logit = np.zeros(0, np.float32)
        self.hidden = self.cell = torch.zeros(0, CELLS, device=device)
        self._free: list[int] = []

    def place(self, position: int = NEVER) -> Place:
        """A row for a stream that has heard nothing, or silence up to `position`; it is free again when nobody holds
        the place any more."""
        if not self._free:
            rows = len(self.position)
            added = max(64, rows)
            self.position = np.append(self.position, np.zeros(added, np.int64))
            self.logit = np.append(self.logit, np.zeros(added, np.float32))
            more = self.hidden.new_zeros(added, CELLS)
            self.hidden, self.cell = torch.cat([self.hidden, more]), torch.cat([self.cell, more])
            self._free.extend(range(rows + added - 1, rows - 1, -1))
        row = self._free.pop()
        self.position[row], self.logit[row] = position, 0
        self.hidden[row] = self.cell[row] = 0
        return Place(self, row)

    def release(self, row: int) -> None:
        """The row is free; from any thread."""
        self._free.append(row)


class Place:
    """The row of a stream in `Heard`."""

    __slots__ = ("heard", "row")

    def __init__(self, heard: Heard, row: int) -> None:
        self.heard = heard
        self.row = row

    def __del__(self) -> None:
        self.heard.release(self.row)


@dataclass(frozen=True, slots=True)
class Round:
    """Audio of streams, none of them twice. Per stream: `samples`, from sample `begin` up to sample `last`; the first
    block that is asked about ends at sample `first`. Per block that is asked about: the `rows` of its stream here, and
    where it `ends`; in the order of `asked`: places of windows in the batch, with how many blocks each asks about."""

    streams: list[Stream]
    samples: list[NDArray[np.float32]]
    begin: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    rows: NDArray[np.int64]
    ends: NDArray[np.int64]
    asked: list[tuple[int, int]]


class SileroJudge:
    """Silero VAD as a model of the role speech. A window of WINDOW_SAMPLES asks about its last block of `BLOCK_FRAMES`;
    one that is longer by some blocks asks about those as well.

    A window that follows on what its stream has heard costs only its new chunks; after a gap the network starts anew at
    the window's beginning, so that it has settled on real audio by the time it is asked.
    """

    role = Role.SPEECH
    max_batch = 512
    overlap_samples = CHUNK_SAMPLES + CONTEXT_SAMPLES

    def __init__(self, path: Path, device: str) -> None:
        self._net = SileroNet(read_tensors(path), device)
        self._device = device
        self.heard = Heard(device)
        self.spec = SpeechSpec(f"silero-vad-{VERSION}", "MIT", WINDOW_SAMPLES)

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        answers: list[Analysis] = [Missing.FAILED] * len(windows)
        for turn in _rounds(windows):
            levels, finite = self._judge(turn)
            at = 0
            for place, blocks in turn.asked:
                if finite is None or all(finite[at : at + blocks]):
                    answers[place] = SpeechAnalysis(levels[at * BLOCK_FRAMES : (at + blocks) * BLOCK_FRAMES])
                at += blocks
        return answers

    def _judge(self, turn: Round) -> tuple[bytes, list[bool] | None]:
        """The levels of all blocks of a round, and which blocks' are numbers (None: all)."""
        heard = self.heard
        rows = np.array([self._row(stream) for stream in turn.streams])
        begin = turn.begin + CONTEXT_SAMPLES
        position = heard.position[rows]
        fresh = (position < begin) | (position > turn.first)
        position[fresh] = begin[fresh]
        counts = (turn.last - position) // CHUNK_SAMPLES
        order = np.argsort(-counts, kind="stable")
        logits = np.empty((len(rows), 1 + int(counts.max())), np.float32)
        logits[:, 0] = np.where(fresh, 0, heard.logit[rows])
        audio = _gathered(turn, position, counts, order)
        logits[order, 1:] = self._listen(audio, counts[order], rows[order], fresh[order])
        heard.position[rows] = position + CHUNK_SAMPLES * counts
        heard.logit[rows] = logits[np.arange(len(rows)), counts]
        new = turn.ends - position[turn.rows]
        columns = np.maximum(CHUNK_OF_FRAME[new % CHUNK_SAMPLES] + (new // CHUNK_SAMPLES)[:, None], 0)
        asked = logits[turn.rows[:, None], columns]
        finite = np.isfinite(asked)
        levels = np.rint(255 / (1 + np.exp(-np.nan_to_num(asked)))).astype(np.uint8)
        return levels.tobytes(), None if finite.all() else finite.all(axis=1).tolist()

    def _row(self, stream: Stream) -> int:
        place = stream.memory
        if not isinstance(place, Place) or place.heard is not self.heard:
            place = stream.memory = self.heard.place()
        return place.row

    def _listen(
        self,
        audio: NDArray[np.float32],
        counts: NDArray[np.int64],
        rows: NDArray[np.int64],
        fresh: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """The logits of the chunks of `audio`: (n, most). `counts`, chunks per stream, falls; `rows`: where their state
        is, which is brought up to date; `fresh`: which of them begin anew."""
        alive = [int(np.count_nonzero(counts > step)) for step in range(counts[0])]
        logits = np.empty((len(counts), len(alive)), np.float32)
        with torch.inference_mode():
            index = torch.from_numpy(rows).to(self._device)
            hidden, cell = (of_all.index_select(0, index) for of_all in (self.heard.hidden, self.heard.cell))
            if fresh.any():
                begun = torch.from_numpy(~fresh).to(self._device)[:, None]
                hidden, cell = hidden.where(begun, 0), cell.where(begun, 0)
            if alive:
                given = torch.from_numpy(audio).to(self._device)
                chunks = given.unfold(1, CONTEXT_SAMPLES + CHUNK_SAMPLES, CHUNK_SAMPLES)
                gates = self._net.encode(torch.cat([chunks[:n, step] for step, n in enumerate(alive)]))
                after = gates.new_empty(len(gates), CELLS)
                for n, own, out in zip(alive, gates.split(alive), after.split(alive), strict=True):  # type: ignore[no-untyped-call]
                    self._net.advance(own, hidden[:n], cell[:n])
                    out.copy_(hidden[:n])
                said = self._net.logits(after).cpu().numpy()
                for step, (n, part) in enumerate(zip(alive, np.split(said, np.cumsum(alive)[:-1]), strict=True)):
                    logits[:n, step] = part
            self.heard.hidden.index_copy_(0, index, hidden)
            self.heard.cell.index_copy_(0, index, cell)
        return logits


def _gathered(
    turn: Round, position: NDArray[np.int64], counts: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The streams' chunks from `position` on, behind their context, (streams, 64 + most * 512), in that order; what
    follows on the last chunk of a stream is not written."""
    audio = np.empty((len(order), CONTEXT_SAMPLES + CHUNK_SAMPLES * int(counts.max())), np.float32)
    behind = (turn.last - position + CONTEXT_SAMPLES).tolist()
    lengths = (CONTEXT_SAMPLES + CHUNK_SAMPLES * counts).tolist()
    for row, at in zip(audio, order.tolist(), strict=True):
        samples, length = turn.samples[at], lengths[at]
        first = len(samples) - behind[at]
        row[:length] = samples[first : first + length]
    return audio


def _rounds(windows: Sequence[Window]) -> Iterator[Round]:
    """Joins windows of a stream that follow on each other; in a round each stream is there once at most."""
    if len({window.stream for window in windows}) == len(windows):
        if windows:
            yield _round([[place] for place in range(len(windows))], windows)
        return
    found: dict[Stream, list[list[int]]] = {}
    for place, window in enumerate(windows):
        own = found.setdefault(window.stream, [])
        new = window.end_sample - windows[own[-1][-1]].end_sample if own else 0
        if 0 < new <= len(window.samples) - CONTEXT_SAMPLES - CHUNK_SAMPLES:
            own[-1].append(place)
        else:
            own.append([place])
    for turn in range(max(map(len, found.values()))):
        yield _round([own[turn] for own in found.values() if turn < len(own)], windows)


def _round(stretches: list[list[int]], windows: Sequence[Window]) -> Round:
    """`stretches`: places of the windows of a stream that follow on each other, per stream."""
    every = [place for places in stretches for place in places]
    many = np.array([len(places) for places in stretches])
    sizes = np.array([len(windows[place].samples) for place in every])
    ends = np.array([windows[place].end_sample for place in every])
    spans = np.array([windows[place].frames * FRAME_SAMPLES for place in every])
    blocks = 1 + (spans - WINDOW_SAMPLES) // BLOCK_SAMPLES
    last = many.cumsum() - 1
    first = last - many + 1
    behind = blocks.cumsum().repeat(blocks) - 1 - np.arange(blocks.sum())
    return Round(
        streams=[windows[places[0]].stream for places in stretches],
        samples=[_joined([windows[place] for place in places]) for places in stretches],
        begin=ends[first] - sizes[first],
        first=ends[first] - (blocks[first] - 1) * BLOCK_SAMPLES,
        last=ends[last],
        rows=np.arange(len(stretches)).repeat(many).repeat(blocks),
        ends=ends.repeat(blocks) - behind * BLOCK_SAMPLES,
        asked=list(zip(every, blocks.tolist(), strict=True)),
    )


def _joined(windows: list[Window]) -> NDArray[np.float32]:
    """The audio of windows that follow on each other, in one piece."""
    if len(windows) == 1:
        return windows[0].samples
    new = [after.samples[before.end_sample - after.end_sample :] for before, after in pairwise(windows)]
    return np.concatenate([windows[0].samples, *new])
