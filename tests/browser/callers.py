"""Live calls for the pages: recordings of speakers put together to conversations, and streamed as a client would."""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

import numpy as np
import soundfile
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

Audio = NDArray[np.int16]
"""Shape (frames, channels), 16 kHz."""
RATE_HZ = 16_000
MESSAGE_S = 0.1
PAUSE_S = 0.4
CUSTOMER, AGENT = 0, 1


@dataclass(frozen=True)
class Part:
    """So many recordings of one emotion, by one speaker, on the customer's channel or the agent's."""

    emotion: str
    count: int
    channel: int = CUSTOMER
    dataset: str = "emodb"


def conversation(recordings: Path, *parts: Part, voice: int = 0) -> Audio:
    """Two channels: the parts one after the other, the customer's by the `voice`-th speaker of their corpus."""
    with (recordings / "index.csv").open(encoding="utf-8") as rows:
        index = list(csv.DictReader(rows))
    pieces: list[Audio] = []
    for part in parts:
        speakers = sorted({row["speaker"] for row in index if row["dataset"] == part.dataset})
        speaker = speakers[(voice + 3 * part.channel) % len(speakers)]
        paths = [row["path"] for row in index if row["speaker"] == speaker and row["emotion"] == part.emotion]
        for path in paths[: part.count]:
            samples, _ = soundfile.read(recordings / path, dtype="int16")
            piece = np.zeros((len(samples) + int(PAUSE_S * RATE_HZ), 2), np.int16)
            piece[: len(samples), part.channel] = samples
            pieces.append(piece)
    return np.concatenate(pieces)


def recording(path: Path) -> Audio:
    """A recording as it is."""
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == RATE_HZ
    return samples


@dataclass(frozen=True)
class Script:
    """What a caller says, and as whom."""

    call_id: str
    audio: Audio
    roles: Sequence[str]
    tags: dict[str, str]


def scene(recordings: Path) -> list[Script]:
    """A morning at a contact centre: customers who become angry, afraid and sad, one who is glad, a service call, and a
    talk that is recorded on one channel."""
    parties = ("customer", "agent")
    calm = [Part("neutral", 3), Part("neutral", 2, AGENT)]
    angry = [Part("angry", 12), Part("neutral", 1, AGENT)]
    afraid = [Part("fearful", 3), Part("neutral", 2), Part("neutral", 1, AGENT)]
    sad = [Part("sad", 3), Part("neutral", 1), Part("neutral", 2, AGENT)]
    glad = [Part("happy", 2), Part("neutral", 2), Part("neutral", 2, AGENT)]
    service = recording(recordings / "conversations" / "auto_repairs_40_stereo.flac")
    quiet = conversation(recordings, *calm * 12, voice=4).max(axis=1, keepdims=True)
    return [
        Script("billing-0412", conversation(recordings, *calm * 6, *angry * 5), parties, tags("north", "billing")),
        Script("repairs-0413", service, parties, tags("north", "repairs")),
        Script("survey-0414", quiet, ("mixed",), tags("south", "survey")),
        Script(
            "claims-0415", conversation(recordings, *calm * 6, *afraid * 8, voice=5), parties, tags("south", "claims")
        ),
        Script(
            "returns-0416", conversation(recordings, *calm * 3, *sad * 8, voice=3), parties, tags("north", "returns")
        ),
        Script("orders-0417", conversation(recordings, *glad * 12, voice=1), parties, tags("south", "orders")),
    ]


def tags(team: str, queue: str) -> dict[str, str]:
    return {"team": team, "queue": queue}


class Caller:
    """A call that goes on until it is hung up: the audio, again from its start when it is over. So much of it is
    sent at once that the call is `head_s` old, the rest at the pace of speech."""

    def __init__(self, url: str, script: Script, head_s: float) -> None:
        audio = script.audio
        query = {
            "sample_rate": RATE_HZ,
            "channels": audio.shape[1],
            "roles": ",".join(script.roles),
            "call_id": script.call_id,
        }
        self._opened = ExitStack()
        self._socket = self._opened.enter_context(
            connect(f"{url.replace('http', 'ws', 1)}/v1/stream?{urlencode(query)}", max_size=None)
        )
        self._socket.send(json.dumps({"type": "configure", "tags": script.tags}))
        self._audio = audio
        self._head_s = head_s
        self._over = threading.Event()
        self.ready = threading.Event()
        """The server has analysed the call up to `head_s`."""
        self._threads = [
            threading.Thread(target=self._speak, daemon=True),
            threading.Thread(target=self._listen, args=(self._socket,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """End the call in order."""
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=20)
        self._opened.close()

    def _speak(self) -> None:
        step = int(MESSAGE_S * RATE_HZ)
        sent = 0
        began_s: float | None = None
        try:
            while not self._over.is_set():
                place = sent % len(self._audio)
                chunk = self._audio[place : place + step]
                self._socket.send(chunk.tobytes())
                sent += len(chunk)
                if sent < self._head_s * RATE_HZ:
                    continue
                began_s = began_s or time.monotonic() - sent / RATE_HZ
                self._over.wait(max(0.0, began_s + sent / RATE_HZ - time.monotonic()))
            self._socket.send(json.dumps({"type": "finish"}))
        except ConnectionClosed:
            self._over.set()

    def _listen(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            for message in socket:
                if json.loads(message)["t"] >= self._head_s - 5:
                    self.ready.set()
        self.ready.set()
