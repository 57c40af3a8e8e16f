"""Settings that are tables: a list of them ([[alerts.rules]]), or one for each name ([notify.channels.desk])."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin

import msgspec


def is_table(annotation: Any) -> bool:
    """Whether a setting of this type is written as tables: `tuple[Struct, ...]` or `dict[str, Struct]`, where in place
    of the Struct may stand a union of them."""
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin is tuple:
            return len(arguments) == 2 and arguments[1] is ... and _is_struct(arguments[0])
        case origin if origin is dict:
            return arguments[0] is str and _is_struct(arguments[1])
    return False


def parse_table(name: str, annotation: Any, value: Any) -> Any:
    """The setting `name` from what TOML or JSON gave; text is JSON. Raises ValueError, which begins with the path of
    what is wrong, such as `notify.channels.desk.url`, and shows no value, as it might be a secret."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise ValueError(f"{name}: is not JSON: {error}") from None
    entry = get_args(annotation)
    if get_origin(annotation) is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{name}: expected a table for each name, [{name}.NAME]")
        return {key: _converted(f"{name}.{key}", entry[1], table) for key, table in value.items()}
    if not isinstance(value, list):
        raise ValueError(f"{name}: expected a list of tables, [[{name}]]")
    return tuple(_converted(f"{name}[{at}]", entry[0], table) for at, table in enumerate(value))


def _is_struct(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return all(map(_is_struct, get_args(annotation)))
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def _converted(path: str, annotation: Any, table: Any) -> Any:
    try:
        return msgspec.convert(table, annotation)
    except msgspec.ValidationError as error:
        problem, _, inner = str(error).partition(" - at `$")
        raise ValueError(f"{path}{inner.rstrip('`')}: {problem}") from None
