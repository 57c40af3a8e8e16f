"""Builds conversations out of recordings of single speakers, so that who spoke when is known to the sample.

All speakers of a conversation come from one corpus: in a call, too, all voices share one line, and nothing is to be
gained by hearing which microphone a voice was recorded with. Two manners alternate:

- lively: the next speaker begins 0.2 s after the last, give or take 0.4 s, so that a third begins in overlap, as has
  been measured in telephone conversations (Heldner and Edlund 2010; Levinson and Torreira 2015);
- service: 0.95 s (median; log-normal, sigma 0.5) after the last, as in the 23 changes of auto_repairs_40.rttm.

Turns are log-normal: median 3 s, sigma 0.9, from 0.6 to 15 s (auto_repairs_40: median 4.5 s, sigma 1.3; telephone
conversations: median 1.2 s). In turns of more than 3 s a listener says something short in two of five cases. Speakers
differ in level by 3 dB (standard deviation), and what one of them says by 6 dB at most. No recording is used twice in a
conversation, so one whose speakers have little to say ends early. Half of the conversations go through a telephone
line.
"""

from __future__ import annotations

import csv
import wave
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.conditions import TELEPHONE_RATE_HZ, frame_energies, mulaw, narrowband, pink_noise, speech_rms
from evaluation.envelope import PAUSE_FRAMES, runs, speech_frames
from evaluation.manifest import EvaluationError, Manifest, grouped
from evaluation.references import GROUPS, STEREO, Reference, rttm_line
from evaluation.report import Item, note
from vad.grid import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.pcm import Samples

LENGTH_S = 120.0
TURN_MEDIAN_S, TURN_SIGMA, TURN_RANGE_S = 3.0, 0.9, (0.6, 15.0)
BACKCHANNEL_SHARE, BACKCHANNEL_FROM_S, BACKCHANNEL_S = 0.4, 3.0, (0.3, 0.7)
BACKCHANNEL_DB = -6.0
INNER_PAUSE_S = (0.15, 0.6)
LEVEL_DBFS, LEVEL_SPREAD_DB = -26.0, 3.0
LEVEL_WITHIN_DB = 6.0
CANDIDATES = 12
"""As many speakers of a corpus are looked at, drawn by the seed."""
FLOOR_DBFS = -62.0
MATERIAL_S = 18.0
"""Speakers with less speech than this are not used."""
NEAR_SEMITONES = 4.0
MARGIN_SAMPLES = SAMPLE_RATE_HZ // 20
FADE_SAMPLES = SAMPLE_RATE_HZ // 100


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of speech without a pause of 0.3 s: samples [`start`, `end`) of `samples`, with a margin on each side
    where the recording has one."""

    samples: Samples
    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / SAMPLE_RATE_HZ


@dataclass(slots=True)
class Voice:
    """A speaker and what they have to say, in the order in which they say it."""

    speaker: str
    dataset: str
    pieces: list[Piece]
    pitch_hz: float
    rms: float

    @property
    def seconds(self) -> float:
        return sum(piece.seconds for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a conversation is to be like."""

    name: str
    voices: tuple[Voice, ...]
    lively: bool
    telephone: bool
    stereo: bool


@dataclass(slots=True)
class Scene:
    """A conversation: what each speaker says, shape (speakers, n), and when, in the order of the turns' starts."""

    audio: NDArray[np.float32]
    turns: list[Reference] = field(default_factory=list)


def build(manifest: Manifest, out: Path, seed: int, count: int, length_s: float = LENGTH_S) -> list[str]:
    """Write `count` conversations of at most about `length_s`, their references and groups.csv into the folder
    `out`; their names.

    Raises EvaluationError where no corpus of the manifest has two speakers with enough to say.
    """
    rng = np.random.default_rng(seed)
    by_dataset: dict[str, list[Voice]] = {}
    for found in voices(manifest, rng):
        by_dataset.setdefault(found.dataset, []).append(found)
    usable = {name: group for name, group in sorted(by_dataset.items()) if len(group) > 1}
    if not usable:
        raise EvaluationError(f"{manifest.path}: no corpus has two speakers with {MATERIAL_S:g} s of speech each")
    out.mkdir(parents=True, exist_ok=True)
    groups: list[tuple[str, str]] = []
    plans = planned(usable, count, rng)
    for plan in plans:
        scene = perform(plan, length_s, rng)
        write(out, plan, scene)
        groups += [(plan.name, kind) for kind in kinds(plan)]
    with (out / GROUPS).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("name", "group"), *groups])
    return [plan.name for plan in plans]


def voices(manifest: Manifest, rng: np.random.Generator) -> list[Voice]:
    """The speakers of the manifest who have enough to say, with their recordings in an order drawn by `rng`."""
    out: list[Voice] = []
    silent = 0
    speakers = [
        each
        for corpus in manifest.by_dataset().values()
        for each in list(_shuffled(list(grouped(corpus, "speaker").items()), rng))[:CANDIDATES]
    ]
    for speaker, entries in speakers:
        chosen = [entries[i] for i in rng.permutation(len(entries))]
        audio = [samples for _, samples in manifest.audio(chosen[:60])]
        found = [piece for samples in audio for piece in pieces(samples)]
        if sum(piece.seconds for piece in found) < MATERIAL_S:
            silent += 1
            continue
        whole = np.concatenate([piece.samples[piece.start : piece.end] for piece in found])
        pitch_hz = median_pitch_hz(whole[: 30 * SAMPLE_RATE_HZ])
        out.append(Voice(speaker, entries[0].dataset, found, pitch_hz, speech_rms(whole)))
    if silent:
        note(f"{silent} of {len(speakers)} speakers have less than {MATERIAL_S:g} s of speech and are left out")
    return out


def pieces(samples: Samples) -> list[Piece]:
    """The stretches of speech of a recording, by its energy."""
    out: list[Piece] = []
    for first, last in runs(speech_frames(samples)):
        start, end = first * FRAME_SAMPLES, last * FRAME_SAMPLES
        begin = max(0, start - MARGIN_SAMPLES)
        out.append(Piece(samples[begin : end + MARGIN_SAMPLES], start - begin, end - begin))
    return [piece for piece in out if piece.seconds >= BACKCHANNEL_S[0]]


def planned(usable: dict[str, list[Voice]], count: int, rng: np.random.Generator) -> list[Plan]:
    """Corpora in turn; every other pair is near in pitch, every seventh conversation has three speakers."""
    used: Counter[str] = Counter()
    out: list[Plan] = []
    for number in range(count):
        dataset = list(usable)[number % len(usable)]
        group = [usable[dataset][i] for i in rng.permutation(len(usable[dataset]))]
        group.sort(key=lambda voice: used[voice.speaker])
        chosen = [group[0]]
        near = number // len(usable) % 2 == 0
        for _ in range(2 if number % 7 == 6 and len(group) > 2 else 1):
            rest = [voice for voice in group if voice not in chosen]
            fitting = [voice for voice in rest if (semitones(voice, chosen[0]) <= NEAR_SEMITONES) is near] or rest
            chosen.append(fitting[0])
        used.update(voice.speaker for voice in chosen)
        fresh = tuple(Voice(v.speaker, v.dataset, _shuffled(v.pieces, rng), v.pitch_hz, v.rms) for v in chosen)
        stereo = number % 4 == 1 and len(fresh) == 2
        out.append(Plan(f"{dataset}_{number + 1:02}", fresh, number % 2 == 0, number // 2 % 2 == 0, stereo))
    return out


def kinds(plan: Plan) -> list[str]:
    """The groups that a conversation is counted with."""
    near = max(semitones(voice, plan.voices[0]) for voice in plan.voices) <= NEAR_SEMITONES
    return [
        plan.voices[0].dataset,
        "telephone" if plan.telephone else "wideband",
        "lively" if plan.lively else "service",
        "three speakers" if len(plan.voices) > 2 else "voices near in pitch" if near else "voices far in pitch",
    ]


def perform(plan: Plan, length_s: float, rng: np.random.Generator) -> Scene:
    """Let the speakers talk until the time is up or one of them has nothing left to say."""
    total = round(length_s * SAMPLE_RATE_HZ)
    tracks = np.zeros((len(plan.voices), total + 30 * SAMPLE_RATE_HZ), np.float32)
    spoken: list[tuple[int, int, int]] = []  # speaker, first and last sample
    gain_db = LEVEL_DBFS + np.clip(rng.normal(0, LEVEL_SPREAD_DB, len(plan.voices)), -6, 6)
    gains = [10 ** (db / 20) / max(voice.rms, 1e-6) for db, voice in zip(gain_db, plan.voices, strict=True)]

    def say(who: int, piece: Piece, at: int, factor: float = 1.0) -> int:
        """Put a piece where its speech begins at sample `at`; where it ends."""
        begin = at - piece.start
        cut = max(0, -begin)
        heard = faded(piece.samples[cut:]) * np.float32(factor * levelled(piece, plan.voices[who].rms) * gains[who])
        tracks[who, begin + cut : begin + cut + len(heard)] += heard
        spoken.append((who, at, at + piece.end - piece.start))
        return at + piece.end - piece.start

    free = [0] * len(plan.voices)  # nobody talks over themselves
    who, at = 0, round(rng.uniform(0.3, 1.5) * SAMPLE_RATE_HZ)
    while at < total:
        wanted = float(np.clip(rng.lognormal(np.log(TURN_MEDIAN_S), TURN_SIGMA), *TURN_RANGE_S))
        turn_start = end = max(at, free[who])
        for piece in turn(plan.voices[who].pieces, wanted, rng):
            begin = end if end == turn_start else end + round(rng.uniform(*INNER_PAUSE_S) * SAMPLE_RATE_HZ)
            end = free[who] = say(who, piece, begin)
        listeners = [other for other in range(len(plan.voices)) if other != who]
        if (end - turn_start) / SAMPLE_RATE_HZ > BACKCHANNEL_FROM_S and rng.random() < BACKCHANNEL_SHARE:
            listener = int(rng.choice(listeners))
            place = round(turn_start + (end - turn_start) * rng.uniform(0.3, 0.7))
            short = turn(plan.voices[listener].pieces, float(rng.uniform(*BACKCHANNEL_S)), rng)
            for piece in short[:1]:
                free[listener] = say(listener, piece, max(place, free[listener]), 10 ** (BACKCHANNEL_DB / 20))
        if end >= total or any(voice.seconds < 1.0 for voice in plan.voices):
            break
        gap_s = np.clip(rng.normal(0.2, 0.4), -0.8, 1.5) if plan.lively else rng.lognormal(np.log(0.95), 0.5)
        who, at = int(rng.choice(listeners)), max(turn_start, end + round(gap_s * SAMPLE_RATE_HZ))
    length = max(last for _, _, last in spoken) + SAMPLE_RATE_HZ // 2
    return Scene(tracks[:, :length], _joined(spoken, [voice.speaker for voice in plan.voices]))


def turn(stock: list[Piece], seconds: float, rng: np.random.Generator) -> list[Piece]:
    """Takes about `seconds` of speech from a stock; a piece that is too long is cut where it is quietest."""
    out: list[Piece] = []
    lack = seconds
    while stock and (lack > 0.4 or not out):
        piece = stock.pop(0)
        if piece.seconds > lack + 0.8:
            piece, rest = parted(piece, max(lack, BACKCHANNEL_S[0]))
            if rest.seconds >= BACKCHANNEL_S[0]:
                stock.append(rest)
        out.append(piece)
        lack -= piece.seconds
    return out


def parted(piece: Piece, seconds: float) -> tuple[Piece, Piece]:
    """A piece in two, at the quietest place within 0.25 s of `seconds` after its start."""
    energies = frame_energies(piece.samples[piece.start :])
    middle, reach = round(seconds / FRAME_S), round(0.25 / FRAME_S)
    low = max(1, middle - reach)
    at = piece.start + (low + int(np.argmin(energies[low : middle + reach + 1]))) * FRAME_SAMPLES
    return Piece(piece.samples[:at], piece.start, at), Piece(piece.samples[at:], 0, piece.end - at)


def levelled(piece: Piece, rms: float) -> float:
    """The factor that brings a piece to within 6 dB of its speaker's `rms`."""
    own_db = 20 * np.log10(speech_rms(piece.samples[piece.start : piece.end]) / max(rms, 1e-6) + 1e-6)
    return float(10 ** ((np.clip(own_db, -LEVEL_WITHIN_DB, LEVEL_WITHIN_DB) - own_db) / 20))


def faded(samples: Samples) -> Samples:
    """With 10 ms of fading in and out."""
    out = samples.copy()
    ramp = np.linspace(0, 1, min(FADE_SAMPLES, len(out)), dtype=np.float32)
    out[: len(ramp)] *= ramp
    out[len(out) - len(ramp) :] *= ramp[::-1]
    return out


def write(out: Path, plan: Plan, scene: Scene) -> None:
    """The mono mix, the two channels if they are wanted, and the reference."""
    rng = np.random.default_rng(len(scene.turns))
    noise = 10 ** (FLOOR_DBFS / 20) * np.resize(pink_noise(1 << 18, rng), scene.audio.shape[1])
    write_wav(out / f"{plan.name}.wav", [scene.audio.sum(axis=0) + noise], plan.telephone)
    if plan.stereo:
        write_wav(out / f"{plan.name}{STEREO}.wav", [track + noise for track in scene.audio], plan.telephone)
    lines = [rttm_line(plan.name, reference) for reference in scene.turns]
    (out / f"{plan.name}.rttm").write_text("".join(lines), encoding="utf-8")


def write_wav(path: Path, channels: Sequence[Samples], telephone: bool) -> None:
    """16-bit PCM at 16 kHz, or what a telephone line leaves of it at 8 kHz."""
    if telephone:
        channels = [mulaw(narrowband(samples)) for samples in channels]
    pcm = np.rint(np.clip(np.stack(channels, axis=1), -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(TELEPHONE_RATE_HZ if telephone else SAMPLE_RATE_HZ)
        file.writeframes(pcm.tobytes())


def median_pitch_hz(speech: Samples) -> float:
    """The median over voiced frames of 40 ms of the lag, 2.5-16 ms, at which the normalised autocorrelation is highest;
    voiced are those where it reaches 0.5. NaN if there are none."""
    size, low, high = SAMPLE_RATE_HZ // 25, SAMPLE_RATE_HZ // 400, SAMPLE_RATE_HZ // 62
    frames = speech[: len(speech) // size * size].reshape(-1, size)
    if not len(frames):
        return float("nan")
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(frames, 2 * size)
    shared = np.fft.irfft(np.square(np.abs(spectrum)))[:, :size]
    lags = np.arange(low, high)
    normal = shared[:, low:high] / np.maximum(shared[:, :1], 1e-9) * (size / (size - lags))
    voiced = normal.max(axis=1) >= 0.5
    return float(np.median(SAMPLE_RATE_HZ / lags[normal[voiced].argmax(axis=1)])) if voiced.any() else float("nan")


def semitones(one: Voice, other: Voice) -> float:
    """How far apart two voices are in pitch."""
    return float(abs(12 * np.log2(one.pitch_hz / other.pitch_hz)))


def _shuffled(stock: Sequence[Item], rng: np.random.Generator) -> list[Item]:
    return [stock[place] for place in rng.permutation(len(stock))]


def _joined(spoken: Sequence[tuple[int, int, int]], names: Sequence[str]) -> list[Reference]:
    """What was said, as turns in seconds; shorter pauses than 0.3 s do not part them."""
    out: list[Reference] = []
    for who, name in enumerate(names):
        for first, last in sorted((first, last) for speaker, first, last in spoken if speaker == who):
            start, end = first / SAMPLE_RATE_HZ, last / SAMPLE_RATE_HZ
            if out and out[-1].speaker == name and start - out[-1].end < PAUSE_FRAMES * FRAME_S:
                out[-1] = Reference(name, out[-1].start, max(end, out[-1].end))
            else:
                out.append(Reference(name, start, end))
    return sorted(out, key=lambda reference: (reference.start, reference.end))
