"""Programs that nobody here wrote publish a recording by WHIP to a real server, with its token. Neither offers a data
channel, so the events are what an onlooker hears."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import pytest
from av import AudioResampler
from websockets.asyncio.client import connect

from monitor.events import CallEnded, CallStarted, Emotion, Event, SpeakerChanged, SpeechStarted, Warning, decode
from tests.browser.serving import ServerProcess
from tests.scripted import of
from tests.stream_server.certificates import CertificateFiles, write_certificate

TOKEN = "s3cret"
AWAITED = (CallStarted, SpeechStarted, SpeakerChanged, Emotion)
CODED_HZ, PACKET_SAMPLES = 48_000, 960
OPUS_OVER_RTP = "opusenc ! rtpopuspay pt=100 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=100"
AT_ITS_PACE = "clocksync ! queue leaky=downstream max-size-time=100000000"
"""As from a microphone: what is played before the connection is there is gone, but for a few packets that wait."""
BEGUN_S = 1.0
"""By then those have been heard, and so has the gap behind them."""
NO_UPNP = "".join(
    f"void *gupnp_simple_igd_{name}(void) {{ return 0; }}\n"
    for name in ("get_type", "thread_new", "add_port", "remove_port_local")
)
"""Debian 12's whip-client aborts as it starts: it is linked with version 2 of libsoup, and its ICE library, for UPnP,
with version 3, which does not bear that. WHIP needs no UPnP, so this takes the place of the library that brings it."""


class PublishingProgram(Protocol):
    """Publishes to an address from `start` on, until `stop`, which ends the call in order."""

    def start(self, address: str) -> None: ...

    def stop(self) -> None: ...


class GStreamer:
    """Debian's simple-whip-client, which is GStreamer's webrtcbin. `folder`: for what it says, and for NO_UPNP."""

    def __init__(self, recording: Path, folder: Path) -> None:
        for program, package in (("whip-client", "make publishers"), ("cc", "a C compiler")):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed: {package}")
        library = folder / "libgupnp-igd-1.0.so.4"
        compiler = ["cc", "-shared", "-fPIC", "-x", "c", "-", f"-Wl,-soname,{library.name}", "-o", str(library)]
        subprocess.run(compiler, input=NO_UPNP, text=True, check=True)
        self._folder = folder
        decoded = f"filesrc location={recording} ! flacparse ! flacdec ! audioconvert ! audioresample"
        self._pipeline = f"{decoded} ! {AT_ITS_PACE} ! {OPUS_OVER_RTP}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, address: str) -> None:
        command = ["whip-client", "--disable-colors", "-u", address, "-t", TOKEN, "-A", self._pipeline]
        with (self._folder / "log").open("wb") as log:
            environment = {"LD_LIBRARY_PATH": str(self._folder), "PATH": "/usr/bin:/bin", "HOME": str(self._folder)}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            print((self._folder / "log").read_text(encoding="utf-8", errors="replace"))


class Ffmpeg:
    """FFmpeg's WHIP muxer, by PyAV, in a thread. `certificate`: where FFmpeg is built with GnuTLS, as here, the one it
    would make for itself is on the curve P-224, which our side (OpenSSL) does not take."""

    def __init__(self, recording: Path, certificate: CertificateFiles) -> None:
        if "whip" not in av.formats_available:
            pytest.skip("FFmpeg is built without its WHIP muxer")
        self._recording = recording
        self._options = {
            "authorization": TOKEN,
            "cert_file": str(certificate.cert),
            "key_file": str(certificate.key),
        }
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, address: str) -> None:
        self._thread = threading.Thread(target=self._publish, args=(address,))
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _publish(self, address: str) -> None:
        resampler = AudioResampler("s16", "stereo", CODED_HZ, PACKET_SAMPLES)
        with av.open(str(self._recording)) as source, av.open(address, "w", "whip", self._options) as muxer:
            track = muxer.add_stream("libopus", CODED_HZ, layout="stereo")
            muxer.start_encoding()  # connects
            began_s = time.monotonic()
            frames = (part for whole in source.decode(audio=0) for part in resampler.resample(whole))
            for at, frame in zip(itertools.count(0, PACKET_SAMPLES), frames, strict=False):
                if self._stopped.wait(max(0.0, began_s + at / CODED_HZ - time.monotonic())):
                    return
                frame.pts, frame.time_base = at, Fraction(1, CODED_HZ)
                muxer.mux(track.encode(frame))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """`undertone serve`, with the embedded models and a token."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "log", "--webrtc.token", TOKEN)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def recording(recordings: Path) -> Path:
    return recordings / "conversations" / "auto_repairs_40.flac"


async def heard_by_an_onlooker(server: ServerProcess, program: PublishingProgram, call_id: str) -> list[Event]:
    """All events of the program's call; it is told to stop once there are some of each kind that is awaited."""
    onlooking = connect(f"ws://127.0.0.1:{server.port}/v1/events?call_id={call_id}", compression=None)
    events: list[Event] = []
    async with onlooking as onlooker:
        program.start(f"{server.url}/v1/whip?call_id={call_id}")
        try:
            async with asyncio.timeout(40):
                while not all(of(events, kind) for kind in AWAITED):
                    events += [decode(json.dumps(event)) for event in json.loads(await onlooker.recv())]
        finally:
            await asyncio.to_thread(program.stop)
        async with asyncio.timeout(10):
            while not of(events, CallEnded):
                events += [decode(json.dumps(event)) for event in json.loads(await onlooker.recv())]
    return events


def check(events: list[Event]) -> None:
    assert of(events, CallStarted)[0].transport == "webrtc"
    assert of(events, CallEnded)[0].reason == "finished"
    assert of(events, CallEnded)[0].summary.speech_s > 0.5
    missing = [warning for warning in of(events, Warning) if warning.code in ("audio.gap", "audio.too_fast")]
    assert not [warning for warning in missing if warning.t > BEGUN_S]


async def test_gstreamer_publishes(server: ServerProcess, recording: Path, tmp_path: Path) -> None:
    check(await heard_by_an_onlooker(server, GStreamer(recording, tmp_path), "gstreamer"))


async def test_ffmpeg_publishes(server: ServerProcess, recording: Path, tmp_path: Path) -> None:
    check(await heard_by_an_onlooker(server, Ffmpeg(recording, write_certificate(tmp_path)), "ffmpeg"))
