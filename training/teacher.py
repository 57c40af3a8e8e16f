"""What a well-trained encoder of voices hears in the bank's voices: the target that the speaker network learns besides
the names of its few hundred speakers.

The teacher is the encoder of Resemblyzer 0.1.4 (Apache-2.0): the generalised end-to-end loss (Wan et al. 2018) on
thousands of speakers of LibriSpeech and VoxCeleb. Its package carries the weights; only those are read, since importing
it would need librosa and numba.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.augment import at_speed
from training.corpus import FRAME_SAMPLES, SAMPLE_RATE_HZ, Mask, Samples, Section
from training.speaker_bank import Bank

PACKAGE, VERSION = "resemblyzer", "0.1.4"
DIGEST = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
MELS = 40
FFT_SAMPLES, HOP_SAMPLES = 400, 160
PART_FRAMES = 160
"""Of 10 ms: the length of speech that the teacher was trained on."""
CELLS = 256
LOUDNESS_DB = -30.0
"""Quieter recordings are brought to this level."""
PAUSE_FRAMES = 6
"""Of 20 ms: how much of a pause is kept beside speech."""


class Teacher(nn.Module):
    """Three LSTMs over 40 bands of power -> a vector of unit length and no negative values."""

    filters: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MELS, CELLS, 3, batch_first=True)
        self.linear = nn.Linear(CELLS, CELLS)
        self.register_buffer("window", torch.hann_window(FFT_SAMPLES), persistent=False)
        self.register_buffer("filters", slaney_filters(), persistent=False)

    def forward(self, mels: Tensor) -> Tensor:
        """(batch, 10 ms frames, MELS) of power -> (batch, CELLS)."""
        _, (hidden, _) = self.lstm(mels)
        return functional.normalize(functional.relu(self.linear(hidden[-1])), dim=1)

    def parts(self, audio: Samples) -> Tensor:
        """Samples in [-1, 1] at 16 kHz -> (parts, PART_FRAMES, MELS); what is short or left over is filled with
        silence, at the end at least three quarters of a part are needed."""
        rms_db = 10 * np.log10(float(np.mean(np.square(audio))) + 1e-12)
        louder = torch.from_numpy(audio * np.float32(10 ** (max(0.0, LOUDNESS_DB - rms_db) / 20)))
        spectrum = torch.stft(
            louder, FFT_SAMPLES, HOP_SAMPLES, window=self.window, return_complex=True, pad_mode="constant"
        )
        mels = torch.view_as_real(spectrum).square().sum(-1).T @ self.filters
        whole, rest = divmod(len(mels), PART_FRAMES)
        count = max(1, whole + (rest >= 0.75 * PART_FRAMES))
        mels = functional.pad(mels[: count * PART_FRAMES], (0, 0, 0, max(0, count * PART_FRAMES - len(mels))))
        return mels.unflatten(0, (count, PART_FRAMES))  # type: ignore[no-untyped-call,no-any-return]


def slaney_filters() -> Tensor:
    """Triangles of equal area, (FFT bins, MELS), from 0 to 8 kHz, evenly spaced on the mel scale of Slaney's Auditory
    Toolbox (1998): linear up to 1 kHz, logarithmic beyond."""
    step_hz, corner = 200 / 3, 15.0
    points = torch.linspace(0, corner + 27 * np.log(8) / np.log(6.4), MELS + 2, dtype=torch.float64)
    above = 1000 * torch.exp((points - corner) * np.log(6.4) / 27)
    hz = torch.where(points < corner, points * step_hz, above)
    bins = torch.linspace(0, SAMPLE_RATE_HZ / 2, FFT_SAMPLES // 2 + 1, dtype=torch.float64)[:, None]
    rising = (bins - hz[:-2]) / (hz[1:-1] - hz[:-2])
    falling = (hz[2:] - bins) / (hz[2:] - hz[1:-1])
    return (torch.minimum(rising, falling).clamp_min(0) * 2 / (hz[2:] - hz[:-2])).float()


def load_teacher() -> Teacher:
    """Raises RuntimeError where the package is absent or holds other weights."""
    install = f"pip install --no-deps {PACKAGE}=={VERSION}"
    try:
        path = Path(str(distribution(PACKAGE).locate_file(f"{PACKAGE}/pretrained.pt")))
        stored = path.read_bytes()
    except (PackageNotFoundError, OSError) as error:
        raise RuntimeError(f"the teacher's weights are not installed: {install}") from error
    if sha256(stored).hexdigest() != DIGEST:
        raise RuntimeError(f"{path} is not of {PACKAGE} {VERSION}: {install}")
    kept = torch.load(BytesIO(stored), map_location="cpu", weights_only=True)["model_state"]
    teacher = Teacher()
    teacher.load_state_dict({name: kept[name] for name in teacher.state_dict()})
    return teacher.eval()


def spoken(audio: Samples, speech: Mask) -> Samples:
    """The samples in speech frames of 20 ms and close to them."""
    near = np.convolve(speech, np.ones(2 * PAUSE_FRAMES + 1), "same") > 0
    return audio[: len(near) * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)[near].ravel()


@torch.inference_mode()
def embeddings(teacher: Teacher, voices: list[Samples]) -> NDArray[np.float32]:
    """(voices, CELLS): the mean over each one's parts."""
    parts = [teacher.parts(voice) for voice in voices]
    heard = teacher(torch.cat(parts)).split([len(part) for part in parts])
    return torch.stack([part.mean(0) for part in heard]).numpy()


def heard(bank: Bank) -> NDArray[np.float32]:
    """(clips, scales, CELLS): what the teacher hears in each recording in each of its plain versions; kept beside the
    bank."""
    path = bank.path.with_suffix(f".{PACKAGE}.npy")
    if not path.exists():
        teacher, sections = load_teacher(), {name: Section(name) for name in ("speakers", "emotion")}
        rows = []
        for number, clip in enumerate(bank.clips, start=1):
            section = sections["emotion" if clip.emotion else "speakers"]
            voice = spoken(section.audio(clip), section.speech(clip))
            rows.append(embeddings(teacher, [at_speed(voice, scale) for scale in bank.recipe.scales]))
            if number % 1000 == 0:
                print(f"recordings heard by the teacher: {number}", flush=True)
        np.save(path, np.stack(rows))
    kept: NDArray[np.float32] = np.load(path)
    return kept
