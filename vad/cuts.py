"""What a listener reports: edges of speech, and the stretches of audio that are worth a model's time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vad.endpointing import Closed, Opened
from vad.pcm import Samples


@dataclass(frozen=True, slots=True)
class Cutting:
    """How a channel's audio is cut. All lengths in frames of 20 ms.

    `context` is the length of context cuts (0: none wanted), `speech` that of speech cuts (0: none wanted);
    `speech_min` is the least speech for a cut while a segment goes on, `speech_floor` for a whole short segment.
    `marks`, rising: lengths of a segment that are to be told. `ticks`: whether every hop is to be told.
    """

    hop: int
    horizon: int
    context: int = 0
    speech: int = 0
    speech_min: int = 30
    speech_floor: int = 15
    no_speech: int = 1500
    marks: tuple[int, ...] = ()
    ticks: bool = False


@dataclass(frozen=True, slots=True)
class ContextCut:
    """The audio up to frame `decided`, mirrored where the stream began later.

    `samples`: (context * 320,). `speech`: (context,), which frames held speech as far as was known then.
    `snr_db`: speech over the horizon against the noise between, None before any pause was heard.
    """

    decided: int
    samples: Samples
    speech: NDArray[np.bool_]
    snr_db: float | None


@dataclass(frozen=True, slots=True)
class SpeechCut:
    """The newest speech of the segment that began at frame `segment`: frames [`start`, `end`).

    `samples`: ((`end` - `start`) * 320,). `voiced`: the part of its frames that hold speech.
    """

    decided: int
    segment: int
    start: int
    end: int
    samples: Samples
    voiced: float


@dataclass(frozen=True, slots=True)
class Lasted:
    """The open segment that began at frame `start` has come to `frames` frames."""

    decided: int
    start: int
    frames: int


@dataclass(frozen=True, slots=True)
class FellSilent:
    """A whole horizon has passed since the last speech."""

    decided: int


@dataclass(frozen=True, slots=True)
class NoSpeech:
    """For `seconds` nothing like speech was heard; the mean level was `level_db` (full scale 0)."""

    decided: int
    seconds: float
    level_db: float


@dataclass(frozen=True, slots=True)
class Clipped:
    """In the hop before `decided`, `frames` frames reached full scale."""

    decided: int
    frames: int


@dataclass(frozen=True, slots=True)
class Ticked:
    """The call has come to frame `decided`."""

    decided: int


Occurrence = Opened | Closed | Lasted | ContextCut | SpeechCut | FellSilent | NoSpeech | Clipped | Ticked
