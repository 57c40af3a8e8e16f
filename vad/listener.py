"""One channel of a call, from samples to edges of speech and cuts of audio."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from vad.cuts import Clipped, ContextCut, Cutting, FellSilent, Lasted, NoSpeech, Occurrence, SpeechCut
from vad.detector import SilenceGate, WebrtcDetector
from vad.endpointing import VOICED, Closed, Endpointer, EndpointingConfig, Opened
from vad.history import AudioHistory, lookback
from vad.pcm import Samples
from vad.resample import FRAME_S, FRAME_SAMPLES

BLOCK_FRAMES = 5
"""Samples are looked at in blocks of 100 ms: enough for numpy to be cheap, little enough for no one to notice."""
FULL_SCALE = 0.999
CLIPPED_FRAMES = 5
NOISE_MEMORY = 0.8
SNR_RANGE_DB = (-20.0, 60.0)


class Listener:
    """Feeds on 16 kHz samples and gaps; gives occurrences in the order of their `decided` frames.

    With `judged`, the frames of a judge's window, the gate's opinion is not the last word: blocks in which it hears
    something wait in `unjudged` until `judge` has brought speech probabilities for them, late and in any order;
    everything after them waits too. With the backend `silero` all but silence is judged. The occurrences depend neither
    on how the samples were chunked nor on when the judgements came.
    """

    def __init__(self, endpointing: EndpointingConfig, cutting: Cutting, judged: int = 0) -> None:
        self.frame = 0
        """Frames decided so far."""
        self._cutting = cutting
        self._judged = judged if endpointing.backend != "webrtcvad" else 0
        ungated = self._judged and endpointing.backend == "silero"
        self._gate = SilenceGate() if ungated else WebrtcDetector(endpointing.mode)
        self._endpointer = Endpointer(endpointing)
        self._history = AudioHistory()
        self._gaps: deque[tuple[int, int]] = deque()
        self._heard = 0
        self._blocks: deque[tuple[int, NDArray[np.float32], bool]] = deque()
        self._judgements: dict[int, NDArray[np.float32] | None] = {}
        self.unjudged: deque[tuple[int, int, Samples]] = deque()
        """Blocks [first frame, last frame) to be judged, with the samples of the window that ends with them; whoever
        judges takes them from the left."""
        recent = max(cutting.context, cutting.speech, cutting.horizon) + cutting.hop + 2 * endpointing.hangover_frames
        self._recent = recent
        """How many of the newest frames are kept in mind: the last of those up to `_end` in the arrays below."""
        self._end = recent
        self._voiced = np.zeros(8 * recent, np.bool_)
        self._speech = np.zeros(8 * recent, np.bool_)
        self._energy = np.zeros(8 * recent, np.float64)
        self._peak = np.zeros(8 * recent, np.float32)
        self._measured = 0
        self._noise: float | None = None
        self._segment_cuts = 0
        self._marks: tuple[int, ...] = ()
        self._last_context = 0
        self._last_speech_cut = 0
        self._last_speech: int | None = None
        self._quiet_since = 0

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

    def judge(self, frame: int, probabilities: NDArray[np.float32] | None) -> list[Occurrence]:
        """Bring the speech probabilities, one per frame, of the unjudged block that begins at `frame`, or for
        more frames up to its end; None where the judge failed: then the gate's word stands."""
        self._judgements[frame] = probabilities
        return self._advance()

    @property
    def waiting(self) -> bool:
        """Whether blocks still wait for their judge."""
        return bool(self._blocks)

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
        samples = self._history.view(start * FRAME_SAMPLES, end * FRAME_SAMPLES)
        gated = self._gate.feed(samples)
        while self._gaps and self._gaps[0][0] < end * FRAME_SAMPLES:
            first, last = self._gaps[0]
            gated[max(0, first // FRAME_SAMPLES - start) : math.ceil(last / FRAME_SAMPLES) - start] = 0.0
            if last > end * FRAME_SAMPLES:
                break
            self._gaps.popleft()
        self._heard = end
        if not self._judged:
            self._blocks.append((start, gated, False))
        for at in range(0, frames if self._judged else 0, BLOCK_FRAMES):
            block = gated[at : at + BLOCK_FRAMES]
            self._blocks.append((start + at, block, bool(block.any())))
            if block.any():
                self.unjudged.append((start + at, start + at + len(block), self._window(start + at + len(block))))
        return self._advance()

    def _window(self, end: int) -> Samples:
        """The judge's window before frame `end`; silence before the stream began."""
        out = np.zeros(self._judged * FRAME_SAMPLES, np.float32)
        samples = self._history.view(max(0, end - self._judged) * FRAME_SAMPLES, end * FRAME_SAMPLES)
        out[len(out) - len(samples) :] = samples
        return out

    def _advance(self) -> list[Occurrence]:
        """Decide every block whose probabilities are known, up to the first that still waits for its judge."""
        out: list[Occurrence] = []
        while self._blocks:
            start, probabilities, waits = self._blocks[0]
            if waits:
                if start not in self._judgements:
                    break
                judgement = self._judgements.pop(start)
                if judgement is not None and len(judgement) >= len(probabilities):
                    probabilities = judgement[len(judgement) - len(probabilities) :]
            self._blocks.popleft()
            out += self._decide(probabilities)
        if out or not self._blocks:
            keep = self._recent + self._cutting.hop
            self._history.discard_before((self.frame - keep) * FRAME_SAMPLES)
        return out

    def _decide(self, probabilities: NDArray[np.float32]) -> list[Occurrence]:
        """Decide the next frames, block by block, stopping at every hop to see what is to be cut."""
        out: list[Occurrence] = []
        hop = self._cutting.hop
        at = 0
        while at < len(probabilities):
            n = min(len(probabilities) - at, hop - self.frame % hop, BLOCK_FRAMES - self.frame % BLOCK_FRAMES)
            piece = probabilities[at : at + n]
            at += n
            self._extend(piece)
            for edge in self._endpointer.feed(piece):
                self._mark(edge)
                out += self._report(edge)
            out += self._lasting()
            if self.frame % hop == 0:
                out += self._at_hop()
        return out

    def _extend(self, probabilities: NDArray[np.float32]) -> None:
        """Keep the next frames in mind."""
        n = len(probabilities)
        if self._end + n > len(self._voiced):
            for values in (self._voiced, self._speech, self._energy, self._peak):
                values[: self._recent] = values[self._end - self._recent : self._end]
            self._end = self._recent
        new = slice(self._end, self._end + n)
        self._voiced[new] = np.rint(probabilities * 255) >= VOICED
        self._speech[new] = self._voiced[new] if self._endpointer.segment_start is not None else False
        self._end += n
        self.frame += n

    def _measure(self) -> None:
        """Energy and peak of the frames that have come since the last time."""
        n = min(self.frame - self._measured, self._recent)
        samples = self._history.view((self.frame - n) * FRAME_SAMPLES, self.frame * FRAME_SAMPLES)
        frames, new = samples.reshape(n, FRAME_SAMPLES), self._newest(n)
        self._energy[new] = np.square(frames, dtype=np.float64).mean(axis=1)
        self._peak[new] = np.abs(frames).max(axis=1)
        self._measured = self.frame

    def _newest(self, count: int) -> slice:
        return slice(self._end - count, self._end)

    def _since(self, frame: int) -> slice:
        """The frames from absolute `frame` on, as far as they are kept in mind."""
        return self._newest(min(max(0, self.frame - frame), self._recent))

    def _quiet(self, values: NDArray[np.bool_]) -> int:
        """How many of the newest frames are False in `values`, all kept in mind if there is no other."""
        newest = values[self._newest(self._recent)][::-1]
        first = int(newest.argmax())
        return first if newest[first] else 0

    def _mark(self, edge: Opened | Closed) -> None:
        """Correct which of the recent frames count as speech."""
        if isinstance(edge, Opened):
            since = self._since(edge.start)
            self._speech[since] = self._voiced[since]
        else:
            self._speech[self._since(edge.end)] = False

    def _report(self, edge: Opened | Closed) -> list[Occurrence]:
        """An edge, with a last cut of the segment that it closes if that has speech no cut has held."""
        if isinstance(edge, Opened):
            self._segment_cuts = 0
            self._marks = self._cutting.marks
            self._last_speech_cut = edge.start
            return [edge]
        least = self._cutting.speech_floor
        unheard = edge.end - (self._last_speech_cut if self._segment_cuts else edge.start)
        if self._cutting.speech and unheard >= least:
            return [self._speech_cut(edge.start, edge.end, edge.decided), edge]
        return [edge]

    def _lasting(self) -> list[Occurrence]:
        """The marks that the open segment has come to, by its last voiced frame."""
        out: list[Occurrence] = []
        segment = self._endpointer.segment_start
        if segment is not None and self._marks:
            length = self.frame - self._quiet(self._voiced) - segment
            while self._marks and length >= self._marks[0]:
                out.append(Lasted(self.frame, segment, self._marks[0]))
                self._marks = self._marks[1:]
        return out

    def _at_hop(self) -> list[Occurrence]:
        out: list[Occurrence] = []
        hop = self._cutting.hop
        self._measure()
        last_hop = self._newest(hop)
        self._follow_noise(last_hop)
        clipped = int(np.count_nonzero(self._peak[last_hop] >= FULL_SCALE))
        if clipped >= CLIPPED_FRAMES:
            out.append(Clipped(self.frame, clipped))
        if self._speech[last_hop].any():
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
            level = 10 * math.log10(float(self._energy[self._newest(self._recent)].mean()) + 1e-12)
            out.append(NoSpeech(self.frame, self._cutting.no_speech * FRAME_S, level))
        return out

    def _follow_noise(self, last_hop: slice) -> None:
        """Let the noise estimate follow the energy of the last hop's frames without speech."""
        energies = self._energy[last_hop]
        still = ~self._voiced[last_hop] & (energies > 0)  # a gap is not the room's noise
        if np.count_nonzero(still) < BLOCK_FRAMES:
            return
        energy = float(energies[still].mean())
        self._noise = energy if self._noise is None else NOISE_MEMORY * self._noise + (1 - NOISE_MEMORY) * energy

    def _new_speech(self) -> bool:
        return bool(self._speech[self._since(self._last_context)].any())

    def _context_cut(self) -> ContextCut:
        self._last_context = self.frame
        samples = lookback(self._history, self.frame * FRAME_SAMPLES, self._cutting.context * FRAME_SAMPLES)
        speech = self._speech[self._newest(self._cutting.context)].copy()
        return ContextCut(self.frame, samples, speech, self._snr_db())

    def _speech_cut(self, segment: int, end: int, decided: int) -> SpeechCut:
        start = max(segment, end - self._cutting.speech)
        self._last_speech_cut = end
        self._segment_cuts += 1
        samples = self._history.view(start * FRAME_SAMPLES, end * FRAME_SAMPLES)
        since, until = self._since(start).start, self._since(end).start
        voiced = float(self._voiced[since:until].mean())
        return SpeechCut(decided, segment, start, end, samples.copy(), voiced)

    def _snr_db(self) -> float | None:
        """Speech over the horizon against the noise estimate, both as mean energy per sample."""
        horizon = self._newest(self._cutting.horizon)
        speech = self._speech[horizon]
        if self._noise is None or not speech.any():
            return None
        self._measure()
        noise = max(self._noise, 1e-10)
        loud = float(self._energy[horizon][speech].mean())
        snr_db = 10 * math.log10(max(loud - noise, 1e-10) / noise)
        return min(max(snr_db, SNR_RANGE_DB[0]), SNR_RANGE_DB[1])
