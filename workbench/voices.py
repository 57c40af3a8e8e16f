"""Who speaks when in a recording of one channel: a Session with the speaker model alone, as in a live call."""

from __future__ import annotations

from inference.model import Models, specs
from monitor.analysis import Role, Specs
from monitor.session import MonitorConfig, Session, State
from monitor.tracking import TrackingConfig
from monitor.turns import Turn, TurnLog
from vad.endpointing import EndpointingConfig
from vad.pcm import Samples
from workbench import offline


class Voices:
    """Feed it the recording, piece by piece; then it knows the turns."""

    def __init__(
        self, models: Models, monitor: MonitorConfig, endpointing: EndpointingConfig, tracking: TrackingConfig
    ) -> None:
        self._models: Models = {role: model for role, model in models.items() if role is not Role.EMOTION}
        known = specs(self._models)
        self._log = TurnLog()
        self._session = Session(
            "recording",
            ("mixed",),
            Specs(None, known.speaker, known.speech),
            transport="replay",
            monitor=monitor,
            endpointing=endpointing,
            tracking=tracking,
        )

    def feed(self, samples: Samples) -> None:
        """(n,) at 16 kHz."""
        self._session.receive_audio(0, samples)
        offline.answer(self._session, self._session.take_windows(), self._models)
        self._take()

    def finish(self) -> list[Turn]:
        """The turns, in order."""
        self._session.finish("finished")
        while self._session.state is not State.ENDED:
            offline.answer(self._session, self._session.take_windows(), self._models)
        self._take()
        return self._log.turns()

    def _take(self) -> None:
        for event in self._session.take_events():
            self._log.apply(event)
