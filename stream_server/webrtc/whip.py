"""`/v1/whip`: calls over WebRTC, published as RFC 9725 (WHIP) has it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from stream_server.bodies import read_body
from stream_server.faults import Refusal
from stream_server.guard import LOOPBACK
from stream_server.live.engine import Engine
from stream_server.live.intake import StreamParameters, parse_whip_parameters
from stream_server.settings import Settings, parse_ice_servers
from stream_server.webrtc.call import EventChannel, RtcCall
from stream_server.webrtc.process import RtcProcess, Start, Switchboard, spawn
from stream_server.webrtc.sdp import Offer, compose_answer, parse_fragment, parse_offer
from stream_server.webrtc.wire import Answer, Drop, Over, Report, Surroundings, Trickle, Unusable
from stream_server.webrtc.wire import Offer as ToAnswer

log = logging.getLogger("undertone.webrtc")
PATH = "/v1/whip"
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
ANSWER_S = 20.0
"""How long an answer may take to be made, STUN and TURN servers being asked."""


@dataclass(frozen=True, slots=True)
class Session:
    """A call as its publisher knows it: under an address that cannot be guessed, which is leave to end it."""

    number: int
    process: RtcProcess
    offer: Offer
    etag: str
    call: RtcCall


class Whip:
    """All calls over WebRTC. `start`: what is to speak with the peers, by default processes of their own."""

    def __init__(self, engine: Engine, start: Start = spawn) -> None:
        self._engine = engine
        self._token = engine.settings.webrtc.token
        self._switchboard = Switchboard(surroundings(engine.settings), engine.settings.webrtc.workers, start)
        self._links = _links(engine.settings)
        self._numbers = itertools.count(1)
        self._sessions: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        self._switchboard.close()

    async def publish(self, request: Request) -> Response:
        """POST: an offer; a call begins, and the answer says where it is. Raises Refusal."""
        self._authorise(request)
        parameters = parse_whip_parameters(request.query_params)
        offer = parse_offer(await _text(request, SDP), parameters.channels)
        self._engine.admit(parameters.call_id)
        process = await self._switchboard.process()
        number = next(self._numbers)
        gathered: list[Report] = []
        try:
            answer = await _answered(process, number, offer, gathered)
            etag = f'"{secrets.token_urlsafe(9)}"'
            session = Session(number, process, offer, etag, self._open(process, number, offer, parameters, gathered))
        except BaseException:
            process.leave(number)
            process.send(Drop(number))
            raise
        key = secrets.token_urlsafe(18)
        self._sessions[key] = session
        task = asyncio.create_task(self._serve(key, session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        headers = {"Location": f"{PATH}/{key}", "ETag": etag, "Undertone-Call-Id": parameters.call_id}
        return self._linked(Response(compose_answer(answer, offer), 201, headers, SDP))

    async def trickle(self, request: Request, key: str) -> Response:
        """PATCH: more of the peer's candidates. Raises Refusal, also for an ICE restart, which aiortc cannot."""
        self._authorise(request)
        session = self._find(key)
        fragment = parse_fragment(await _text(request, FRAGMENT))
        if fragment.ufrag not in ("", session.offer.ufrag):
            raise Refusal("candidates.restart", "ICE cannot be restarted in a call; end it and make a new one")
        wanted = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-match", "*").split(",")]
        if "*" not in wanted and session.etag not in wanted:
            raise Refusal("candidates.outdated", f"If-Match must be {session.etag}, the ETag that the call was given")
        session.process.send(Trickle(session.number, session.offer.mid, fragment.candidates, fragment.complete))
        return Response(status_code=204)

    def end(self, request: Request, key: str) -> Response:
        """DELETE: the call ends in order. Raises Refusal."""
        self._authorise(request)
        self._find(key).call.finish()
        return Response(status_code=200)

    def options(self, request: Request) -> Response:
        """OPTIONS: what may be posted, and the ICE servers, unless there is a token and none is shown: not everyone is
        to know a TURN server's password. Raises Refusal for a wrong token."""
        headers = {"Accept-Post": SDP, "Accept-Patch": FRAGMENT, "Allow": "POST, PATCH, DELETE, OPTIONS"}
        response = Response(status_code=204, headers=headers)
        if self._token and "authorization" not in request.headers:
            return response
        self._authorise(request)
        return self._linked(response)

    def _open(
        self,
        process: RtcProcess,
        number: int,
        offer: Offer,
        parameters: StreamParameters,
        gathered: list[Report],
    ) -> RtcCall:
        """Begin the call, with what its peer has said by now. Raises Refusal if it has become one too many."""
        call = self._engine.open_call(parameters.call_id, parameters.roles, "webrtc")
        channel = EventChannel(number, process, offer.data is not None, offer.most_bytes)
        joined = RtcCall(number, process, call, parameters, self._engine, channel)
        process.join(number, joined.receive)
        for report in gathered:
            joined.receive(report)
        return joined

    async def _serve(self, key: str, session: Session) -> None:
        try:
            await session.call.run()
        except Exception:
            session.call.call.fail()
        finally:
            del self._sessions[key]

    def _authorise(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if self._token and not secrets.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise Refusal("request.unauthorized", "this server asks for Authorization: Bearer TOKEN (webrtc.token)")

    def _find(self, key: str) -> Session:
        session = self._sessions.get(key)
        if session is None or session.call.call.ended.is_set():
            raise Refusal("call.not_found", "there is no such call over WebRTC, or it has ended")
        return session

    def _linked(self, response: Response) -> Response:
        for link in self._links:
            response.headers.append("Link", link)
        return response


async def _answered(process: RtcProcess, number: int, offer: Offer, gathered: list[Report]) -> str:
    """The process's answer to what of an offer is used; what it reports besides is `gathered`. Raises Refusal."""
    answered: asyncio.Future[Report] = asyncio.get_running_loop().create_future()

    def receive(report: Report) -> None:
        if isinstance(report, (Answer, Unusable, Over)) and not answered.done():
            answered.set_result(report)
        else:
            gathered.append(report)

    process.join(number, receive)
    process.send(ToAnswer(number, offer.used, offer.channels, offer.codecs))
    try:
        async with asyncio.timeout(ANSWER_S):
            report = await answered
    except TimeoutError:
        await process.check()
        raise Refusal("webrtc.unavailable", f"no answer could be made within {ANSWER_S:g} s") from None
    if isinstance(report, Answer):
        return report.sdp
    if isinstance(report, Unusable):
        raise Refusal("offer.invalid", f"the offer cannot be answered: {report.reason}")
    raise Refusal("webrtc.unavailable", "what speaks WebRTC on this server ended; try again", 1.0)


async def _text(request: Request, media_type: str) -> str:
    """The body as text. Raises Refusal."""
    try:
        return (await read_body(request, media_type)).decode()
    except UnicodeDecodeError:
        raise Refusal("offer.invalid", "the body is not UTF-8") from None


def surroundings(settings: Settings) -> Surroundings:
    """What of the settings a process that speaks WebRTC must know."""
    return Surroundings(
        settings.webrtc.addresses,
        settings.server.host.casefold() in LOOPBACK,
        tuple((each.url, each.user, each.password) for each in parse_ice_servers(settings.webrtc.ice_servers)),
        settings.webrtc.gone_timeout_s,
    )


def _links(settings: Settings) -> list[str]:
    """The ICE servers as `Link` has them (RFC 9725, section 4.6)."""
    links = []
    for each in parse_ice_servers(settings.webrtc.ice_servers):
        link = f'<{each.url}>; rel="ice-server"'
        if each.user:
            link += f'; username="{each.user}"; credential="{each.password}"; credential-type="password"'
        links.append(link)
    return links
