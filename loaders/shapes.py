"""The shapes of input: for each kind of file and type of event its columns, in order, each with its rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graph import records
from graph.errors import Invalid
from graph.records import PURPOSES, VISIBILITIES, Record
from graph.schema import kind_of
from loaders import rules
from loaders.rules import Context, Rule

_NEVER_BLANK = frozenset({"id", "customer", "product", "friend", "purpose", "granted", "at", "quantity"})
"""Columns where an empty cell is a mistake and not "not known": it would change what the row means."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a shape: the field of the record it fills and how a raw value becomes a stored one."""

    field: str
    rule: Rule
    required: bool
    may_be_blank: bool
    default: object

    def read(self, value: object, context: Context) -> Any:
        """The stored value; ``None`` means that the row has no such value.

        Raises
        ------
        graph.errors.Invalid
            The value breaks the rule; the message reads on from the name of the column.
        """
        if value is None:
            if self.required:
                raise Invalid("is missing")
            return self.default
        if value == "":
            if not self.may_be_blank:
                raise Invalid("is empty" if self.required else "is empty; leave the column out where it is not known")
            return self.default
        return self.rule(value, context)


@dataclass(frozen=True, slots=True)
class Shape:
    """Input that becomes records of one kind. ``constants``: fields that the shape itself decides."""

    name: str
    kind: type[Record]
    cells: Mapping[str, Cell]
    constants: Mapping[str, object] = field(default_factory=dict)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(name for name, cell in self.cells.items() if cell.required)

    @property
    def expected(self) -> str:
        """The columns in words; those in square brackets may be left out."""
        optional = [name for name, cell in self.cells.items() if not cell.required]
        return ", ".join(self.required) + (f" [, {', '.join(optional)}]" if optional else "")


def _shape(
    name: str, kind: type[Record], required: Mapping[str, Rule], optional: Mapping[str, Rule], **constants: object
) -> Shape:
    defaults = {known.name: known.default for known in kind_of(kind).fields}
    cells = {
        column: Cell(
            field=column,
            rule=rule,
            required=column in required,
            may_be_blank=column not in _NEVER_BLANK,
            default=defaults.get(column),
        )
        for column, rule in {**required, **optional}.items()
    }
    return Shape(name, kind, cells, constants)


_ID, _NAME = rules.identifier, rules.text_of(rules.MAX_NAME)
_PAIR: dict[str, Rule] = {"customer": _ID, "product": _ID}
_ORDER: dict[str, Rule] = {"order": _ID, "line": _ID}
_BOUGHT: dict[str, Rule] = {
    "at": rules.moment,
    "quantity": rules.quantity,
    "price": rules.price,
    **_ORDER,
    "gift": rules.truth,
    "visibility": rules.one_of(VISIBILITIES),
    "weight": rules.weight,
}
PERSONAL: Mapping[str, Rule] = {
    "email": rules.hashed(rules.plain_email),
    "phone": rules.hashed(rules.plain_phone),
    "address": rules.hashed(rules.plain_words),
    "device": rules.hashed(str.strip),
    "payment": rules.hashed(rules.plain_words),
}
"""Columns of customers that are kept only as keyed hashes."""
_CUSTOMER: dict[str, Rule] = {"name": _NAME, "birth_year": rules.birth_year, **PERSONAL}
_PRODUCT: dict[str, Rule] = {
    "name": _NAME,
    "price": rules.price,
    "category": rules.text_of(rules.MAX_ID),
    "available": rules.truth,
    "sensitive": rules.truth,
    "url": rules.url,
    "image": rules.url,
}
_CONSENT: dict[str, Rule] = {"customer": _ID, "purpose": rules.one_of(PURPOSES), "granted": rules.truth}

FILES: Mapping[str, Shape] = {
    shape.name: shape
    for shape in (
        _shape("customers", records.Customer, {"id": _ID}, _CUSTOMER),
        _shape("products", records.Product, {"id": _ID}, _PRODUCT),
        _shape("friends", records.Friendship, {"customer": _ID, "friend": _ID}, {"since": rules.moment}),
        _shape("consents", records.Consent, _CONSENT, {"at": rules.moment, "id": _ID}),
        _shape("purchases", records.Purchase, _PAIR, {**_BOUGHT, "id": _ID}),
        _shape("likes", records.Like, _PAIR, {"at": rules.moment, "id": _ID}),
    )
}
"""Files, in the order in which they are loaded: who and what before what they did."""

_EVENT: dict[str, Rule] = {"at": rules.moment, "recommendation_id": _ID, "id": _ID}
_REVIEW: dict[str, Rule] = {"rating": rules.rating, "text": rules.text_of(rules.MAX_REVIEW)}

EVENTS: Mapping[str, Shape] = {
    shape.name: shape
    for shape in (
        _shape("purchase", records.Purchase, _PAIR, {**_BOUGHT, **_EVENT}),
        _shape("like", records.Like, _PAIR, _EVENT, opinion="like"),
        _shape("unlike", records.Like, _PAIR, _EVENT, opinion="unlike"),
        _shape("dislike", records.Like, _PAIR, _EVENT, opinion="dislike"),
        _shape("view", records.View, _PAIR, _EVENT),
        _shape("review", records.Review, _PAIR, {**_REVIEW, **_EVENT}),
        _shape("refund", records.Return, _PAIR, {**_ORDER, **_EVENT}, reason="refund"),
        _shape("cancel", records.Return, _PAIR, {**_ORDER, **_EVENT}, reason="cancel"),
        _shape("share", records.Share, _PAIR, _EVENT),
        _shape("impression", records.Impression, _PAIR, _EVENT),
        _shape("click", records.Click, _PAIR, _EVENT),
    )
}
"""Events over HTTP, by their ``type``."""
