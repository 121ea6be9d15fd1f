"""What each rule takes, what it stores, and what it refuses."""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from graph.errors import Invalid
from graph.moments import DAY, to_moment
from graph.records import Like, Purchase
from graph.tables import defuse
from loaders import rules
from loaders.money import to_major, to_minor
from loaders.rules import Context, Rule
from loaders.shapes import EVENTS, FILES
from loaders.source import listed, quote
from loaders.validate import content_ids

NOW = to_moment(datetime(2026, 11, 23, 12, tzinfo=UTC))
CONTEXT = Context(NOW, digits=2, key=b"key")
YEAR_2024 = to_moment(datetime(2024, 1, 1, tzinfo=UTC))

ACCEPTED: list[tuple[Rule, object, Any]] = [
    (rules.identifier, "012", "012"),
    (rules.identifier, "\uff11\uff12", "\uff11\uff12"),
    (rules.identifier, "x'}) DETACH DELETE n //", "x'}) DETACH DELETE n //"),
    (rules.identifier, "x" * 256, "x" * 256),
    (rules.text_of(10), "a\tb\r\n", "a\tb\r\n"),
    (rules.text_of(10), "\u202eabc", "\u202eabc"),
    (rules.price, "12.5", 1250),
    (rules.price, "12.5000", 1250),
    (rules.price, "007", 700),
    (rules.price, "0", 0),
    (rules.price, 44.31, 4431),
    (rules.price, 3, 300),
    (rules.price, 1e3, 100_000),
    (rules.price, "1000000000000", 10**14),
    (rules.quantity, "03", 3),
    (rules.quantity, 1_000_000, 1_000_000),
    (rules.quantity, 2.0, 2),
    (rules.weight, "2.5e3", 2500.0),
    (rules.weight, 1, 1.0),
    (rules.rating, "4.5", 4.5),
    (rules.birth_year, "2026", 2026),
    (rules.birth_year, 1900, 1900),
    (rules.truth, "YES", True),
    (rules.truth, "0", False),
    (rules.truth, False, False),
    (rules.moment, "2024-01-01", YEAR_2024),
    (rules.moment, "2024-01-01 00:00", YEAR_2024),
    (rules.moment, "2024-01-01T00:00:00Z", YEAR_2024),
    (rules.moment, "2024-01-01T00:00:00.25", YEAR_2024 + 250_000),
    (rules.moment, "2024-01-01T05:30:00.000001+05:30", YEAR_2024 + 1),
    (rules.moment, "2023-12-31T19:00:00-05:00", YEAR_2024),
    (rules.moment, "1970-01-01", 0),
    (rules.moment, "2026-11-24T12:00:00Z", NOW + DAY),
    (rules.url, "https://shop.example:8000/a?b=c#d", "https://shop.example:8000/a?b=c#d"),
    (rules.url, "/images/a.png", "/images/a.png"),
    (rules.url, "images/a.png", "images/a.png"),
    (rules.one_of(("a", "b")), "b", "b"),
]


@pytest.mark.parametrize(("rule", "value", "stored"), ACCEPTED)
def test_a_good_value_is_stored(rule: Rule, value: object, stored: object) -> None:
    found = rule(value, CONTEXT)
    assert (found, type(found)) == (stored, type(stored))


REFUSED: list[tuple[Rule, object]] = [
    *((rules.identifier, bad) for bad in (12, None, ["a"], " a", "a ", "a\n", "a\0", "\ud800", "a\u200b", "x" * 257)),
    *((rules.text_of(3), bad) for bad in ("abcd", "\x1b", "\x85", "\x7f", "\ud800", 1)),
    *(
        (rules.price, bad)
        for bad in ("", "1,5", "1.005", "-1", "+1", "1e3", "1_000", " 1", "1 ", "inf", "1\n", "0x1", "1000000000000.01")
    ),
    *((rules.price, bad) for bad in (-0.01, 0.125, float("nan"), float("inf"), 1e13, 10**400, True, None, [], -0.0)),
    *(
        (rules.quantity, bad)
        for bad in ("0", "-1", "1.0", "1000001", "\u0663", 0, 1.5, True, float("inf"), 10**400, "9" * 5000)
    ),
    *(
        (rules.weight, bad)
        for bad in ("0", "-1", "inf", "nan", "1e999", 0, -1.0, float("inf"), float("nan"), 10**400, True)
    ),
    *((rules.rating, bad) for bad in ("0", 5.1, "nan", float("nan"), True, "five")),
    *((rules.birth_year, bad) for bad in ("1899", 2027, "85")),
    *((rules.truth, bad) for bad in ("maybe", "t", 1, 0, 1.0)),
    *(
        (rules.moment, bad)
        for bad in ("1969-12-31T23:59:59Z", "2026-11-24T12:00:00.000001Z", "2023-02-29", "2024-00-01", 1704067200)
    ),
    *(
        (rules.moment, bad)
        for bad in ("1704067200", "20240101", "2024-01-01T24:00", "2024-01-01T00:60", "2024-01-01T00:00:60Z", "now")
    ),
    *(
        (rules.moment, bad)
        for bad in ("2024-01-01t00:00", "2024-01-01T00:00:00+0200", "2024-01-01Z", "2024-01-01T00:00z", "2024-01-01\n")
    ),
    *(
        (rules.url, bad)
        for bad in (
            "javascript:alert(1)",
            "//evil.example",
            "/\\evil.example",
            "data:text/html,x",
            "ftp://a",
            "/" * 2001,
        )
    ),
    *((rules.url, bad) for bad in ("https://", "http:///a", "a b", "https://a\n", "JavaScript:alert(1)", " https://a")),
    (rules.one_of(("a", "b")), "A"),
    (rules.one_of(("a", "b")), ["a"]),
]


@pytest.mark.parametrize(("rule", "value"), REFUSED)
def test_a_bad_value_is_refused_with_a_short_reason(rule: Rule, value: object) -> None:
    with pytest.raises(Invalid) as refusal:
        rule(value, CONTEXT)
    assert 0 < len(str(refusal.value)) < 120


def test_a_currency_without_cents_takes_no_fraction() -> None:
    assert rules.price("500", Context(NOW, digits=0)) == 500
    with pytest.raises(Invalid, match="more than 0 digits"):
        rules.price("0.5", Context(NOW, digits=0))


def test_money_is_exact() -> None:
    assert to_minor("0.1") + to_minor("0.2") == to_minor("0.3")
    assert to_major(to_minor("44.31")) == 44.31


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("email", " Ann@Shop.example", "ann@shop.EXAMPLE "),
        ("phone", "+49 (30) 12-34", "493012 34"),
        ("address", "Main  Street 1 ", "main street 1"),
        ("device", "abc", "abc "),
        ("payment", "DE00 1234", "de00 1234"),
    ],
)
def test_personal_data_are_hashed_in_normal_form(field: str, one: str, other: str) -> None:
    rule = FILES["customers"].cells[field].rule
    assert rule(one, CONTEXT) == rule(other, CONTEXT)
    assert rule(one, CONTEXT) != rule(one + "9", CONTEXT)
    assert rule(one, CONTEXT) != rule(one, Context(NOW, key=b"other"))


def test_the_hash_is_keyed_and_short() -> None:
    stored = FILES["customers"].cells["phone"].rule("12 34", CONTEXT)
    assert stored == "h:" + hmac.digest(b"key", b"1234", "sha256")[:16].hex()


def test_nothing_is_hashed_without_a_key_or_without_content() -> None:
    rule = FILES["customers"].cells["phone"].rule
    with pytest.raises(Invalid, match="no hash key"):
        rule("1234", Context(NOW))
    with pytest.raises(Invalid, match="nothing to recognise"):
        rule("unknown", CONTEXT)


def test_an_empty_cell_means_not_known_only_where_it_can() -> None:
    cells = FILES["purchases"].cells
    assert cells["price"].read("", CONTEXT) is None
    assert cells["gift"].read("", CONTEXT) is False
    for name in ("customer", "product", "at", "quantity", "id"):
        with pytest.raises(Invalid, match="is empty"):
            cells[name].read("", CONTEXT)


def test_an_absent_value_takes_the_default_unless_it_is_required() -> None:
    cells = FILES["purchases"].cells
    assert cells["quantity"].read(None, CONTEXT) == 1
    assert cells["at"].read(None, CONTEXT) is None
    with pytest.raises(Invalid, match="is missing"):
        cells["customer"].read(None, CONTEXT)


def test_the_id_of_an_event_follows_from_all_of_its_content() -> None:
    base = {"customer": ["c"], "product": ["p"], "at": [1], "quantity": [1]}
    ids = {content_ids(Purchase, base)[0]}
    for field, value in {
        "customer": "C",
        "product": "q",
        "at": None,
        "quantity": 2,
        "price": 1,
        "order": "None",
        "gift": True,
    }.items():
        ids.add(content_ids(Purchase, base | {field: [value]})[0])
    assert len(ids) == 8
    assert all(re.fullmatch("h1?[0-9a-f]{24}", id) for id in ids)


def test_fields_left_out_count_as_their_default() -> None:
    short = {"customer": ["c"], "product": ["p"]}
    assert content_ids(Purchase, short) == content_ids(
        Purchase, short | {"quantity": [1], "price": [None], "gift": [False]}
    )
    assert content_ids(Like, short) == content_ids(Like, short | {"opinion": ["like"]})
    assert content_ids(Like, short) != content_ids(Purchase, short)


def test_two_fields_never_run_together() -> None:
    assert content_ids(Like, {"customer": ["a"], "product": ["bc"]}) != content_ids(
        Like, {"customer": ["ab"], "product": ["c"]}
    )


def test_the_id_of_an_event_is_the_same_in_the_next_version() -> None:
    """Stored ids would otherwise come twice after an upgrade."""
    assert content_ids(Purchase, {"customer": ["c1"], "product": ["p1"], "at": [0], "price": [1250]}) == [
        "h08089a4b388368ae256adcb24"
    ]


def test_every_shape_fills_fields_of_its_record_and_requires_the_essential() -> None:
    for shape in (*FILES.values(), *EVENTS.values()):
        fields = set(shape.kind.__dataclass_fields__)
        assert {cell.field for cell in shape.cells.values()} | set(shape.constants) <= fields
        assert shape.required


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-OZ-", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_formula_leaves_as_text(cell: str) -> None:
    assert defuse(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "a=1", "1-1", " =1", "Björk"])
def test_other_text_leaves_as_it_is(cell: str) -> None:
    assert defuse(cell) == cell


def test_quoted_values_are_short_and_printable() -> None:
    assert quote("\x1b[2J\u202e\ud800é") == "\\x1b[2J\\u202e\\ud800é"
    assert quote("a" * 100) == "a" * 40 + "…"
    assert (quote(None), quote(1.5), quote(["a" * 9999]), quote({})) == ("", "1.5", "(list)", "(object)")


def test_a_list_of_names_is_cut() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([]) == "nothing"
    assert listed([str(n) for n in range(1000)], limit=2) == "0, 1 and 998 more"


def test_a_column_of_ids_is_taken_whole_if_each_is_plain() -> None:
    ids = ["012", "\uff11\uff12", "x" * 256]
    assert rules.identifiers(ids, CONTEXT) == ids == [rules.identifier(id, CONTEXT) for id in ids]
    assert rules.identifiers([], CONTEXT) == []


@pytest.mark.parametrize("odd", ["", "two words", " a", "a ", "x" * 257, "a\nb", "\0", "\ud800"])
def test_a_column_with_an_id_that_is_not_plain_is_left_to_a_closer_look(odd: str) -> None:
    with pytest.raises(Invalid):
        rules.identifiers(["a", odd, "b"], CONTEXT)
