"""`predict` and `embed`: recordings in, one line of result for each; side by side, in bounded memory."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from inference.model import CheckpointError, EmbeddingModel, Model, Models
from monitor.analysis import EmotionSpec, Role, SpeechAnalysis, Window
from workbench.asked import Asked, Item
from workbench.conclusion import Outcome, conclude
from workbench.failures import failed
from workbench.lanes import Lane, Sinks, Underway

log = logging.getLogger("undertone.workbench")
MOST_LANES = 64
READERS = 2
Heard = Callable[[Sequence[Underway]], None]
"""Told of all recordings that are heard side by side, after each block of them."""
Answer = TypeVar("Answer")


def emotion_model(models: Models) -> tuple[EmbeddingModel, EmotionSpec]:
    """The emotion model, which must be one that gives embeddings. Raises CheckpointError."""
    model = models.get(Role.EMOTION)
    if model is None:
        raise CheckpointError("the workbench needs an emotion model, and models.emotion is none")
    if not isinstance(model, EmbeddingModel) or not isinstance(model.spec, EmotionSpec):
        raise CheckpointError(f"{model.spec.name} gives no embeddings, which the workbench needs")
    return model, model.spec


def predict(
    items: Iterable[Item], models: Models, asked: Asked, sinks: Sinks | None = None, heard: Heard | None = None
) -> Iterator[Outcome]:
    """One outcome for each item, as they become known: the shorter recordings of those side by side first.

    `models`: of the roles emotion and speech, and speaker if speakers are asked for. `sinks`: where the embeddings of
    frames go; nowhere without. `heard` is called from here, and what it raises ends the whole. A recording that cannot
    be used is an outcome like others. Raises CheckpointError if a model is missing. Not thread-safe: the models are
    called from here; decoding runs in threads of its own.
    """
    model, spec = emotion_model(models)
    if Role.SPEECH not in models:
        raise CheckpointError("the workbench needs the speech model: vad.backend must be silero or cascade")
    if asked.speakers and asked.mixes and Role.SPEAKER not in models:
        raise CheckpointError("speakers cannot be told apart: models.speaker is none")
    waiting = iter(items)
    most = min(MOST_LANES, model.max_batch)
    with ThreadPoolExecutor(READERS, thread_name_prefix="undertone-reader") as readers:
        going: list[Lane] = []
        ahead: deque[Lane] = deque()
        try:
            while True:
                while len(going) + len(ahead) < 2 * most and (item := next(waiting, None)) is not None:
                    lane = Lane(item, asked, models, model, spec, sinks)
                    lane.begin(readers)
                    ahead.append(lane)
                while len(going) < most and ahead:
                    going.append(ahead.popleft())
                if not going:
                    return
                over = _advance(going, readers, models[Role.SPEECH], model)
                if heard is not None:
                    heard([lane.underway for lane in going])
                going = [lane for lane in going if lane not in over]
                for lane in over:
                    lane.close()
                    yield conclude(lane, asked, spec)
        finally:
            for lane in (*going, *ahead):
                lane.close()


def _advance(lanes: Sequence[Lane], readers: Executor, judge: Model, model: EmbeddingModel) -> list[Lane]:
    """Hear the next block of every lane; those that are over."""
    over: list[Lane] = []
    asked: list[tuple[Lane, int, Window]] = []
    for lane in lanes:
        block = lane.take(readers)
        if block is None:
            over.append(lane)
            continue
        for channel, hearing in enumerate(lane.hearings):
            asked += [(lane, channel, window) for window in hearing.ask(block[channel])]
    judged = _answers([window for _, _, window in asked], judge.max_batch, judge.analyse)
    answers: dict[tuple[int, int], list[SpeechAnalysis]] = {}
    for (lane, channel, _), answer in zip(asked, judged, strict=True):
        if isinstance(answer, SpeechAnalysis):
            answers.setdefault((id(lane), channel), []).append(answer)
        else:
            lane.give_up(failed("model"))
    for lane in lanes:
        if lane not in over and lane.failure is None:
            for channel, hearing in enumerate(lane.hearings):
                hearing.judged(answers.get((id(lane), channel), []))
    _feel(lanes, model)
    for lane in over:
        lane.finish()
    _feel(over, model)
    return [lane for lane in lanes if lane in over or lane.failure is not None]


def _feel(lanes: Sequence[Lane], model: EmbeddingModel) -> None:
    """Let the emotion model hear what has been cut."""
    pieces = []
    for lane in lanes:
        for hearing, read in zip(lane.hearings, lane.read, strict=True):
            if read and lane.failure is None:
                pieces += [(lane, hearing, piece, hearing.window(piece)) for piece in hearing.pieces]
            hearing.pieces = []
    found = _answers([window for *_, window in pieces], model.max_batch, model.embed)
    for (lane, hearing, piece, _), features in zip(pieces, found, strict=True):
        try:
            if features is None:
                raise ValueError("the emotion model failed")
            hearing.felt(piece, features)
        except ValueError as error:
            log.warning("%s: %s", lane.name, error)
            lane.give_up(failed("model"))


def _answers(
    windows: Sequence[Window], most: int, ask: Callable[[Sequence[Window]], Sequence[Answer]]
) -> list[Answer | None]:
    """What a model says of windows, asked about at most `most` at once; None of those on which it fails."""
    out: list[Answer | None] = []
    for at in range(0, len(windows), most):
        out += _asked(windows[at : at + most], ask)
    return out


def _asked(windows: Sequence[Window], ask: Callable[[Sequence[Window]], Sequence[Answer]]) -> list[Answer | None]:
    """A batch that fails is halved until only the window is left out that it fails on; what streams remember is then
    what they did before."""
    remembered = [window.stream.memory for window in windows]
    try:
        return list(ask(windows))
    except Exception:
        for window, memory in zip(windows, remembered, strict=True):
            window.stream.memory = memory
        if len(windows) == 1:
            log.exception("a model failed on a window")
            return [None]
        half = len(windows) // 2
        return _asked(windows[:half], ask) + _asked(windows[half:], ask)
