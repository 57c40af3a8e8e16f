"""One vocabulary: every event class there is goes through JSON and comes back the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from monitor import events
from monitor.events import DROPPABLE, EVENTS, Emotion, Event, SpeakerChanged, SpeechStarted, Warning, decode, encode
from monitor.events import event_type as type_of

ARCHITECTURE = [
    "call.started", "call.ended", "speech.started", "speech.ended", "emotion", "emotion.frames", "emotion.turn",
    "speaker.changed", "speaker.updated", "alert.raised", "alert.updated", "alert.cleared", "warning", "error",
]  # fmt: skip


def leaves(cls: type[Event]) -> Iterator[type[Event]]:
    for child in cls.__subclasses__():
        yield from leaves(child) if child.__subclasses__() else [child]


FOUND = [cls for cls in leaves(Event) if cls.__module__ == events.__name__]


def made(kind: Any, nulls: bool) -> Any:
    """A value of a type hint: null where `nulls` and the hint allows it, else something that is no default."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if nulls and NoneType in args else made(next(arg for arg in args if arg is not NoneType), nulls)
    if origin is Literal:
        return args[-1]
    if origin is list:
        return [made(args[0], nulls), made(args[0], False)]
    if origin is dict:
        return {made(args[0], nulls): made(args[1], nulls)}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        return kind(**{field.name: made(hints[field.name], nulls) for field in msgspec.structs.fields(kind)})
    return {str: 'ä\n"x" 😀', int: 3, float: 0.125, bool: True}[kind]


def test_there_are_as_many_kinds_of_event_as_the_architecture_names() -> None:
    assert [type_of(cls) for cls in EVENTS] == ARCHITECTURE


def test_every_event_class_is_in_the_vocabulary() -> None:
    assert set(FOUND) == set(EVENTS)


def test_no_two_events_have_one_tag() -> None:
    assert len({type_of(cls) for cls in FOUND}) == len(FOUND)


@pytest.mark.parametrize("nulls", [False, True], ids=["values", "nulls"])
@pytest.mark.parametrize("cls", FOUND, ids=type_of)
def test_an_event_comes_back_the_same(cls: type[Event], nulls: bool) -> None:
    event = made(cls, nulls)
    again = decode(encode(event))
    assert type(again) is cls
    assert again == event


@pytest.mark.parametrize("cls", FOUND, ids=type_of)
def test_an_event_on_the_wire_names_its_type_and_every_field(cls: type[Event]) -> None:
    wire = json.loads(encode(made(cls, nulls=True)))
    assert wire.pop("type") == type_of(cls)
    assert set(wire) == {field.encode_name for field in msgspec.structs.fields(cls)}


@pytest.mark.parametrize("cls", FOUND, ids=type_of)
def test_an_event_is_one_line(cls: type[Event]) -> None:
    assert b"\n" not in encode(made(cls, nulls=False))


@pytest.mark.parametrize("cls", FOUND, ids=type_of)
def test_an_event_cannot_be_changed(cls: type[Event]) -> None:
    with pytest.raises(AttributeError):
        made(cls, nulls=False).seq = 1


def test_from_is_spelt_from_on_the_wire() -> None:
    assert json.loads(encode(made(SpeakerChanged, nulls=True)))["from"] is None


def test_an_id_is_the_call_and_the_place_in_it() -> None:
    assert SpeechStarted(call_id="abc", seq=7, t=1.0).id == "abc:7"


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[]",
        b'{"type":"Alert","call_id":"c","seq":1,"t":0}',
        b'{"type":"speech.started","call_id":"c","seq":1}',
        b'{"type":"speech.started","call_id":"c","seq":"1","t":0}',
    ],
)
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(data)


def test_the_type_of_an_event_is_that_of_its_class() -> None:
    assert type_of(Warning(call_id="c", seq=1, t=0.0, code="x", reason="y")) == type_of(Warning) == "warning"


def test_only_what_the_next_event_makes_good_may_be_dropped() -> None:
    assert {type_of(cls) for cls in DROPPABLE} == {"emotion", "emotion.frames", "speech.started", "speech.ended"}
    assert Emotion in DROPPABLE
