"""Records to test with: one of each kind, and all that Hypothesis can make from the schema (new fields included)."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from graph.records import (
    Block,
    Click,
    Consent,
    Customer,
    Friendship,
    Impression,
    Like,
    Product,
    Purchase,
    Record,
    Return,
    Review,
    Share,
    View,
)
from graph.schema import KINDS, Field, Kind, kind_of
from graph.store import GraphStore

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
"""Any text that has a UTF-8 form, NUL and the astral planes included."""

VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
}


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """Every value a field may have; None where it is optional."""
    values = st.sampled_from(field.choices) if field.choices else VALUES[field.type]
    return st.none() | values if field.optional else values


def records_of(kind: Kind, **chosen: st.SearchStrategy[Any]) -> st.SearchStrategy[Record]:
    """Records of a kind; ``chosen`` replaces the values of some fields."""
    fields = {field.name: values_of(field) for field in kind.fields}
    return st.builds(kind.record, **(fields | chosen))


FACTS: tuple[Record, ...] = (
    Customer(id="a", name="Ann", birth_year=1980, email="hash"),
    Product(id="p", name="Shoe", price=8900, category="shoes", sensitive=True),
    Friendship(customer="a", friend="b", since=1),
    Block(customer="c", other="a", at=2),
    Consent(id="1", customer="a", purpose="named", granted=True, at=3, source="form"),
    Purchase(
        id="2", customer="a", product="p", at=4, quantity=2, price=8900, gift=True, visibility="named", weight=0.5
    ),
    Return(id="3", customer="a", product="p", reason="refund"),
    Like(id="4", customer="a", product="p", opinion="dislike"),
    View(id="5", customer="a", product="p", recommendation_id="r-1"),
    Review(id="6", customer="a", product="p", rating=4.5, text="fits"),
    Share(id="7", customer="a", product="p"),
    Impression(id="8", customer="a", product="p"),
    Click(id="9", customer="a", product="p"),
)
"""One of each kind; all but the product name ``a``."""


def bought(id: str, customer: str = "a", product: str = "p", **fields: Any) -> Purchase:
    return Purchase(id=id, customer=customer, product=product, **fields)


def everything(store: GraphStore) -> set[Record]:
    return {record for kind in KINDS for batch in store.read(kind) for record in batch.records()}


def ids(store: GraphStore, kind: type[Record]) -> list[str]:
    return [id for batch in store.read(kind, columns=("id",)) for id in batch["id"]]


def key(record: Record) -> tuple[str, ...]:
    return kind_of(type(record)).key_of(record)
