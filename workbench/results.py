"""What the workbench answers, for the command line, REST and the page alike. Times are seconds of the recording."""

from __future__ import annotations

from typing import Literal

import msgspec

from monitor.events import Scores, Shape
from workbench.sentences import Sentence

Band = Literal["high", "medium", "low", "unusable"]
Granularity = Literal["utterance", "turn", "frame"]


class Failure(msgspec.Struct, frozen=True):
    """Why a recording has no result: `code`, in words, and what to do about it."""

    code: str
    reason: Sentence
    remedy: Sentence


class AudioFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording is like. Levels in dB of full scale: `level_dbfs` of the speech (of everything where there is
    none), `peak_dbfs` of the loudest sample at 16 kHz; -120 stands for nothing at all.

    `clipped_share`: of the samples, at full scale. `snr_db`: speech against the pauses, None without any pause.
    `speech_share`: of the duration. `band_limit_hz`: above it there is nothing, 8000 at most; `telephone`: it is as low
    as a telephone's. `remarks`: what a person should know about it, worst first.
    """

    duration_s: float
    rate_hz: int
    channels: int
    codec: str
    container: str
    level_dbfs: float
    peak_dbfs: float
    clipped_share: float
    snr_db: float | None
    speech_s: float
    speech_share: float
    band_limit_hz: float
    telephone: bool
    remarks: list[Sentence] = []


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The emotion of a stretch. `scores` have all nine labels, 0 for those that the model does not know; they are all 0
    and there is no label where the band is `unusable` for want of speech.

    `band`: how far to trust it; below what the model needs, `unusable`, though label and scores are there.
    `stands_out`: no label of a flat shape, both of a mixed one.
    """

    scores: Scores
    label: str | None
    confidence: float
    band: Band
    arousal: float | None
    shape: Shape | None
    stands_out: list[str]
    speech_s: float
    snr_db: float | None
    sentence: Sentence
    advice: Sentence


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The emotion from `start_s` to `end_s`; only where there is enough speech."""

    channel: int
    start_s: float
    end_s: float
    scores: Scores
    label: str
    confidence: float
    band: Band
    arousal: float


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A place to listen to. A `turn`: the emotion after `start_s` is another than before it, `weight` (0 to 1) says by
    how much. A `peak`: `label` is nowhere clearer, `weight` is its score."""

    kind: Literal["turn", "peak"]
    channel: int
    start_s: float
    end_s: float
    label: str
    before: str | None
    weight: float
    sentence: Sentence


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of speech of one speaker; `reading` is None where the speaker's role is not to be read."""

    speaker: str | None
    channel: int
    start_s: float
    end_s: float
    reading: Reading | None


class SpeakerEmotion(msgspec.Struct, frozen=True, kw_only=True):
    """A speaker over the whole recording; `share` of all speech."""

    speaker: str
    turns: int
    speech_s: float
    share: float
    reading: Reading | None


class FrameScores(msgspec.Struct, frozen=True, kw_only=True):
    """A row per frame of `frame_s`, in the order of `labels`; None where nobody speaks."""

    channel: int
    frame_s: float
    labels: list[str]
    scores: list[list[float] | None]


class EmbeddingFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Embeddings that were made: of what, of which model, what they look like, and the file that they are in (None:
    they were not written). `norm`: their mean Euclidean length. `sound`: none of the checks found anything."""

    granularity: Granularity
    channel: int
    model: str
    shape: tuple[int, int]
    mean: float
    std: float
    norm: float
    usual_norms: tuple[float, float] | None
    sound: bool
    remarks: list[Sentence]
    file: str | None = None


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One recording's line of result. `emotion` is that of all channels that are read together."""

    file: str
    status: Literal["done", "failed"]
    model: str
    failure: Failure | None = None
    facts: AudioFacts | None = None
    emotion: Reading | None = None
    timeline: list[Point] = []
    moments: list[Moment] = []
    speakers: list[SpeakerEmotion] = []
    turns: list[Turn] = []
    frames: list[FrameScores] = []
    embeddings: list[EmbeddingFacts] = []


def encode(prediction: Prediction) -> bytes:
    """As JSON (UTF-8, no newline)."""
    return _encoder.encode(prediction)


def decode(line: bytes | str) -> Prediction:
    """What `encode` wrote. Raises msgspec.ValidationError, msgspec.DecodeError for anything else."""
    return _decoder.decode(line)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Prediction)
