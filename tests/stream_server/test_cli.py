"""The commands, from their arguments to what they print and write."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
import threading
import time
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.layouts import write_emotion, write_speaker
from history.settings import HistoryConfig
from inference.loading import WEIGHTS, load
from inference.model import Models
from monitor.analysis import Window
from stream_server.commands import serve
from stream_server.commands.cli import main
from stream_server.commands.serve import DrainingServer
from stream_server.live.engine import Engine
from stream_server.live.streaming import MAX_MESSAGE_BYTES
from stream_server.settings import ServerConfig, Settings
from tests.scripted import conversation
from tests.stream_server.serving import Served, scripted_models, serving
from workbench import media
from workbench.media import MediaError


def write_wav(path: Path, planes: np.ndarray, rate_hz: int = 16_000) -> Path:
    planes = np.atleast_2d(planes)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(planes))
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((planes.T * 32_767).astype("<i2").tobytes())
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "talk.wav", conversation()[: 16_000 * 8])


GATE = ("--vad.backend", "webrtcvad")
"""The scripted voices are a buzz, which Silero rightly does not take for speech."""


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_replay_prints_events_and_writes_turns_and_a_picture(
    recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rttm, picture = tmp_path / "out.rttm", tmp_path / "out.png"
    assert main(["replay", str(recording), "--rttm", str(rttm), "--plot", str(picture), *GATE]) == 0
    events = lines(capfd.readouterr().out)
    assert events[0]["type"] == "call.started"
    assert events[-1]["type"] == "call.ended"
    assert events[-1]["summary"]["duration_s"] == 8.0
    assert {"emotion", "speaker.changed", "speech.started"} <= {event["type"] for event in events}
    fields = rttm.read_text(encoding="utf-8").splitlines()[0].split()
    assert fields[:3] == ["SPEAKER", "talk", "1"]
    assert fields[7] == "S1"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def test_replay_of_two_channels_speaks_of_roles(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    audio = conversation()[: 16_000 * 6]
    path = write_wav(tmp_path / "stereo.wav", np.stack([audio, np.roll(audio, 48_000)]), 16_000)
    assert main(["replay", str(path), "--channels", "2", "--roles", "customer,agent", *GATE]) == 0
    events = lines(capfd.readouterr().out)
    assert {event["to"] for event in events if event["type"] == "speaker.changed"} == {"customer", "agent"}


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["replay", "nowhere.wav"], 1, ["nowhere.wav", "no such file"]),
        (["replay", "{text}"], 1, ["notes.txt"]),
        (["replay", "{mono}", "--channels", "2", "--roles", "customer,agent"], 1, ["1 channel", "2 are needed"]),
        (["replay", "{mono}", "--channels", "2", "--roles", "customer"], 2, ["roles", "customer,agent"]),
        (["replay", "{mono}", "--models.emotion", "emotion9vec"], 1, ["emotion9vec", "undertone-emotion-small"]),
        (["replay", "{mono}", "--vad.mode", "7"], 2, ["vad.mode", "less than or equal to 3"]),
        (["stream", "{mono}", "--url", "http://127.0.0.1:9"], 1, ["cannot reach", "undertone serve"]),
        (["stream", "nowhere.wav"], 1, ["nowhere.wav"]),
    ],
)
def test_what_goes_wrong_is_said_on_one_line(
    recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], status: int, words: list
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("these are words, not sounds\n" * 40, encoding="utf-8")
    filled = [part.format(mono=recording, text=text) for part in arguments]
    assert main(filled) == status
    said = capfd.readouterr().err.strip()
    assert said.startswith("undertone: ")
    assert "\n" not in said
    assert all(word in said for word in words)


def test_the_models_are_listed_with_their_licence(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    said = capfd.readouterr().out
    assert "emotion" in said
    assert "speaker" in said
    assert "NC" in said


def test_a_checkpoint_is_checked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "check", str(write_emotion(tmp_path / "mine"))]) == 0
    said = capfd.readouterr().out
    assert "mine is whole: mine, for emotion; knows angry, disgusted" in said
    assert "one window of 3 s takes" in said
    assert "it computes in " in said
    assert main(["models", "check", str(write_speaker(tmp_path / "voices"))]) == 0
    assert "for speaker; knows 12-d embedding" in capfd.readouterr().out
    assert main(["models", "check", str(WEIGHTS / "undertone-speaker-small.safetensors")]) == 0
    assert "undertone-speaker-small, for speaker" in capfd.readouterr().out
    assert main(["models", "check", str(tmp_path)]) == 1
    assert "holds no weights" in capfd.readouterr().err


def test_what_cannot_be_pulled_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "iic/nothing"]) == 1
    assert "iic/nothing is not known; known are iic/emotion2vec_plus_seed" in capfd.readouterr().err


def test_a_folder_as_it_is_published_hears_a_recording(
    recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    emotion, speaker = write_emotion(tmp_path / "emotion"), write_speaker(tmp_path / "speaker")
    named = ["--emotion-model", str(emotion), "--speaker-model", str(speaker)]
    assert main(["replay", str(recording), *named, *GATE]) == 0
    events = lines(capfd.readouterr().out)
    started = next(event for event in events if event["type"] == "call.started")
    assert {role: model["name"] for role, model in started["models"].items()} == {
        "emotion": "emotion",
        "speaker": "speaker",
    }
    scored = [event for event in events if event["type"] == "emotion" and event["reliability"] != "unusable"]
    assert scored
    assert all(sum(event["scores"].values()) == pytest.approx(1.0, abs=0.01) for event in scored)


def test_the_models_are_listed_as_json_too(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    listed = json.loads(capfd.readouterr().out)
    assert {model["role"] for model in listed} == {"emotion", "speaker", "speech"}
    assert all(model["ms_per_s"] > 0 and model["licence"] and model["source"] for model in listed)


@contextmanager
def in_background() -> Iterator[Served]:
    """A scripted server in a loop and thread of its own, for commands that run a loop themselves."""
    ready, stop = threading.Event(), threading.Event()
    held: list[Served] = []

    async def hold() -> None:
        async with serving() as served:
            held.append(served)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(hold(),))
    thread.start()
    assert ready.wait(20)
    try:
        yield held[0]
    finally:
        stop.set()
        thread.join(20)


def test_stream_plays_a_recording_and_prints_what_comes_back(
    recording: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with in_background() as served:
        arguments = ["stream", str(recording), "--url", served.http, "--speed", "20", "--json", "--call-id", "x1"]
        assert main(arguments) == 0
        events = lines(capfd.readouterr().out)
        assert main(["stream", str(recording), "--url", served.http, "--speed", "20"]) == 0
        view = capfd.readouterr().out
    assert events[-1]["type"] == "call.ended"
    assert {event["call_id"] for event in events} == {"x1"}
    assert events[-1]["summary"]["duration_s"] == 8.0
    assert "S1" in view
    assert "finished" in view


def test_stream_says_why_it_was_refused(recording: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with in_background() as served:
        arguments = ["stream", str(recording), "--url", served.http, "--call-id", "not allowed", "--json"]
        assert main(arguments) == 1
    assert "call.id_invalid" in capfd.readouterr().err


def test_stream_fails_if_the_server_ends_the_call_before_the_recording_does(
    recording: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with in_background() as served:

        def stop() -> None:
            while not served.engine.book.find("x1"):
                time.sleep(0.01)
            time.sleep(0.3)
            served.server.should_exit = True

        stopping = threading.Thread(target=stop)
        stopping.start()
        status = main(["stream", str(recording), "--url", served.http, "--json", "--call-id", "x1"])
        stopping.join(10)
    said = capfd.readouterr()
    assert lines(said.out)[-1]["reason"] == "server.stopping"
    assert "server.stopping" in said.err
    assert status == 1


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_a_recording_that_breaks_off_is_replayed_as_far_as_it_goes(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"cut.{kind}"
    with av.open(str(path), "w") as container:
        track = container.add_stream("flac" if kind == "flac" else "pcm_s16le", rate=16_000, layout="mono")
        samples = (conversation()[None, : 16_000 * 6] * 32_767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
        frame.sample_rate = 16_000
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        assert main(["replay", str(path)]) == 0
    events = lines(capfd.readouterr().out)
    assert 1.0 < events[-1]["summary"]["duration_s"] < 5.0
    assert events[-1]["reason"] == "finished"
    if kind == "flac":  # a WAV may break off anywhere and FFmpeg is content
        assert "cut.flac: damaged after" in caplog.text


def test_a_file_of_which_nothing_can_be_decoded_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "torn.flac"
    path.write_bytes(b"fLaC\x00\x00\x00\x22" + bytes(60))
    assert main(["replay", str(path)]) == 1
    assert "torn.flac" in capfd.readouterr().err


def serve_scripted(monkeypatch: pytest.MonkeyPatch, models: Models) -> int:
    monkeypatch.setattr(
        serve,
        "load_engine",
        lambda settings, database, notifier: Engine(settings, [models], database=database, notifier=notifier),
    )
    return serve.serve(Settings(server=ServerConfig(port=0), history=HistoryConfig("")))


def test_serve_fails_if_the_models_do_not_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(batch: Sequence[Window]) -> None:
        raise RuntimeError("no such kernel")

    assert serve_scripted(monkeypatch, scripted_models(before=fail)) == 1
    assert "no such kernel" in caplog.text
    assert "listening" not in capfd.readouterr().out


def test_serve_lets_a_sender_that_it_holds_back_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[DrainingServer] = []

    def run(server: DrainingServer, sockets: list) -> None:
        served.append(server)
        for listener in sockets:
            listener.close()

    monkeypatch.setattr(DrainingServer, "run", run)
    assert serve_scripted(monkeypatch, scripted_models()) == 0
    config = served[0].config
    assert config.ws_ping_timeout is None  # the pongs of a sender that is held back are not read
    assert config.ws_ping_interval
    assert config.ws_max_size > MAX_MESSAGE_BYTES  # so that we are asked before it refuses


def test_media_gives_blocks_at_16_khz_whatever_the_file_had(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100).astype(np.float32) / 2
    path = write_wav(tmp_path / "tone.wav", np.stack([tone, -tone / 2]), 44_100)
    stereo = np.concatenate(list(media.read(path, 2)), axis=1)
    assert stereo.shape == (2, 16_000)
    assert stereo.dtype == np.float32
    np.testing.assert_allclose(stereo[1][2000:-2000], -stereo[0][2000:-2000] / 2, atol=2e-3)
    mono = np.concatenate(list(media.read(path, 1)), axis=1)
    np.testing.assert_allclose(mono[0][2000:-2000], stereo.mean(axis=0)[2000:-2000], atol=2e-3)


def test_an_empty_recording_is_an_error(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "empty.wav", np.zeros((1, 0)))
    with pytest.raises(MediaError):
        list(media.read(path, 1))


@pytest.mark.parametrize(
    ("emotion", "speaker", "bound"),
    [
        ("none", "undertone-speaker-permissive", []),
        ("none", "undertone-speaker-small", ["undertone-speaker-small"]),
        ("undertone-emotion-small", "undertone-speaker-permissive", ["undertone-emotion-small"]),
    ],
)
def test_serve_names_the_models_that_are_for_evaluation_only(emotion: str, speaker: str, bound: list[str]) -> None:
    engine = Engine(Settings(), [load(emotion, speaker, "cpu")])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said = serve.greeting(engine, *listener.getsockname()[:2])
    notes = [
        line.rsplit(": ", 1)[1].rstrip(".") for line in said.splitlines() if "must not be used commercially" in line
    ]
    assert notes == ([", ".join(bound)] if bound else [])
    assert f"{speaker} (licence" in said


def test_bench_hands_everything_on_to_the_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["bench", "--help"])
    said = capsys.readouterr().out
    assert left.value.code == 0
    assert "python -m benchmarks.live" in said
    assert "--subscribers" in said
    assert main(["bench", "--recording", "nowhere.flac", "--sink", "--calls", "5", "6"]) == 1
    assert "nowhere.flac: there is no such file" in capsys.readouterr().err


def test_bench_without_psutil_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert main(["bench", "--calls", "5"]) == 1
    assert "undertone[bench]" in capsys.readouterr().err
