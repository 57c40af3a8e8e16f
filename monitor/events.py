"""The event vocabulary: everything Undertone ever says about a call.

One frozen class per event; the class is the wire shape (JSON, discriminated by `type`), so the socket, the
dashboard, the store and the documentation all mean the same thing. Times are seconds of call audio.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Shape = Literal["single", "mixed", "flat"]
Reliability = Literal["high", "medium", "low", "unusable"]
Scores = dict[str, float]
"""Label -> score in [0, 1]; always the nine keys of `monitor.labels.LABELS`. Sums to 1, or all 0 when unusable."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event carries. `id` of an event is `call_id:seq`.

    `t` is the position in the call in seconds; `channel` is null where the event concerns the whole call; `at`
    (RFC 3339, UTC) is added once, at the edge, and is null offline.
    """

    call_id: str
    seq: int
    t: float
    channel: int | None = None
    at: str | None = None

    @property
    def id(self) -> str:
        return f"{self.call_id}:{self.seq}"


class ChannelInfo(msgspec.Struct, frozen=True):
    """One audio channel of a call: who is on it, and whether their emotion is inferred."""

    channel: int
    role: str
    emotion: bool


class ModelInfo(msgspec.Struct, frozen=True):
    """A model in use: `labels` are those it knows (emotion only), `licence` that of its weights."""

    name: str
    licence: str
    labels: list[str] = []


class Feeling(msgspec.Struct, frozen=True):
    """How a speaker sounded over a stretch of some seconds of speech. `distress`: the scores of anger and fear."""

    start_s: float
    end_s: float
    label: str
    distress: float
    arousal: float


class Course(msgspec.Struct, frozen=True):
    """How a speaker's feeling went. `worst`: the stretch of most distress; `recovery`: how much less of it there was at
    the end; `recovered_after_s`: from then until it was half of that, null if it never was or was never much."""

    start: Feeling
    worst: Feeling
    end: Feeling
    recovery: float
    recovered_after_s: float | None


class TurningPoint(msgspec.Struct, frozen=True):
    """At `t` a speaker's distress became another and stayed so: means `before` and `after`, each up to the next one."""

    t: float
    speaker: str
    before: float
    after: float


class SpeakerSummary(msgspec.Struct, frozen=True):
    """One speaker over the whole call. `emotion` and `course` are null where none was inferred or nothing could be
    used; `talk_ratio`: the share of all speech; `interruptions`: how many times they took the floor from someone who
    went on speaking, null where one channel holds all."""

    speaker: str
    speech_s: float
    turns: int
    emotion: Scores | None
    arousal: float | None
    role: str | None = None
    talk_ratio: float = 0.0
    interruptions: int | None = None
    course: Course | None = None


class TurnSummary(msgspec.Struct, frozen=True):
    """One stretch of speech of one speaker. `speaker` is null where nobody could be told."""

    speaker: str | None
    channel: int
    start_s: float
    end_s: float


class AlertCount(msgspec.Struct, frozen=True):
    """The alerts of one rule: how many, how many of them are open, and the seconds of their evidence."""

    rule: str
    severity: str
    raised: int
    open: int
    evidence_s: float


class Quality(msgspec.Struct, frozen=True):
    """How well it could be heard. `snr_db`: the mean, null if it was never measured; `reliability`: shares of the
    readings with speech; `warnings`: how many about the audio, by code."""

    snr_db: float | None
    reliability: dict[str, float]
    warnings: dict[str, int]


class CallSummary(msgspec.Struct, frozen=True):
    """What is known of a call so far. `emotion` is that of all channels on which emotion is inferred; `overlap_s`, for
    how long more than one spoke, is null where one channel holds all."""

    duration_s: float
    speech_s: float
    emotion: Scores | None
    arousal: float | None
    speakers: list[SpeakerSummary]
    speaker_changes: int
    windows: dict[str, int]
    turns: list[TurnSummary]
    silence_s: float = 0.0
    longest_silence_s: float = 0.0
    overlap_s: float | None = None
    turning_points: list[TurningPoint] = []
    alerts: list[AlertCount] = []
    quality: Quality | None = None


class CallStarted(Event, frozen=True, kw_only=True, tag="call.started"):
    transport: str
    channels: list[ChannelInfo]
    models: dict[str, ModelInfo]
    horizon_s: float
    hop_s: float
    tags: dict[str, str]


class CallEnded(Event, frozen=True, kw_only=True, tag="call.ended"):
    reason: str
    summary: CallSummary


class SpeechStarted(Event, frozen=True, kw_only=True, tag="speech.started"):
    """`t` is where the speech began, which lies before the moment at which that was certain."""


class SpeechEnded(Event, frozen=True, kw_only=True, tag="speech.ended"):
    """`t` is where the speech ended, `start_s` where it had begun."""

    start_s: float


class Emotion(Event, frozen=True, kw_only=True, tag="emotion"):
    """Rolling emotion over the horizon that ends at `t`.

    When `reliability` is `unusable` there is no `label`, no `shape`, no `arousal`, and every score is 0.
    `snr_db` is null until a pause has let the noise be measured; `lag_ms` (last needed sample received to event
    sent) is null offline.
    """

    scores: Scores
    label: str | None
    confidence: float
    arousal: float | None
    shape: Shape | None
    reliability: Reliability
    speech_s: float
    snr_db: float | None
    speaker: str | None
    lag_ms: float | None = None


class EmotionFrames(Event, frozen=True, kw_only=True, tag="emotion.frames"):
    """Frame scores of the hop that ends at `t`; sent on request only. `scores` has one row per frame in the order
    of `labels`, null where the frame holds no speech. Later windows may revise what the newest frames say."""

    start_s: float
    frame_s: float
    labels: list[str]
    scores: list[list[float] | None]


class EmotionTurn(Event, frozen=True, kw_only=True, tag="emotion.turn"):
    """The emotion of one turn, once it is over; `t` is its end."""

    start_s: float
    scores: Scores
    label: str | None
    confidence: float
    arousal: float | None
    shape: Shape | None
    reliability: Reliability
    speech_s: float
    snr_db: float | None
    speaker: str | None


class SpeakerChanged(Event, frozen=True, kw_only=True, tag="speaker.changed"):
    """Another speaker has the floor since `t`, the boundary. `from_` (`from` on the wire) is null for the first."""

    from_: str | None = msgspec.field(name="from")
    to: str
    confidence: float
    name: str | None = None


class SpeakerUpdated(Event, frozen=True, kw_only=True, tag="speaker.updated"):
    """A provisional speaker is confirmed, was merged into another (`merged_into`), or got a name."""

    speaker: str
    confirmed: bool
    merged_into: str | None = None
    name: str | None = None


class Alert(Event, frozen=True, kw_only=True):
    """What all three alert events carry. `alert_id` (call, rule, number in the call) is the same in all of one alert.

    `value` of `measure` is the one furthest beyond `threshold` so far, `speaker` and `scores` are those of that moment
    (null where nobody is meant, or the measure is none of emotion); [`start_s`, `end_s`] is the audio that shows it,
    `link` leads, on this server, to the moment.
    """

    alert_id: str
    rule: str
    severity: str
    measure: str
    value: float
    threshold: float
    start_s: float
    end_s: float
    speaker: str | None
    scores: Scores | None
    link: str


class AlertRaised(Alert, frozen=True, kw_only=True, tag="alert.raised"):
    pass


class AlertUpdated(Alert, frozen=True, kw_only=True, tag="alert.updated"):
    pass


class AlertCleared(Alert, frozen=True, kw_only=True, tag="alert.cleared"):
    pass


class Warning(Event, frozen=True, kw_only=True, tag="warning"):
    """Something is amiss and the call goes on. `code` is one of docs/protocol.md's table."""

    code: str
    reason: str


class Error(Event, frozen=True, kw_only=True, tag="error"):
    """A mistake of the peer or a failure of ours. `code` is one of docs/protocol.md's table; `retry_after_s`: when it
    is worth trying again, null where it is not."""

    code: str
    reason: str
    call_survives: bool
    retry_after_s: float | None = None


EVENTS: tuple[type[Event], ...] = (
    CallStarted,
    CallEnded,
    SpeechStarted,
    SpeechEnded,
    Emotion,
    EmotionFrames,
    EmotionTurn,
    SpeakerChanged,
    SpeakerUpdated,
    AlertRaised,
    AlertUpdated,
    AlertCleared,
    Warning,
    Error,
)
DROPPABLE: tuple[type[Event], ...] = (Emotion, EmotionFrames, SpeechStarted, SpeechEnded)
"""What a slow reader loses first. Everything else reaches it or it is cut."""
URGENT: tuple[type[Event], ...] = (
    AlertRaised,
    AlertUpdated,
    AlertCleared,
    SpeakerChanged,
    CallStarted,
    CallEnded,
    Error,
)
"""What does not wait to be gathered with others."""


def event_type(event: Event | type[Event]) -> str:
    """The wire name of an event or of its class, such as `speaker.changed`."""
    cls = event if isinstance(event, type) else type(event)
    tag = cls.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(
    CallStarted
    | CallEnded
    | SpeechStarted
    | SpeechEnded
    | Emotion
    | EmotionFrames
    | EmotionTurn
    | SpeakerChanged
    | SpeakerUpdated
    | AlertRaised
    | AlertUpdated
    | AlertCleared
    | Warning
    | Error
)


def encode(event: Event) -> bytes:
    """One event as JSON (UTF-8, no newline)."""
    return _encoder.encode(event)


def decode(data: bytes | str) -> Event:
    """The event that `encode` wrote. Raises `msgspec.ValidationError` for anything else."""
    return _decoder.decode(data)
