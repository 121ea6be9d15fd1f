"""Values as text formats hold them, and back again: times in ISO 8601, prices as decimals, nothing rounded on the way.

A rule takes one value as a JSON parser gives it and returns what is stored. It raises `Invalid` with a reason that reads on
from the name of the field: "is missing".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from graph.errors import Invalid
from graph.moments import Moment, to_moment, to_text
from graph.schema import Field

MOMENTS = frozenset({"at", "since"})
PRICES = frozenset({"price"})
INTEGERS = range(-(2**63), 2**63)
"""What a store can hold."""

Rule = Callable[[Any], Any]

_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
"""JSON has numbers for all floats but these."""


def plain(name: str, values: Sequence[Any], digits: int) -> Sequence[Any]:
    """Values of a field for text formats; ``digits``: of the currency after the point.

    A moment outside the years 1 to 9999, which ISO 8601 cannot express, stays the integer that it is.
    """
    if name in MOMENTS:
        return [None if value is None else _moment_text(value) for value in values]
    if name in PRICES:
        return [None if value is None else format(Decimal(value).scaleb(-digits), "f") for value in values]
    return values


def needed(field: Field) -> bool:
    """Whether a record cannot be without this field."""
    return field.default is None and not field.optional


def rule_of(field: Field, digits: int) -> Rule:
    """From what `plain` wrote to what is stored; None, for a value that is left out, becomes the default."""
    if field.name in MOMENTS:
        return _given(field, _moment)
    if field.name in PRICES:
        return _given(field, partial(_price, digits=digits))
    return _given(field, partial(_choice, choices=field.choices) if field.choices else _BY_TYPE[field.type])


def known_rule_of(field: Field) -> Rule:
    """The same for a value that has its stored type already: is it there, is it one of the choices."""
    return _given(field, partial(_choice, choices=field.choices) if field.choices else lambda value: value)


def judge(values: Sequence[Any], rule: Rule) -> tuple[Sequence[Any], dict[int, str]]:
    """The values by a rule; position -> reason of those that break it, which are None in the result."""
    try:
        return [rule(value) for value in values], {}
    except Invalid:
        reasons: dict[int, str] = {}
        return [_verdict(at, value, rule, reasons) for at, value in enumerate(values)], reasons


def _verdict(at: int, value: Any, rule: Rule, reasons: dict[int, str]) -> Any:
    try:
        return rule(value)
    except Invalid as error:
        reasons[at] = str(error)
        return None


def _given(field: Field, rule: Rule) -> Rule:
    default, lacking = field.default, needed(field)

    def checked(value: Any) -> Any:
        if value is not None:
            return rule(value)
        if lacking:
            raise Invalid("is missing")
        return default

    return checked


def _moment_text(moment: Moment) -> str | int:
    try:
        return to_text(moment)
    except OverflowError:
        return moment


def _moment(value: object) -> Moment:
    if isinstance(value, str):
        try:
            moment = to_moment(datetime.fromisoformat(value))
            if to_text(moment) == value:
                return moment
        except (ValueError, TypeError, OverflowError):  # no time, one without a zone, one at the very end of them
            raise Invalid(_NO_MOMENT) from None
    elif type(value) is int:
        return _integer(value)
    raise Invalid(_NO_MOMENT)


_NO_MOMENT = "is no time such as 2024-05-31T18:30:00Z, and no whole number of microseconds since 1970"
_PRICE = re.compile(r"-?[0-9]{1,30}(?:\.([0-9]{1,9}))?")


def _price(value: object, *, digits: int) -> int:
    match = _PRICE.fullmatch(value) if isinstance(value, str) else None
    if match is None or len(match[1] or "") != digits:
        raise Invalid(f"is no price as text with {digits} digits after the point")
    return _integer(int(match[0].replace(".", "")))


def _integer(value: object) -> int:
    if type(value) is not int:
        raise Invalid("is no whole number")
    if value not in INTEGERS:
        raise Invalid("is a whole number of more than 64 bits")
    return value


def _number(value: object) -> float:
    if type(value) is int and value in INTEGERS:
        return float(value)
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    raise Invalid("is no number")


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid("is neither true nor false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("is no text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Invalid("holds half of a surrogate pair") from None
    return value


def _choice(value: object, *, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise Invalid(f"is none of {', '.join(choices)}")
    return value


_BY_TYPE: Mapping[type, Rule] = {str: _text, int: _integer, float: _number, bool: _truth}
