"""`python -m benchmarks.speech [RECORDING]`: what it costs to tell speech from noise, in ms of one core per second of
call audio, and how our batched network compares with other ways to run the same weights.

As many calls as asked for play the same two-party recording, each from another place, 100 ms at a time. Everything is
timed in turn at every tick, so that the ratios hold on a busy machine too; the figures are medians over the ticks.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from evaluation.manifest import data_folder
from inference.silero import (
    BINS,
    CELLS,
    CHUNK_SAMPLES,
    CONTEXT_SAMPLES,
    HOP_SAMPLES,
    STRIDES,
    SileroJudge,
    SileroNet,
    packaged_file,
    read_tensors,
)
from monitor.analysis import Role, Stream, Window
from vad.detector import WebrtcDetector
from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.listener import BLOCK_FRAMES
from vad.pcm import Samples
from workbench import media

GOAL_MS = 0.5
BLOCK_SAMPLES = BLOCK_FRAMES * FRAME_SAMPLES
MODES = (1, 2, 3)
OURS = "ours: batched matrix products"
Step = Callable[[NDArray[np.float32]], object]
"""Hears one chunk of each stream, (streams, 576)."""


class Plain:
    """The same network as one would write it down, a chunk of each stream at a time."""

    def __init__(self, tensors: Mapping[str, Tensor], streams: int) -> None:
        self._tensors = tensors
        self._state = (torch.zeros(streams, CELLS), torch.zeros(streams, CELLS))

    def __call__(self, chunks: Tensor) -> Tensor:
        w = self._tensors
        x = functional.pad(chunks[:, None], (0, CONTEXT_SAMPLES), "reflect")
        x = functional.conv1d(x, w["stft"], stride=HOP_SAMPLES)
        x = (x[:, :BINS].square() + x[:, BINS:].square()).sqrt()
        for name, stride in STRIDES.items():
            x = functional.conv1d(x, w[name], w[f"{name}_bias"], stride=stride, padding=1).relu()
        biases = w["input_bias"], w["hidden_bias"]
        hidden, cell = torch.lstm_cell(x[:, :, 0], self._state, w["input"], w["hidden"], *biases)
        self._state = (hidden, cell)
        return functional.conv1d(hidden[:, :, None].relu(), w["final"], w["final_bias"]).sigmoid()


def plain(streams: int, compiled: bool = False, half: bool = False) -> Step:
    net = Plain(read_tensors(packaged_file()), streams)
    run = torch.compile(net.__call__) if compiled else net.__call__

    def step(chunks: NDArray[np.float32]) -> object:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            return run(torch.from_numpy(chunks))

    return step


def packaged_jit() -> Step:
    model = torch.jit.load(packaged_file())  # type: ignore[no-untyped-call]

    def step(chunks: NDArray[np.float32]) -> object:
        with torch.inference_mode():
            return model(torch.from_numpy(chunks[:, CONTEXT_SAMPLES:]), SAMPLE_RATE_HZ)

    return step


def packaged_onnx(streams: int) -> Step:
    import onnxruntime  # type: ignore[import-not-found]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = packaged_file().with_name("silero_vad_16k_op15.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    state = np.zeros((2, streams, CELLS), np.float32)

    def step(chunks: NDArray[np.float32]) -> object:
        _, state[:] = session.run(None, {"input": chunks, "state": state, "sr": np.array(SAMPLE_RATE_HZ)})
        return state

    return step


class Clock:
    """Collects processor seconds per name."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    def time(self, name: str, what: Callable[..., object], *arguments: object) -> None:
        began_s = time.process_time()
        what(*arguments)
        self.seconds[name].append(time.process_time() - began_s)

    def figures(self, per: float, ours: str) -> dict[str, dict[str, float]]:
        """Per name: ms per `per` seconds of audio, and how many times as much as `ours` in the same tick."""
        return {
            name: {
                "ms_per_s": 1000 * float(np.median(each)) / per,
                "ratio": float(np.median(np.array(each) / np.array(self.seconds[ours]))),
            }
            for name, each in self.seconds.items()
        }


def networks(audio: Samples, streams: int, ticks: int, compiled: bool) -> dict[str, dict[str, float]]:
    """The network alone, three chunks of each stream a tick. `audio`: (samples,)."""
    net = SileroNet(read_tensors(packaged_file()))
    steps: dict[str, Step] = {
        "as one would write it": plain(streams),
        "the same in bfloat16": plain(streams, half=True),
        "packaged, TorchScript": packaged_jit(),
    }
    if compiled:
        steps["the same, torch.compile"] = plain(streams, compiled=True)
    if find_spec("onnxruntime"):
        steps["packaged, ONNX Runtime"] = packaged_onnx(streams)
    state = [torch.zeros(streams, CELLS), torch.zeros(streams, CELLS)]

    def ours(chunks: NDArray[np.float32]) -> None:
        with torch.inference_mode():
            gates = net.encode(torch.from_numpy(chunks).flatten(0, 1))
            for at in range(len(chunks)):
                _, *state[:] = net.step(gates[at * streams : (at + 1) * streams], *state)

    starts = CONTEXT_SAMPLES + np.arange(streams) * (len(audio) - SAMPLE_RATE_HZ) // streams
    clock = Clock()
    for tick in range(ticks + 2):
        first = np.arange(3)[:, None] * CHUNK_SAMPLES + starts - CONTEXT_SAMPLES + tick * HOP_SAMPLES
        chunks = audio[(first[..., None] + np.arange(CONTEXT_SAMPLES + CHUNK_SAMPLES)) % len(audio)]
        clock.time(OURS, ours, chunks)
        for name, step in steps.items():
            clock.time(name, lambda step, chunks: [step(each) for each in chunks], step, chunks)
        if tick == 1:
            clock.seconds.clear()  # the first ones warm up
    return clock.figures(3 * CHUNK_SAMPLES / SAMPLE_RATE_HZ * streams, OURS)


def backends(audio: Samples, calls: int, ticks: int, batch: int) -> dict[str, dict[str, float]]:
    """Gate and judge as the server runs them, with the share of the blocks that the gate lets pass."""
    judge = SileroJudge(packaged_file(), "cpu")
    starts = [judge.spec.window_samples + n * (len(audio) // 2) // calls for n in range(calls)]
    gates = {mode: [WebrtcDetector(mode) for _ in starts] for mode in MODES}
    streams = {name: [Stream() for _ in starts] for name in ("silero", *(f"cascade, mode {mode}" for mode in MODES))}
    passed: defaultdict[str, int] = defaultdict(int)
    clock = Clock()

    def judged(name: str, ends: list[int], chosen: NDArray[np.bool_]) -> None:
        size = judge.spec.window_samples
        windows = [
            Window(0, Role.SPEECH, 0, end, audio[end - size : end], stream)
            for end, stream, wanted in zip(ends, streams[name], chosen, strict=True)
            if wanted
        ]
        passed[name] += len(windows)
        clock.time(name, lambda: [judge.analyse(windows[at : at + batch]) for at in range(0, len(windows), batch)])

    for tick in range(ticks + 5):
        ends = [start + (tick + 1) * BLOCK_SAMPLES for start in starts]
        blocks = [audio[end - BLOCK_SAMPLES : end] for end in ends]
        judged("silero", ends, np.ones(calls, np.bool_))
        for mode, detectors in gates.items():
            heard: list[bytes] = []
            clock.time(f"webrtcvad, mode {mode}", heard.extend, map(WebrtcDetector.feed, detectors, blocks))
            judged(f"cascade, mode {mode}", ends, np.array([any(each) for each in heard]))
        if tick == 4:
            clock.seconds.clear()
            passed.clear()
    for mode in MODES:
        gate, both = clock.seconds[f"webrtcvad, mode {mode}"], clock.seconds[f"cascade, mode {mode}"]
        clock.seconds[f"cascade, mode {mode}"] = [sum(pair) for pair in zip(gate, both, strict=True)]
    out = clock.figures(BLOCK_SAMPLES / SAMPLE_RATE_HZ * calls, "silero")
    for name, count in passed.items():
        out[name]["judged"] = count / (calls * ticks)
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech", description=__doc__.split("\n")[0])
    default = data_folder() / "conversations" / "auto_repairs_40.flac"
    parser.add_argument("recording", type=Path, nargs="?", default=default)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--batch", type=int, default=200, help="windows that the judge is given at once (default 200)")
    parser.add_argument("--ticks", type=int, default=40, help="of 100 ms (default 40)")
    parser.add_argument("--compile", action="store_true", help="also torch.compile, which needs a C++ compiler")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    audio = np.concatenate(list(media.read(options.recording, 1)), axis=1)[0]
    results = {
        "backends": backends(audio, options.calls, options.ticks, options.batch),
        "networks": networks(audio, options.calls, options.ticks, options.compile),
    }
    if options.json:
        print(json.dumps(results, indent=1))
        return 0
    print(f"{options.calls} calls; ms of one core per second of call audio (goal: under {GOAL_MS}), median of ticks")
    for title, rows in results.items():
        print(f"\n{title:<34}{'ms/s':>8}{'ratio':>8}{'judged':>8}")
        for name, row in rows.items():
            share = f"{row['judged']:8.2f}" if "judged" in row else ""
            print(f"{name:<34}{row['ms_per_s']:8.3f}{row['ratio']:8.2f}{share}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
