"""What emotion2vec+, CAM++ and ERes2NetV2 cost on this processor, beside their reference, and what reuse changes:
`python -m benchmarks.models`.

One process, the same weights (random ones of the true size, unless checkpoints are given), the same audio (a real call,
a window of 3 s every half second), the same threads. All ways take turns window by window, so that a busy machine slows
all of them alike; times are medians. The reference is funasr's `inference`, which takes a list of clips one at a time;
it is left out where `make test-models` has not installed it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.layouts import (
    BASE,
    CAMPPLUS,
    ERES2NETV2,
    emotion_shapes,
    eres2netv2_shapes,
    random_tensors,
    speaker_shapes,
)
from benchmarks.livereport import write_json
from benchmarks.references import reference_emotion, reference_eres2netv2, reference_speaker
from benchmarks.scripts import read, recordings
from inference import layout, official
from inference.allocation import keep_freed_memory
from inference.campplus import Campplus
from inference.catalogue import CONFIG
from inference.emotion2vec import Emotion2vec, frames_in
from inference.emotion2vec_rows import in_rows
from inference.kaldi import KaldiFbank, centred
from inference.model import CheckpointError
from inference.official import SpeakerNet
from inference.precision import MAKE, Precision
from inference.published import EMOTION_WINDOW_SAMPLES, SPEAKER_WINDOW_SAMPLES, quick
from inference.reuse import Heard, Reuse, ReusingEmotion2vec
from stream_server.live.pressure import LAST_FULL_S
from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from workbench.media import MediaError

HOP_SAMPLES = SAMPLE_RATE_HZ // 2
BATCH = 8
MATRIX = 1024
REFERENCE, AS_IT_COMES = "reference (funasr), freed memory kept", "reference (funasr)"
SPEAKER_REFERENCE = "reference (funasr), one at a time"
EXACT = f"{Precision.FLOAT32}, {Reuse.NONE}"
UNTUNED = 10
SPEECH_SHARE, PLAYED_S, MOST_CALLS = 0.67, 2000.0, 500
"""Of the time somebody speaks in auto_repairs_40; how long, and up to how many calls, `calls_held` plays it through."""
Logits = NDArray[np.float32]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        sources = read([options.recording], 1) if options.recording else recordings(1)
        (emotion_tensors,) = _tensors(options.emotion_model, emotion_shapes(BASE))
        emotion = official.emotion2vec(emotion_tensors, _eps(options.emotion_model), "emotion")
        speakers = _speakers(options.speaker_model)
    except (CheckpointError, MediaError, OSError) as error:
        print(f"models: {error}", file=sys.stderr)
        return 1
    reference = _made(reference_emotion, BASE, emotion_tensors)
    wave = torch.from_numpy(sources[0][0][: round(SAMPLE_RATE_HZ * (options.seconds + 3.0))].copy())
    with torch.inference_mode():
        before = None if reference is None else as_it_comes(reference, wave)
        keep_freed_memory()
        found: dict[str, Any] = {
            "emotion": emotion_costs(emotion, reference, wave, round(SAMPLE_RATE_HZ * options.hop_s)),
            "speakers": {name: speaker_costs(net, beside, wave) for name, (net, beside) in speakers.items()},
        }
    if before is not None:
        found["emotion"]["ms"][AS_IT_COMES] = before
    found["conditions"] = {
        "threads": options.threads, "torch": torch.__version__, "seconds": options.seconds, "hop_s": options.hop_s,
    }  # fmt: skip
    _print(found)
    if options.json is not None:
        write_json(options.json, found)
    return 0


def as_it_comes(reference: Any, wave: Tensor) -> float:
    """Milliseconds per window of the reference before this process keeps the memory it frees, as nobody does for it."""
    ends = range(EMOTION_WINDOW_SAMPLES, len(wave) + 1, HOP_SAMPLES)
    windows = [wave[end - EMOTION_WINDOW_SAMPLES : end] for end in ends][:UNTUNED]
    ms, _ = in_turns([{AS_IT_COMES: _asking(refer, reference, window)} for window in windows])
    return ms[AS_IT_COMES]


def refer(reference: Any, window: Tensor) -> Any:
    """What the reference's loop does with one clip."""
    return reference.inference([window], key=["0"], device="cpu", extract_embedding=False)


def emotion_costs(net: Emotion2vec, reference: Any, wave: Tensor, hop_samples: int = HOP_SAMPLES) -> dict[str, Any]:
    """Milliseconds per window of each way, what the matrices alone would take, and how far reuse is from exact."""
    rows = in_rows(net)
    nets = {precision: make(rows) for precision, make in MAKE.items()}
    ways = {f"{precision}, {reuse}": Hearing(own, reuse) for precision, own in nets.items() for reuse in Reuse}
    calls: dict[str, Callable[[Tensor, int], Any]] = dict(ways)
    if reference is not None:
        calls[REFERENCE] = lambda window, _: refer(reference, window)
    ends = range(EMOTION_WINDOW_SAMPLES, len(wave) + 1, hop_samples)
    windows = [wave[end - EMOTION_WINDOW_SAMPLES : end] for end in ends]
    for call in calls.values():  # what is slow the first time only
        call(windows[0], ends[0])
    ms, gflops = in_turns(
        [
            {name: _asking(call, window, end) for name, call in calls.items()}
            for window, end in zip(windows[1:], ends[1:], strict=True)
        ]
    )
    with FlopCounterMode(display=False) as counter:
        net(windows[0][None])
    work = counter.get_total_flops() / 1e9
    exact = ways[EXACT].said()
    return {
        "ms": ms,
        "windows": len(windows) - 1,
        "gflop": work,
        "gflop_per_s": gflops,
        "floor_ms": 1000 * work / gflops,
        "apart": {name: apart(way.said(), exact) for name, way in ways.items() if name != EXACT},
    }


def speaker_costs(net: SpeakerNet, reference: Any, wave: Tensor) -> dict[str, Any]:
    """Milliseconds per window of 1.5 s, filter bank included, alone and in batches."""
    own, fbank = quick(net), KaldiFbank(net.config.mels)
    ends = range(SPEAKER_WINDOW_SAMPLES, len(wave) + 1, HOP_SAMPLES)
    windows = [wave[end - SPEAKER_WINDOW_SAMPLES : end] for end in ends]
    batches = [windows[at : at + BATCH] for at in range(0, len(windows) - BATCH + 1, BATCH)]
    turns = []
    for batch in batches:
        calls: dict[str, Callable[[], Any]] = {
            f"batch {BATCH}": _asking(lambda audio: own(centred(fbank(audio))), torch.stack(batch)),
            "one at a time": _asking(lambda batch: [own(centred(fbank(window[None]))) for window in batch], batch),
        }
        if reference is not None:
            calls[SPEAKER_REFERENCE] = _asking(
                lambda batch: [reference.inference([window], device="cpu") for window in batch], batch
            )
            calls[f"reference, batch {BATCH}"] = _asking(lambda batch: reference.inference(batch, device="cpu"), batch)
        turns.append(calls)
    for call in turns[0].values():
        call()
    ms, gflops = in_turns(turns)
    with FlopCounterMode(display=False) as counter:
        net(centred(fbank(windows[0][None])))
    work = counter.get_total_flops() / 1e9
    return {
        "ms": {name: each / BATCH for name, each in ms.items()},
        "gflop": work,
        "gflop_per_s": gflops,
        "floor_ms": 1000 * work / gflops,
    }


class Hearing:
    """A stream's windows one after the other, and what was said of each: the mean logits of its frames, each frame's as
    of the window in which it lay nearest the middle."""

    def __init__(self, net: Emotion2vec, reuse: Reuse) -> None:
        self._net = ReusingEmotion2vec(net, EMOTION_WINDOW_SAMPLES, reuse)
        self._heard: Heard | None = None
        self._answers: list[tuple[int, Logits]] = []

    def __call__(self, window: Tensor, end: int) -> None:
        fresh = self._net.fresh(self._heard, end)
        logits, (self._heard,) = self._net(window[None], [end], [self._heard], fresh)
        self._answers.append((end // FRAME_SAMPLES, logits[0].float().numpy()))

    def said(self) -> Logits:
        """(windows, labels)"""
        size, window = frames_in(EMOTION_WINDOW_SAMPLES), EMOTION_WINDOW_SAMPLES // FRAME_SAMPLES
        frames = np.zeros((self._answers[-1][0], self._answers[0][1].shape[1]), np.float32)
        distance = np.full(len(frames), np.inf)
        out = []
        for end, logits in self._answers:
            at = np.arange(size - len(logits), size)
            place = end - window + at
            nearer = np.abs(at - window / 2) < distance[place]
            frames[place[nearer]] = logits[nearer]
            distance[place[nearer]] = np.abs(at - window / 2)[nearer]
            out.append(frames[end - window : end - window + size].mean(0))
        return np.array(out)


def apart(said: Logits, exact: Logits) -> dict[str, float]:
    """How far two accounts of the same windows are from each other. `labels`: share of those with the same one;
    `scores`: mean difference; `spread`: difference of the logits, relative to how they vary from window to window."""
    one, other = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True) for logits in (said, exact))
    spread = float(np.sqrt(np.square(exact - exact.mean(0)).mean()))
    return {
        "labels": float((said.argmax(1) == exact.argmax(1)).mean()),
        "scores": float(np.abs(one - other).mean()),
        "spread": float(np.sqrt(np.square(said - exact).mean())) / spread,
    }


def in_turns(turns: Sequence[Mapping[str, Callable[[], Any]]]) -> tuple[dict[str, float], float]:
    """The median milliseconds of each way, and the matrix throughput meanwhile in GFLOP/s."""
    seconds: dict[str, list[float]] = {name: [] for name in turns[0]}
    matrix = torch.randn(MATRIX, MATRIX)
    products: list[float] = []
    for calls in turns:
        for name, call in calls.items():
            began_s = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - began_s)
        began_s = time.perf_counter()
        matrix @ matrix
        products.append(time.perf_counter() - began_s)
    medians = {name: 1000 * statistics.median(each) for name, each in seconds.items()}
    return medians, 2 * MATRIX**3 / statistics.median(products) / 1e9


def _asking(call: Callable[..., Any], *given: Any) -> Callable[[], Any]:
    return lambda: call(*given)


def _made(make: Callable[..., Any], *given: Any) -> Any:
    """A reference; None where it is not installed."""
    try:
        return make(*given)
    except ImportError as error:
        print(f"without the reference: {error}")
        return None


def _tensors(path: Path | None, *shapes: dict[str, tuple[int, ...]]) -> list[dict[str, Tensor]]:
    """Those of a checkpoint, or random ones of each of the shapes. Raises CheckpointError."""
    if path is not None:
        return [layout.tensors_of(layout.weights_in(path))]
    return [random_tensors(each, 1) for each in shapes]


def _speakers(path: Path | None) -> dict[str, tuple[SpeakerNet, Any]]:
    """The speaker networks by name, each with its reference: that of the checkpoint, or both with random weights.
    Raises CheckpointError."""
    found: dict[str, tuple[SpeakerNet, Any]] = {}
    for tensors in _tensors(path, speaker_shapes(CAMPPLUS), eres2netv2_shapes(ERES2NETV2)):
        net = official.speaker(tensors, "speaker")
        if isinstance(net, Campplus):
            found["CAM++"] = net, _made(reference_speaker, tensors)
        else:
            found["ERes2NetV2"] = net, _made(reference_eres2netv2, tensors)
    return found


def _eps(emotion: Path | None) -> float:
    """Raises CheckpointError."""
    return float(BASE.eps) if emotion is None else layout.block_eps(layout.weights_in(emotion).parent / CONFIG)


def calls_held(ms: float, hop_s: float) -> int:
    """How many calls a server holds whose emotion model takes `ms` for a window, if each brings one every `hop_s` while
    somebody speaks: of two-party calls, SPEECH_SHARE of the time. It lets nobody in from whom windows would wait longer
    than LAST_FULL_S at p95 (`stream_server/live/pressure.py`); played through, one window after the other."""
    dice, seconds = np.random.default_rng(0), ms / 1000
    calls = 0
    while calls < MOST_CALLS:
        hops = np.arange(0, PLAYED_S, hop_s)
        spoken = dice.random((calls + 1, len(hops))) < SPEECH_SHARE
        dues = np.sort((dice.uniform(0, hop_s, (calls + 1, 1)) + hops)[spoken])
        ends = np.maximum.accumulate(dues - seconds * np.arange(len(dues))) + seconds * np.arange(1, len(dues) + 1)
        if np.percentile(ends - seconds - dues, 95) > LAST_FULL_S:
            break
        calls += 1
    return calls


def _print(found: Mapping[str, Any]) -> None:
    emotion, conditions = found["emotion"], found["conditions"]
    hop_s, threads = conditions["hop_s"], conditions["threads"]
    print(
        f"\nemotion2vec+, 3 s windows every {hop_s:g} s of one call, {emotion['windows']} of them, {threads} threads\n"
    )
    print(
        "| way | ms per window | windows/s | calls | against the reference | labels agree | scores differ by "
        "| of the spread |"
    )
    print("|---|---|---|---|---|---|---|---|")
    base = emotion["ms"].get(AS_IT_COMES)
    for name, ms in sorted(emotion["ms"].items(), key=lambda item: -item[1]):
        ratio = f"{base / ms:.1f}" if base else ""
        difference = emotion["apart"].get(name)
        shown = ("", "", "") if difference is None else (
            f"{difference['labels']:.0%}", f"{difference['scores']:.4f}", f"{difference['spread']:.2f}"
        )  # fmt: skip
        print(f"| {name} | {ms:.0f} | {1000 / ms:.1f} | {calls_held(ms, hop_s)} | {ratio} | {' | '.join(shown)} |")
    floor = f"floor: {emotion['gflop']:.1f} GFLOP at {emotion['gflop_per_s']:.0f} GFLOP/s"
    print(f"| {floor} | {emotion['floor_ms']:.0f} | | | | | | |")
    for name, speaker in found["speakers"].items():
        _print_speaker(name, speaker)


def _print_speaker(network: str, speaker: Mapping[str, Any]) -> None:
    print(f"\n{network}, 1.5 s windows, filter bank included\n")
    print("| way | ms per window | against the reference |\n|---|---|---|")
    base = speaker["ms"].get(SPEAKER_REFERENCE)
    for name, ms in sorted(speaker["ms"].items(), key=lambda item: -item[1]):
        print(f"| {name} | {ms:.1f} | {f'{base / ms:.1f}' if base else ''} |")
    print(
        f"| floor: {speaker['gflop']:.2f} GFLOP at {speaker['gflop_per_s']:.0f} GFLOP/s | {speaker['floor_ms']:.1f} | |"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--emotion-model", type=Path, help="a folder or file instead of random weights (base)")
    parser.add_argument("--speaker-model", type=Path, help="the same for CAM++ or ERes2NetV2, and only that one")
    parser.add_argument("--recording", type=Path, help="instead of that of the data folder")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the call (default 20)")
    parser.add_argument("--hop-s", type=float, default=0.5, help="from one window of emotion to the next (default 0.5)")
    parser.add_argument("--threads", type=int, default=2, help="default 2")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
