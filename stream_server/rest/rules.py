"""Alert rules over REST."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from monitor.rules import Rule
from stream_server.bodies import answers, asks, json, read_json
from stream_server.faults import Refusal
from stream_server.live.engine import Engine
from stream_server.live.rulebook import RuleList, RuleView


def add_rules(app: FastAPI, engine: Engine) -> None:
    @app.get("/v1/rules", tags=["alerts"], responses=answers(RuleList))
    async def list_rules() -> Response:
        """All alert rules, and where each comes from."""
        return json(RuleList(engine.rules.views()))

    @app.get("/v1/rules/{name}", tags=["alerts"], responses=answers(RuleView))
    async def show_rule(name: str) -> Response:
        """One alert rule."""
        return json(engine.rules.find(name))

    @app.put("/v1/rules/{name}", tags=["alerts"], responses=answers(RuleView), openapi_extra=asks(Rule))
    async def set_rule(request: Request, name: str) -> Response:
        """Set an alert rule, for live calls as well. It comes before one of the same name in the settings."""
        try:
            rule = await read_json(request, Rule, name=name)
        except Refusal as refusal:
            if refusal.fault.code != "request.invalid":
                raise
            raise Refusal("rule.invalid", refusal.reason) from None
        await engine.rules.put(rule)
        return json(engine.rules.find(name))

    @app.delete("/v1/rules/{name}", tags=["alerts"], status_code=204)
    async def delete_rule(name: str) -> Response:
        """Forget a rule that was set over REST."""
        await engine.rules.remove(name)
        return Response(status_code=204)
