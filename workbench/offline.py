"""Sessions at the pace of the processor: what `replay` and the evaluations run on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inference.batcher import checked
from inference.model import Models
from monitor.analysis import Window
from monitor.events import Event
from monitor.session import Session, State
from vad.pcm import Samples

BATCH = 16


def run(session: Session, audio: Iterable[Samples], models: Models, reason: str = "finished") -> Iterator[Event]:
    """Feed `audio`, blocks of shape (channels, n) at 16 kHz, and yield the events as they become known.

    Windows gather into batches; nothing is skipped. Not thread-safe: the models are called from here.
    """
    waiting: list[Window] = []
    yield from session.take_events()
    for block in audio:
        for channel, samples in enumerate(block):
            session.receive_audio(channel, samples)
        waiting += session.take_windows()
        if len(waiting) >= BATCH:
            answer(session, waiting, models)
            waiting = []
        yield from session.take_events()
    session.finish(reason)
    while session.state is not State.ENDED:
        answer(session, waiting + session.take_windows(), models)
        waiting = []
    yield from session.take_events()


def answer(session: Session, windows: list[Window], models: Models) -> None:
    """Have the windows of a session analysed, and tell it."""
    for role, model in models.items():
        own = [window for window in windows if window.role is role]
        for at in range(0, len(own), model.max_batch):
            batch = own[at : at + model.max_batch]
            analyses = model.analyse(batch)
            for window, analysis in zip(batch, analyses, strict=True):
                session.receive_analysis(window.number, checked(analysis, model.spec))
