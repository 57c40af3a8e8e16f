"""The rules in force: what the model brings with it, what undertone.toml says, and what was set over REST, which comes
first and is kept in the database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec
from sqlalchemy import delete, insert, select

from history.database import Database
from history.schema import alert_rules
from monitor.analysis import EmotionSpec
from monitor.rules import OF_EMOTION, AlertsConfig, Rule
from stream_server.faults import Refusal

log = logging.getLogger("undertone.rules")
MOST_RULES = 100
Origin = Literal["default", "file", "rest"]


class RuleView(msgspec.Struct, frozen=True):
    """A rule in force, and where it comes from: the emotion model (`default`), the settings (`file`), or REST."""

    origin: Origin
    rule: Rule


class RuleList(msgspec.Struct, frozen=True):
    """All rules, also those that are switched off."""

    rules: list[RuleView]


class RuleBook:
    """Rules by name; a later origin's takes the place of an earlier one's. Without a database, those that were set
    over REST go with the process."""

    def __init__(
        self,
        config: AlertsConfig,
        spec: EmotionSpec | None,
        database: Database | None = None,
        channels: Iterable[str] = (),
    ) -> None:
        """`channels`: what a rule's `notify` may name. Raises ValueError for a rule of `config` that names another."""
        self._database = database
        self._spec = spec
        self._channels = frozenset(channels)
        self._changing = asyncio.Lock()
        in_file = {rule.name for rule in config.rules}
        self._fixed = {
            rule.name: RuleView("file" if rule.name in in_file else "default", rule) for rule in config.in_force(spec)
        }
        self._set: dict[str, RuleView] = {}
        self.changed: Callable[[], None] = lambda: None
        """Called, in the event loop, after every change."""
        for view in self._fixed.values():
            problem, deaf = self._problem(view.rule), self._deaf(view.rule)
            if problem is not None:
                raise ValueError(f"alerts.rules: rule {view.rule.name!r}: {problem}")
            if deaf is not None:
                log.warning("the rule %s will never raise an alert: %s", view.rule.name, deaf)
        if database is not None:
            self._set = {rule.name: RuleView("rest", rule) for rule in _stored(database)}
            for view in self._set.values():
                problem = self._problem(view.rule)
                if problem is not None:
                    log.error("the rule %s in the database holds, but %s", view.rule.name, problem)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those in force."""
        return tuple(view.rule for view in self.views() if view.rule.enabled)

    def views(self) -> list[RuleView]:
        return list((self._fixed | self._set).values())

    def find(self, name: str) -> RuleView:
        """Raises Refusal."""
        view = self._set.get(name) or self._fixed.get(name)
        if view is None:
            raise Refusal("rule.not_found", f"there is no rule {name[:64]!r}; there are {', '.join(self._names())}")
        return view

    def told(self, name: str) -> tuple[str, ...] | None:
        """The channels that are told of a rule's alerts; None: all, also where none of those that it names is there."""
        view = self._set.get(name) or self._fixed.get(name)
        if view is None:
            return ()
        named = view.rule.notify
        return None if named and not self._channels & set(named) else named

    async def put(self, rule: Rule) -> None:
        """Set a rule from now on. Raises Refusal."""
        problem = self._problem(rule) or self._deaf(rule)
        if problem is not None:
            raise Refusal("rule.invalid", f"rule {rule.name!r}: {problem}")
        async with self._changing:
            if len(self._set) >= MOST_RULES and rule.name not in self._set:
                raise Refusal("rule.invalid", f"there are {MOST_RULES} rules already; delete one first")
            await self._write(rule.name, rule)
            self._set |= {rule.name: RuleView("rest", rule)}
            self.changed()

    async def remove(self, name: str) -> None:
        """Forget a rule that was set over REST; one of the same name below it is in force again. Raises Refusal."""
        async with self._changing:
            if self.find(name).origin != "rest":
                reason = f"{name!r} was not set over REST; set it with enabled: false to switch it off"
                raise Refusal("rule.fixed", reason)
            await self._write(name, None)
            del self._set[name]
            self.changed()

    async def _write(self, name: str, rule: Rule | None) -> None:
        """Keep a rule, or None."""
        if self._database is not None:
            await asyncio.to_thread(_store, self._database, name, rule)

    def _deaf(self, rule: Rule) -> str | None:
        """Why the rule would never hear anything."""
        if rule.measured not in OF_EMOTION:
            return None
        if self._spec is None:
            return "there is no emotion model (setting models.emotion)"
        if rule.score is not None and not set(rule.score) & set(self._spec.labels):
            return f"score: {self._spec.name} knows none of these labels; it knows {', '.join(self._spec.labels)}"
        return None

    def _problem(self, rule: Rule) -> str | None:
        unknown = sorted(set(rule.notify or ()) - self._channels)
        if not unknown:
            return None
        known = ", ".join(sorted(self._channels)) or "none"
        return f"notify: there is no channel {', '.join(unknown)}; there are {known} (setting notify.channels)"

    def _names(self) -> list[str]:
        return [view.rule.name for view in self.views()] or ["none"]


def _store(database: Database, name: str, rule: Rule | None) -> None:
    with database.writing() as connection:
        connection.execute(delete(alert_rules).where(alert_rules.c.name == name))
        if rule is not None:
            document = msgspec.to_builtins(rule)
            connection.execute(insert(alert_rules).values(name=name, rule=document, changed_at=time.time()))


def _stored(database: Database) -> Iterable[Rule]:
    """The rules of the database. One that this version cannot use is left there and said to be."""
    with database.reading() as connection:
        rows = connection.execute(select(alert_rules).order_by(alert_rules.c.name)).all()
    for row in rows:
        try:
            yield msgspec.convert(row.rule, Rule)
        except msgspec.ValidationError as error:
            log.error("the rule %s in the database is not in force: %s", row.name, error)
