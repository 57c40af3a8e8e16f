"""The part of the server that lives as long as it does: models, batchers, calls, fan-out."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from history.database import Database
from history.keeping import History
from inference.allocation import give_back_memory
from inference.batcher import Batcher
from inference.model import SLOW_S, Models, specs
from metrics.instruments import Instruments
from metrics.readings import Status
from monitor.analysis import Role, Specs
from monitor.gallery import Gallery
from notify.delivery import Notifier
from stream_server.faults import Refusal
from stream_server.live.callbook import CallBook
from stream_server.live.dispatch import Dispatch
from stream_server.live.fanout import Fanout
from stream_server.live.livecall import House, LiveCall, delivery
from stream_server.live.outbox import Outbox
from stream_server.live.pressure import STEPS, Pressure, grain, widened
from stream_server.live.rulebook import RuleBook
from stream_server.live.sessions import open_session
from stream_server.settings import Settings, SettingsError
from stream_server.version import VERSION
from vad.grid import SAMPLE_RATE_HZ

log = logging.getLogger("undertone")
DRAIN_S = 10.0
WATCH_EVERY_S = 0.25
GATHER_S = {Role.SPEECH: 0.06}
"""Batches begin at least so far apart, in seconds; a lone call does not notice. What follows from a batch of speech
comes at once and need not be gathered again."""


class Base(Protocol):
    """What a crew of models rests on, such as a process: closed at the end; `down` while it is not there; `busy_s`: for
    how long each of its threads has been at work since the beginning."""

    @property
    def down(self) -> bool: ...

    @property
    def busy_s(self) -> Sequence[float]: ...

    def close(self) -> None: ...


class Engine:
    """Opens calls and drains them. `ready` once the models are warm; `broken` if they could not be."""

    def __init__(
        self,
        settings: Settings,
        crews: Sequence[Models],
        bases: Sequence[Base] = (),
        database: Database | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """`crews`: sets of the same models, among which calls are shared out; `bases`: what they rest on; `database`:
        where what outlives the server is kept; `notifier`: who tells others of alerts, started, stopped and closed with
        the engine. Raises SettingsError for rules that cannot be in force."""
        models = crews[0]
        self.settings = settings
        self.specs: Specs = specs(models)
        try:
            self.rules = RuleBook(settings.alerts, self.specs.emotion, database, settings.notify.channels)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        self.rules.changed = self._change_rules
        self.ready = False
        self.draining = False
        self.broken = False
        self.book = CallBook(settings.stream.ended_calls)
        self.fanout = Fanout(settings.stream.replay_events)
        self.instruments = Instruments(_registry(), VERSION)
        self.instruments.models.info({role.value: model.spec.name for role, model in models.items()})
        self.instruments.watch_calls(
            lambda: [record.reading() for record in self.book.live()], settings.metrics.per_call
        )
        self.instruments.watch_status(lambda: self.status)
        self.notifier = notifier
        self.history = None if database is None else History(database, settings.history, self.instruments)
        self.instruments.watch_history(lambda: self.history.waiting if self.history is not None else 0)
        self._crews = crews
        self._bases = bases
        self._gallery: Gallery | None = None
        self._calls: set[LiveCall] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.pressure = Pressure()
        self._houses: list[House] = []
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Warm the models up, off the loop, and begin to take calls."""
        try:
            await self._start()
        except Exception:
            self.broken = True
            log.exception("the models do not run")

    async def _start(self) -> None:
        if self.notifier is not None:
            self.notifier.start(self.instruments)
        deliver = delivery(asyncio.get_running_loop())
        crews = [
            {
                role: Batcher(model, deliver, observer=self.instruments, gather_s=GATHER_S.get(role, 0.0))
                for role, model in models.items()
            }
            for models in self._crews
        ]
        for crew in crews:
            for role, batcher in crew.items():
                alone_s = (await asyncio.to_thread(batcher.warm_up)).seconds.get(1, 0.0)
                if alone_s > SLOW_S:
                    self.pressure.alone_s = max(self.pressure.alone_s, alone_s)
                    if crew is crews[0]:
                        _tell(self._crews[0][role].spec.name, alone_s, self.settings.monitor.exact_hop_s)
                batcher.start()
        for role in crews[0]:
            waiting = partial(_waiting, [crew[role] for crew in crews])
            self.instruments.windows_waiting.labels(role.value).set_function(waiting)
        self._houses = [
            House(
                self.book,
                self.fanout,
                self.instruments,
                Dispatch(crew),
                self.pressure,
                self.rules,
                self.notifier,
                self.history,
            )
            for crew in crews
        ]
        self._watching = asyncio.create_task(self._watch())
        if self.history is not None:
            self.history.start()
        _settle_garbage_collection()
        self.ready = True

    def admit(self, call_id: str) -> None:
        """Raises Refusal if a call of this id would not be taken now: its id is in use, or none are taken."""
        if self.draining:
            raise Refusal("server.stopping", "the server is shutting down")
        if not self._houses:
            raise Refusal("server.warming_up", "the models are not warm yet; try again in some seconds")
        if self.book.is_live(call_id):
            raise Refusal(
                "call.id_in_use", f"a live call has the id {call_id!r}; leave call_id out to have one made up"
            )
        now_s = time.monotonic()
        busy = self.pressure.refusal(now_s, len(self._calls))
        if busy is not None:
            retry_s = self.pressure.retry_s(now_s)
            raise Refusal("server.busy", f"{busy}; try again in {retry_s} s", retry_s)

    def open_call(self, call_id: str, roles: tuple[str, ...], transport: str) -> LiveCall:
        """A new live call. Raises Refusal as `admit` does."""
        self.admit(call_id)
        session = open_session(self.settings, self.specs, call_id, roles, transport, self.rules.rules, self._gallery)
        outbox = Outbox(self.settings.stream.outbox_events)
        house = min(self._houses, key=lambda house: sum(call.house is house for call in self._calls))
        call = LiveCall(session, house, outbox, transport, self.settings.monitor.exact_hop_s)
        self.pressure.call_opened(time.monotonic())
        if self.pressure.step.factor > 1:
            self._pace(call)
        self._calls.add(call)
        self._empty.clear()
        return call

    def _change_rules(self) -> None:
        """All live calls are watched by the rules of now."""
        rules = self.rules.rules
        for call in list(self._calls):
            call.set_rules(rules)

    def recognise(self, gallery: Gallery) -> None:
        """From now on these people are named, in live calls as in those to come."""
        self._gallery = gallery
        for call in list(self._calls):
            call.session.recognise(gallery)

    def forget(self, call: LiveCall) -> None:
        """The call has ended and its transport is done with it."""
        self._calls.discard(call)
        if not self._calls:
            self._empty.set()

    async def drain(self) -> None:
        """Take no more calls, end the live ones with a reason, and let every reader have the last word."""
        if self.draining:
            return
        self.draining = True
        log.info("ending %d live calls", len(self._calls))
        for call in list(self._calls):
            call.finish("server.stopping")
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._empty.wait()
        except TimeoutError:
            log.warning("%d calls did not end in %g s and are cut off", len(self._calls), DRAIN_S)
            for call in list(self._calls):
                call.abort("server.stopping")
        self.fanout.close()
        if self.notifier is not None:
            await self.notifier.stop()

    def _pace(self, call: LiveCall) -> None:
        """Give a call the hop of now; calls with a wide one take turns, also those that came together."""
        own_s, hop_s = self.settings.monitor.exact_hop_s, self._hop_s
        call.set_hop(hop_s, own_s * random.randrange(round(hop_s / own_s)))

    @property
    def _hop_s(self) -> float:
        """The hop under the pressure of now."""
        return widened(self.settings.monitor.exact_hop_s, self.pressure.step.factor)

    @property
    def grain_samples(self) -> int:
        """How much audio, in samples at 16 kHz, a call should take in at once."""
        return round(grain(self.settings.monitor.exact_hop_s, self.pressure.step.grain_s) * SAMPLE_RATE_HZ)

    async def _watch(self) -> None:
        """Judge the load some times a second, and give way to it or come back."""
        gauges = self.instruments.hop_factor, self.instruments.strain_seconds, self.instruments.busy_ratio
        gauges[0].set(self.pressure.step.factor)
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(WATCH_EVERY_S)
            now_s = time.monotonic()
            try:
                waiting_s = max((batcher.waiting_s for batcher in self._batchers), default=0.0)
                late_s = now_s - began_s - WATCH_EVERY_S
                changed = self.pressure.tick(now_s, len(self._calls), waiting_s, late_s, self._worked_s)
                gauges[0].set(self.pressure.step.factor)
                gauges[1].set(self.pressure.strain_s)
                gauges[2].set(self.pressure.busy)
                if changed:
                    self._step()
            except Exception:  # without it nobody would be refused, or everybody for ever
                log.exception("the load could not be judged; it is tried again")

    def _step(self) -> None:
        """Give all calls the pace that the load asks for by now."""
        pace = self.grain_samples / SAMPLE_RATE_HZ, self._hop_s
        late_ms, busy = 1000 * self.pressure.strain_s, 100 * self.pressure.busy
        told = "%d calls, %.0f ms late, busiest thread %.0f %% busy: audio by %g s, scores every %g s"
        log.warning(told, len(self._calls), late_ms, busy, *pace)
        for call in list(self._calls):
            self._pace(call)
        if self.pressure.step is STEPS[0]:
            give_back_memory()

    def close(self) -> None:
        """Stop the batchers and what they rest on; a batch that hangs is not waited for."""
        if self._watching is not None:
            self._watching.cancel()
        for batcher in self._batchers:
            batcher.stop()
        for base in self._bases:
            base.close()
        for batcher in self._batchers:
            batcher.close()
        if self.notifier is not None:
            self.notifier.close()
        if self.history is not None:
            self.history.close()

    @property
    def _worked_s(self) -> list[float]:
        """For how long each thread has been at work that alone can do its work, since the beginning, in seconds: this
        one, and those of models in processes of their own. (Threads of this process share its interpreter's lock.)"""
        return [time.thread_time(), *(busy_s for base in self._bases for busy_s in base.busy_s)]

    @property
    def impaired(self) -> bool:
        """Whether models that some calls need have died, and are not back yet."""
        return any(base.down for base in self._bases)

    @property
    def status(self) -> Status:
        """Whether calls are taken, and if not, why."""
        if self.draining:
            return "draining"
        if not self.ready:
            return "warming up"
        if self.impaired:
            return "models restarting"
        return "full" if self.pressure.full else "ready"

    @property
    def _batchers(self) -> list[Batcher]:
        return [batcher for house in self._houses for batcher in house.dispatch.batchers.values()]


def _waiting(batchers: Sequence[Batcher]) -> float:
    return sum(batcher.waiting for batcher in batchers)


def _tell(name: str, alone_s: float, hop_s: float) -> None:
    """Say what a slow model takes for a window; so also if not even one call can be followed."""
    if alone_s > hop_s:
        log.warning(
            "this machine cannot follow one call with %s: a window takes %.2f s and one comes every %g s; scores will "
            "be late and come less often. A smaller model, models.reuse or a GPU would help",
            name, alone_s, hop_s,
        )  # fmt: skip
    else:
        log.info("%s takes %.2f s for a window; of a call, one comes every %g s", name, alone_s, hop_s)


def _settle_garbage_collection() -> None:
    """What lives as long as the server is never looked at again, and the rest less often: a full collection among
    hundreds of calls takes a tenth of a second, and hardly ever finds anything."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _registry() -> CollectorRegistry:
    # Prometheus would keep these as a second series for each counter and histogram.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry(auto_describe=True)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
