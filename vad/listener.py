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
        kept = max(cutting.context, cutting.speech, cutting.horizon) + cutting.hop + 2 * endpointing.hangover_frames
        self._voiced = np.zeros(kept, np.bool_)
        self._speech = np.zeros(kept, np.bool_)
        self._energy = np.zeros(kept, np.float64)
        self._peak = np.zeros(kept, np.float32)
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
            keep = len(self._voiced) + self._cutting.hop
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
        """Shift the recent frames by those of `probabilities`."""
        n = len(probabilities)
        samples = self._history.view(self.frame * FRAME_SAMPLES, (self.frame + n) * FRAME_SAMPLES)
        frames = samples.reshape(n, FRAME_SAMPLES)
        voiced = np.rint(probabilities * 255) >= VOICED
        self.frame += n
        opened = self._endpointer.segment_start is not None
        self._voiced = np.concatenate((self._voiced[n:], voiced))
        self._speech = np.concatenate((self._speech[n:], voiced & opened))
        self._energy = np.concatenate((self._energy[n:], np.mean(np.square(frames, dtype=np.float64), axis=1)))
        self._peak = np.concatenate((self._peak[n:], np.abs(frames).max(axis=1)))

    def _recent(self, frame: int) -> int:
        """Where absolute `frame` stands in the recent frames."""
        return max(0, frame - self.frame + len(self._voiced))

    def _mark(self, edge: Opened | Closed) -> None:
        """Correct which of the recent frames count as speech."""
        if isinstance(edge, Opened):
            at = self._recent(edge.start)
            self._speech[at:] = self._voiced[at:]
        else:
            self._speech[self._recent(edge.end) :] = False

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
            length = self.frame - int(np.argmax(self._voiced[::-1])) - segment
            while self._marks and length >= self._marks[0]:
                out.append(Lasted(self.frame, segment, self._marks[0]))
                self._marks = self._marks[1:]
        return out

    def _at_hop(self) -> list[Occurrence]:
        out: list[Occurrence] = []
        hop = self._cutting.hop
        self._follow_noise(hop)
        clipped = int(np.count_nonzero(self._peak[-hop:] >= FULL_SCALE))
        if clipped >= CLIPPED_FRAMES:
            out.append(Clipped(self.frame, clipped))
        if self._speech[-hop:].any():
            self._last_speech = self.frame - int(np.argmax(self._speech[::-1]))
            self._quiet_since = self.frame
        segment = self._endpointer.segment_start
        if segment is not None and self._cutting.speech:
            end = self.frame - int(np.argmax(self._voiced[::-1]))
            if end > self._last_speech_cut and end - segment >= self._cutting.speech_min:
                out.append(self._speech_cut(segment, end, self.frame))
        if self._cutting.context and self._new_speech():
            out.append(self._context_cut())
        elif self._last_speech is not None and self.frame - self._last_speech >= self._cutting.horizon:
            self._last_speech = None
            out.append(FellSilent(self.frame))
        if 0 <= self.frame - self._quiet_since - self._cutting.no_speech < hop:
            level = 10 * math.log10(float(self._energy.mean()) + 1e-12)
            out.append(NoSpeech(self.frame, self._cutting.no_speech * FRAME_S, level))
        return out

    def _follow_noise(self, hop: int) -> None:
        """Let the noise estimate follow the energy of the last hop's frames without speech."""
        still = ~self._voiced[-hop:] & (self._energy[-hop:] > 0)  # a gap is not the room's noise
        if np.count_nonzero(still) < BLOCK_FRAMES:
            return
        energy = float(self._energy[-hop:][still].mean())
        self._noise = energy if self._noise is None else NOISE_MEMORY * self._noise + (1 - NOISE_MEMORY) * energy

    def _new_speech(self) -> bool:
        return bool(self._speech[self._recent(self._last_context) :].any())

    def _context_cut(self) -> ContextCut:
        self._last_context = self.frame
        samples = lookback(self._history, self.frame * FRAME_SAMPLES, self._cutting.context * FRAME_SAMPLES)
        return ContextCut(self.frame, samples, self._speech[-self._cutting.context :].copy(), self._snr_db())

    def _speech_cut(self, segment: int, end: int, decided: int) -> SpeechCut:
        start = max(segment, end - self._cutting.speech)
        self._last_speech_cut = end
        self._segment_cuts += 1
        samples = self._history.view(start * FRAME_SAMPLES, end * FRAME_SAMPLES)
        voiced = float(self._voiced[self._recent(start) : self._recent(end)].mean())
        return SpeechCut(decided, segment, start, end, samples.copy(), voiced)

    def _snr_db(self) -> float | None:
        """Speech over the horizon against the noise estimate, both as mean energy per sample."""
        speech = self._speech[-self._cutting.horizon :]
        if self._noise is None or not speech.any():
            return None
        noise = max(self._noise, 1e-10)
        loud = float(self._energy[-self._cutting.horizon :][speech].mean())
        snr_db = 10 * math.log10(max(loud - noise, 1e-10) / noise)
        return min(max(snr_db, SNR_RANGE_DB[0]), SNR_RANGE_DB[1])
