"""The one declaration of what is stored: for each kind its table, its name in a graph database, key, ends and fields.

Tables, constraints, erasure, exports and the reference documentation are derived from `KINDS`; nothing else lists fields.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graph import records
from graph.records import Customer, Product, Record

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a kind. ``type`` is one of str, int, float, bool; ``choices``: all values there are, empty for any."""

    name: str
    type: type
    optional: bool
    default: object
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """How one record class is stored.

    Attributes
    ----------
    record
        The class in `graph.records`.
    table
        Table name in a relational store, file stem in an export.
    graph
        Label of a node or type of a relationship in a graph database; where ``varies`` names a field, of its first value.
    key
        Fields that identify a record.
    ends
        Field -> record class it points to. A write makes sure that both ends exist, as a graph has no edge without its nodes.
    lasting
        True for entities (the newest write wins), False for events (the first write wins).
    fields
        Every property, in the order of the class.
    varies
        Field whose value decides the name in a graph database, instead of being a property there; else empty.
    names
        Value of that field -> name in a graph database.
    owned
        In a graph database: type of the relationship from the person to a kind that is a node of its own; else empty.
    shared
        Field -> (relationship type, label): in a graph database its value is a node that many records share, not a property.
    """

    record: type[Record]
    table: str
    graph: str
    key: tuple[str, ...]
    ends: Mapping[str, type[Record]]
    lasting: bool
    fields: tuple[Field, ...]
    varies: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    owned: str = ""
    shared: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.fields)

    def key_of(self, record: Record) -> Key:
        """The values of the key fields."""
        return tuple(getattr(record, name) for name in self.key)


def _fields(record: type[Record]) -> tuple[Field, ...]:
    hints = typing.get_type_hints(record)
    return tuple(_field(f, hints[f.name]) for f in dataclasses.fields(record))


def _field(declared: dataclasses.Field[object], hint: object) -> Field:
    options = (
        typing.get_args(hint)
        if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
        else (hint,)
    )
    plain = [option for option in options if option is not type(None)]
    choices = typing.get_args(plain[0]) if typing.get_origin(plain[0]) is typing.Literal else ()
    kind = str if choices else plain[0]
    assert isinstance(kind, type), f"{declared.name}: {hint}"
    default = None if declared.default is dataclasses.MISSING else declared.default
    return Field(declared.name, kind, len(plain) < len(options), default, choices)


_PEOPLE: dict[str, type[Record]] = {"customer": Customer}
_EVENT: dict[str, type[Record]] = {"customer": Customer, "product": Product}


def _entity(
    record: type[Record],
    table: str,
    graph: str,
    key: tuple[str, ...],
    ends: Mapping[str, type[Record]],
    **placed: typing.Any,
) -> Kind:
    return Kind(record, table, graph, key, ends, True, _fields(record), **placed)


def _event(
    record: type[Record], table: str, graph: str, ends: Mapping[str, type[Record]] = _EVENT, **placed: typing.Any
) -> Kind:
    return Kind(record, table, graph, ("id",), ends, False, _fields(record), **placed)


_OPINIONS = {"like": "LIKES", "unlike": "UNLIKED", "dislike": "DISLIKES"}
_CATEGORY = {"category": ("IN_CATEGORY", "Category")}


KINDS: Mapping[type[Record], Kind] = {
    kind.record: kind
    for kind in (
        _entity(records.Customer, "customers", "Customer", ("id",), {}),
        _entity(records.Product, "products", "Product", ("id",), {}, shared=_CATEGORY),
        _entity(records.Friendship, "friends", "FRIEND_OF", ("customer", "friend"), _PEOPLE | {"friend": Customer}),
        _entity(records.Block, "blocks", "BLOCKS", ("customer", "other"), _PEOPLE | {"other": Customer}),
        _event(records.Consent, "consents", "Consent", _PEOPLE, owned="GAVE"),
        _event(records.Purchase, "purchases", "BOUGHT"),
        _event(records.Return, "returns", "RETURNED"),
        _event(records.Like, "likes", "LIKES", varies="opinion", names=_OPINIONS),
        _event(records.View, "views", "VIEWED"),
        _event(records.Review, "reviews", "REVIEWED"),
        _event(records.Share, "shares", "SHARED"),
        _event(records.Impression, "impressions", "SHOWN"),
        _event(records.Click, "clicks", "CLICKED"),
    )
}


def kind_of(record: type[Record]) -> Kind:
    """The declaration of a record class."""
    return KINDS[record]


def bare(end: type[Record], id: str) -> Record:
    """What is written for an end point that nothing has described yet."""
    return Product(id=id, described=False) if end is Product else end(id=id)  # type: ignore[call-arg]  # every end has an id


def people_in(kind: Kind) -> Iterator[str]:
    """Names of the fields that hold a customer id: what erasure searches."""
    if kind.record is Customer:
        yield "id"
    yield from (name for name, end in kind.ends.items() if end is Customer)


def names_person(kind: Kind, key: Key, customer: str) -> bool:
    """Whether a key holds the id of a customer: which tombstones erasure removes."""
    people = set(people_in(kind))
    return any(value == customer for name, value in zip(kind.key, key, strict=True) if name in people)
