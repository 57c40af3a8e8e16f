"""Is anyone speaking? Conversations, the same under noise, and noise alone, in ticks of 10 ms.

Precision, recall and false speech are those of the segments between `speech.started` and `speech.ended`: of what the
product says. The area under the ROC curve is that of the frames' probabilities before endpointing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType

from evaluation.manifest import AUDIO_SUFFIXES
from evaluation.measures import roc_auc
from evaluation.nonspeech import category
from evaluation.references import Reference, conversations, read_rttm
from evaluation.report import Results, progress, table
from inference.batcher import checked
from inference.model import Model
from monitor.analysis import Role, SpeechAnalysis, Stream, Window
from vad.cuts import Cutting, Occurrence
from vad.detector import WebrtcDetector
from vad.endpointing import Closed, EndpointingConfig
from vad.grid import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.listener import BLOCK_FRAMES, Listener
from vad.pcm import Samples
from workbench import media

TICK_S = 0.01
TICKS_PER_FRAME = round(FRAME_S / TICK_S)
SNRS_DB = (20.0, 10.0, 5.0)
SEED = 1
NOISE_S = 5
SIDE_BY_SIDE = 64
"""Recordings that are heard together, as calls are."""
CUTTING = Cutting(hop=25, horizon=150)
VOICES = {
    "baby_cry": "crying babies",
    "dude_miaowing": "a man who miaows",
    "karissa_hobbs_lets_go_fishin": "a song with singing",
}
"""Noises that a human voice makes, by the start of the file's name. What is said of noise does not count them."""
NO_SOUNDS = "rooms"
"""A folder of impulse responses."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What is listened to: `samples` (n,), and who speaks when."""

    name: str
    samples: Samples
    turns: Sequence[Reference] = ()

    def truth(self) -> NDArray[np.bool_]:
        """(ticks,): whether anyone speaks, up to the last whole frame."""
        out = np.zeros(len(self.samples) // FRAME_SAMPLES * TICKS_PER_FRAME, np.bool_)
        for turn in self.turns:
            out[round(turn.start / TICK_S) : round(turn.end / TICK_S)] = True
        return out


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a sound. `scores` (ticks,): probabilities of speech before endpointing. `speech` (ticks,): after
    it. `segments`: how many. `judged`: frames that the judge was asked about."""

    scores: NDArray[np.float32]
    speech: NDArray[np.bool_]
    segments: int
    judged: int


def listen(sounds: Sequence[Sound], config: EndpointingConfig, judge: Model | None) -> list[Heard]:
    """Each sound is a channel of its own, heard by a Listener in blocks of 100 ms. `judge`: needed by all backends but
    webrtcvad."""
    out: list[Heard] = []
    for at in range(0, len(sounds), SIDE_BY_SIDE):
        out += _listen([sound.samples for sound in sounds[at : at + SIDE_BY_SIDE]], config, judge)
    return out


def _listen(together: Sequence[Samples], config: EndpointingConfig, judge: Model | None) -> list[Heard]:
    judged = judge.spec.window_samples // FRAME_SAMPLES if judge is not None else 0
    listeners = [Listener(config, CUTTING, judged) for _ in together]
    streams = [Stream() for _ in together]
    occurrences: list[list[Occurrence]] = [[] for _ in together]
    scores = [np.zeros(len(samples) // FRAME_SAMPLES, np.float32) for samples in together]
    asked = [0] * len(together)
    block = BLOCK_FRAMES * FRAME_SAMPLES
    for at in range(0, max(map(len, together)) + block, block):
        windows: list[Window] = []
        waiting: list[tuple[int, int, int]] = []
        for number, (listener, samples) in enumerate(zip(listeners, together, strict=True)):
            if at < len(samples):
                occurrences[number] += listener.feed(samples[at : at + block])
            elif at < len(samples) + block:
                occurrences[number] += listener.finish_hearing()
            for start, end, window in listener.take_unjudged():
                windows.append(Window(len(windows), Role.SPEECH, 0, end * FRAME_SAMPLES, window, streams[number]))
                waiting.append((number, start, end))
        for (number, start, end), analysis in zip(waiting, judge.analyse(windows) if judge else (), strict=True):
            assert judge is not None
            analysis = checked(analysis, judge.spec)
            if not isinstance(analysis, SpeechAnalysis):
                raise ValueError(f"{judge.spec.name} failed on a window")
            scores[number][start:end] = np.frombuffer(analysis.levels, np.uint8)[start - end :] / 255
            asked[number] += end - start
            occurrences[number] += listeners[number].judge(start, analysis.levels)
    out: list[Heard] = []
    for number, (listener, samples) in enumerate(zip(listeners, together, strict=True)):
        if config.backend == "webrtcvad":
            gated = WebrtcDetector(config.mode).feed(samples[: len(scores[number]) * FRAME_SAMPLES])
            scores[number] = np.asarray(np.frombuffer(gated, np.uint8) / 255, np.float32)
        edges = [each for each in [*occurrences[number], *listener.flush()] if isinstance(each, Closed)]
        speech = np.zeros(len(scores[number]), np.bool_)
        for edge in edges:
            speech[edge.start : edge.end] = True
        told = np.repeat(scores[number], TICKS_PER_FRAME), np.repeat(speech, TICKS_PER_FRAME)
        out.append(Heard(*told, len(edges), asked[number]))
    return out


def evaluate(folder: Path, noises: Path | None, config: EndpointingConfig, judge: Model | None) -> Results:
    """`folder`: conversations with a reference; `noises`: recordings in which nobody speaks.

    Raises EvaluationError, MediaError, OSError or ValueError if something there cannot be read.
    """
    speech = [
        Sound(each.name, _read(each.audio), read_rttm(each.rttm.read_text(encoding="utf-8")))
        for each in conversations(folder)
        if len(each.roles) == 1
    ]
    clean = listen(speech, config, judge)
    results: Results = {
        "backend": config.backend,
        "model": judge.spec.name if judge is not None and config.backend != "webrtcvad" else None,
        "speech": {"clean": row(speech, clean)},
        "recordings": {each.name: row([each], [heard]) for each, heard in zip(speech, clean, strict=True)},
    }
    if noises is None:
        return results
    files = sorted(
        path for path in noises.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and path.parent.name != NO_SOUNDS
    )
    nonspeech = [Sound(path.stem, _read(path)) for path in progress(files, "reading")]
    voiceless = [sound for sound in nonspeech if voice_of(sound.name) is None]
    for snr_db in SNRS_DB:
        mixed = [mixture(sound, voiceless, snr_db, SEED + number) for number, sound in enumerate(speech)]
        results["speech"][f"{snr_db:g} dB"] = row(mixed, listen(mixed, config, judge))
    heard = listen(nonspeech, config, judge)
    groups: dict[str, list[int]] = {}
    for number, (path, sound) in enumerate(zip(files, nonspeech, strict=True)):
        found = voice_of(sound.name)
        groups.setdefault("nobody's voice" if found is None else f"a voice: {found}", []).append(number)
        groups.setdefault(category(path, noises), []).append(number)
    results["nonspeech"] = {
        name: noise_row([nonspeech[n] for n in numbers], [heard[n] for n in numbers])
        for name, numbers in groups.items()
    }
    return results


def voice_of(name: str) -> str | None:
    """What voice a noise is made by, None if by nobody's."""
    return next((what for start, what in VOICES.items() if name.startswith(start)), None)


def mixture(sound: Sound, noises: Sequence[Sound], snr_db: float, seed: int) -> Sound:
    """The sound with one noise after the other under it, each so loud that its mean power lies `snr_db` below that of
    the speech. Where the sum would clip, all of it is made quieter."""
    rng = np.random.default_rng(seed)
    spoken = np.repeat(sound.truth(), FRAME_SAMPLES // TICKS_PER_FRAME)
    level = _rms(sound.samples[: len(spoken)][spoken]) * 10 ** (-snr_db / 20)
    bed: list[Samples] = []
    while sum(map(len, bed)) < len(sound.samples):
        noise = noises[int(rng.integers(len(noises)))].samples[: NOISE_S * SAMPLE_RATE_HZ]
        bed.append(noise * np.float32(level / max(_rms(noise), 1e-6)))
    mixed = sound.samples + np.concatenate(bed)[: len(sound.samples)]
    return Sound(sound.name, mixed / max(1.0, float(np.abs(mixed).max())), sound.turns)


def row(sounds: Sequence[Sound], heard: Sequence[Heard]) -> Results:
    """The figures of sounds in which somebody speaks, pooled."""
    truth = np.concatenate([sound.truth() for sound in sounds])
    said = np.concatenate([each.speech for each in heard])
    hits = int(np.count_nonzero(truth & said))
    precision, recall = _share(hits, int(said.sum())), _share(hits, int(truth.sum()))
    both = precision + recall if precision is not None and recall is not None else 0.0
    return {
        "minutes": len(truth) * TICK_S / 60,
        "speech": float(truth.mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * (precision or 0.0) * (recall or 0.0) / both if both else None,
        "roc_auc": roc_auc(np.concatenate([each.scores for each in heard]).astype(np.float64), truth),
        "false_speech_s_per_hour": _per_hour(int(np.count_nonzero(said & ~truth)), int(np.count_nonzero(~truth))),
        "judged": _share(sum(each.judged for each in heard) * TICKS_PER_FRAME, len(truth)),
    }


def noise_row(sounds: Sequence[Sound], heard: Sequence[Heard]) -> Results:
    """The figures of sounds in which nobody speaks, pooled."""
    said = np.concatenate([each.speech for each in heard])
    return {
        "files": len(sounds),
        "minutes": len(said) * TICK_S / 60,
        "false_speech": float(said.mean()),
        "false_speech_s_per_hour": _per_hour(int(said.sum()), len(said)),
        "segments_per_hour": _per_hour(sum(each.segments for each in heard), len(said) * TICK_S),
        "judged": _share(sum(each.judged for each in heard) * TICKS_PER_FRAME, len(said)),
    }


def shown(results: Results) -> Iterator[RenderableType]:
    judge = f", judge {results['model']}" if results["model"] else ""
    yield f"backend {results['backend']}{judge}; segments against the reference in ticks of 10 ms"
    yield table("Conversations, and the same under noise", results["speech"], "speech to noise")
    yield table("Conversations one by one, clean", results["recordings"], "recording")
    if "nonspeech" in results:
        yield table("Nobody speaks", results["nonspeech"], "what is heard")


def _read(path: Path) -> Samples:
    samples: Samples = np.concatenate(list(media.read(path, 1)), axis=1)[0]
    return samples


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _per_hour(count: float, whole: float) -> float | None:
    return 3600 * float(count) / float(whole) if whole else None
