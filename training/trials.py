"""Runs the networks over recordings: pooled emotion logits per clip, embeddings per stretch of speech."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.emotion_net import WINDOW_SAMPLES, EmotionNet
from inference.speaker_net import WINDOW_SAMPLES as SPEAKER_SAMPLES
from inference.speaker_net import SpeakerNet
from training.augment import telephone
from training.corpus import FRAME_SAMPLES, SAMPLE_RATE_HZ, Clip, Samples, Section, data_root, decode
from training.data import AROUSAL, KNOWN_LABELS, UNLABELLED
from training.model import pooled

BATCH = 32


@dataclass(frozen=True, slots=True)
class EmotionTrials:
    dataset: NDArray[np.str_]  # (clips,)
    label: NDArray[np.int64]  # (clips,) index into KNOWN_LABELS or UNLABELLED
    arousal: NDArray[np.int64]  # (clips,) 0, 1 or UNLABELLED
    logits: NDArray[np.float64]  # (clips, labels)
    arousal_logit: NDArray[np.float64]  # (clips,)


@dataclass(frozen=True, slots=True)
class SpeakerTrials:
    speaker: NDArray[np.str_]  # (windows,)
    source: NDArray[np.str_]  # (windows,) what a same-speaker pair must not share
    embedding: NDArray[np.float64]  # (windows, embedding)


def emotion_trials(net: EmotionNet, section: Section, clips: list[Clip], *, narrow: bool) -> EmotionTrials:
    """`narrow` sends every window through `telephone` first."""
    windows, masks, owner = [], [], []
    for number, clip in enumerate(clips):
        speech = section.speech(clip)
        for window, mask in _clip_windows(section.audio(clip), speech):
            windows.append(window)
            masks.append(mask)
            owner.append(number)
    sums = torch.zeros(len(clips), len(KNOWN_LABELS) + 2, dtype=torch.float64)
    with torch.inference_mode():
        for first in range(0, len(windows), BATCH):
            audio = torch.from_numpy(np.stack(windows[first : first + BATCH]))
            speech_frames = torch.from_numpy(np.stack(masks[first : first + BATCH]))
            label_frames, arousal_frames = net(telephone(audio) if narrow else audio)
            count = speech_frames.sum(1, keepdim=True)
            frames = torch.cat([label_frames, arousal_frames[..., None]], dim=2)
            total = torch.cat([pooled(frames, speech_frames) * count, count], dim=1)
            sums.index_add_(0, torch.tensor(owner[first : first + BATCH]), total.double())
    means = (sums[:, :-1] / sums[:, -1:].clamp_min(1)).numpy()
    known = {label: number for number, label in enumerate(KNOWN_LABELS)}
    return EmotionTrials(
        np.array([clip.dataset for clip in clips]),
        np.array([known.get(clip.emotion, UNLABELLED) for clip in clips]),
        np.array([AROUSAL.get(clip.emotion, UNLABELLED) for clip in clips]),
        means[:, :-1],
        means[:, -1],
    )


def _clip_windows(audio: Samples, speech: NDArray[np.bool_]) -> list[tuple[Samples, NDArray[np.bool_]]]:
    """Windows that together count each frame once; silence comes before a clip shorter than a window."""
    frames = WINDOW_SAMPLES // FRAME_SAMPLES
    if len(speech) < frames:
        lack = frames - len(speech)
        return [(np.pad(audio, (lack * FRAME_SAMPLES, 0)), np.pad(speech, (lack, 0)))]
    result, counted = [], 0
    while counted < len(speech):
        last = min(counted + frames, len(speech))
        mask = speech[last - frames : last].copy()
        mask[: counted - (last - frames)] = False
        result.append((audio[(last - frames) * FRAME_SAMPLES : last * FRAME_SAMPLES], mask))
        counted = last
    return result


def speaker_trials(
    net: SpeakerNet, section: Section, clips: list[Clip], window_s: float, *, narrow: bool
) -> SpeakerTrials:
    """Windows of the clips' speech, side by side, at most two per clip; what is too short is repeated.

    A pair's source is the recording, for acted corpora the emotion: voices must match across emotions.
    """
    samples = int(window_s * SAMPLE_RATE_HZ)
    windows, speakers, sources = [], [], []
    for clip in clips:
        speech = section.speech(clip)
        begin, end = int(np.argmax(speech)), len(speech) - int(np.argmax(speech[::-1]))
        voice = section.audio(clip, begin * FRAME_SAMPLES, (end - begin) * FRAME_SAMPLES)
        for first in range(0, max(1, min(len(voice) - samples + 1, 2 * samples)), samples):
            windows.append(np.resize(voice[first : first + samples], samples))
            speakers.append(clip.speaker)
            sources.append(clip.emotion or clip.path)
    with torch.inference_mode():
        parts = [_embed(net, windows[first : first + BATCH], narrow) for first in range(0, len(windows), BATCH)]
    return SpeakerTrials(np.array(speakers), np.array(sources), torch.cat(parts).double().numpy())


def conversation_trials(net: SpeakerNet, name: str) -> SpeakerTrials:
    """Windows of 1.5 s, side by side, in the turns of a conversation; shorter turns from 1 s on are repeated.

    A pair's source is the turn.
    """
    folder = data_root() / "conversations"
    audio: Samples = decode(folder / f"{name}.flac").astype(np.float32) / np.float32(32768)
    windows, speakers, sources = [], [], []
    for number, line in enumerate((folder / f"{name}.rttm").read_text().splitlines()):
        fields = line.split()
        begin, length = (int(float(seconds) * SAMPLE_RATE_HZ) for seconds in fields[3:5])
        if length >= SAMPLE_RATE_HZ:
            turn = audio[begin : begin + length]
            for first in range(0, max(1, len(turn) - SPEAKER_SAMPLES + 1), SPEAKER_SAMPLES):
                windows.append(np.resize(turn[first : first + SPEAKER_SAMPLES], SPEAKER_SAMPLES))
                speakers.append(fields[7])
                sources.append(str(number))
    with torch.inference_mode():
        embedding = torch.cat([_embed(net, [window], narrow=False) for window in windows])
    return SpeakerTrials(np.array(speakers), np.array(sources), embedding.double().numpy())


def _embed(net: SpeakerNet, windows: list[Samples], narrow: bool) -> Tensor:
    audio = torch.from_numpy(np.stack(windows))
    return net(telephone(audio) if narrow else audio)  # type: ignore[no-any-return]


def cosines(trials: SpeakerTrials) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Cosine of every admissible pair, and whether it is one speaker. Same-speaker pairs share no source."""
    first, second = np.triu_indices(len(trials.speaker), k=1)
    same = trials.speaker[first] == trials.speaker[second]
    keep = ~same | (trials.source[first] != trials.source[second])
    cosine = trials.embedding @ trials.embedding.T
    return cosine[first, second][keep], same[keep]
