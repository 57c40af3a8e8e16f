"""What a server says at one moment, so that the event loop need not write it out."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector


class Snapshot:
    """The families of a registry as they are when this is made, which is the event loop's to do; prometheus_client's
    encoders take it for a registry, in any thread. Writing takes several times as long as asking."""

    def __init__(self, registry: Collector) -> None:
        self._families = list(registry.collect())

    def collect(self) -> Iterable[Metric]:
        return self._families
