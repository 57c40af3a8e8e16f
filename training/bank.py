"""Recordings made to sound like calls, as log-mels in one memory-mapped array: what training draws from.

Making waves sound like calls costs more than a training step of these small networks; so each recording is made to
sound so a fixed number of times beforehand, and every step only cuts and joins spectrograms.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inference.features import HISTORY_SAMPLES, LogMel
from training.augment import Caller, CallRecipe, at_speed
from training.corpus import FRAME_SAMPLES, Clip, Mask, Samples, Section

BANKS = Path("training/runs/bank")

SCALE = np.float32(256)
"""Log-mels are stored as whole 256ths of a dB in 16 bits."""

MARGIN_FRAMES = 15
"""How many 20 ms frames an item has before its first and after its last speech, without voice but with the noise."""


@dataclass(frozen=True, slots=True)
class Item:
    """One version of a recording. Items of one speaker and version sound as if they came over the same line."""

    section: str
    clip: Clip
    version: int


class Bank:
    """Row r of `mels` is the 10 ms at r of all items one after the other; `speech[r // 2]` tells whether it is voice.

    Item n has the rows from `starts[n]` to `starts[n + 1]`.
    """

    def __init__(
        self, items: Sequence[Item], sections: dict[str, Section], recipe: CallRecipe, log_mel: LogMel
    ) -> None:
        key = json.dumps([asdict(recipe), [[i.section, i.clip.path, i.version] for i in items]], sort_keys=True)
        key += str(log_mel.filters.sum(0).tolist())
        path = BANKS / f"{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}"
        self.items = items
        caller = Caller(recipe, sections)
        speeds = [caller.line(item.clip.speaker or item.clip.path, item.version).speed for item in items]
        masks = [_mask(sections[item.section], item, speed) for item, speed in zip(items, speeds, strict=True)]
        self.speech: Mask = np.concatenate(masks)
        self.starts: NDArray[np.int64] = np.cumsum([0] + [2 * len(mask) for mask in masks])
        shape = (int(self.starts[-1]), log_mel.filters.shape[1])
        if not path.exists():
            BANKS.mkdir(parents=True, exist_ok=True)
            self._fill(path.with_suffix(".partial"), shape, sections, caller, log_mel)
            path.with_suffix(".partial").rename(path)
        self.mels = np.memmap(path, np.int16, "r", shape=shape)

    def features(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(...) rows -> (..., mels) in dB."""
        return self.mels[rows].astype(np.float32) / SCALE

    def _fill(
        self, path: Path, shape: tuple[int, int], sections: dict[str, Section], caller: Caller, log_mel: LogMel
    ) -> None:
        mels = np.memmap(path, np.int16, "w+", shape=shape)
        for n, item in enumerate(self.items):
            first, last = int(self.starts[n]), int(self.starts[n + 1])
            mask = self.speech[first // 2 : last // 2]
            wave = torch.from_numpy(caller.call(_padded(sections[item.section], item, caller, len(mask)), item, mask))
            with torch.inference_mode():
                level_db = log_mel(torch.nn.functional.pad(wave, (HISTORY_SAMPLES, 0))[None])[0]
            mels[first:last] = np.rint(level_db.numpy() * SCALE).astype(np.int16)
            if n % 1000 == 999:
                print(f"recordings made to sound like calls: {n + 1} of {len(self.items)}", flush=True)
        mels.flush()


def _bounds(section: Section, clip: Clip) -> tuple[Mask, int, int]:
    speech = section.speech(clip)
    return speech, int(np.argmax(speech)), len(speech) - int(np.argmax(speech[::-1]))


def _mask(section: Section, item: Item, speed: float) -> Mask:
    """The speech mask of the item: from the recording's first to its last speech at the speed, with margins."""
    speech, begin, end = _bounds(section, item.clip)
    frames = int((end - begin) / speed)
    played = speech[np.minimum(begin + (np.arange(frames) * speed).astype(int), end - 1)]
    return np.pad(played, MARGIN_FRAMES)


def _padded(section: Section, item: Item, caller: Caller, frames: int) -> Samples:
    """The item's samples as recorded, at its speed, silence in the margins."""
    _, begin, end = _bounds(section, item.clip)
    audio = section.audio(item.clip, begin * FRAME_SAMPLES, (end - begin) * FRAME_SAMPLES)
    speed = caller.line(item.clip.speaker or item.clip.path, item.version).speed
    result = np.zeros(frames * FRAME_SAMPLES, np.float32)
    body = result[MARGIN_FRAMES * FRAME_SAMPLES : -MARGIN_FRAMES * FRAME_SAMPLES]
    played = at_speed(audio, speed)[: len(body)]
    body[: len(played)] = played
    return result
