"""The client for programs with an event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from monitor.events import Event, decode
from undertone_client import asking
from undertone_client.asking import Embedded, Question, Wanted
from undertone_client.form import Form, Recording
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


class AsyncClient:
    """As Client, whose methods say what each does; here they are awaited, and `results` is an asynchronous iterator."""

    def __init__(
        self, url: str = "http://localhost:8000", *, timeout_s: float = 120.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._tls = tls
        self._http = httpx.AsyncClient(base_url=self._url, timeout=timeout_s, verify=tls or True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def predict(self, *recordings: Recording, **wanted: Unpack[Wanted]) -> list[Prediction]:
        found = await self._ask(asking.predict(recordings, **wanted))
        return [*found.results, *[each async for each in self._rest(found)]]

    async def embed(
        self, *recordings: Recording, granularity: Granularity = "utterance", every_frame: bool = False
    ) -> list[Embedded]:
        question = asking.predict(recordings, granularity=granularity, embeddings=True, every_frame=every_frame)
        found = await self._ask(question)
        lines = [*found.results, *[each async for each in self._rest(found)]]
        return [await self._embedded(found.job.job_id, each) for each in lines]

    async def begin(self, *recordings: Recording, **wanted: Unpack[Wanted]) -> Job:
        return await self._ask(asking.begin(recordings, **wanted))

    async def jobs(self) -> list[Job]:
        return await self._ask(asking.jobs())

    async def job(self, job_id: str) -> Job:
        return await self._ask(asking.job(job_id))

    async def results(self, job_id: str) -> AsyncIterator[Prediction]:
        found = await self._ask(asking.results(job_id, None))
        for each in found.results:
            yield each
        async for each in self._rest(found):
            yield each

    async def file(self, job_id: str, name: str) -> bytes:
        return await self._ask(asking.file(job_id, name))

    async def stop(self, job_id: str) -> Job:
        return await self._ask(asking.stop(job_id))

    async def delete(self, job_id: str) -> None:
        await self._ask(asking.delete(job_id))

    async def verify(self, *recordings: Recording, purpose: Purpose = Purpose.IDENTITY, prior: float = 0.5) -> Verified:
        return await self._ask(asking.verify(recordings, purpose, prior))

    async def enroll(
        self, name: str, *recordings: Recording, consent: str, days: float, note: str = "", replace: bool = False
    ) -> Enrolled:
        return await self._ask(asking.enroll(name, recordings, consent, days, note, replace))

    async def identify(self, *recordings: Recording) -> Identified:
        return await self._ask(asking.identify(recordings))

    async def voices(self) -> list[Voiceprint]:
        return await self._ask(asking.voices())

    async def rename(self, name: str, new: str) -> None:
        await self._ask(asking.rename(name, new))

    async def forget(self, name: str | None) -> None:
        await self._ask(asking.forget(name))

    async def export_voices(self) -> VoiceprintDocument:
        return await self._ask(asking.export_voices())

    async def import_voices(self, document: VoiceprintDocument, *, replace: bool = False) -> Imported:
        return await self._ask(asking.import_voices(document, replace))

    async def keep(self, *recordings: Recording, kind: Kind = Kind.SPEAKER) -> Kept:
        return await self._ask(asking.keep(recordings, kind))

    async def library(self, kind: Kind = Kind.SPEAKER) -> dict[str, list[str]]:
        return await self._ask(asking.library(kind))

    async def unkeep(self, source: str | None, kind: Kind = Kind.SPEAKER) -> None:
        await self._ask(asking.unkeep(kind, source))

    async def search(
        self,
        recording: Recording | None = None,
        *,
        source: str | None = None,
        kind: Kind = Kind.SPEAKER,
        count: int = 10,
    ) -> Found:
        return await self._ask(asking.search(recording, source, kind, count))

    async def cluster(
        self,
        *,
        kind: Kind = Kind.SPEAKER,
        method: Method = Method.KMEANS,
        count: int | None = None,
        projection: Projection | None = None,
        sources: Sequence[str] | None = None,
    ) -> Clustered:
        return await self._ask(asking.cluster(kind, method, count, projection, sources))

    async def export(
        self,
        *,
        kind: Kind = Kind.SPEAKER,
        method: Method = Method.KMEANS,
        count: int | None = None,
        dimensions: int | None = None,
        sources: Sequence[str] | None = None,
    ) -> bytes:
        return await self._ask(asking.export(kind, method, count, dimensions, sources))

    async def compare(self, group: Sequence[str], reference: Sequence[str], *, kind: Kind = Kind.SPEAKER) -> Comparison:
        return await self._ask(asking.compare(group, reference, kind))

    def call(
        self,
        *,
        encoding: str = "pcm_s16le",
        sample_rate: int = 16_000,
        roles: Sequence[str] = (),
        call_id: str | None = None,
    ) -> AsyncCall:
        address = asking.stream_address(self._url, encoding, sample_rate, roles, call_id)
        return AsyncCall(connect(address, max_size=None, compression=None, ssl=self._tls))

    async def _ask(self, question: Question[T]) -> T:
        content, headers = question.sending()
        body = content.pieces() if isinstance(content, Form) else content
        answer = await self._http.request(question.method, question.address, content=body, headers=headers)
        if answer.is_error:
            raise asking.error_of(answer.status_code, answer.content, answer.headers.get("retry-after"))
        return question.read(answer.content)

    async def _rest(self, found: Results) -> AsyncIterator[Prediction]:
        while found.next is not None:
            if not found.results:
                await asyncio.sleep(asking.LOOK_EVERY_S)
            found = await self._ask(asking.results(found.job.job_id, found.next))
            for each in found.results:
                yield each
        if (error := asking.cut_short(found.job)) is not None:
            raise error

    async def _embedded(self, job_id: str, prediction: Prediction) -> Embedded:
        files = [each.file for each in prediction.embeddings if each.file is not None]
        return Embedded(prediction, [await self._ask(asking.array(job_id, name)) for name in files])


class AsyncCall:
    """A live call, as Call: send audio in one task, take events in another."""

    def __init__(self, opening: connect) -> None:
        self._opening = opening
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self._socket = await self._opening
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.close()

    async def send(self, audio: bytes) -> None:
        await self._open.send(audio)

    async def configure(self, tags: dict[str, str]) -> None:
        await self._open.send(msgspec.json.encode({"type": "configure", "tags": tags}).decode())

    async def finish(self) -> None:
        await self._open.send('{"type":"finish"}')

    async def __aiter__(self) -> AsyncIterator[Event]:
        try:
            async for message in self._open:
                yield decode(message)
        except ConnectionClosed:
            return

    @property
    def _open(self) -> ClientConnection:
        if self._socket is None:
            raise RuntimeError("a call is used inside `async with`")
        return self._socket
