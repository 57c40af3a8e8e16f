"""What calls want analysed in one turn of the event loop reaches a model at once: one lock, one wake-up, one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping

from inference.batcher import Batcher
from monitor.analysis import Role, Window


class Dispatch:
    """Gathers windows until the event loop has handled all that was ready."""

    def __init__(self, batchers: Mapping[Role, Batcher]) -> None:
        self.batchers = batchers
        self._gathered: dict[Role, list[tuple[Hashable, Window, float | None]]] = {role: [] for role in batchers}
        self._due = False

    def submit(self, owner: Hashable, window: Window, patience_s: float | None) -> None:
        """As `Batcher.submit` of the window's model, a moment later."""
        self.batchers[window.role].check(window)
        self._gathered[window.role].append((owner, window, patience_s))
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def drop(self, owner: Hashable) -> None:
        """As `Batcher.drop`, of all models."""
        self.flush()
        for batcher in self.batchers.values():
            batcher.drop(owner)

    def flush(self) -> None:
        """Hand over what was gathered."""
        self._due = False
        for role, windows in self._gathered.items():
            if windows:
                self._gathered[role] = []
                self.batchers[role].submit_all(windows)
