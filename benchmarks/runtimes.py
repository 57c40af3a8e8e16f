"""Which runtime computes an embedded network fastest: `python -m benchmarks.runtimes [--network emotion]`.

Stretches of half a second, each with its stream's state, in batches; one thread. Log-mel features are computed in torch
for every runtime. A runtime that is not installed is left out, with a line that says so. Times are processor time,
medians of rounds in which the runtimes take turns, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from inference.allocation import keep_freed_memory
from inference.checkpoint import load_emotion, load_speaker
from inference.emotion_net import EmotionNet, EmotionNetConfig
from inference.features import HISTORY_SAMPLES, LogMel
from inference.folding import folded
from inference.past import Past
from inference.speaker_net import SpeakerNet, SpeakerNetConfig

STRETCH_S = 0.5
STRETCH_SAMPLES = 8_000
TURN_S = 0.05
"""Least processor time of one runtime's turn."""

Answer = Callable[[Tensor, Tensor], Sequence[Tensor]]
"""Log-mel levels (batch, frames, mels) and state (batch, size) -> what the network gives, the next state last."""


class Network(nn.Module):
    """An embedded network behind its log-mel features, in the form of `Answer`."""

    def __init__(self, net: EmotionNet | SpeakerNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, levels: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        past = Past(state)
        features = self.net.reference(levels, past)
        heads = self.net.score if isinstance(self.net, EmotionNet) else self.net.trunk
        return *heads(features, past), past.state()


@dataclass(frozen=True, slots=True)
class Example:
    """What a runtime is built from: the trained network, the folded one, an example batch, and a folder to work in."""

    plain: Network
    folded: Network
    given: tuple[Tensor, Tensor]
    folder: Path

    def exported(self) -> Path:
        """The folded network as ONNX, for any batch."""
        path, free = self.folder / "network.onnx", {0: "batch"}
        if not path.exists():
            names = ["levels", "state"]
            axes = dict.fromkeys(names, free)
            torch.onnx.export(self.folded, self.given, path, input_names=names, dynamic_axes=axes, dynamo=False)
        return path


def compiled(example: Example) -> Answer:
    answer: Answer = torch.compile(example.folded, dynamic=True)
    answer(*example.given)
    return answer


def traced(example: Example) -> Answer:
    module = torch.jit.trace(example.folded, example.given)  # type: ignore[no-untyped-call]
    answer: Answer = torch.jit.freeze(module)
    for _ in range(3):
        answer(*example.given)
    return answer


def onnxruntime(example: Example) -> Answer:
    package = import_module("onnxruntime")
    options = package.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = package.InferenceSession(example.exported(), options, providers=["CPUExecutionProvider"])

    def answer(levels: Tensor, state: Tensor) -> Sequence[Tensor]:
        return [torch.from_numpy(a) for a in session.run(None, {"levels": levels.numpy(), "state": state.numpy()})]

    return answer


def openvino(precision: str) -> Callable[[Example], Answer]:
    def prepare(example: Example) -> Answer:
        core = import_module("openvino").Core()
        if precision.upper() not in (*core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"), "F32"):
            raise RuntimeError(f"this processor has no {precision}")
        hints = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision}
        request = core.compile_model(example.exported(), "CPU", hints).create_infer_request()

        def answer(levels: Tensor, state: Tensor) -> Sequence[Tensor]:
            results = request.infer([levels.numpy(), state.numpy()], share_inputs=True)
            return [torch.from_numpy(results[place]) for place in range(len(results))]

        return answer

    return prepare


RUNTIMES: dict[str, tuple[tuple[str, ...], Callable[[Example], Answer]]] = {
    "torch": ((), lambda example: example.plain),
    "torch, folded": ((), lambda example: example.folded),
    "torch.jit, folded": ((), traced),
    "torch.compile": ((), compiled),
    "ONNX Runtime": (("onnxruntime", "flatbuffers", "protobuf"), onnxruntime),
    "OpenVINO": (("openvino", "openvino_telemetry"), openvino("f32")),
    "OpenVINO bf16": (("openvino", "openvino_telemetry"), openvino("bf16")),
}
"""Each with the packages that it needs beyond Undertone's own, the one to import first."""


@dataclass(slots=True)
class Result:
    """`ms_per_s`: milliseconds of one core per second of audio, log-mel included, per batch; `difference`: the largest
    to the first runtime in what the heads give; `missing`: why there is no result."""

    network: str
    runtime: str
    start_s: float = 0.0
    packages_mb: float = 0.0
    ms_per_s: dict[int, float] = field(default_factory=dict)
    difference: float = 0.0
    missing: str = ""


def measure(
    name: str, net: EmotionNet | SpeakerNet, runtimes: Sequence[str], batches: Sequence[int], rounds: int
) -> list[Result]:
    """Those runtimes on one network; then log-mel alone."""
    plain, fast = Network(net).eval(), Network(folded(net)).eval()
    mels = net.log_mel
    audio = 0.1 * torch.randn(max(batches), HISTORY_SAMPLES + STRETCH_SAMPLES)
    levels = mels(audio)
    states = plain(levels, _before(net).expand(len(audio), -1))[-1]
    results, answers = [], {}
    with tempfile.TemporaryDirectory() as folder:
        example = Example(plain, fast, (levels[:2], states[:2]), Path(folder))
        for runtime in runtimes:
            packages, prepare = RUNTIMES[runtime]
            result = Result(name, runtime)
            results.append(result)
            if packages and find_spec(packages[0]) is None:
                result.missing = f"{packages[0]} is not installed"
                continue
            try:
                start = time.perf_counter()
                answer = prepare(example)
                answer(levels[:2], states[:2])
                result.start_s = time.perf_counter() - start
                given = answer(levels, states)
            except Exception as error:  # a runtime may fail in any way; the others are still worth comparing
                result.missing = f"{type(error).__name__}: {error}".splitlines()[0]
                continue
            result.packages_mb = sum(map(installed_mb, packages))
            wanted = plain(levels, states)
            result.difference = max(float((a - b).abs().max()) for a, b in zip(given[:-1], wanted[:-1], strict=True))
            answers[runtime] = answer
        for batch in batches:
            work = {
                runtime: partial(_whole, mels, answer, audio[:batch], states[:batch])
                for runtime, answer in answers.items()
            }
            times = _alternating({**work, "log-mel alone": partial(mels, audio[:batch])}, rounds)
            if batch == batches[0]:
                results.append(Result(name, "log-mel alone"))
            for result in results:
                if result.runtime in times:
                    result.ms_per_s[batch] = times[result.runtime] * 1000 / (batch * STRETCH_S)
    return results


def _whole(mels: LogMel, answer: Answer, audio: Tensor, states: Tensor) -> Sequence[Tensor]:
    return answer(mels(audio), states)


def _before(net: EmotionNet | SpeakerNet) -> Tensor:
    """A stream's state before it has begun, (1, size)."""
    run = net if isinstance(net, EmotionNet) else net.frames
    return torch.zeros_like(run(torch.zeros(1, HISTORY_SAMPLES + STRETCH_SAMPLES))[-1])


def _alternating(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of processor time per call, medians over the rounds."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds + 1):  # the first does not count
        for name, call in work.items():
            start, calls = time.process_time(), 0
            while not calls or (spent := time.process_time() - start) < TURN_S:
                call()
                calls += 1
            times[name].append(spent / calls)
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def installed_mb(package: str) -> float:
    """What a package's files take, in megabytes; 0 if it is not installed."""
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return 0.0
    paths = [Path(str(file.locate())) for file in files]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def table(results: Sequence[Result], batches: Sequence[int]) -> Table:
    made = Table(title="ms of one core per second of audio, log-mel included")
    headings = ["runtime", *(f"batch {b}" for b in batches), "start, s", "packages, MB", "difference"]
    for number, heading in enumerate(("network", *headings)):
        made.add_column(heading, justify="left" if number < 2 else "right")
    for result in results:
        if result.missing:
            made.add_row(result.network, result.runtime, *["-"] * (len(headings) - 1))
            continue
        cells = [f"{result.ms_per_s[batch]:.2f}" for batch in batches]
        rest = [f"{result.start_s:.1f}", f"{result.packages_mb:.0f}", f"{result.difference:.0e}"]
        made.add_row(result.network, result.runtime, *cells, *rest)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=("emotion", "speaker"), action="append", help="both by default")
    parser.add_argument("--emotion", type=Path, help="a checkpoint; without it, the default shape with random weights")
    parser.add_argument("--speaker", type=Path, help="the same")
    parser.add_argument("--runtime", choices=RUNTIMES, action="append", help="all by default")
    parser.add_argument("--batch", type=int, action="append", help="stretches at once; 1, 16 and 64 by default")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="where to write the results as well")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    torch.manual_seed(1)
    warnings.simplefilter("ignore")  # exporters announce their successors
    batches: list[int] = arguments.batch or [1, 16, 64]
    nets: dict[str, Any] = {
        "emotion": lambda path: load_emotion(path)[0] if path else EmotionNet(EmotionNetConfig()),
        "speaker": lambda path: load_speaker(path)[0] if path else SpeakerNet(SpeakerNetConfig()),
    }
    results = []
    with torch.inference_mode():
        for name in arguments.network or nets:
            net = nets[name](getattr(arguments, name)).eval()
            results += measure(name, net, arguments.runtime or [*RUNTIMES], batches, arguments.rounds)
    console = Console()
    console.print(table(results, batches))
    for result in results:
        if result.missing:
            console.print(f"{result.network}, {result.runtime}: left out: {result.missing}", highlight=False)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
