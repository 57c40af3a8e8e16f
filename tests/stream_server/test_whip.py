"""`/v1/whip` with an aiortc publisher, a real server, and its WebRTC process: calls, losses, ends, refusals."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from aiortc import VideoStreamTrack

from monitor.events import (
    CallEnded,
    CallStarted,
    Emotion,
    EmotionFrames,
    Error,
    Event,
    SpeakerChanged,
    SpeechEnded,
    SpeechStarted,
    Warning,
)
from stream_server.settings import WebrtcConfig
from stream_server.webrtc import call as rtccall
from stream_server.webrtc import process as rtcprocess
from stream_server.webrtc import whip
from tests.scripted import of, silence, voice
from tests.stream_server.publishing import Played, Publisher, gone, opus, over, without_candidates
from tests.stream_server.serving import Served, serving, until
from workbench import media


def speech(seconds: float = 3.0) -> np.ndarray:
    return np.concatenate([silence(0.4), voice(120, seconds, 2), silence(1.0)])


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as server:
        yield server


async def played(publisher: Publisher, track: Played) -> list[Event]:
    """What is heard of a call that is ended in order after its track."""
    await track.over.wait()
    await asyncio.sleep(0.2)  # what is on its way
    assert (await publisher.delete()).status_code == 200
    return await over(publisher)


async def test_a_call_over_webrtc_is_a_call_like_any_other(served: Served) -> None:
    track = Played(opus(speech()))
    async with Publisher(served, track, call_id="c1") as publisher:
        events = await played(publisher, track)
        record = await served.call("c1")
    assert isinstance(events[0], CallStarted)
    assert events[0].transport == "webrtc"
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert of(events, SpeechStarted)[0].t == pytest.approx(0.4, abs=0.15)
    assert of(events, SpeechEnded)[-1].t == pytest.approx(3.4, abs=0.2)
    assert len(of(events, Emotion)) >= 5
    assert max(event.lag_ms or 0 for event in of(events, Emotion)) < 1500
    assert [event.to for event in of(events, SpeakerChanged)] == ["S1"]
    assert not of(events, Warning, Error)
    assert isinstance(events[-1], CallEnded)
    assert events[-1].reason == "finished"
    assert events[-1].summary.duration_s == pytest.approx(4.4, abs=0.15)
    assert (record["transport"], record["reason"]) == ("webrtc", "finished")
    metrics = (await served.get("/metrics")).text
    assert 'undertone_calls_total{reason="finished",transport="webrtc"} 1.0' in metrics


async def test_the_sides_of_stereo_opus_are_the_parties(served: Served) -> None:
    left = np.concatenate([voice(120, 2.0, 2), silence(2.5)])
    right = np.concatenate([silence(2.5), voice(220, 2.0, 3)])
    track = Played(opus(np.stack([left, right])))
    async with Publisher(served, track, channels=2, roles="customer,agent") as publisher:
        assert "stereo=1" in publisher.answer
        events = await played(publisher, track)
    assert [(event.channel, event.role, event.emotion) for event in of(events, CallStarted)[0].channels] == [
        (0, "customer", True),
        (1, "agent", False),
    ]
    assert [event.to for event in of(events, SpeakerChanged)] == ["customer", "agent"]
    assert {event.channel for event in of(events, Emotion)} == {0}


async def test_lost_packets_are_a_gap_and_move_nothing(served: Served) -> None:
    track = Played(opus(speech()))
    async with Publisher(served, track) as publisher:
        publisher.lose(lambda number: 60 <= number < 75)
        events = await played(publisher, track)
    (warning,) = of(events, Warning)
    assert (warning.code, warning.t) == ("audio.gap", pytest.approx(1.2, abs=0.1))
    assert "0.30 s" in warning.reason
    assert of(events, SpeechEnded)[-1].t == pytest.approx(3.4, abs=0.2)
    assert of(events, CallEnded)[0].t == pytest.approx(4.4, abs=0.15)


async def test_single_losses_do_not_let_the_events_fall_behind(served: Served) -> None:
    track = Played(opus(speech(4.0)))
    async with Publisher(served, track) as publisher:
        publisher.lose(lambda number: number % 20 == 10)
        events = await played(publisher, track)
    assert of(events, CallEnded)[0].t == pytest.approx(5.4, abs=0.15)


async def test_pauses_that_are_not_sent_are_gaps(served: Served) -> None:
    track = Played(opus(speech()), leave_out=lambda number: 175 < number < 195)
    async with Publisher(served, track) as publisher:
        events = await played(publisher, track)
    assert [warning.code for warning in of(events, Warning)] == ["audio.gap"]
    assert of(events, CallEnded)[0].t == pytest.approx(4.4, abs=0.15)


async def test_a_peer_that_vanishes_ends_its_call_within_seconds() -> None:
    webrtc = WebrtcConfig(addresses=("127.0.0.1",), gone_timeout_s=2.0)
    async with serving(webrtc=webrtc) as served, Publisher(served, Played(opus(speech())), call_id="v") as publisher:
        await until(lambda: bool(of(publisher.heard, SpeechStarted)))
        publisher.vanish()
        began_at = asyncio.get_running_loop().time()
        assert await gone(served, "v") == "client.disconnected"
        assert asyncio.get_running_loop().time() - began_at < 2.0 + 4.0


async def test_a_peer_that_closes_its_connection_ends_its_call_at_once(served: Served) -> None:
    async with Publisher(served, Played(opus(speech())), call_id="b") as publisher:
        await until(lambda: bool(of(publisher.heard, SpeechStarted)))
        await publisher.connection.close()
        assert await gone(served, "b", 2.0) == "client.disconnected"


async def test_a_peer_that_closes_its_connection_and_then_deletes_its_call_has_finished_it(served: Served) -> None:
    async with Publisher(served, Played(opus(speech())), call_id="f") as publisher:
        await until(lambda: bool(of(publisher.heard, SpeechStarted)))
        await publisher.connection.close()
        await asyncio.sleep(0.1)
        assert (await publisher.delete()).status_code == 200
        assert await gone(served, "f", 2.0) == "finished"


async def test_a_peer_that_never_connects_ends_its_call() -> None:
    webrtc = WebrtcConfig(addresses=("127.0.0.1",), connect_timeout_s=0.5)
    async with serving(webrtc=webrtc) as served:
        publisher = Publisher(served, Played([]), call_id="n")
        offer, _ = without_candidates(await publisher.offer())
        assert (await publisher.post(offer)).status_code == 201
        assert await gone(served, "n", 5.0) == "client.disconnected"
        await publisher.__aexit__()


async def test_a_peer_may_take_longer_to_connect_than_to_read(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtccall, "SEND_TIMEOUT_S", 0.2)
    track = Played(opus(speech(1.0)))
    publisher = Publisher(served, track)
    answer = await publisher.post(without_candidates(await publisher.offer())[0])
    await asyncio.sleep(0.5)  # it begins to connect only now
    await publisher.take(answer)
    events = await played(publisher, track)
    assert of(events, CallEnded)[0].reason == "finished"
    await publisher.__aexit__()


async def test_a_call_without_audio_is_ended_as_idle() -> None:
    async with serving(idle_timeout_s=1.0) as served, Publisher(served, Played([]), call_id="i") as publisher:
        events = await over(publisher)
    assert [event.code for event in of(events, Error)] == ["call.idle"]
    assert of(events, CallEnded)[0].reason == "call.idle"


async def test_a_call_that_goes_on_for_too_long_is_ended() -> None:
    track = Played(opus(speech()))
    async with serving(max_call_s=2.0) as served, Publisher(served, track) as publisher:
        events = await over(publisher)
    assert of(events, CallEnded)[0].reason == "call.too_long"
    assert of(events, CallEnded)[0].t <= 2.5


async def test_candidates_may_come_later(served: Served) -> None:
    track = Played(opus(speech(1.0)))
    publisher = Publisher(served, track)
    offer, fragment = without_candidates(await publisher.offer())
    await publisher.take(await publisher.post(offer))
    assert (await publisher.patch(fragment, If_Match='"another"')).status_code == 412
    assert (await publisher.patch(fragment, If_Match=publisher.etag)).status_code == 204
    restart = await publisher.patch(fragment.replace("ice-ufrag:", "ice-ufrag:new"), If_Match="*")
    assert (restart.status_code, restart.json()["error"]["code"]) == (422, "candidates.restart")
    assert (await publisher.patch(fragment, Content_Type="text/plain")).status_code == 415
    assert (await publisher.patch("a=mid:0\r\n")).json()["error"]["code"] == "candidates.invalid"
    events = await played(publisher, track)
    assert of(events, SpeechStarted)
    assert (await publisher.patch(fragment)).status_code == 404
    await publisher.__aexit__()


async def test_nothing_is_to_be_sent_besides_the_audio(served: Served) -> None:
    track = Played(opus(speech(1.0)))
    publisher = Publisher(served, track)
    publisher.connection.addTrack(VideoStreamTrack())
    publisher.connection.addTransceiver(Played(opus(silence(1.0))), "sendonly")
    async with publisher:
        assert publisher.answer.count("a=inactive") == 2
        directions = [each.currentDirection for each in publisher.connection.getTransceivers()]
        assert directions == ["sendonly", "inactive", "inactive"]
        assert of(await played(publisher, track), SpeechStarted)


async def test_telephone_codecs_will_do(served: Served) -> None:
    publisher = Publisher(served, Tone(), call_id="t")
    offer = await publisher.offer()
    kept = [line for line in offer.splitlines() if not line.startswith(("a=rtpmap:96 ", "a=rtpmap:9 "))]
    only = "\r\n".join(line.replace(" 96 9 0 8", " 0 8") for line in kept) + "\r\n"
    answer = await publisher.post(only)
    assert "PCMU" in answer.text
    assert "opus" not in answer.text
    await publisher.take(answer)
    await until(lambda: bool(of(publisher.heard, SpeechStarted)))
    await publisher.delete()
    assert of(await over(publisher), CallEnded)[0].reason == "finished"
    await publisher.__aexit__()


class Tone(VideoStreamTrack):
    """A voice that is not encoded yet, at 8 kHz."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._pcm = (voice(120, 10.0)[::2] * 32_767).astype(np.int16)
        self._at = 0

    async def recv(self) -> Any:
        from fractions import Fraction

        from av import AudioFrame

        await asyncio.sleep(0.02)
        frame = AudioFrame.from_ndarray(self._pcm[None, self._at : self._at + 160], "s16", "mono")
        frame.pts, frame.sample_rate, frame.time_base = self._at, 8000, Fraction(1, 8000)
        self._at += 160
        return frame


async def test_control_messages_on_the_data_channel_are_obeyed(served: Served) -> None:
    track = Played(opus(speech()))
    async with Publisher(served, track, call_id="k") as publisher:
        assert publisher.channel is not None
        await until(lambda: bool(publisher.heard))
        publisher.channel.send('{"type":"configure","tags":{"team":"north"},"frames":true}')
        publisher.channel.send("no control message")
        await until(lambda: bool(of(publisher.heard, EmotionFrames)))
        assert (await served.call("k"))["tags"] == {"team": "north"}
        await track.over.wait()
        publisher.channel.send('{"type":"finish"}')
        events = await over(publisher)
    assert [event.code for event in of(events, Error)] == ["message.not_control"]
    assert of(events, CallEnded)[0].reason == "finished"
    assert of(events, CallEnded)[0].t == pytest.approx(4.4, abs=0.15)


async def test_a_control_message_that_is_far_too_long_ends_the_call(served: Served) -> None:
    async with Publisher(served, Played(opus(speech()))) as publisher:
        assert publisher.channel is not None
        await until(lambda: bool(publisher.heard))
        publisher.channel.send("x" * 100_000)
        events = await over(publisher)
    assert [event.code for event in of(events, Error)] == ["message.flood"]
    assert of(events, CallEnded)[0].reason == "message.flood"


async def test_without_a_data_channel_the_call_is_heard_by_onlookers(served: Served) -> None:
    track = Played(opus(speech(1.0)))
    async with Publisher(served, track, events=False, call_id="q") as publisher:
        assert "m=application" not in publisher.answer
        await track.over.wait()
        await publisher.delete()
        assert await gone(served, "q") == "finished"
    assert (await served.call("q"))["summary"]["speech_s"] > 0.5


@pytest.mark.parametrize(
    ("body", "media_type", "query", "status", "code"),
    [
        ("v=0", "text/plain", {}, 415, "request.media_type"),
        ("no offer", "application/sdp", {}, 400, "offer.invalid"),
        (b"\xff\xfe", "application/sdp", {}, 400, "offer.invalid"),
        ("v=0\r\n" * 20_000, "application/sdp", {}, 413, "request.too_big"),
        (None, "application/sdp", {"channels": 3}, 422, "stream.channels_invalid"),
        (None, "application/sdp", {"channels": 2}, 422, "stream.roles_invalid"),
        (None, "application/sdp", {"call_id": "!"}, 422, "call.id_invalid"),
        (None, "application/sdp", {"encoding": "mulaw"}, 422, "request.invalid"),
    ],
)
async def test_what_cannot_be_a_call_is_refused(
    served: Served, body: str | bytes | None, media_type: str, query: dict[str, object], status: int, code: str
) -> None:
    publisher = Publisher(served, Played([]), **query)
    answer = await publisher.post(await publisher.offer() if body is None else body, media_type)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not (await served.get("/v1/calls")).json()["calls"]
    await publisher.__aexit__()


async def test_an_offer_that_aiortc_cannot_answer_is_refused_and_leaves_nothing_behind(served: Served) -> None:
    publisher = Publisher(served, Played([]))
    offer = (await publisher.offer()).replace("a=rtcp-mux\r\n", "")
    answer = await publisher.post(offer)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "offer.invalid")
    assert not (await served.get("/v1/calls")).json()["calls"]
    await publisher.__aexit__()


async def test_an_offer_of_video_alone_is_refused(served: Served) -> None:
    publisher = Publisher(served, None, events=False)
    publisher.connection.addTrack(VideoStreamTrack())
    answer = await publisher.post(await publisher.offer())
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "offer.no_audio")
    await publisher.__aexit__()


async def test_an_id_that_is_in_use_is_refused(served: Served) -> None:
    async with served.stream(call_id="twice"):
        await until(lambda: served.engine.book.is_live("twice"))
        publisher = Publisher(served, Played([]), call_id="twice")
        answer = await publisher.post(await publisher.offer())
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "call.id_in_use")
        await publisher.__aexit__()


async def test_a_busy_server_says_when_to_come_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.engine.pressure, "refusal", lambda now_s, calls: "all that can be served")
    publisher = Publisher(served, Played([]))
    answer = await publisher.post(await publisher.offer())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "server.busy")
    assert int(answer.headers["retry-after"]) >= 1
    await publisher.__aexit__()


async def test_with_a_token_only_who_shows_it_may_publish() -> None:
    webrtc = WebrtcConfig(addresses=("127.0.0.1",), token="s3cret")
    async with serving(webrtc=webrtc) as served:
        for token in ("", "guess"):
            publisher = Publisher(served, Played([]), token=token)
            answer = await publisher.post(await publisher.offer())
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "request.unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
            await publisher.__aexit__()
        async with Publisher(served, Played([]), token="s3cret", call_id="ok") as publisher:
            async with httpx.AsyncClient(base_url=served.http) as stranger:
                assert (await stranger.delete(publisher.address)).status_code == 401
            assert (await publisher.delete()).status_code == 200
            assert await gone(served, "ok") == "finished"


async def test_ice_servers_and_what_may_be_posted_are_told() -> None:
    webrtc = WebrtcConfig(addresses=("127.0.0.1",), ice_servers=("turn:ann:s3cret@127.0.0.1:3478?transport=udp",))
    async with serving(webrtc=webrtc) as served, httpx.AsyncClient(base_url=served.http) as client:
        answer = await client.options("/v1/whip")
    assert answer.headers["accept-post"] == "application/sdp"
    assert answer.headers["link"] == (
        '<turn:127.0.0.1:3478?transport=udp>; rel="ice-server"; '
        'username="ann"; credential="s3cret"; credential-type="password"'
    )


async def test_with_a_token_only_who_shows_it_is_told_of_ice_servers() -> None:
    servers = ("stun:127.0.0.1:9",)  # where nothing listens
    async with serving(webrtc=WebrtcConfig(addresses=("127.0.0.1",), token="s3cret", ice_servers=servers)) as served:
        async with httpx.AsyncClient(base_url=served.http) as stranger:
            answer = await stranger.options("/v1/whip")
            wrong = await stranger.options("/v1/whip", headers={"Authorization": "Bearer guess"})
            known = await stranger.options("/v1/whip", headers={"Authorization": "Bearer s3cret"})
        assert (answer.status_code, answer.headers["accept-post"]) == (204, "application/sdp")
        assert "link" not in answer.headers
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "request.unauthorized")
        assert "link" not in wrong.headers
        assert (known.status_code, known.headers["link"]) == (204, '<stun:127.0.0.1:9>; rel="ice-server"')
        publisher = Publisher(served, Played([]), token="s3cret")
        answer = await publisher.post(await publisher.offer())
        assert (answer.status_code, answer.headers["link"]) == (201, '<stun:127.0.0.1:9>; rel="ice-server"')
        await publisher.__aexit__()


async def test_a_process_that_hangs_is_stopped_and_the_server_goes_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Publisher(served, Played(opus(speech())), call_id="h") as publisher:
        await until(lambda: bool(of(publisher.heard, SpeechStarted)))
        os.kill(child(), signal.SIGSTOP)
        with monkeypatch.context() as impatient:
            impatient.setattr(whip, "ANSWER_S", 0.3)
            impatient.setattr(rtcprocess, "CHECK_S", 0.3)
            impatient.setattr(rtcprocess, "MOST_LATE_S", 60.0)  # it may have been late before, where tests are slow
            refused = Publisher(served, Played([]))
            answer = await refused.post(await refused.offer())
            await refused.__aexit__()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "webrtc.unavailable")
        assert await gone(served, "h", 2.0) == "server.failed"
    track = Played(opus(speech(1.0)))
    async with Publisher(served, track) as publisher:
        assert of(await played(publisher, track), SpeechStarted)


async def test_a_process_that_dies_ends_its_calls_and_the_server_goes_on(served: Served) -> None:
    async with Publisher(served, Played(opus(speech())), call_id="d") as publisher, served.stream(call_id="w"):
        await until(lambda: bool(of(publisher.heard, SpeechStarted)))
        os.kill(child(), signal.SIGKILL)
        assert await gone(served, "d") == "server.failed"
        assert served.engine.book.is_live("w")
        assert (await served.get("/readyz")).status_code == 200
    track = Played(opus(speech(1.0)))
    async with Publisher(served, track) as publisher:
        assert of(await played(publisher, track), SpeechStarted)


def child() -> int:
    """The process for WebRTC, of which there is one."""
    import multiprocessing

    (pid,) = [process.pid for process in multiprocessing.active_children() if process.name == "undertone-webrtc"]
    assert pid is not None
    return pid


async def test_a_server_that_stops_says_so() -> None:
    async with serving() as served:
        publisher = Publisher(served, Played(opus(speech())), call_id="s")
        await publisher.__aenter__()
        await until(lambda: bool(of(publisher.heard, SpeechStarted)))
    assert of(await over(publisher), CallEnded)[0].reason == "server.stopping"
    await publisher.__aexit__()


async def test_a_real_call_has_emotion_and_its_speakers_apart(served: Served, recordings: Path) -> None:
    blocks = media.read(recordings / "conversations" / "auto_repairs_40.flac", 1)
    audio = np.concatenate([next(blocks)[0] for _ in range(20)])
    track = Played(opus(audio))
    async with Publisher(served, track) as publisher:
        events = await played(publisher, track)
    assert len(of(events, Emotion)) > 5
    assert of(events, SpeechStarted)
    assert of(events, CallEnded)[0].t == pytest.approx(len(audio) / 16_000, abs=0.15)


def test_the_server_itself_does_not_load_aiortc() -> None:
    program = "import stream_server.commands.serve, sys; sys.exit('aiortc' in sys.modules or 'aioice' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_connection_asks_no_server_that_is_not_named() -> None:
    """Left to itself, aiortc would ask a public STUN server."""
    from stream_server.webrtc.wire import Surroundings
    from stream_server.webrtc.worker import configuration

    assert configuration(Surroundings((), False, (), 5.0)).iceServers == []
