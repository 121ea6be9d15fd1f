"""JSON bodies become records, or say which field is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from graph.errors import Invalid
from graph.records import Click, Customer, Friendship, Impression, Like, Product, Purchase, Return, Review, Share, View
from loaders.events import parse_customer, parse_event, parse_friendship, parse_product

NOW = 1_795_392_000_000_123
PAIR = {"id": "e1", "customer": "c1", "product": "p1"}
SAME: dict[str, Any] = {**PAIR, "at": NOW}

EVENTS = [
    (
        {"type": "purchase", "quantity": 2, "price": 89.5, "gift": True},
        Purchase(**SAME, quantity=2, price=8950, gift=True),
    ),
    ({"type": "purchase", "visibility": "named", "weight": 1.5}, Purchase(**SAME, visibility="named", weight=1.5)),
    ({"type": "like"}, Like(**SAME, opinion="like")),
    ({"type": "unlike"}, Like(**SAME, opinion="unlike")),
    ({"type": "dislike"}, Like(**SAME, opinion="dislike")),
    ({"type": "view", "recommendation_id": "r-1"}, View(**SAME, recommendation_id="r-1")),
    ({"type": "review", "rating": 4, "text": "Good"}, Review(**SAME, rating=4.0, text="Good")),
    ({"type": "refund", "order": "o1", "line": "1"}, Return(**SAME, reason="refund", order="o1", line="1")),
    ({"type": "cancel"}, Return(**SAME, reason="cancel")),
    ({"type": "share"}, Share(**SAME)),
    ({"type": "impression"}, Impression(**SAME)),
    ({"type": "click"}, Click(**SAME)),
]


@pytest.mark.parametrize(("payload", "record"), EVENTS)
def test_every_type_of_event_becomes_its_record(payload: dict[str, Any], record: object) -> None:
    assert parse_event({**PAIR, **payload}, now=NOW) == record


def test_null_means_absent() -> None:
    assert parse_event({**PAIR, "type": "view", "at": None, "recommendation_id": None}, now=NOW) == View(**SAME)


def test_an_event_without_id_gets_one_from_its_content() -> None:
    body = {"type": "like", "customer": "c1", "product": "p1", "at": "2024-01-01"}
    one, same = parse_event(body, now=NOW), parse_event({**body, "at": "2024-01-01T00:00:00Z"}, now=NOW + 5)
    other = parse_event({**body, "type": "unlike"}, now=NOW)
    assert one == same
    assert isinstance(one, Like)
    assert isinstance(other, Like)
    assert one.id != other.id


@pytest.mark.parametrize(
    ("payload", "field", "said"),
    [
        ({**PAIR}, "type", "is not one of purchase"),
        ({**PAIR, "type": "purchse"}, "type", "did you mean purchase"),
        ({**PAIR, "type": ["view"]}, "type", "is not one of"),
        ({**PAIR, "type": "purchase", "quantty": 1}, "quantty", "did you mean quantity"),
        ({**PAIR, "type": "view", "quantity": 1}, "quantity", "no field of a view event"),
        ({"type": "view", "product": "p1"}, "customer", "customer is missing"),
        ({**PAIR, "type": "view", "customer": 7}, "customer", "not text"),
        ({**PAIR, "type": "view", "at": 1704067200}, "at", "not text"),
        ({**PAIR, "type": "view", "at": "2027-01-01"}, "at", "future"),
        ({**PAIR, "type": "purchase", "price": 1.005}, "price", "more than 2 digits"),
        ({**PAIR, "type": "purchase", "price": -1}, "price", "no price"),
        ({**PAIR, "type": "purchase", "quantity": 0}, "quantity", "whole number"),
        ({**PAIR, "type": "review", "rating": 6}, "rating", "between 1 and 5"),
        ({**PAIR, "type": "view", "id": ""}, "id", "id is empty"),
        ({**PAIR, "type": "view", "\x1b[2J": 1}, "\\x1b[2J", "no field"),
    ],
)
def test_a_wrong_event_names_its_field(payload: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refusal:
        parse_event(payload, now=NOW)
    assert refusal.value.field == field
    assert str(refusal.value).isprintable()


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(Invalid, match="JSON object"):
        parse_event(["purchase"], now=NOW)  # type: ignore[arg-type]


def test_prices_are_in_the_currency_of_the_shop() -> None:
    assert parse_product("p1", {"price": 500}, now=NOW, digits=0) == Product(id="p1", price=500)
    with pytest.raises(Invalid, match="more than 0 digits"):
        parse_event({**PAIR, "type": "purchase", "price": 0.5}, now=NOW, digits=0)


def test_entities_are_parsed_by_the_rules_of_their_files() -> None:
    assert parse_customer("c1", {"name": "Ann", "birth_year": 1980}, now=NOW) == Customer(
        id="c1", name="Ann", birth_year=1980
    )
    assert parse_product("p1", {"name": "Hat", "available": False}, now=NOW) == Product(
        id="p1", name="Hat", available=False
    )
    assert parse_friendship({"customer": "b", "friend": "a"}, now=NOW) == Friendship(customer="a", friend="b")
    hashed = parse_customer("c1", {"email": "a@b.example"}, now=NOW, key=b"key").email
    assert hashed is not None
    assert hashed.startswith("h:")


def test_wrong_entities_name_their_field() -> None:
    with pytest.raises(Invalid, match="did you mean price"):
        parse_product("p1", {"prise": 1}, now=NOW)
    with pytest.raises(Invalid, match="no hash key"):
        parse_customer("c1", {"email": "a@b.example"}, now=NOW)
    with pytest.raises(Invalid, match="nobody is a friend of themselves") as refusal:
        parse_friendship({"customer": "a", "friend": "a"}, now=NOW)
    assert refusal.value.field == "friend"
