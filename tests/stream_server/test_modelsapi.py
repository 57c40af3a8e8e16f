"""Which models a server analyses with, as REST tells it."""

from __future__ import annotations

from inference.loading import load
from inference.model import specs
from stream_server.rest.models import facts_of
from tests.scripted import EMOTION, SPEAKER
from tests.stream_server.serving import serving


async def test_models_are_told_with_the_size_of_their_embeddings() -> None:
    async with serving() as served:
        models = (await served.get("/v1/models")).json()
        assert "ModelFacts" in (await served.get("/openapi.json")).json()["components"]["schemas"]
    assert models["emotion"]["name"] == EMOTION.name
    assert models["emotion"]["embedding_size"] == EMOTION.embedding_size
    assert models["speaker"] == {
        "name": SPEAKER.name,
        "licence": SPEAKER.licence,
        "embedding_size": SPEAKER.embedding_size,
    }
    assert models["speech"] is None


def test_the_embedded_model_tells_what_the_workbench_needs_to_know_beforehand() -> None:
    facts = facts_of(specs(load("undertone-emotion-small", "none", "cpu", speech=False)))
    assert facts.emotion is not None
    assert facts.emotion.embedding_size == 96
    assert facts.emotion.usual_norms is not None
    assert facts.speaker is None
