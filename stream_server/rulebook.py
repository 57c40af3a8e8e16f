"""The rules in force: what the model brings with it, what undertone.toml says, and what was set over REST, which comes
first and is kept in the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec
from sqlalchemy import delete, insert, select

from history.database import Database
from history.schema import alert_rules
from monitor.analysis import EmotionSpec
from monitor.rules import AlertsConfig, Rule, default_rules
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
        self._channels = frozenset(channels)
        self._fixed: dict[str, RuleView] = {}
        if config.defaults and spec is not None:
            self._fixed |= {rule.name: RuleView("default", rule) for rule in default_rules(spec)}
        self._fixed |= {rule.name: RuleView("file", rule) for rule in config.rules}
        self._set: dict[str, RuleView] = {}
        self.changed: Callable[[], None] = lambda: None
        """Called, in the event loop, after every change."""
        for view in self._fixed.values():
            problem = self._problem(view.rule)
            if problem is not None:
                raise ValueError(f"alerts.rules: rule {view.rule.name!r}: {problem}")
        if database is not None:
            self._set = {rule.name: RuleView("rest", rule) for rule in _stored(database)}

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
        """The channels that are told of a rule's alerts; None: all."""
        view = self._set.get(name) or self._fixed.get(name)
        return None if view is None else view.rule.notify

    def put(self, rule: Rule) -> None:
        """Set a rule from now on. Waits for the disk: not for the event loop. Raises Refusal."""
        problem = self._problem(rule)
        if problem is not None:
            raise Refusal("rule.invalid", f"rule {rule.name!r}: {problem}")
        if len(self._set) >= MOST_RULES and rule.name not in self._set:
            raise Refusal("rule.invalid", f"there are {MOST_RULES} rules already; delete one first")
        if self._database is not None:
            document = msgspec.to_builtins(rule)
            with self._database.writing() as connection:
                connection.execute(delete(alert_rules).where(alert_rules.c.name == rule.name))
                connection.execute(insert(alert_rules).values(name=rule.name, rule=document, changed_at=time.time()))
        self._set = self._set | {rule.name: RuleView("rest", rule)}

    def remove(self, name: str) -> None:
        """Forget a rule that was set over REST; one of the same name below it is in force again. Waits for the disk:
        not for the event loop. Raises Refusal."""
        if self.find(name).origin != "rest":
            raise Refusal("rule.fixed", f"{name!r} was not set over REST; set it with enabled: false to switch it off")
        if self._database is not None:
            with self._database.writing() as connection:
                connection.execute(delete(alert_rules).where(alert_rules.c.name == name))
        self._set = {other: view for other, view in self._set.items() if other != name}

    def _problem(self, rule: Rule) -> str | None:
        unknown = sorted(set(rule.notify or ()) - self._channels)
        if not unknown:
            return None
        known = ", ".join(sorted(self._channels)) or "none"
        return f"notify: there is no channel {', '.join(unknown)}; there are {known} (setting notify.channels)"

    def _names(self) -> list[str]:
        return [view.rule.name for view in self.views()] or ["none"]


def _stored(database: Database) -> Iterable[Rule]:
    """The rules of the database. One that this version cannot use is left there and said to be."""
    with database.reading() as connection:
        rows = connection.execute(select(alert_rules).order_by(alert_rules.c.name)).all()
    for row in rows:
        try:
            yield msgspec.convert(row.rule, Rule)
        except msgspec.ValidationError as error:
            log.error("the rule %s in the database is not in force: %s", row.name, error)
