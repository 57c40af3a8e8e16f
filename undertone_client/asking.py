"""What can be asked of a server, and how its answers are read: everything that does no I/O, for both clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Generic, TypedDict, TypeVar, Unpack
from urllib.parse import quote, urlencode

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertone_client.form import Form, Recording
from workbench.answers import Clustered, Enrolled, Found, Identified, Kept, Shelves, Verified, VoiceprintList
from workbench.clusters import Method
from workbench.comparison import Comparison
from workbench.exchange import Imported, VoiceprintDocument
from workbench.jobs import Job, JobList, Results
from workbench.library import Kind
from workbench.maps import Projection
from workbench.results import Granularity, Prediction
from workbench.verification import Purpose
from workbench.voiceprints import Voiceprint

WAIT_S = 30.0
"""How long the server is asked to keep a request; after that the client asks again."""
LOOK_EVERY_S = 0.5
PAGE = 500
T = TypeVar("T")
Value = str | float | bool | None


class Wanted(TypedDict, total=False):
    """What may be asked of recordings. `roles`: who is on each channel; none: all channels are heard as one."""

    granularity: Granularity
    embeddings: bool
    speakers: bool
    every_frame: bool
    roles: Sequence[str]


class UndertoneError(Exception):
    """The server refuses, or a job failed. `code`: one of those in docs/protocol.md; `retry_after_s`: when the same may
    be granted."""

    def __init__(self, code: str, reason: str, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Embedded:
    """A recording's line of result, and its embeddings by channel, (rows, size) each; none if it failed."""

    prediction: Prediction
    rows: Sequence[NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A request, and how its answer is read."""

    method: str
    path: str
    read: Callable[[bytes], T]
    query: Mapping[str, Value] = field(default_factory=dict)
    recordings: Sequence[Recording] = ()
    body: Any = None

    @property
    def address(self) -> str:
        """The path with the query; what is None, or as by default, is not in it."""
        shown = {
            name: _shown(value) for name, value in self.query.items() if value not in ("", None) and value is not False
        }
        return f"{self.path}?{urlencode(shown)}" if shown else self.path

    def sending(self) -> tuple[Form | bytes | None, dict[str, str]]:
        """The body, and what its headers are. Raises OSError for a file that is not there."""
        if self.recordings:
            form = Form(self.recordings)
            return form, form.headers
        return (
            (None, {}) if self.body is None else (msgspec.json.encode(self.body), {"Content-Type": "application/json"})
        )


def error_of(status: int, body: bytes, retry_after: str | None) -> UndertoneError:
    """What an answer that is an error says."""
    try:
        error = msgspec.json.decode(body)["error"]
        code, reason = str(error["code"]), str(error["reason"])
    except (msgspec.DecodeError, KeyError, TypeError):
        code, reason = "server.failed", f"the answer is {status}, and not Undertone's"
    seconds = retry_after is not None and retry_after.isascii() and retry_after.isdigit()  # a proxy may name a date
    return UndertoneError(code, reason, status, float(retry_after or 0) if seconds else None)


def cut_short(job: Job) -> UndertoneError | None:
    """Why a job that is over has not come to its end; None if it has."""
    if job.state not in ("failed", "stopped"):
        return None
    return UndertoneError("jobs.unavailable", job.problem or f"the job is {job.state}")


def predict(recordings: Sequence[Recording], **wanted: Unpack[Wanted]) -> Question[Results]:
    return Question("POST", "/v1/predict", _read(Results), _asked(wanted) | {"wait_s": WAIT_S}, recordings)


def begin(recordings: Sequence[Recording], **wanted: Unpack[Wanted]) -> Question[Job]:
    return Question("POST", "/v1/jobs", _read(Job), _asked(wanted), recordings)


def jobs() -> Question[list[Job]]:
    return Question("GET", "/v1/jobs", lambda data: msgspec.json.decode(data, type=JobList).jobs)


def job(job_id: str) -> Question[Job]:
    return Question("GET", f"/v1/jobs/{quote(job_id, safe='')}", _read(Job))


def results(job_id: str, after: str | None) -> Question[Results]:
    path = f"/v1/jobs/{quote(job_id, safe='')}/results"
    return Question("GET", path, _read(Results), {"after": after, "limit": PAGE})


def file(job_id: str, name: str) -> Question[bytes]:
    return Question("GET", f"/v1/jobs/{quote(job_id, safe='')}/files/{quote(name)}", bytes)


def array(job_id: str, name: str) -> Question[NDArray[np.float32]]:
    def read(data: bytes) -> NDArray[np.float32]:
        return np.asarray(np.load(BytesIO(data), allow_pickle=False), np.float32)

    return Question("GET", f"/v1/jobs/{quote(job_id, safe='')}/files/{quote(name)}", read)


def stop(job_id: str) -> Question[Job]:
    return Question("POST", f"/v1/jobs/{quote(job_id, safe='')}/stop", _read(Job))


def delete(job_id: str) -> Question[None]:
    return Question("DELETE", f"/v1/jobs/{quote(job_id, safe='')}", _nothing)


def verify(recordings: Sequence[Recording], purpose: Purpose, prior: float) -> Question[Verified]:
    return Question("POST", "/v1/verify", _read(Verified), {"purpose": purpose.value, "prior": prior}, recordings)


def enroll(
    name: str, recordings: Sequence[Recording], consent: str, days: float, note: str, replace: bool
) -> Question[Enrolled]:
    query: dict[str, Value] = {"name": name, "consent": consent, "days": days, "note": note, "replace": replace}
    return Question("POST", "/v1/enroll", _read(Enrolled), query, recordings)


def identify(recordings: Sequence[Recording]) -> Question[Identified]:
    return Question("POST", "/v1/identify", _read(Identified), {}, recordings)


def voices() -> Question[list[Voiceprint]]:
    return Question("GET", "/v1/voices", lambda data: msgspec.json.decode(data, type=VoiceprintList).voices)


def rename(name: str, new: str) -> Question[None]:
    return Question("PATCH", f"/v1/voices/{quote(name, safe='')}", _nothing, body={"name": new})


def forget(name: str | None) -> Question[None]:
    """None: everyone."""
    return Question("DELETE", "/v1/voices" if name is None else f"/v1/voices/{quote(name, safe='')}", _nothing)


def export_voices() -> Question[VoiceprintDocument]:
    return Question("GET", "/v1/voices/export", _read(VoiceprintDocument))


def import_voices(document: VoiceprintDocument, replace: bool) -> Question[Imported]:
    return Question("POST", "/v1/voices/import", _read(Imported), {"replace": replace}, body=document)


def keep(recordings: Sequence[Recording], kind: Kind) -> Question[Kept]:
    return Question("POST", "/v1/library", _read(Kept), {"kind": kind.value}, recordings)


def library(kind: Kind) -> Question[dict[str, list[str]]]:
    query: dict[str, Value] = {"kind": kind.value}
    return Question("GET", "/v1/library", lambda data: msgspec.json.decode(data, type=Shelves).models, query)


def unkeep(kind: Kind, source: str | None) -> Question[None]:
    return Question("DELETE", "/v1/library", _nothing, {"kind": kind.value, "source": source})


def search(recording: Recording | None, source: str | None, kind: Kind, count: int) -> Question[Found]:
    """Raises ValueError unless one of both is given."""
    if (recording is None) == (source is None):
        raise ValueError("give a recording, or as source the name of one whose embedding is kept")
    query: dict[str, Value] = {"kind": kind.value, "count": count, "source": source}
    return Question("POST", "/v1/search", _read(Found), query, [] if recording is None else [recording])


def cluster(
    kind: Kind, method: Method, count: int | None, projection: Projection | None, sources: Sequence[str] | None
) -> Question[Clustered]:
    body = None if sources is None else {"sources": list(sources)}
    return Question("POST", "/v1/cluster", _read(Clustered), _grouping(kind, method, count, projection), body=body)


def export(
    kind: Kind, method: Method, count: int | None, dimensions: int | None, sources: Sequence[str] | None
) -> Question[bytes]:
    body = None if sources is None else {"sources": list(sources)}
    query = _grouping(kind, method, count, None) | {"export": True, "dimensions": dimensions}
    return Question("POST", "/v1/cluster", bytes, query, body=body)


def compare(group: Sequence[str], reference: Sequence[str], kind: Kind) -> Question[Comparison]:
    body = {"group": list(group), "reference": list(reference), "kind": kind.value}
    return Question("POST", "/v1/compare", _read(Comparison), body=body)


def stream_address(server: str, encoding: str, sample_rate: int, roles: Sequence[str], call_id: str | None) -> str:
    """Of the WebSocket of a live call."""
    query: dict[str, Value] = {"encoding": encoding, "sample_rate": sample_rate, "channels": max(1, len(roles))}
    query |= {"roles": ",".join(roles), "call_id": call_id}
    return "ws" + Question("GET", f"{server}/v1/stream", bytes, query).address.removeprefix("http")


def _grouping(kind: Kind, method: Method, count: int | None, projection: Projection | None) -> dict[str, Value]:
    return {"kind": kind.value, "method": method.value, "count": count, "map": projection and projection.value}


def _asked(wanted: Wanted) -> dict[str, Value]:
    """The query of what is asked of recordings. Raises TypeError for what cannot be."""
    if surplus := wanted.keys() - Wanted.__annotations__.keys():
        raise TypeError(f"{min(surplus)} is not one of {', '.join(Wanted.__annotations__)}")
    roles = wanted.get("roles", ())
    channels: dict[str, Value] = {"channels": len(roles), "roles": ",".join(roles)} if roles else {}
    return {
        "granularity": wanted.get("granularity"),
        "embeddings": wanted.get("embeddings"),
        "speakers": wanted.get("speakers"),
        "every_frame": wanted.get("every_frame"),
        **channels,
    }


def _shown(value: Value) -> str:
    return "true" if value is True else str(value)


def _read(shape: type[T]) -> Callable[[bytes], T]:
    return lambda data: msgspec.json.decode(data, type=shape)


def _nothing(_: bytes) -> None:
    return None
