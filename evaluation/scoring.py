"""What the models say about a recording, asked as a live call asks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from inference.batcher import checked
from inference.model import Model
from monitor.analysis import EmotionAnalysis, Role, Stream, Window
from monitor.reading import USABLE_SPEECH_S
from monitor.session import MonitorConfig
from monitor.timeline import FrameTimeline, Span
from vad.cuts import ContextCut, Cutting
from vad.endpointing import EndpointingConfig
from vad.grid import FRAME_S, FRAME_SAMPLES, FRAMES_PER_SECOND
from vad.listener import Listener
from vad.pcm import Samples

PAUSE_FRAMES = FRAMES_PER_SECOND // 2
"""Silence between the clips of one call."""
CALLS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Score:
    """A whole clip. `heard` is False where less than 0.3 s were taken for speech: then every frame counts."""

    span: Span
    snr_db: float | None
    heard: bool


@dataclass(slots=True)
class _Clip:
    cuts: list[ContextCut]
    heard: bool
    timeline: FrameTimeline = field(default_factory=FrameTimeline)
    stream: Stream = field(default_factory=Stream)

    def score(self) -> Score:
        return Score(self.timeline.span(0, self.timeline.end), self.cuts[-1].snr_db, self.heard)


def score_clips(
    clips: Iterable[Samples],
    model: Model,
    monitor: MonitorConfig = MonitorConfig(),
    endpointing: EndpointingConfig = EndpointingConfig(),
) -> Iterator[Score]:
    """Each clip, shape (n,), is a call of its own, heard in windows that end every hop; the logits of its speech
    frames are averaged. Clips go side by side, as calls do. Raises ValueError if the model fails on a window."""
    context = model.spec.window_samples // FRAME_SAMPLES
    clips = iter(clips)
    while together := [_cut(samples, context, monitor, endpointing) for samples in islice(clips, model.max_batch)]:
        for turn in range(max(len(clip.cuts) for clip in together)):
            _answer([(clip, clip.cuts[turn]) for clip in together if turn < len(clip.cuts)], model)
        yield from (clip.score() for clip in together)


def score_calls(
    calls: Iterable[Sequence[Samples]],
    model: Model,
    monitor: MonitorConfig = MonitorConfig(),
    endpointing: EndpointingConfig = EndpointingConfig(),
) -> Iterator[list[Score]]:
    """As `score_clips`, but the clips of a call follow each other with pauses, so that a model that compares a voice
    with what it heard before can. A clip in which next to no speech is heard is scored alone."""
    context = model.spec.window_samples // FRAME_SAMPLES
    calls = iter(calls)
    while together := list(islice(calls, CALLS_AT_ONCE)):
        joined = [_joined(call) for call in together]
        heard = [_cut(samples, context, monitor, endpointing) for samples, _ in joined]
        spans: list[dict[int, Span]] = [{} for _ in together]
        for turn in range(max(len(call.cuts) for call in heard)):
            going = [n for n, call in enumerate(heard) if turn < len(call.cuts)]
            _answer([(heard[n], heard[n].cuts[turn]) for n in going], model)
            for n in going:  # before the timeline folds single frames into seconds
                last = turn + 1 == len(heard[n].cuts)
                for place, (start, end) in enumerate(joined[n][1]):
                    if place not in spans[n] and (last or end <= heard[n].cuts[turn].decided):
                        spans[n][place] = heard[n].timeline.span(start, end)
        for n, call in enumerate(together):
            yield [
                Score(spans[n][place], heard[n].cuts[-1].snr_db, True)
                if spans[n][place].frames * FRAME_S >= USABLE_SPEECH_S
                else next(score_clips([clip], model, monitor, endpointing))
                for place, clip in enumerate(call)
            ]


def _joined(clips: Sequence[Samples]) -> tuple[Samples, list[tuple[int, int]]]:
    """The clips one after the other, each cut to whole frames, and the frames [start, end) of each."""
    parts: list[Samples] = []
    places: list[tuple[int, int]] = []
    at = 0
    for clip in clips:
        frames = len(clip) // FRAME_SAMPLES
        parts += [clip[: frames * FRAME_SAMPLES], np.zeros(PAUSE_FRAMES * FRAME_SAMPLES, np.float32)]
        places.append((at, at + frames))
        at += frames + PAUSE_FRAMES
    return np.concatenate(parts), places


def _cut(samples: Samples, context: int, monitor: MonitorConfig, endpointing: EndpointingConfig) -> _Clip:
    """The windows of a clip. Where next to no speech is heard, those that end every hop, all of them speech."""
    samples = np.pad(samples, (0, max(0, 2 * FRAME_SAMPLES - len(samples))))
    hop, horizon = round(monitor.hop_s / FRAME_S), round(monitor.horizon_s / FRAME_S)
    listener = Listener(endpointing, Cutting(hop, horizon, context))
    found = [*listener.feed(samples), *listener.finish_hearing(), *listener.flush()]
    cuts = [cut for cut in found if isinstance(cut, ContextCut)]
    speech = np.zeros(len(samples) // FRAME_SAMPLES, np.bool_)
    for cut in cuts:
        speech[max(0, cut.decided - context) : cut.decided] = cut.speech[-cut.decided :]
    if speech.sum() * FRAME_S >= USABLE_SPEECH_S:
        return _Clip(cuts, True)
    frames = len(samples) // FRAME_SAMPLES
    ends = [*range(hop, frames, hop), frames]
    return _Clip([_whole(samples, end, context) for end in ends], False)


def _whole(samples: Samples, end: int, context: int) -> ContextCut:
    """The window that ends at frame `end`, mirrored at the clip's start as a call is at its own."""
    window = samples[max(0, end - context) * FRAME_SAMPLES : end * FRAME_SAMPLES]
    lack = context * FRAME_SAMPLES - len(window)
    return ContextCut(end, np.pad(window, (lack, 0), mode="symmetric"), np.ones(context, np.bool_), None)


def _answer(batch: Sequence[tuple[_Clip, ContextCut]], model: Model) -> None:
    windows = [
        Window(number, Role.EMOTION, 0, cut.decided * FRAME_SAMPLES, cut.samples, clip.stream, cut.speech)
        for number, (clip, cut) in enumerate(batch)
    ]
    for (clip, cut), analysis in zip(batch, model.analyse(windows), strict=True):
        found = checked(analysis, model.spec)
        if not isinstance(found, EmotionAnalysis):
            raise ValueError(f"{model.spec.name} failed on a window")
        clip.timeline.apply(cut.decided, cut.speech, found)
