"""How a batch of windows goes to another process and its analyses come back: small headers as MessagePack, audio
through shared memory, of each window only what its stream has not sent yet."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analysis, EmotionAnalysis, Missing, Role, SpeakerAnalysis, SpeechAnalysis, Stream, Window
from monitor.labels import LABELS
from vad.grid import FRAME_SAMPLES

Samples = NDArray[np.float32]
FAILED = -1
COLUMNS = len(LABELS) + 1
"""Of an emotion analysis: nine logits and the arousal."""


class Item(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A window: the number of its stream, where it ends, how long it is, how much of its end is in the shared memory
    (samples), which of its frames hold speech (a byte each), and how much of it is wanted."""

    stream: int
    end: int
    span: int
    sent: int
    speech: bytes | None
    wanted: int = 0


class Request(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Windows to be analysed, in the order of their samples; and streams that are over."""

    items: list[Item]
    over: list[int]


class Reply(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Per window how many frames (of an embedding: numbers) `blob` holds for it, FAILED if none, and with which frame
    of what was sent they begin. `error`: the batch failed as a whole. `busy_s`: how long the model took."""

    counts: list[int]
    firsts: list[int]
    blob: bytes
    error: str | None = None
    busy_s: float = 0.0


request_decoder = msgspec.msgpack.Decoder(Request)
reply_decoder = msgspec.msgpack.Decoder(Reply)
_encoder = msgspec.msgpack.Encoder()


def encode(message: Request | Reply) -> bytes:
    return _encoder.encode(message)


def unpack(request: Request, role: Role, audio: Samples, streams: dict[int, Stream]) -> list[Window]:
    """The windows of a request; their samples are views of `audio`, the shared memory. Ends and begins `streams`."""
    for number in request.over:
        streams.pop(number, None)
    out: list[Window] = []
    at = 0
    for item in request.items:
        stream = streams.get(item.stream)
        if stream is None:
            stream = streams[item.stream] = Stream()
        samples = audio[at : at + item.sent]
        speech = None if item.speech is None else np.frombuffer(item.speech, np.bool_)
        out.append(Window(len(out), role, 0, item.end, samples, stream, speech, item.span, item.wanted))
        at += item.sent
    return out


def pack(analyses: Sequence[Analysis], busy_s: float = 0.0) -> Reply:
    """The analyses of a batch, all of one role; what is none, or has another shape, has failed."""
    counts: list[int] = []
    firsts: list[int] = []
    parts: list[bytes] = []
    for analysis in analyses:
        first = 0
        match analysis:
            case SpeechAnalysis(levels):
                counts.append(len(levels))
                parts.append(levels)
            case EmotionAnalysis(logits, arousal, first) if logits.shape == (len(arousal), len(LABELS)):
                counts.append(len(logits))
                parts.append(np.concatenate([logits, arousal[:, None]], axis=1, dtype=np.float32).tobytes())
            case SpeakerAnalysis(embedding) if embedding.ndim == 1:
                counts.append(len(embedding))
                parts.append(embedding.astype(np.float32, copy=False).tobytes())
            case _:
                counts.append(FAILED)
        firsts.append(first)
    return Reply(counts, firsts, b"".join(parts), busy_s=busy_s)


def analyses_of(reply: Reply, role: Role, items: Sequence[Item]) -> list[Analysis]:
    """The analyses in a reply to `items`, counted from the beginnings of the whole windows."""
    if role is Role.SPEECH:
        return _cut_levels(reply)
    columns = COLUMNS if role is Role.EMOTION else 1
    numbers = np.frombuffer(reply.blob, np.float32).reshape(-1, columns)
    out: list[Analysis] = []
    at = 0
    for count, first, item in zip(reply.counts, reply.firsts, items, strict=True):
        if count == FAILED:
            out.append(Missing.FAILED)
            continue
        own = numbers[at : at + count]
        at += count
        if role is Role.EMOTION:
            skipped = (item.span - item.sent) // FRAME_SAMPLES
            out.append(EmotionAnalysis(own[:, :-1], own[:, -1], first + skipped))
        else:
            out.append(SpeakerAnalysis(own[:, 0]))
    return out


def _cut_levels(reply: Reply) -> list[Analysis]:
    out: list[Analysis] = []
    at = 0
    for count in reply.counts:
        out.append(Missing.FAILED if count == FAILED else SpeechAnalysis(reply.blob[at : at + count]))
        at += max(0, count)
    return out
