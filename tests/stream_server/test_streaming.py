"""`WS /v1/stream` over a real socket: the main job, and every kind of bad input."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from monitor.analysis import Analysis, Role, SpeechAnalysis, Window
from monitor.events import (
    CallEnded,
    CallStarted,
    Emotion,
    EmotionFrames,
    Error,
    SpeakerChanged,
    SpeechStarted,
    Warning,
)
from monitor.session import Session
from stream_server.live import reception, streaming
from stream_server.live.livecall import MOST_UNANSWERED
from tests.scripted import SPECS, SPEECH, by_type_and_channel, conversation, events_of, of, silence, voice
from tests.stream_server.serving import (
    Deaf,
    ScriptedModel,
    heard,
    loud,
    pcm,
    scripted_models,
    send_all,
    serving,
    until,
)
from vad.grid import FRAME_SAMPLES
from vad.listener import BLOCK_FRAMES
from vad.pcm import Samples


def codes(events: list, kind: type) -> list[str]:
    return [event.code for event in of(events, kind)]


async def test_a_call_gives_the_events_of_the_same_session_offline() -> None:
    async with serving() as served, served.stream(call_id="c1") as call:
        sending = asyncio.create_task(send_all(call, conversation()))
        events = await heard(call)
        await sending
        assert call.close_code == 1000
    wire = np.frombuffer(pcm(conversation()), "<i2").astype(np.float32) / 32_768
    offline = by_type_and_channel(events_of(wire, 1600, SPECS))
    live = by_type_and_channel(
        msgspec.structs.replace(
            event, at=None, call_id="call", **({"lag_ms": None} if isinstance(event, Emotion) else {})
        )
        for event in events
        if not isinstance(event, (CallStarted, Warning))
    )
    assert {key: value for key, value in offline.items() if key[0] != "call.started"} == live
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert all(event.at is not None for event in events)
    assert all(event.lag_ms is not None for event in of(events, Emotion))


async def test_stereo_mulaw_at_8_khz_keeps_the_parties_apart() -> None:
    async with serving() as served:
        query = {"encoding": "mulaw", "sample_rate": 8000, "channels": 2, "roles": "customer,agent"}
        async with served.stream(**query) as call:
            rng = np.random.default_rng(0)
            quiet = np.full(8000, 0xFF, np.uint8)
            loud = rng.integers(0, 256, 8000).astype(np.uint8)
            for left, right in ((loud, quiet), (quiet, quiet), (quiet, loud), (quiet, quiet)):
                await call.send(np.stack([left, right], axis=1).tobytes())
            await call.send('{"type":"finish"}')
            events = await heard(call)
    started = of(events, CallStarted)[0]
    assert [(channel.role, channel.emotion) for channel in started.channels] == [("customer", True), ("agent", False)]
    assert events[-1].summary.duration_s == pytest.approx(4.0, abs=0.001)
    assert {event.channel for event in of(events, Emotion)} <= {0}


async def test_audio_faster_than_real_time_is_held_back_and_nothing_is_skipped() -> None:
    async with serving() as served, served.stream() as call:
        sending = asyncio.create_task(send_all(call, np.tile(conversation(), 4)))
        events = await heard(call)
        await sending
    assert set(codes(events, Warning)) == {"audio.too_fast"}
    assert not [key for key in events[-1].summary.windows if key.endswith("skipped")]


async def test_a_fast_sender_loses_nothing_also_at_its_start() -> None:
    hold, slow = threading.Lock(), [True]

    def once(batch: Sequence[Window]) -> None:
        with hold:
            if loud(batch) and slow:  # all zeros: the warm-up
                slow.clear()
                time.sleep(0.8)

    async with serving(scripted_models(before=once)) as served, served.stream() as call:
        await send_all(call, voice(120, 4.0))
        events = await heard(call)
    assert not [key for key in events[-1].summary.windows if key.endswith("skipped")]
    assert events[-1].summary.windows["emotion.analysed"] == 8


async def test_a_long_message_fills_no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    unanswered: list[int] = []
    receive_audio = Session.receive_audio

    def watched(session: Session, channel: int, samples: Samples) -> None:
        receive_audio(session, channel, samples)
        unanswered.append(session.unanswered)

    monkeypatch.setattr(Session, "receive_audio", watched)
    async with serving() as served, served.stream(encoding="mulaw", sample_rate=8000) as call:
        await call.send(np.random.default_rng(0).integers(0, 256, 1 << 20).astype(np.uint8).tobytes())
        await call.send('{"type":"finish"}')
        events = await heard(call)
    windows_in_a_second = 4
    assert max(unanswered) <= MOST_UNANSWERED + windows_in_a_second
    assert sum(events[-1].summary.windows.values()) > 10 * MOST_UNANSWERED
    assert not [key for key in events[-1].summary.windows if key.endswith("skipped")]


async def test_overtaken_windows_of_a_live_call_are_skipped_counted_and_warned_of() -> None:
    def slow(batch: Sequence[Window]) -> None:
        if loud(batch):  # all zeros: the warm-up
            time.sleep(0.9)

    async with serving(scripted_models(before=slow)) as served, served.stream() as call:
        for _ in range(35):
            await call.send(pcm(voice(120, 0.1)))
            await asyncio.sleep(0.1)
        await call.send('{"type":"finish"}')
        events = await heard(call)
        metrics = (await served.get("/metrics")).text
    assert events[-1].summary.windows["emotion.skipped"] > 0
    assert "windows.skipped" in codes(events, Warning)
    assert 'undertone_windows_total{model="emotion",outcome="skipped"}' in metrics


@pytest.mark.parametrize(
    ("query", "code", "close"),
    [
        ({"encoding": "mp3"}, "stream.encoding_unknown", 4400),
        ({"sample_rate": 96000}, "stream.sample_rate_out_of_range", 4400),
        ({"sample_rate": "fast"}, "stream.sample_rate_out_of_range", 4400),
        ({"sample_rate": "000016000999"}, "stream.sample_rate_out_of_range", 4400),
        ({"channels": 3}, "stream.channels_invalid", 4400),
        ({"channels": 2, "roles": "customer"}, "stream.roles_invalid", 4400),
        ({"channels": 2}, "stream.roles_invalid", 4400),
        ({"roles": "a%20b"}, "stream.roles_invalid", 4400),
        ({"call_id": "no%20spaces"}, "call.id_invalid", 4400),
        ({"call_id": "x" * 129}, "call.id_invalid", 4400),
        ({"sample_rat": 8000}, "request.invalid", 4400),
    ],
)
async def test_a_bad_parameter_is_refused_by_name(query: dict[str, object], code: str, close: int) -> None:
    async with serving() as served, served.stream(**query) as call:
        events = await heard(call)
        assert call.close_code == close
        metrics = (await served.get("/metrics")).text
        assert not list(served.engine.book.live())
        assert not served.engine._calls
    assert f'undertone_faults_total{{code="{code}"}} 1.0' in metrics
    assert codes(events, Error) == [code]
    assert not events[0].call_survives
    assert len(events[0].reason) > 20


async def test_a_call_id_in_use_is_refused_and_the_first_call_goes_on() -> None:
    async with serving() as served, served.stream(call_id="same") as first:
        await first.recv()
        async with served.stream(call_id="same") as second:
            assert codes(await heard(second), Error) == ["call.id_in_use"]
            assert second.close_code == 4409
        await send_all(first, voice(110, 1.5))
        assert of(await heard(first), CallEnded)[0].reason == "finished"


async def test_half_a_sample_at_the_end_is_a_warning() -> None:
    async with serving() as served, served.stream() as call:
        await call.send(pcm(voice(110, 1.0)) + b"\x01")
        await call.send('{"type":"finish"}')
        events = await heard(call)
    assert codes(events, Warning) == ["audio.remainder"]
    assert events[-1].reason == "finished"
    assert events[-1].summary.duration_s == 1.0


async def test_text_where_audio_is_due_is_an_error_that_the_call_survives() -> None:
    async with serving() as served, served.stream() as call:
        await call.send("hello?")
        await call.send('{"type":"finish","now":true}')
        await send_all(call, voice(110, 1.0))
        events = await heard(call)
    assert codes(events, Error) == ["message.not_control"] * 2
    assert all(event.call_survives for event in of(events, Error))
    assert events[-1].reason == "finished"


async def test_a_flood_of_text_ends_the_call_and_no_other() -> None:
    async with serving() as served, served.stream() as other, served.stream() as call:
        for _ in range(200):
            with suppress(ConnectionClosed):
                await call.send("hello?")
        events = await asyncio.wait_for(heard(call), 5)
        assert call.close_code == 1008
        await send_all(other, voice(110, 1.0))
        assert (await heard(other))[-1].reason == "finished"
    assert codes(events, Error) == ["message.not_control"] * 21 + ["message.flood"]
    assert events[-1].reason == "message.flood"


@pytest.mark.parametrize("message", [bytes((1 << 20) + 2), bytes(5 << 20), "é" * 600_000], ids=["1", "5", "text"])
async def test_a_message_over_1_mib_ends_the_call_with_its_summary(message: bytes | str) -> None:
    async with serving() as served, served.stream(call_id="big") as call:
        await call.send(pcm(voice(110, 2.0)))
        await call.recv()
        try:
            await call.send(message)
        except ConnectionClosed:
            pass  # the server may close before it has taken all of it
        await heard(call)
        assert call.close_code == 1009
        await until(lambda: not served.engine.book.is_live("big"))
        record = await served.call("big")
    assert record["reason"] == "message.too_big"
    assert record["summary"]["duration_s"] == 2.0


async def test_a_socket_cut_in_mid_word_still_ends_with_its_summary() -> None:
    async with serving() as served:
        async with served.stream(call_id="cut") as call:
            await call.send(pcm(voice(110, 2.3)))
            await call.recv()
            call.transport.abort()
        await until(lambda: not served.engine.book.is_live("cut"))
        record = await served.call("cut")
    assert record["state"] == "ended"
    assert record["reason"] == "client.disconnected"
    assert record["summary"]["speech_s"] > 1.5
    assert record["summary"]["speakers"][0]["emotion"] is not None


async def test_no_audio_for_long_ends_the_call() -> None:
    async with serving(idle_timeout_s=0.3) as served, served.stream() as call:
        events = await heard(call)
        assert call.close_code == 4408
    assert codes(events, Error) == ["call.idle"]
    assert events[-1].reason == "call.idle"


async def test_silence_for_ever_is_a_warning_and_the_call_goes_on() -> None:
    async with serving() as served, served.stream() as call:
        await send_all(call, silence(65.0), 16_000)
        events = await heard(call)
    assert codes(events, Warning).count("audio.no_speech") == 1
    assert not of(events, Emotion)
    assert events[-1].reason == "finished"


@pytest.mark.parametrize("pause_s", [0.02, 0.0])
async def test_empty_messages_are_no_audio(pause_s: float) -> None:
    async def chatter(call: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await call.send(b"")
                await asyncio.sleep(pause_s)

    async with serving(idle_timeout_s=0.3) as served, served.stream() as call:
        sending = asyncio.create_task(chatter(call))
        events = await asyncio.wait_for(heard(call), 5)
        await sending
        assert call.close_code == 4408
    assert events[-1].reason == "call.idle"


async def test_a_call_is_too_long_also_by_the_clock() -> None:
    async def trickle(call: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await call.send(bytes(320))
                await asyncio.sleep(0.05)

    async with serving(max_call_s=0.5) as served, served.stream() as call:
        sending = asyncio.create_task(trickle(call))
        events = await asyncio.wait_for(heard(call), 5)
        await sending
        assert call.close_code == 4413
    assert events[-1].reason == "call.too_long"
    assert events[-1].summary.duration_s < 0.4


async def test_a_call_that_is_too_long_is_ended() -> None:
    async with serving(max_call_s=3.0) as served, served.stream() as call:
        for _ in range(5):
            await call.send(pcm(voice(110, 1.0)))
        events = await heard(call)
        assert call.close_code == 4413
    assert events[-1].reason == "call.too_long"


async def test_a_client_that_never_reads_is_cut_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SEND_TIMEOUT_S", 0.3)
    monkeypatch.setattr(streaming, "LINGER_S", 0.2)

    async def talk(deaf: Deaf) -> None:
        await deaf.send('{"type":"configure","frames":true}')
        while True:
            await deaf.send(pcm(conversation()))

    # the outbox holds more than the socket: that is to be full
    async with serving(outbox_events=200, narrow=True) as served, Deaf(served, "/v1/stream?call_id=deaf") as deaf:
        await until(lambda: served.engine.book.is_live("deaf"))
        talking = asyncio.create_task(talk(deaf))
        await until(lambda: not served.engine.book.is_live("deaf"))
        await until(lambda: not served.engine._calls, 15)
        talking.cancel()
        record = await served.call("deaf")
        async with served.stream(call_id="other") as other:
            await send_all(other, voice(110, 1.0))
            assert (await heard(other))[-1].reason == "finished"
        await asyncio.wait_for(served.engine.drain(), 5)
    assert record["reason"] == "client.too_slow"
    assert record["summary"]["duration_s"] > 10


@pytest.mark.parametrize("outbox_events", [20, 100_000], ids=["too much waits", "for too long"])
async def test_a_client_that_reads_too_slowly_can_read_why_it_was_cut(
    monkeypatch: pytest.MonkeyPatch, outbox_events: int
) -> None:
    monkeypatch.setattr(streaming, "SEND_TIMEOUT_S", 0.5)

    async def talk(deaf: Deaf) -> None:
        await deaf.send('{"type":"configure","frames":true}')
        while True:
            for _ in range(30):  # what may not be lost
                await deaf.send("no control message" + "x" * 500)
            await deaf.send(pcm(conversation()))

    monkeypatch.setattr(reception, "MOST_NOT_CONTROL", 10_000)
    async with (
        serving(outbox_events=outbox_events, narrow=True) as served,
        Deaf(served, "/v1/stream?call_id=slow") as deaf,
    ):
        await until(lambda: served.engine.book.is_live("slow"))
        talking = asyncio.create_task(talk(deaf))
        await until(lambda: not served.engine.book.is_live("slow"), 30)
        talking.cancel()
        answer = await asyncio.wait_for(deaf.rest(), 10)
        record = await served.call("slow")
    assert record["reason"] == "client.too_slow"
    assert b'"type":"call.ended"' in answer
    assert answer.endswith(b"\x88\x15\x03\xf0you read too slowly")


async def test_not_a_number_is_a_warning() -> None:
    async with serving() as served, served.stream(encoding="pcm_f32le") as call:
        samples = voice(110, 1.0)
        samples[100:200] = np.nan
        await call.send(samples.tobytes())
        await call.send('{"type":"finish"}')
        events = await heard(call)
    assert codes(events, Warning) == ["audio.not_finite"]


async def test_one_sample_that_is_not_a_number_is_warned_of_once() -> None:
    async with serving() as served, served.stream(encoding="pcm_f32le") as call:
        samples = silence(65.0)
        samples[100] = np.nan
        for at in range(0, len(samples), 16_000):
            await call.send(samples[at : at + 16_000].tobytes())
        await call.send('{"type":"finish"}')
        events = await heard(call)
    assert codes(events, Warning).count("audio.not_finite") == 1


async def test_a_model_that_fails_costs_its_windows_only() -> None:
    def fail(batch: Sequence[Window]) -> None:
        if loud(batch):  # all zeros: the warm-up
            raise RuntimeError("the model is out of order")

    async with serving(scripted_models(before=fail), idle_timeout_s=5) as served, served.stream() as call:
        await send_all(call, conversation()[:80_000])
        events = await heard(call)
    assert "windows.failed" in codes(events, Warning)
    assert not of(events, Emotion, SpeakerChanged) or all(event.label is None for event in of(events, Emotion))
    assert events[-1].reason == "finished"


async def test_frames_come_on_request_and_tags_can_be_set() -> None:
    async with serving() as served, served.stream(call_id="f") as call:
        await call.send(json.dumps({"type": "configure", "frames": True, "tags": {"team": "north"}}))
        await send_all(call, voice(110, 2.0))
        events = await heard(call)
        record = await served.call("f")
    frames = of(events, EmotionFrames)
    assert frames
    assert all(len(row) == 9 for event in frames for row in event.scores if row is not None)
    assert record["tags"] == {"team": "north"}


async def test_sigterm_drains_live_calls_with_a_reason() -> None:
    async with serving() as served, served.stream() as call:
        await call.send(pcm(voice(110, 2.0)))
        await call.recv()
        served.server.should_exit = True
        events = await heard(call)
        assert call.close_code == 1012
    assert events[-1].reason == "server.stopping"
    assert events[-1].summary.duration_s == 2.0


async def test_audio_that_comes_while_a_call_ends_is_left_out() -> None:
    def slow(batch: Sequence[Window]) -> None:
        time.sleep(0.3 if loud(batch) else 0.0)

    async with serving(scripted_models(before=slow)) as served, served.stream(sample_rate=8000) as call:
        await call.send(pcm(voice(110, 2.0)))
        await call.recv()

        async def go_on() -> None:
            while True:
                await call.send(pcm(voice(110, 0.1)))
                await asyncio.sleep(0.01)

        talking = asyncio.create_task(go_on())
        served.server.should_exit = True
        events = await heard(call)
        await asyncio.gather(talking, return_exceptions=True)
        assert call.close_code == 1012
    assert events[-1].reason == "server.stopping"
    assert codes(events, Error) == []


class Sceptic(ScriptedModel):
    """Hears no speech anywhere."""

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        beyond = [(len(window.samples) - SPEECH.window_samples) // FRAME_SAMPLES for window in windows]
        return [SpeechAnalysis(bytes(BLOCK_FRAMES + more)) for more in beyond]


@pytest.mark.parametrize("message_s", [0.1, 1.0, 1.7])
async def test_the_judge_of_speech_is_heard_however_long_messages_are(message_s: float) -> None:
    models = {**scripted_models(), Role.SPEECH: Sceptic(Role.SPEECH, SPEECH)}
    async with serving(models) as served, served.stream(call_id="call") as call:
        sending = asyncio.create_task(send_all(call, conversation(), round(message_s * 16_000)))
        events = await heard(call)
        await sending
    assert of(events, SpeechStarted) == []
    assert events[-1].reason == "finished"


async def test_what_a_sender_waits_for_is_no_strain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resampler gives the end of a message with the next one: with long messages the lag is long, but not ours."""
    strain_s: list[float] = []
    async with serving() as served, served.stream(sample_rate=8000) as call:
        monkeypatch.setattr(served.engine.pressure, "event_sent", lambda now_s, lag_s: strain_s.append(lag_s))
        talk, message = voice(110, 3.0), 2000
        for at in range(0, len(talk) // 2, message):
            await call.send(pcm(talk[at : at + message]))
            await asyncio.sleep(0.25)
        await call.send('{"type":"finish"}')
        lags_ms = [event.lag_ms for event in of(await heard(call), Emotion)]
    assert max(lags_ms) > 240
    assert strain_s
    assert max(strain_s) < 0.2


def breaking(method: str, call_id: str = "bad") -> Callable[..., Any]:
    """A method of Session that raises for one call."""
    whole = getattr(Session, method)

    def broken(session: Session, *args: object, **named: object) -> Any:
        if session.call_id == call_id:
            raise RuntimeError(f"{method} is out of order")
        return whole(session, *args, **named)

    return broken


async def test_a_session_that_breaks_on_an_answer_breaks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, batches = threading.Event(), []

    def wait(batch: Sequence[Window]) -> None:
        if loud(batch):
            batches.append(len(batch))
            assert gate.wait(10)

    async with serving(scripted_models(before=wait)) as served:
        async with served.stream(call_id="bad") as bad, served.stream(call_id="good") as good:
            monkeypatch.setattr(Session, "receive_analysis", breaking("receive_analysis"))
            for call in (bad, good):
                await call.send(pcm(voice(110, 2.5)))
            await until(lambda: len(batches) == 2)  # of both models; what comes now waits for the next ones
            for call in (bad, good):
                await call.send(pcm(voice(110, 1.0)))
            await good.send('{"type":"finish"}')
            await asyncio.sleep(0.1)
            gate.set()
            good_events = await asyncio.wait_for(heard(good), 5)
            bad_events = await asyncio.wait_for(heard(bad), 5)
            assert (good.close_code, bad.close_code) == (1000, 1011)
        assert max(batches) > 1
        await until(lambda: not served.engine._calls, 15)
        record = await served.call("bad")
        monkeypatch.undo()
        async with served.stream(call_id="bad") as again:
            await send_all(again, voice(110, 1.0))
            assert (await heard(again))[-1].reason == "finished"
        metrics = (await served.get("/metrics")).text
    assert good_events[-1].reason == "finished"
    assert good_events[-1].summary.windows["emotion.analysed"] == 7
    assert codes(bad_events, Error) == ["server.failed"]
    assert (record["state"], record["reason"]) == ("ended", "server.failed")
    assert 'undertone_streams_active{transport="websocket"} 0.0' in metrics
    assert 'undertone_calls_total{reason="server.failed",transport="websocket"} 1.0' in metrics


@pytest.mark.parametrize(
    "broken", [["receive_audio"], ["receive_audio", "reject"], ["receive_audio", "reject", "finish", "abort"]]
)
async def test_a_call_that_breaks_on_its_audio_is_ended_and_remembered(
    monkeypatch: pytest.MonkeyPatch, broken: list[str]
) -> None:
    async with serving() as served, served.stream(call_id="good") as good:
        async with served.stream(call_id="bad", sample_rate=15_000) as bad:  # so that the resampler holds a rest
            await bad.send(pcm(voice(110, 2.0)))
            await until(lambda: served.engine.book.find("bad").emotions != {})
            for method in broken:
                monkeypatch.setattr(Session, method, breaking(method))
            await bad.send(pcm(voice(110, 1.0)))
            events = await asyncio.wait_for(heard(bad), 5)
            assert bad.close_code == 1011
        await until(lambda: len(served.engine._calls) == 1, 3)
        assert not served.engine.book.is_live("bad")
        record = await served.call("bad")
        await send_all(good, voice(110, 1.0))
        assert (await heard(good))[-1].reason == "finished"
    assert (record["state"], record["reason"]) == ("ended", "server.failed")
    assert record["timeline"]
    if broken == ["receive_audio"]:
        assert events[-1].reason == "server.failed"
        assert record["summary"]["duration_s"] == pytest.approx(2.12, abs=0.02)
    if "reject" not in broken:
        assert codes(events, Error) == ["server.failed"]


@pytest.mark.parametrize("goodbye", ["hangs up", "finishes", "is drained"])
async def test_a_call_that_breaks_at_its_end_is_over_all_the_same(
    monkeypatch: pytest.MonkeyPatch, goodbye: str
) -> None:
    async with serving() as served, served.stream(call_id="bad") as bad:
        await bad.send(pcm(voice(110, 2.0)))
        await until(lambda: served.engine.book.find("bad").emotions != {})
        monkeypatch.setattr(Session, "finish", breaking("finish"))
        if goodbye == "hangs up":
            bad.transport.abort()
        elif goodbye == "finishes":
            await bad.send('{"type":"finish"}')
        else:
            await asyncio.wait_for(served.engine.drain(), 5)
        await until(lambda: not served.engine._calls, 15)
        record = await served.call("bad")
    assert (record["state"], record["reason"]) == ("ended", "server.failed")
