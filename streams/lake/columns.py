"""Columns from contracts: a record's fields become typed columns, and a new field becomes one by itself.

scalar                          its name                        event_time_ms
part of a record                both names, joined by _         sender_key
list of scalars                 list
list of records                 list of structs                 reasons
map, or a union of types        text, as JSON                   checks[].evidence
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
from msgspec import inspect

from streams.contracts.base import encoder

Convert = Callable[[Any], Any]
_encode = encoder().encode


class Column(NamedTuple):
    """One column: `read` takes the value out of a record."""

    name: str
    type: pa.DataType
    read: Convert


def columns_of(record: type[msgspec.Struct]) -> tuple[Column, ...]:
    """The columns of a record type, in the order of its fields. Raises TypeError when two fields give one name."""
    found = tuple(_flat("", inspect.type_info(record), _same))
    names = [column.name for column in found]
    if len(set(names)) != len(names):
        raise TypeError(f"two fields of {record.__name__} make the same column: {sorted(names)}")
    return found


def _same(value: Any) -> Any:
    return value


def _flat(prefix: str, struct: Any, path: Convert) -> Iterator[Column]:
    for field in struct.fields:
        name, kind = f"{prefix}{field.name}", _bare(field.type)
        read = _step(path, field.name)
        if isinstance(kind, inspect.StructType):
            yield from _flat(f"{name}_", kind, read)
        else:
            made, convert = _column(kind)
            yield Column(name, made, read if convert is None else _then(read, convert))


def _step(path: Convert, name: str) -> Convert:
    if path is _same:
        return lambda record: getattr(record, name)

    def read(record: Any) -> Any:
        held = path(record)
        return None if held is None else getattr(held, name)

    return read


def _then(read: Convert, convert: Convert) -> Convert:
    def both(record: Any) -> Any:
        held = read(record)
        return None if held is None else convert(held)

    return both


def _bare(kind: inspect.Type) -> inspect.Type:
    """A type without its annotations and without null."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        rest = [t for t in map(_bare, kind.types) if not isinstance(t, inspect.NoneType)]
        return rest[0] if len(rest) == 1 else kind
    return kind


def _column(kind: inspect.Type) -> tuple[pa.DataType, Convert | None]:
    """The Arrow type of values of a type, and what makes them so; None = they are as they stand."""
    kind = _bare(kind)
    if isinstance(kind, inspect.LiteralType) and all(isinstance(v, str) for v in kind.values):
        return pa.string(), None
    for wanted, made in (
        (inspect.StrType, pa.string()), (inspect.BoolType, pa.bool_()), (inspect.IntType, pa.int64()),
        (inspect.FloatType, pa.float64()),
    ):  # fmt: skip
        if isinstance(kind, wanted):
            return made, None
    if isinstance(kind, inspect.StructType):
        return _struct(kind)
    item = _item(kind)
    if item is not None:
        made, convert = _column(item)
        return pa.list_(made), list if convert is None else _each(convert)
    return pa.string(), _json


def _item(kind: inspect.Type) -> inspect.Type | None:
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        return kind.item_type
    if isinstance(kind, inspect.TupleType) and len({type(_bare(t)) for t in kind.item_types}) == 1:
        return kind.item_types[0]
    return None


def _struct(kind: inspect.StructType) -> tuple[pa.DataType, Convert]:
    parts = [(field.name, *_column(field.type)) for field in kind.fields]

    def convert(held: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, _, inner in parts:
            value = getattr(held, name)
            found[name] = value if inner is None or value is None else inner(value)
        return found

    return pa.struct([pa.field(name, made) for name, made, _ in parts]), convert


def _each(convert: Convert) -> Convert:
    return lambda items: [None if item is None else convert(item) for item in items]


def _json(value: Any) -> str:
    return _encode(value).decode()
