"""Which models a server analyses with, over REST."""

from __future__ import annotations

import msgspec
from fastapi import FastAPI, Response

from monitor.analysis import Specs
from stream_server.bodies import answers, json
from stream_server.live.engine import Engine


class EmotionModel(msgspec.Struct, frozen=True):
    """`labels`: those it knows; `calibrated`: its bands were found on voices that it had not learnt from.
    `embedding_size`: numbers in an embedding, 0: it gives none; `usual_norms`: between which lengths that of a
    recording usually lies, null where that was not measured."""

    name: str
    licence: str
    labels: tuple[str, ...]
    calibrated: bool
    embedding_size: int
    usual_norms: tuple[float, float] | None


class SpeakerModel(msgspec.Struct, frozen=True):
    """`embedding_size`: numbers in an embedding."""

    name: str
    licence: str
    embedding_size: int


class SpeechModel(msgspec.Struct, frozen=True):
    """What judges what is speech."""

    name: str
    licence: str


class ModelFacts(msgspec.Struct, frozen=True):
    """Null where there is none."""

    emotion: EmotionModel | None
    speaker: SpeakerModel | None
    speech: SpeechModel | None


def add_models(app: FastAPI, engine: Engine) -> None:
    facts = facts_of(engine.specs)

    @app.get("/v1/models", tags=["operations"], responses=answers(ModelFacts))
    async def list_models() -> Response:
        """The models that calls and recordings are analysed with."""
        return json(facts)


def facts_of(specs: Specs) -> ModelFacts:
    """What is told of models."""
    return msgspec.convert(specs, ModelFacts, from_attributes=True)
