"""What emotion2vec+ large does on a GPU: `python benchmarks/gpu.py`, with torch and a copy of this repository.

Random weights of the true size, windows of 3 s, each call bringing one every half second and never silent. Correctness
against 32-bit floats on the CPU; windows per second and latency by batch size; the calls held with p95 of queue and
inference under 250 ms, in real time; memory; and beside it one window at a time in 32 bits, as the reference does.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.layouts import BASE, LARGE, TINY, emotion_shapes, random_tensors
from inference import official
from inference.emotion2vec import Emotion2vec, normalised
from inference.graphed import SIZES, GraphedEmotion2vec

WINDOW_SAMPLES = 48_000
HOP_S = 0.5
PROMISE_S = 0.25
CHECKED = 8
KINDS = {"large": LARGE, "base": BASE, "tiny": TINY}
Samples = NDArray[np.float32]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 without a GPU."""
    options = _parser().parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("gpu: torch finds no CUDA device here", file=sys.stderr)
        return 1
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    sizes = [size for size in SIZES if size <= options.most]
    net = official.emotion2vec(random_tensors(emotion_shapes(KINDS[options.kind]), 1), 1e-5, options.kind)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    began_s = time.perf_counter()
    model = GraphedEmotion2vec(net, WINDOW_SAMPLES, options.device, dtype, sizes)
    started_s = time.perf_counter() - began_s
    print(f"{name}, torch {torch.__version__}, emotion2vec+ {options.kind}, {dtype}; ready after {started_s:.0f} s")
    windows = noise(max(sizes))
    found: dict[str, Any] = {"device": name, "torch": torch.__version__, "kind": options.kind}
    found["scores_apart"] = scores_apart(model, net, windows[:CHECKED])
    print(f"scores differ from 32 bits on the CPU by {found['scores_apart']:.1e} at most")
    found["alone"] = alone(net, windows, options.device)
    print(f"one window at a time, 32 bits: {1 / found['alone']:.0f} windows/s, {1000 * found['alone']:.1f} ms")
    print("\n| batch | ms | windows/s | against one at a time |\n|---|---|---|---|")
    found["sizes"] = {}
    for size in sizes:
        seconds = timed(partial(model, windows[:size]))
        found["sizes"][size] = seconds
        print(f"| {size} | {1000 * seconds:.1f} | {size / seconds:.0f} | {size / seconds * found['alone']:.1f} |")
    found["calls"] = most_calls(model, windows, options.seconds, found["sizes"])
    print(f"\n{found['calls']['held']} calls with p95 {found['calls']['p95_ms']:.0f} ms (queue and inference)")
    if device.type == "cuda":
        found["memory_mb"] = torch.cuda.max_memory_reserved(device) / 1e6
        print(f"memory: {found['memory_mb']:.0f} MB")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return 0


def noise(count: int) -> list[Samples]:
    dice = np.random.default_rng(0)
    return [dice.normal(0, dice.uniform(0.01, 0.3), WINDOW_SAMPLES).astype(np.float32) for _ in range(count)]


def scores_apart(model: GraphedEmotion2vec, net: Emotion2vec, windows: Sequence[Samples]) -> float:
    """The largest difference of a score."""
    with torch.inference_mode():
        exact = net(normalised(torch.from_numpy(np.stack(windows))))[1].mean(1).softmax(1)
    found = torch.from_numpy(model(windows)).mean(1).softmax(1)
    return float((found - exact).abs().max())


def alone(net: Emotion2vec, windows: Sequence[Samples], device: str) -> float:
    """Seconds per window, one after the other in 32 bits, copies included."""
    own = copy.deepcopy(net).to(device)

    @torch.inference_mode()
    def one() -> None:
        own(normalised(torch.from_numpy(windows[0])[None].to(device)))[1].cpu()

    return timed(one)


def timed(call: Callable[[], Any], rounds: int = 15) -> float:
    """The median."""
    call()
    seconds = []
    for _ in range(rounds):
        began_s = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began_s)
    return statistics.median(seconds)


def most_calls(
    model: GraphedEmotion2vec, windows: Sequence[Samples], seconds: float, sizes: dict[int, float]
) -> dict[str, float]:
    """The most calls that were held, starting from what the best batch size promises, down by a tenth each time."""
    best = max(size / took_s for size, took_s in sizes.items())
    calls = max(1, int(best * HOP_S))
    while True:
        p95_s = delay_s(model, windows, calls, seconds)
        print(f"  {calls} calls: p95 {1000 * p95_s:.0f} ms")
        if p95_s < PROMISE_S or calls == 1:
            return {"held": calls if p95_s < PROMISE_S else 0, "p95_ms": 1000 * p95_s}
        calls = max(1, calls * 9 // 10)


def delay_s(model: GraphedEmotion2vec, windows: Sequence[Samples], calls: int, seconds: float) -> float:
    """p95 from when a window is there to when its scores are, `calls` calls in real time, each with a phase of its own;
    whenever the device is free it takes what waits."""
    dice = np.random.default_rng(1)
    phases = dice.uniform(0, HOP_S, calls)
    dues = np.sort((phases[:, None] + np.arange(0, seconds, HOP_S)).ravel())
    delays: list[float] = []
    began_s, at = time.perf_counter(), 0
    while at < len(dues):
        now_s = time.perf_counter() - began_s
        end = min(int(np.searchsorted(dues, now_s, "right")), at + model.sizes[-1])
        if end == at:
            time.sleep(max(0.0, dues[at] - now_s))
            continue
        model(windows[: end - at])
        delays += (time.perf_counter() - began_s - dues[at:end]).tolist()
        at = end
    return float(np.percentile(delays, 95))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python benchmarks/gpu.py", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--kind", choices=list(KINDS), default="large")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--most", type=int, default=256, help="largest batch (default 256)")
    parser.add_argument("--seconds", type=float, default=8.0, help="each number of calls is tried for (default 8)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
