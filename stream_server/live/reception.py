"""What one live call is sent, whatever brings it: audio and control messages, and the rules that hold for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated

import msgspec

from monitor.session import State
from stream_server.live.engine import Engine
from stream_server.live.intake import Intake
from stream_server.live.livecall import LiveCall
from vad.pcm import Samples

MOST_NOT_CONTROL = 20
FINISHED = "finished"
Text = Annotated[str, msgspec.Meta(max_length=256)]


class Finish(msgspec.Struct, tag="finish", tag_field="type", forbid_unknown_fields=True):
    """No more audio will come."""


class Configure(msgspec.Struct, tag="configure", tag_field="type", forbid_unknown_fields=True):
    """Change what the call is labelled with, or whether `emotion.frames` are sent."""

    tags: Annotated[dict[Text, Text], msgspec.Meta(max_length=32)] | None = None
    frames: bool | None = None


_control = msgspec.json.Decoder(Finish | Configure)


class Reception:
    """Feeds a call with what its transport brings. Where something ends the call, the method that saw it says for
    which reason; the transport then has nothing more to bring."""

    def __init__(
        self, call: LiveCall, intake: Intake, engine: Engine, finish: Callable[[], None] | None = None
    ) -> None:
        """`finish`: what to do when the peer says that it has finished, unless the call can end there and then."""
        self._call = call
        self._intake = intake
        self._engine = engine
        self._finish = finish or partial(call.finish, FINISHED)
        self._idle_s = engine.settings.stream.idle_timeout_s
        self._max_call_s = engine.settings.stream.max_call_s
        self._ingest = engine.instruments.stage_seconds.labels("ingest", "")
        self._loop = asyncio.get_running_loop()
        self._audio_at = self._loop.time()
        self._too_long_at = self._audio_at + self._max_call_s
        self._not_control = self._not_finite = 0
        call.last_words = self._flush

    @property
    def due_at(self) -> float:
        """When, on the loop's clock, `overdue` is to be asked."""
        return min(self._audio_at + self._idle_s, self._too_long_at)

    def overdue(self) -> str | None:
        """End the call if it has been idle or has gone on for too long."""
        now = self._loop.time()
        if now >= self._too_long_at:
            return self.end_as_too_long()
        if now < self._audio_at + self._idle_s:
            return None
        return self.end("call.idle", f"no audio came for {self._idle_s:g} s; the call ends here")

    def take(self, data: bytes) -> bool:
        """Take in audio at once, unless there is something to wait for or to say about it: that is for `hear`."""
        intake = self._intake
        if not data or self._call.session.state is not State.LIVE:
            return True
        if not intake.due(len(data)):  # most messages of 20 ms
            self._audio_at = self._loop.time()
            intake.gather(data)
            self._call.arrived(intake.position_s)
            return True
        if len(data) > intake.second_bytes or self.too_long or not self._call.has_room:
            return False
        self._audio_at = self._loop.time()
        try:
            self._feed(data)
        except Exception:
            self._call.fail()
        return True

    async def hear(self, data: bytes) -> str | None:
        """Take in audio by the second: a long message must neither hold up other calls nor fill the queue."""
        self._audio_at = self._loop.time()
        if self.too_long:
            return self.end_as_too_long()
        for at in range(0, len(data), self._intake.second_bytes):
            self._feed(data[at : at + self._intake.second_bytes])
            if at:
                await asyncio.sleep(0)
            await self._call.room()
        return None

    def miss(self, samples: int) -> None:
        """So many samples at 16 kHz were lost on the way, on every channel."""
        self._pass_over(samples, self._call.arrived)

    def leave_out(self, samples: int) -> None:
        """So many samples at 16 kHz, of every channel, have come and are too much."""
        self._pass_over(samples, self._call.left_out)

    @property
    def too_long(self) -> bool:
        """Whether more audio has come than a call may have."""
        return self._intake.position_s > self._max_call_s

    def obey(self, text: str) -> str | None:
        """Act on a control message."""
        try:
            control = _control.decode(text)
        except msgspec.DecodeError as error:
            return self._complain(error)
        if isinstance(control, Finish):
            self._finish()
            return FINISHED
        if control.tags is not None:
            self._call.session.tags.clear()
            self._call.session.tags.update(control.tags)
        if control.frames is not None:
            self._call.session.send_frames(control.frames)
        return None

    def end(self, code: str, reason: str) -> str:
        """End the call for a fault of its peer."""
        self._call.reject(code, reason)
        self._call.finish(code)
        return code

    def end_as_too_long(self) -> str:
        return self.end("call.too_long", f"a call may last {self._max_call_s:g} s; this one ends here")

    def _complain(self, error: msgspec.DecodeError) -> str | None:
        self._not_control += 1
        self._call.reject(
            "message.not_control",
            f'a text message must be a control message such as {{"type":"finish"}}; audio must be binary '
            f"({error}). The call goes on",
        )
        if self._not_control > MOST_NOT_CONTROL:
            return self.end("message.flood", "text messages that are no control messages keep coming")
        return None

    def _feed(self, data: bytes) -> None:
        """Take in audio; what comes once the call is to finish is left out."""
        if self._call.session.state is not State.LIVE:
            return
        due = self._intake.due(len(data))
        self._intake.gather(data)
        self._call.arrived(self._intake.position_s)
        if due:
            with self._ingest.time():
                self._give(self._intake.give(self._engine.grain_samples))

    def _pass_over(self, samples: int, tell: Callable[[float], None]) -> None:
        """Go on behind audio that is missing. `tell` is told the position that the wire has come to."""
        if self._call.session.state is State.LIVE:
            self._give(self._intake.give(self._engine.grain_samples))
            self._intake.skip(samples)
            tell(self._intake.position_s)
            self._call.miss(samples)

    def _give(self, channels: list[Samples]) -> None:
        self._call.feed(channels)
        if self._intake.not_finite_samples > self._not_finite:
            self._not_finite = self._intake.not_finite_samples
            self._call.warn("audio.not_finite", "samples were NaN or infinite; they count as 0")

    def _flush(self) -> None:
        """Before the call finishes, whoever ends it: what was not fed yet."""
        rest, odd_bytes = self._intake.flush()
        self._give(rest)
        if odd_bytes:
            self._call.warn(
                "audio.remainder", f"the stream ended in the middle of a sample; {odd_bytes} odd byte(s) were dropped"
            )
