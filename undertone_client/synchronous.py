"""The client for programs that wait."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx
import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from monitor.events import Event, decode
from undertone_client import asking
from undertone_client.asking import Embedded, Question, Wanted
from undertone_client.form import Recording
from workbench.answers import Clustered, Enrolled, Found, Identified, Kept, Verified
from workbench.clusters import Method
from workbench.comparison import Comparison
from workbench.exchange import Imported, VoiceprintDocument
from workbench.jobs import Job, Results
from workbench.library import Kind
from workbench.maps import Projection
from workbench.results import Granularity, Prediction
from workbench.verification import Purpose
from workbench.voiceprints import Voiceprint

T = TypeVar("T")


class Client:
    """Asks a server; use it as a context manager. Every method raises UndertoneError where the server refuses, and
    httpx.HTTPError where it cannot be reached. `timeout_s`: for one answer; `tls`: how it is to be verified."""

    def __init__(
        self, url: str = "http://localhost:8000", *, timeout_s: float = 120.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._tls = tls
        self._http = httpx.Client(base_url=self._url, timeout=timeout_s, verify=tls or True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def predict(self, *recordings: Recording, **wanted: Unpack[Wanted]) -> list[Prediction]:
        """How recordings sound, up to 32, in the order in which they were done."""
        found = self._ask(asking.predict(recordings, **wanted))
        return [*found.results, *self._rest(found)]

    def embed(
        self, *recordings: Recording, granularity: Granularity = "utterance", every_frame: bool = False
    ) -> list[Embedded]:
        """Their emotion embeddings."""
        question = asking.predict(recordings, granularity=granularity, embeddings=True, every_frame=every_frame)
        found = self._ask(question)
        return [self._embedded(found.job.job_id, each) for each in (*found.results, *self._rest(found))]

    def begin(self, *recordings: Recording, **wanted: Unpack[Wanted]) -> Job:
        """A job, for many recordings or long ones; `wanted` as of predict."""
        return self._ask(asking.begin(recordings, **wanted))

    def jobs(self) -> list[Job]:
        """Newest first."""
        return self._ask(asking.jobs())

    def job(self, job_id: str) -> Job:
        """How far a job is."""
        return self._ask(asking.job(job_id))

    def results(self, job_id: str) -> Iterator[Prediction]:
        """All lines of result, as they become known, until the job is over."""
        found = self._ask(asking.results(job_id, None))
        yield from found.results
        yield from self._rest(found)

    def file(self, job_id: str, name: str) -> bytes:
        """A file of a job, such as `results.csv`."""
        return self._ask(asking.file(job_id, name))

    def stop(self, job_id: str) -> Job:
        """Give a job up, and keep what is done of it until it expires."""
        return self._ask(asking.stop(job_id))

    def delete(self, job_id: str) -> None:
        """Give a job up, and delete what there is of it."""
        self._ask(asking.delete(job_id))

    def verify(self, *recordings: Recording, purpose: Purpose = Purpose.IDENTITY, prior: float = 0.5) -> Verified:
        """Whether recordings hold the same voice."""
        return self._ask(asking.verify(recordings, purpose, prior))

    def enroll(
        self, name: str, *recordings: Recording, consent: str, days: float, note: str = "", replace: bool = False
    ) -> Enrolled:
        """Make a voiceprint of someone who agreed to the purpose `consent` for so many days."""
        return self._ask(asking.enroll(name, recordings, consent, days, note, replace))

    def identify(self, *recordings: Recording) -> Identified:
        """Whose voice they hold."""
        return self._ask(asking.identify(recordings))

    def voices(self) -> list[Voiceprint]:
        """Everyone who is known."""
        return self._ask(asking.voices())

    def rename(self, name: str, new: str) -> None:
        self._ask(asking.rename(name, new))

    def forget(self, name: str | None) -> None:
        """Delete someone's voiceprint; None: everyone's."""
        self._ask(asking.forget(name))

    def export_voices(self) -> VoiceprintDocument:
        """All voiceprints of the model in use, vectors included; encrypted if the server has a key."""
        return self._ask(asking.export_voices())

    def import_voices(self, document: VoiceprintDocument, *, replace: bool = False) -> Imported:
        """Take in what another server has exported; `replace`: in place of those of the same names."""
        return self._ask(asking.import_voices(document, replace))

    def keep(self, *recordings: Recording, kind: Kind = Kind.SPEAKER) -> Kept:
        """Embed recordings and keep the embeddings on the server, not the recordings."""
        return self._ask(asking.keep(recordings, kind))

    def library(self, kind: Kind = Kind.SPEAKER) -> dict[str, list[str]]:
        """Of which recordings embeddings are kept, by model."""
        return self._ask(asking.library(kind))

    def unkeep(self, source: str | None, kind: Kind = Kind.SPEAKER) -> None:
        """Forget the embeddings of a recording; None: all of a kind."""
        self._ask(asking.unkeep(kind, source))

    def search(
        self,
        recording: Recording | None = None,
        *,
        source: str | None = None,
        kind: Kind = Kind.SPEAKER,
        count: int = 10,
    ) -> Found:
        """What is kept and most like a recording, or like the one called `source` that is kept itself."""
        return self._ask(asking.search(recording, source, kind, count))

    def cluster(
        self,
        *,
        kind: Kind = Kind.SPEAKER,
        method: Method = Method.KMEANS,
        count: int | None = None,
        projection: Projection | None = None,
        sources: Sequence[str] | None = None,
    ) -> Clustered:
        """Groups of what is kept, or of `sources` among it, and places on a map if a projection is asked for."""
        return self._ask(asking.cluster(kind, method, count, projection, sources))

    def export(
        self,
        *,
        kind: Kind = Kind.SPEAKER,
        method: Method = Method.KMEANS,
        count: int | None = None,
        dimensions: int | None = None,
        sources: Sequence[str] | None = None,
    ) -> bytes:
        """The embeddings with their groups as a ZIP archive, for other tools."""
        return self._ask(asking.export(kind, method, count, dimensions, sources))

    def compare(self, group: Sequence[str], reference: Sequence[str], *, kind: Kind = Kind.SPEAKER) -> Comparison:
        """A group of recordings against a reference set, both kept, by name."""
        return self._ask(asking.compare(group, reference, kind))

    def call(
        self,
        *,
        encoding: str = "pcm_s16le",
        sample_rate: int = 16_000,
        roles: Sequence[str] = (),
        call_id: str | None = None,
    ) -> Call:
        """A live call, to be used as a context manager. Two `roles`: two channels, interleaved."""
        address = asking.stream_address(self._url, encoding, sample_rate, roles, call_id)
        return Call(connect(address, max_size=None, compression=None, ssl=self._tls))

    def _ask(self, question: Question[T]) -> T:
        content, headers = question.sending()
        answer = self._http.request(question.method, question.address, content=content, headers=headers)
        if answer.is_error:
            raise asking.error_of(answer.status_code, answer.content, answer.headers.get("retry-after"))
        return question.read(answer.content)

    def _rest(self, found: Results) -> Iterator[Prediction]:
        """What comes after a page of results. Raises UndertoneError if the job failed."""
        while found.next is not None:
            if not found.results:
                time.sleep(asking.LOOK_EVERY_S)
            found = self._ask(asking.results(found.job.job_id, found.next))
            yield from found.results
        if (error := asking.cut_short(found.job)) is not None:
            raise error

    def _embedded(self, job_id: str, prediction: Prediction) -> Embedded:
        files = [each.file for each in prediction.embeddings if each.file is not None]
        return Embedded(prediction, [self._ask(asking.array(job_id, name)) for name in files])


class Call:
    """A live call: send audio from one thread, take events from another, or all of them after `finish`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def __enter__(self) -> Self:
        self._socket.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.__exit__(kind, error, trace)

    def send(self, audio: bytes) -> None:
        """Audio, cut anywhere; held back where it comes faster than it is heard."""
        self._socket.send(audio)

    def configure(self, tags: dict[str, str]) -> None:
        """Label the call."""
        self._socket.send(msgspec.json.encode({"type": "configure", "tags": tags}).decode())

    def finish(self) -> None:
        """No more audio will come: the last event is `call.ended`."""
        self._socket.send('{"type":"finish"}')

    def __iter__(self) -> Iterator[Event]:
        """The events, until the server closes."""
        try:
            for message in self._socket:
                yield decode(message)
        except ConnectionClosed:
            return
