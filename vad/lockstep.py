"""The channels of a call, heard in lockstep."""

from __future__ import annotations

from collections.abc import Sequence

from vad.cuts import Occurrence
from vad.listener import Listener, Unjudged
from vad.pcm import Samples

Happened = tuple[int, Occurrence]
"""The channel, and what occurred on it."""


class Lockstep:
    """Merges what several listeners report into one order: by frame, then by channel.

    Nothing is released before every channel has been heard up to its frame, so the order does not depend on how far
    one channel's audio runs ahead of the other's.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners
        self._pending: list[tuple[int, int, Occurrence]] = []
        self._finishing = False
        self._flushed = [False] * len(listeners)

    @property
    def received_samples(self) -> int:
        """Of the channel that has most."""
        if len(self._listeners) == 1:
            return self._listeners[0].received_samples
        return max(listener.received_samples for listener in self._listeners)

    @property
    def done(self) -> bool:
        """Whether everything has been heard, judged and released, after `finish`."""
        return all(self._flushed)

    def set_hop(self, hop: int, phase: int = 0) -> None:
        """As `Listener.set_hop`, on all channels."""
        for listener in self._listeners:
            listener.set_hop(hop, phase)

    def feed(self, channel: int, samples: Samples) -> list[Happened]:
        """As `Listener.feed`, on one channel."""
        return self._release(channel, self._listeners[channel].feed(samples))

    def gap(self, channel: int, samples: int) -> list[Happened]:
        """As `Listener.gap`, on one channel."""
        return self._release(channel, self._listeners[channel].gap(samples))

    def judge(self, channel: int, frame: int, levels: bytes | None) -> list[Happened]:
        """As `Listener.judge`, on one channel."""
        return self._release(channel, self._listeners[channel].judge(frame, levels))

    def finish(self) -> list[Happened]:
        """No more audio will come on any channel."""
        self._finishing = True
        out: list[Happened] = []
        for channel, listener in enumerate(self._listeners):
            out += self._release(channel, listener.finish_hearing())
        return out

    def take_unjudged(self) -> list[tuple[int, Unjudged]]:
        """The blocks that are to be judged since the last time, each with its channel."""
        return [
            (channel, block) for channel, listener in enumerate(self._listeners) for block in listener.take_unjudged()
        ]

    def _release(self, channel: int, occurrences: list[Occurrence]) -> list[Happened]:
        if not (occurrences or self._pending or self._finishing):
            return []
        listener = self._listeners[channel]
        if self._finishing and not listener.waiting and not self._flushed[channel]:
            self._flushed[channel] = True
            occurrences = occurrences + listener.flush()
        if len(self._listeners) == 1:
            return [(channel, occurrence) for occurrence in occurrences]
        self._pending += [(occurrence.decided, channel, occurrence) for occurrence in occurrences]
        self._pending.sort(key=lambda entry: entry[:2])
        open_ended = [x.frame for x, done in zip(self._listeners, self._flushed, strict=True) if not done]
        passed = min(open_ended, default=None)
        ready = [entry for entry in self._pending if passed is None or entry[0] <= passed]
        self._pending = self._pending[len(ready) :]
        return [(where, occurrence) for _, where, occurrence in ready]
