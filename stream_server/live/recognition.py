"""Keeps live calls told of who has a voiceprint, and deletes those whose consent has expired."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import closing

from sqlalchemy.exc import SQLAlchemyError

from history.database import Database
from monitor.analysis import SpeakerSpec
from monitor.gallery import Gallery
from stream_server.settings import Settings
from workbench.identification import open_gallery
from workbench.library import Kind, Library
from workbench.sealing import Seal, SealError
from workbench.voiceprints import Voiceprints

log = logging.getLogger("undertone.voiceprints")
LOOK_EVERY_S = 10.0
"""So long at most until a live call knows that a voiceprint came, changed, or went."""


class Recognition:
    """Looks at the voiceprints every `every_s` seconds, off the loop. Whoever's consent has expired is deleted also
    where nobody is to be recognised; then `gallery` is None, as it is without a speaker model."""

    def __init__(
        self, database: Database, spec: SpeakerSpec | None, settings: Settings, every_s: float = LOOK_EVERY_S
    ) -> None:
        """Raises SealError if people are to be recognised and their voiceprints cannot be read."""
        seal = Seal(settings.workbench.key)
        self._voiceprints = Voiceprints(database, seal)
        self._library = Library(database, seal)
        self._spec = spec if settings.voiceprints.identify_live else None
        self._config = settings.voiceprints
        self._every_s = every_s
        self._seen: tuple[object, object] | None = None
        self._until: dict[str, float] = {}
        """Until when those in the gallery have agreed to be."""
        self.gallery = self._opened(time.time())

    async def run(self, use: Callable[[Gallery], None]) -> None:
        """Until cancelled: `use` is given every new gallery, in the event loop. While the database cannot be read, the
        one before stays, without those whose consent expires meanwhile."""
        if self.gallery is not None:
            use(self.gallery)
        while True:
            await asyncio.sleep(self._every_s)
            gallery = await asyncio.to_thread(self.look, time.time())
            if gallery is not None:
                use(gallery)

    def look(self, now: float) -> Gallery | None:
        """Who is known, if that has changed; None if not. `now` in seconds since 1970."""
        try:
            found = self._looked(now)
        except Exception as error:
            known = isinstance(error, (SQLAlchemyError, SealError))
            log.error("the voiceprints could not be read; it is tried again: %s", error, exc_info=not known)
            found = self._agreeing(now)
        if found is not None:
            self.gallery = found
        return found

    def _looked(self, now: float) -> Gallery | None:
        """Sweep, and open the gallery anew if voiceprints or cohort have changed."""
        if expired := self._voiceprints.sweep(now):
            log.info("%d voiceprints were deleted, their consent has expired", len(expired))
        return self._opened(now) if self._spec is not None and self._state() != self._seen else None

    def _state(self) -> tuple[object, object]:
        return self._voiceprints.state(), self._library.state(Kind.COHORT)

    def _opened(self, now: float) -> Gallery | None:
        if self._spec is None:
            return None
        seen = self._state()
        gallery = open_gallery(self._voiceprints, self._library, self._spec, self._config, now)
        known = self._voiceprints.known(now, self._spec.name)
        self._seen, self._until = seen, {each.name: each.consent.expires_at for each in known}
        return gallery

    def _agreeing(self, now: float) -> Gallery | None:
        """The gallery of before without those whose consent has expired; None if that changes nothing."""
        if self.gallery is None:
            return None
        names = {name for name in self.gallery.names if self._until.get(name, 0.0) > now}
        return self.gallery.only(names) if len(names) < len(self.gallery) else None


def gallery_now(settings: Settings, spec: SpeakerSpec | None) -> Gallery | None:
    """Who is known now; None if people are not to be recognised, or no model hears voices. Raises DatabaseError,
    SealError."""
    if not settings.voiceprints.identify_live or spec is None:
        return None
    with closing(Database(settings.history.url)) as database:
        return Recognition(database, spec, settings).gallery
