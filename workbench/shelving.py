"""From recordings to embeddings that can be searched, grouped and compared: one of each recording, of either kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference.model import Models
from monitor.analysis import Role
from vad.endpointing import EndpointingConfig
from workbench.answers import Left
from workbench.asked import Asked
from workbench.asked import Item as Recording
from workbench.library import Item, Kind, Shelf
from workbench.prediction import emotion_model, predict
from workbench.runs import numbers_of
from workbench.speakers import Ears, Unheard

Found = tuple[Item, NDArray[np.float32]]


def model_of(models: Models, kind: Kind) -> str:
    """The name of the model that makes embeddings of a kind. Raises CheckpointError without one for emotion."""
    return models[Role.SPEAKER].spec.name if kind is Kind.SPEAKER else emotion_model(models)[1].name


def shelved(
    recordings: Sequence[Recording],
    models: Models,
    kind: Kind,
    endpointing: EndpointingConfig,
    left_out: Callable[[Left], object],
) -> Shelf:
    """The embeddings of recordings, in their order, with what is known of each. Those that have none are given to
    `left_out` as they are found."""
    embedded = _voices if kind is Kind.SPEAKER else _feelings
    found = {item.source: (item, vector) for item, vector in embedded(recordings, models, endpointing, left_out)}
    ordered = [found[each.name] for each in recordings if each.name in found]
    vectors = np.array([vector for _, vector in ordered]) if ordered else np.zeros((0, 0), np.float32)
    return Shelf(kind, model_of(models, kind), [item for item, _ in ordered], vectors)


def _voices(
    recordings: Sequence[Recording],
    models: Models,
    endpointing: EndpointingConfig,
    left_out: Callable[[Left], object],
) -> Iterator[Found]:
    for heard in Ears(models[Role.SPEAKER], models.get(Role.SPEECH), endpointing).hear_files(recordings):
        if isinstance(heard, Unheard):
            left_out(Left(heard.name, heard.failure))
        else:
            yield Item(heard.name, about={"speech_s": heard.quality.speech_s}), heard.vector


def _feelings(
    recordings: Sequence[Recording],
    models: Models,
    endpointing: EndpointingConfig,
    left_out: Callable[[Left], object],
) -> Iterator[Found]:
    for outcome in predict(recordings, models, Asked(embeddings=True, endpointing=endpointing)):
        prediction = outcome.prediction
        if prediction.failure is not None:
            left_out(Left(prediction.file, prediction.failure))
        elif outcome.vectors and outcome.vectors[0].rows is not None:
            about = {} if prediction.emotion is None else numbers_of(msgspec.to_builtins(prediction.emotion))
            yield Item(prediction.file, about=about), np.asarray(outcome.vectors[0].rows.mean(axis=0), np.float32)
