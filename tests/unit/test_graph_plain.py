"""Values in plain form: what is written, what is read back, and what is refused with a reason."""

from __future__ import annotations

import math
from typing import Any

import pytest

from graph.errors import Invalid
from graph.plain import judge, known_rule_of, needed, plain, rule_of
from graph.records import PURPOSES, Consent, Customer, Friendship, Product, Purchase, Record, Review
from graph.schema import Field, kind_of


def field(kind: type[Record], name: str) -> Field:
    return next(field for field in kind_of(kind).fields if field.name == name)


def read(kind: type[Record], name: str, value: object, digits: int = 2) -> Any:
    return rule_of(field(kind, name), digits)(value)


class TestMoments:
    @pytest.mark.parametrize(
        ("moment", "text"),
        [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_700_000_000_500_000, "2023-11-14T22:13:20.500000Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ],
    )
    @pytest.mark.parametrize("name", ["at", "since"])
    def test_they_are_iso_8601(self, name: str, moment: int, text: str) -> None:
        kind = Purchase if name == "at" else Friendship
        assert plain(name, [moment], 2) == [text]
        assert read(kind, name, text) == moment

    @pytest.mark.parametrize("moment", [-62_135_596_800_000_001, 253_402_300_800_000_000, -(2**63), 2**63 - 1])
    def test_where_the_calendar_ends_they_stay_integers(self, moment: int) -> None:
        assert plain("at", [moment, None], 2) == [moment, None]
        assert read(Purchase, "at", moment) == moment

    @pytest.mark.parametrize(
        "value",
        [
            *(
                "",
                "yesterday",
                "2024-05-31",
                "2024-05-31T18:30:00",
                "2024-W22-5",
                "20240531T183000Z",
                "2024-02-30T00:00:00Z",
            ),
            *("2024-05-31T18:30:00+00:00", "2024-05-31T18:30Z", " 2024-05-31T18:30:00Z", "0001-01-01T00:00:00+23:00"),
            *(1.5, True, [], {}),
        ],
        ids=repr,
    )
    def test_what_export_would_not_write_is_no_time(self, value: object) -> None:
        with pytest.raises(Invalid, match=r"is no time such as .*microseconds since 1970"):
            read(Purchase, "at", value)


class TestPrices:
    @pytest.mark.parametrize(
        ("minor", "digits", "text"),
        [
            *((1250, 2, "12.50"), (5, 2, "0.05"), (-5, 2, "-0.05"), (0, 2, "0.00"), (12, 0, "12"), (-1, 0, "-1")),
            *((1, 3, "0.001"), (2**63 - 1, 2, "92233720368547758.07"), (-(2**63), 3, "-9223372036854775.808")),
        ],
    )
    def test_they_are_decimals_with_the_digits_of_the_currency(self, minor: int, digits: int, text: str) -> None:
        assert plain("price", [minor, None], digits) == [text, None]
        assert read(Product, "price", text, digits) == minor

    @pytest.mark.parametrize(
        "value", ["", "12", "12.5", "12.500", "12.5O", "1e2", ".50", "+1.00", "\u0661.\u0660\u0660", 12.5, 12, True]
    )
    def test_another_number_of_digits_or_no_text_is_no_price(self, value: object) -> None:
        with pytest.raises(Invalid, match="is no price as text with 2 digits after the point"):
            read(Product, "price", value)

    def test_one_that_no_store_could_hold_is_refused(self) -> None:
        with pytest.raises(Invalid, match="64 bits"):
            read(Product, "price", "92233720368547758.08")


class TestOtherValues:
    @pytest.mark.parametrize(
        ("kind", "name", "value"),
        [
            (Customer, "name", ""),
            (Customer, "name", "\0 =1 \u2028"),
            (Customer, "birth_year", -(2**63)),
            (Purchase, "quantity", 2**63 - 1),
            (Purchase, "gift", True),
            (Review, "rating", 0.1 + 0.2),
            (Consent, "purpose", "named"),
        ],
    )
    def test_they_are_as_they_are(self, kind: type[Record], name: str, value: object) -> None:
        assert plain(name, [value], 2) == [value]
        found = read(kind, name, value)
        assert (type(found), found) == (type(value), value)

    @pytest.mark.parametrize(("written", "value"), [("inf", math.inf), ("-inf", -math.inf), (4, 4.0)])
    def test_a_float_may_be_infinite_or_an_integer_in_json(self, written: object, value: float) -> None:
        found = read(Review, "rating", written)
        assert (type(found), found) == (float, value)

    def test_what_is_not_a_number_is_one_all_the_same(self) -> None:
        assert math.isnan(read(Review, "rating", "nan"))

    @pytest.mark.parametrize(
        ("kind", "name", "value", "reason"),
        [
            (Customer, "id", 7, "is no text"),
            (Customer, "name", ["Ann"], "is no text"),
            (Customer, "name", "\ud800", "surrogate"),
            (Customer, "birth_year", "1980", "is no whole number"),
            (Customer, "birth_year", 1980.0, "is no whole number"),
            (Purchase, "quantity", True, "is no whole number"),
            (Purchase, "quantity", 2**63, "more than 64 bits"),
            (Purchase, "gift", 1, "is neither true nor false"),
            (Purchase, "gift", "true", "is neither true nor false"),
            (Review, "rating", "4.5", "is no number"),
            (Review, "rating", True, "is no number"),
            (Review, "rating", math.inf, "is no number"),
            (Review, "rating", 10**400, "is no number"),
            (Purchase, "visibility", "everybody", "is none of private, count, named"),
            (Consent, "purpose", 1, f"is none of {', '.join(PURPOSES)}"),
        ],
    )
    def test_another_type_is_refused_with_a_reason(
        self, kind: type[Record], name: str, value: object, reason: str
    ) -> None:
        with pytest.raises(Invalid, match=reason):
            read(kind, name, value)


class TestMissingValues:
    @pytest.mark.parametrize(("name", "default"), [("name", None), ("available", True), ("sensitive", False)])
    def test_they_take_the_default(self, name: str, default: object) -> None:
        assert read(Product, name, None) is default
        assert known_rule_of(field(Product, name))(None) is default

    @pytest.mark.parametrize(
        ("kind", "name"), [(Product, "id"), (Purchase, "customer"), (Consent, "purpose"), (Consent, "granted")]
    )
    def test_a_required_one_is_missing(self, kind: type[Record], name: str) -> None:
        assert needed(field(kind, name))
        for rule in (rule_of(field(kind, name), 2), known_rule_of(field(kind, name))):
            with pytest.raises(Invalid, match="is missing"):
                rule(None)

    @pytest.mark.parametrize(("kind", "name"), [(Product, "name"), (Product, "available"), (Purchase, "quantity")])
    def test_what_has_a_default_is_not_needed(self, kind: type[Record], name: str) -> None:
        assert not needed(field(kind, name))


def test_typed_values_are_still_held_to_the_choices_there_are() -> None:
    rule = known_rule_of(field(Consent, "purpose"))
    assert rule("named") == "named"
    with pytest.raises(Invalid, match="is none of personalisation"):
        rule("world domination")


def test_a_column_is_judged_value_by_value_only_where_one_is_bad() -> None:
    rule = rule_of(field(Purchase, "quantity"), 2)
    assert judge([1, 2], rule) == ([1, 2], {})
    assert judge([1, "2", None, 2.5], rule) == ([1, None, 1, None], {1: "is no whole number", 3: "is no whole number"})
