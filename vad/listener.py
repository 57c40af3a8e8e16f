"""One channel of a call, from samples to edges of speech and cuts of audio."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vad.cuts import Clipped, ContextCut, Cutting, FellSilent, Lasted, NoSpeech, Occurrence, SpeechCut, Ticked
from vad.detector import SilenceGate, WebrtcDetector
from vad.endpointing import VOICED, Closed, Endpointer, EndpointingConfig, Opened
from vad.grid import FRAME_S, FRAME_SAMPLES
from vad.history import AudioHistory, lookback
from vad.pcm import Samples

BLOCK_FRAMES = 5
"""Samples are looked at in blocks of 100 ms: enough for numpy to be cheap, little enough for no one to notice."""
RUN_BLOCKS = 10
FULL_SCALE = 0.999
CLIPPED_FRAMES = 5
NOISE_MEMORY = 0.8
SNR_RANGE_DB = (-20.0, 60.0)


VOICED_OF = bytes(level >= VOICED for level in range(256))
"""Whether a frame counts as voiced, by its level."""
FORGET_FRAMES = 256
Unjudged = tuple[int, int, Samples]
"""Blocks [first frame, last frame) to be judged, with the samples of the window that ends with them."""


class Listener:
    """Feeds on 16 kHz samples and gaps; gives occurrences in the order of their `decided` frames.

    With `judged`, the frames of a judge's window for one block, the gate's opinion is not the last word: blocks in
    which it hears something wait until `judge` has brought speech probabilities for them, late and in any order;
    everything after them waits too. Blocks that come at once and follow on each other share a window, which is longer
    by the others. With the backend `silero` all but silence is judged. The occurrences depend neither on how the
    samples were chunked nor on when the judgements came.

    Of every block some scalars are looked at, so they are kept as bytes, which are much quicker than small arrays.
    """

    def __init__(self, endpointing: EndpointingConfig, cutting: Cutting, judged: int = 0) -> None:
        self.frame = 0
        """Frames decided so far."""
        self._cutting = cutting
        self._hop = cutting.hop
        self._phase = 0
        self._looked = 0
        """Up to this frame hops have been looked at."""
        self._judged = judged if endpointing.backend != "webrtcvad" else 0
        ungated = self._judged and endpointing.backend == "silero"
        self._gate = SilenceGate() if ungated else WebrtcDetector(endpointing.mode)
        self._endpointer = Endpointer(endpointing)
        self._history = AudioHistory()
        self._gaps: deque[tuple[int, int]] = deque()
        self._heard = 0
        self._runs: deque[tuple[int, bytes, bool]] = deque()
        """Of blocks: first frame, the gate's levels, and whether they wait for a judge."""
        self._judgements: dict[int, bytes | None] = {}
        self._unjudged: list[Unjudged] = []
        hangover = endpointing.hangover_frames
        self._audio_kept = max(cutting.context, cutting.speech + 2 * hangover, cutting.hop + BLOCK_FRAMES, self._judged)
        self._recent = max(cutting.context, cutting.speech, cutting.horizon) + cutting.hop + 2 * hangover
        """How many of the newest frames are kept in mind: the last ones, up to `frame`, of the two below."""
        self._voiced = bytearray(self._recent)
        self._speech = bytearray(self._recent)
        self._energy = np.zeros(self._recent + FORGET_FRAMES, np.float32)
        self._energy_end = self._recent
        """Up to here in `_energy` are the newest frames that were measured, up to frame `_measured`."""
        self._measured = 0
        self._noise: float | None = None
        self._segment_cuts = 0
        self._marks: tuple[int, ...] = ()
        self._last_context = 0
        self._last_speech_cut = 0
        self._last_speech: int | None = None
        self._quiet_since = 0

    def set_hop(self, hop: int, phase: int = 0) -> None:
        """Cut every `hop` frames from now on, `phase` frames after multiples of it; at most as far apart as the longest
        of the other spans."""
        self._hop = min(hop, self._audio_kept - BLOCK_FRAMES)
        self._phase = phase

    @property
    def received_samples(self) -> int:
        return self._history.end

    def feed(self, samples: Samples) -> list[Occurrence]:
        """Take in samples, shape (n,), and report what has become certain."""
        self._history.append(samples)
        frames = (self._history.end // FRAME_SAMPLES - self._heard) // BLOCK_FRAMES * BLOCK_FRAMES
        return self._hear(frames) if frames else []

    def gap(self, samples: int) -> list[Occurrence]:
        """Take note that `samples` samples were lost: silence in which nobody speaks."""
        start = self._history.end
        self._gaps.append((start, start + samples))
        return self.feed(np.zeros(samples, np.float32))

    def take_unjudged(self) -> list[Unjudged]:
        """The blocks that are to be judged since the last time."""
        out = self._unjudged
        if out:
            self._unjudged = []
        return out

    def judge(self, frame: int, levels: bytes | None) -> list[Occurrence]:
        """Bring the speech probabilities, in 255ths, one per frame, of the unjudged blocks that begin at `frame`, or
        for more frames up to their end; None where the judge failed: then the gate's word stands."""
        self._judgements[frame] = levels
        return self._advance()

    @property
    def waiting(self) -> bool:
        """Whether blocks still wait for their judge."""
        return bool(self._runs)

    def finish_hearing(self) -> list[Occurrence]:
        """No more samples will come: look at the frames that do not fill a block. A part of a frame is dropped."""
        frames = self._history.end // FRAME_SAMPLES - self._heard
        return self._hear(frames) if frames else []

    def flush(self) -> list[Occurrence]:
        """Close what is open, after `finish_hearing` and once nothing is `waiting`."""
        out: list[Occurrence] = []
        edges = self._endpointer.flush()
        if edges:
            self._mark(edges[0])
            out += self._report(edges[0])
        if self._cutting.context and self._new_speech():
            out.append(self._context_cut())
        return out

    def _hear(self, frames: int) -> list[Occurrence]:
        """Let the gate look at the next `frames` frames."""
        start, end = self._heard, self._heard + frames
        gated = self._gate.feed(self._history.view(start * FRAME_SAMPLES, end * FRAME_SAMPLES))
        if self._gaps:
            gated = self._without_gaps(gated, start, end)
        self._heard = end
        if not self._judged:
            self._runs.append((start, gated, False))
            return self._advance()
        for first, last in _runs(gated):
            waits = any(gated[first:last])
            self._runs.append((start + first, gated[first:last], waits))
            if waits:
                self._unjudged.append((start + first, start + last, self._window(start + first, last - first)))
        return self._advance()

    def _without_gaps(self, gated: bytes, start: int, end: int) -> bytes:
        """What the gate said of frames [start, end), but nothing where audio was lost."""
        out = bytearray(gated)
        while self._gaps and self._gaps[0][0] < end * FRAME_SAMPLES:
            first, last = self._gaps[0]
            lost = slice(max(0, first // FRAME_SAMPLES - start), min(end, math.ceil(last / FRAME_SAMPLES)) - start)
            out[lost] = bytes(lost.stop - lost.start)
            if last > end * FRAME_SAMPLES:
                break
            self._gaps.popleft()
        return bytes(out)

    def _window(self, start: int, count: int) -> Samples:
        """The judge's window for `count` frames from `start`; silence before the stream began."""
        length = self._judged + max(0, count - BLOCK_FRAMES)
        end = start + count
        samples = self._history.view(max(0, end - length) * FRAME_SAMPLES, end * FRAME_SAMPLES)
        if end >= length:
            return samples
        out = np.zeros(length * FRAME_SAMPLES, np.float32)
        out[len(out) - len(samples) :] = samples
        return out

    def _advance(self) -> list[Occurrence]:
        """Decide every block whose probabilities are known, up to the first that still waits for its judge."""
        out: list[Occurrence] = []
        before = self.frame
        while self._runs:
            start, levels, waits = self._runs[0]
            if waits:
                if start not in self._judgements:
                    break
                judgement = self._judgements.pop(start)
                if judgement is not None and len(judgement) >= len(levels):
                    levels = judgement[len(judgement) - len(levels) :]
            self._runs.popleft()
            self._decide(levels, out)
        if self.frame > before:
            self._history.discard_before((self.frame - self._audio_kept) * FRAME_SAMPLES)
        return out

    def _decide(self, levels: bytes, out: list[Occurrence]) -> None:
        """Decide the next frames, stopping at every hop to see what is to be cut."""
        hop, phase = self._hop, self._phase
        at = 0
        while at < len(levels):
            n = min(len(levels) - at, hop - (self.frame - phase) % hop)
            if self._cutting.marks:  # are told by the block
                n = min(n, BLOCK_FRAMES - self.frame % BLOCK_FRAMES)
            piece = levels[at : at + n]
            at += n
            self._extend(piece)
            for edge in self._endpointer.feed(piece):
                self._mark(edge)
                out += self._report(edge)
            if self._marks:
                out += self._lasting()
            if (self.frame - phase) % hop == 0:
                out += self._at_hop()

    def _extend(self, levels: bytes) -> None:
        """Keep the next frames in mind."""
        voiced = levels.translate(VOICED_OF)
        self._voiced += voiced
        self._speech += voiced if self._endpointer.segment_start is not None else bytes(len(levels))
        if len(self._voiced) > self._recent + FORGET_FRAMES:
            del self._voiced[: -self._recent], self._speech[: -self._recent]
        self.frame += len(levels)

    def _measure(self) -> None:
        """The energy of the frames that have come since the last time."""
        n = min(self.frame - self._measured, self._audio_kept)
        samples = self._history.view((self.frame - n) * FRAME_SAMPLES, self.frame * FRAME_SAMPLES)
        frames = samples.reshape(n, FRAME_SAMPLES)
        if self._energy_end + n > len(self._energy):
            self._energy[: self._recent] = self._energy[self._energy_end - self._recent : self._energy_end]
            self._energy_end = self._recent
        end = self._energy_end + n
        np.einsum("ij,ij->i", frames, frames, out=self._energy[self._energy_end : end])
        self._energy[self._energy_end : end] *= 1 / FRAME_SAMPLES
        self._energy_end = end
        self._measured = self.frame

    def _energies(self, count: int) -> NDArray[np.float32]:
        """The energies of the newest `count` frames, once they are measured; zeros before the first."""
        return self._energy[self._energy_end - count : self._energy_end]

    def _newest(self, count: int) -> slice:
        """The newest `count` frames, as far as they are kept in mind."""
        end = len(self._voiced)
        return slice(end - min(max(0, count), self._recent), end)

    def _quiet(self, flags: bytearray) -> int:
        """How many of the newest frames are unset in `flags`; 0 if all are that are kept in mind."""
        last = flags.rfind(1, len(flags) - self._recent)
        return 0 if last < 0 else len(flags) - 1 - last

    def _mark(self, edge: Opened | Closed) -> None:
        """Correct which of the recent frames count as speech."""
        if isinstance(edge, Opened):
            since = self._newest(self.frame - edge.start)
            self._speech[since] = self._voiced[since]
        else:
            since = self._newest(self.frame - edge.end)
            self._speech[since] = bytes(since.stop - since.start)

    def _report(self, edge: Opened | Closed) -> list[Occurrence]:
        """An edge, with a last cut of the segment that it closes if that has speech no cut has held."""
        if isinstance(edge, Opened):
            self._segment_cuts = 0
            self._marks = self._cutting.marks
            self._last_speech_cut = edge.start
            return [edge]
        self._marks = ()
        least = self._cutting.speech_floor
        unheard = edge.end - (self._last_speech_cut if self._segment_cuts else edge.start)
        if self._cutting.speech and unheard >= least:
            return [self._speech_cut(edge.start, edge.end, edge.decided), edge]
        return [edge]

    def _lasting(self) -> list[Occurrence]:
        """The marks that the open segment has come to, by its last voiced frame."""
        out: list[Occurrence] = []
        segment = self._endpointer.segment_start
        if segment is not None:
            length = self.frame - self._quiet(self._voiced) - segment
            while self._marks and length >= self._marks[0]:
                out.append(Lasted(self.frame, segment, self._marks[0]))
                self._marks = self._marks[1:]
        return out

    def _at_hop(self) -> list[Occurrence]:
        out: list[Occurrence] = []
        hop = min(self.frame - self._looked, self._audio_kept)
        self._looked = self.frame
        self._measure()
        self._follow_noise(hop)
        clipped = self._clipped(hop)
        if clipped >= CLIPPED_FRAMES:
            out.append(Clipped(self.frame, clipped))
        if 1 in self._speech[self._newest(hop)]:
            self._last_speech = self.frame - self._quiet(self._speech)
            self._quiet_since = self.frame
        segment = self._endpointer.segment_start
        if segment is not None and self._cutting.speech:
            end = self.frame - self._quiet(self._voiced)
            if end > self._last_speech_cut and end - segment >= self._cutting.speech_min:
                out.append(self._speech_cut(segment, end, self.frame))
        if self._cutting.context and self._new_speech():
            out.append(self._context_cut())
        elif self._last_speech is not None and self.frame - self._last_speech >= self._cutting.horizon:
            self._last_speech = None
            out.append(FellSilent(self.frame))
        if 0 <= self.frame - self._quiet_since - self._cutting.no_speech < hop:
            level = 10 * math.log10(float(self._energies(self._recent).mean()) + 1e-12)
            out.append(NoSpeech(self.frame, self._cutting.no_speech * FRAME_S, level))
        if self._cutting.ticks:
            out.append(Ticked(self.frame))
        return out

    def _clipped(self, hop: int) -> int:
        """How many frames of the last hop reach full scale."""
        samples = self._history.view((self.frame - hop) * FRAME_SAMPLES, self.frame * FRAME_SAMPLES)
        if samples.max() < FULL_SCALE and samples.min() > -FULL_SCALE:
            return 0
        return int(np.count_nonzero(np.abs(samples.reshape(hop, FRAME_SAMPLES)).max(axis=1) >= FULL_SCALE))

    def _follow_noise(self, hop: int) -> None:
        """Let the noise estimate follow the energy of the last hop's frames without speech."""
        voiced = self._voiced[self._newest(hop)]
        if hop - voiced.count(1) < BLOCK_FRAMES:
            return
        energies = self._energies(hop)
        still = (np.frombuffer(voiced, np.bool_) == 0) & (energies > 0)  # a gap is not the room's noise
        count = int(np.count_nonzero(still))
        if count < BLOCK_FRAMES:
            return
        energy = float(still @ energies) / count
        self._noise = energy if self._noise is None else NOISE_MEMORY * self._noise + (1 - NOISE_MEMORY) * energy

    def _new_speech(self) -> bool:
        return 1 in self._speech[self._newest(self.frame - self._last_context)]

    def _context_cut(self) -> ContextCut:
        self._last_context = self.frame
        samples = lookback(self._history, self.frame * FRAME_SAMPLES, self._cutting.context * FRAME_SAMPLES)
        speech = np.frombuffer(bytes(self._speech[self._newest(self._cutting.context)]), np.bool_)
        return ContextCut(self.frame, samples, speech, self._snr_db())

    def _speech_cut(self, segment: int, end: int, decided: int) -> SpeechCut:
        start = max(segment, end - self._cutting.speech)
        self._last_speech_cut = end
        self._segment_cuts += 1
        samples = self._history.view(start * FRAME_SAMPLES, end * FRAME_SAMPLES)
        since, until = self._newest(self.frame - start).start, self._newest(self.frame - end).start
        voiced = self._voiced.count(1, since, until) / max(1, until - since)
        return SpeechCut(decided, segment, start, end, samples, voiced)

    def _snr_db(self) -> float | None:
        """Speech over the horizon against the noise estimate, both as mean energy per sample."""
        horizon = self._newest(self._cutting.horizon)
        if self._noise is None or 1 not in self._speech[horizon]:
            return None
        if self._measured < self.frame:
            self._measure()
        noise = max(self._noise, 1e-10)
        speech = np.frombuffer(bytes(self._speech[horizon]), np.bool_)
        loud = float(speech @ self._energies(len(speech))) / np.count_nonzero(speech)
        snr_db = 10 * math.log10(max(loud - noise, 1e-10) / noise)
        return min(max(snr_db, SNR_RANGE_DB[0]), SNR_RANGE_DB[1])


def _runs(gated: bytes) -> Iterator[tuple[int, int]]:
    """Whole blocks that follow on each other and in all or none of which the gate heard something, RUN_BLOCKS at most;
    the part of a block at the end of a stream stands alone."""
    first, heard = 0, any(gated[:BLOCK_FRAMES])
    for at in range(BLOCK_FRAMES, len(gated), BLOCK_FRAMES):
        now = any(gated[at : at + BLOCK_FRAMES])
        if now != heard or at - first == RUN_BLOCKS * BLOCK_FRAMES or at + BLOCK_FRAMES > len(gated):
            yield first, at
            first, heard = at, now
    yield first, len(gated)
