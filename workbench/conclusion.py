"""From a recording that has been heard to its line of result, and the embeddings that were made of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor import turns as monitor_turns
from monitor.analysis import EmotionSpec
from monitor.timeline import Span
from vad.grid import FRAME_S, FRAMES_PER_SECOND
from workbench import emotion
from workbench.asked import Asked
from workbench.checks import Checks
from workbench.facts import facts
from workbench.failures import of_facts
from workbench.lanes import Lane
from workbench.results import AudioFacts, EmbeddingFacts, Failure, Prediction, SpeakerEmotion, Turn

FRAMES_TOLD = 600 * FRAMES_PER_SECOND
"""Of longer recordings the scores of single frames are not part of the result, only of its files."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Embeddings of an utterance (1, size) or of turns (turns, size), and what is said of them. Those of frames have
    gone to their sink: `rows` is None."""

    facts: EmbeddingFacts
    rows: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A line of result; the embeddings that were asked for; and with the granularity `frame` the scores of all frames
    of each channel that is read, (frames, 9), not a number where nobody speaks."""

    prediction: Prediction
    vectors: list[Vectors]
    frame_scores: dict[int, NDArray[np.float32]]


def conclude(lane: Lane, asked: Asked, spec: EmotionSpec) -> Outcome:
    """Once a lane has been heard to its end, or given up."""
    known: AudioFacts | None = None
    failure = lane.failure
    if failure is None and lane.recording is not None:
        known = facts(lane.recording, lane.meter, _anyone(lane))
        failure = of_facts(known, lane.recording.declared_s, asked.every_frame)
    if failure is not None or known is None:
        return _failed(lane.name, spec, failure, known)
    tracks = {
        channel: emotion.EmotionTrack(*hearing.logits(), spec)
        for channel, hearing in enumerate(lane.hearings)
        if lane.read[channel]
    }
    spoken = _turns(lane, asked, spec, tracks, known.snr_db) if asked.turns else []
    frames = asked.granularity == "frame"
    vectors = _vectors(lane, asked, spec, spoken) if asked.embeddings else []
    prediction = Prediction(
        file=lane.name,
        status="done",
        model=spec.name,
        facts=known,
        emotion=emotion.reading(_whole(tracks), spec, known.snr_db) if tracks else None,
        timeline=[point for n, track in tracks.items() for point in emotion.timeline(track, n, known.snr_db)],
        moments=sorted(
            (moment for n, track in tracks.items() for moment in emotion.moments(track, n)),
            key=lambda moment: (moment.start_s, moment.channel, moment.kind),
        ),
        speakers=_speakers(spoken, spec, tracks, known.snr_db),
        turns=spoken,
        frames=[track.told(n) for n, track in tracks.items() if frames and track.frames <= FRAMES_TOLD],
        embeddings=[each.facts for each in vectors],
    )
    return Outcome(prediction, vectors, {n: track.rows() for n, track in tracks.items()} if frames else {})


def _failed(name: str, spec: EmotionSpec, failure: Failure | None, known: AudioFacts | None) -> Outcome:
    return Outcome(Prediction(file=name, status="failed", model=spec.name, failure=failure, facts=known), [], {})


def _anyone(lane: Lane) -> NDArray[np.bool_]:
    """Which frames hold speech on any channel."""
    out: NDArray[np.bool_] = np.logical_or.reduce([hearing.track.speech() for hearing in lane.hearings])
    return out


def _whole(tracks: dict[int, emotion.EmotionTrack]) -> Span:
    total = Span.empty()
    for track in tracks.values():
        total = total + track.span(0, track.frames)
    return total


def _turns(
    lane: Lane, asked: Asked, spec: EmotionSpec, tracks: dict[int, emotion.EmotionTrack], snr_db: float | None
) -> list[Turn]:
    """Segments of speech, cut where the speaker changes if that was found out."""
    found = lane.turns
    if found is None:
        found = [
            monitor_turns.Turn(channel, None if asked.mixes else asked.roles[channel], start * FRAME_S, end * FRAME_S)
            for channel, hearing in enumerate(lane.hearings)
            for start, end in hearing.track.segments
        ]
    out = []
    for turn in sorted(found, key=lambda turn: (turn.start, turn.channel)):
        if turn.end is None:
            continue
        track = tracks.get(turn.channel)
        span = None if track is None else track.span(round(turn.start / FRAME_S), round(turn.end / FRAME_S))
        out.append(
            Turn(
                speaker=turn.speaker,
                channel=turn.channel,
                start_s=round(turn.start, 2),
                end_s=round(turn.end, 2),
                reading=None if span is None else emotion.reading(span, spec, snr_db),
            )
        )
    return out


def _speakers(
    spoken: list[Turn], spec: EmotionSpec, tracks: dict[int, emotion.EmotionTrack], snr_db: float | None
) -> list[SpeakerEmotion]:
    by_name: dict[str, list[Turn]] = defaultdict(list)
    for turn in spoken:
        if turn.speaker is not None:
            by_name[turn.speaker].append(turn)
    lengths = {name: sum(turn.end_s - turn.start_s for turn in own) for name, own in by_name.items()}
    whole_s = sum(lengths.values()) or 1.0
    out = []
    for name, own in sorted(by_name.items()):
        total = Span.empty()
        for turn in own:
            if turn.channel in tracks:
                first, last = round(turn.start_s / FRAME_S), round(turn.end_s / FRAME_S)
                total = total + tracks[turn.channel].span(first, last)
        read = any(turn.channel in tracks for turn in own)
        out.append(
            SpeakerEmotion(
                speaker=name,
                turns=len(own),
                speech_s=round(lengths[name], 2),
                share=round(lengths[name] / whole_s, 4),
                reading=emotion.reading(total, spec, snr_db) if read else None,
            )
        )
    return out


def _vectors(lane: Lane, asked: Asked, spec: EmotionSpec, spoken: list[Turn]) -> list[Vectors]:
    out = []
    for channel, hearing in enumerate(lane.hearings):
        if not lane.read[channel]:
            continue
        if asked.granularity == "frame":
            out.append(Vectors(hearing.checks.facts("frame", channel, spec.embedding_size, spec), None))
            continue
        if asked.granularity == "turn":
            own = [turn for turn in spoken if turn.channel == channel]
            rows = [hearing.sums.span_mean(*(round(at / FRAME_S) for at in (t.start_s, t.end_s))) for t in own]
        else:
            rows = [hearing.sums.mean()]
        kept = np.zeros((len(rows), spec.embedding_size), np.float32)
        for place, row in enumerate(rows):
            if row is not None:
                kept[place] = row
        checks = Checks()
        checks.feed(kept)
        out.append(Vectors(checks.facts(asked.granularity, channel, spec.embedding_size, spec), kept))
    return out
