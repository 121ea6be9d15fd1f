"""What a value must be. A rule takes one raw value (text, or a JSON value) and returns what is stored.

It raises `Invalid` with a reason that reads on from the name of the field: "has more than 2 digits after the point".
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from graph.errors import Invalid
from graph.moments import DAY, SECOND, Moment, to_datetime, to_moment
from loaders.money import to_minor

MAX_ID = 256
MAX_NAME = 1_000
MAX_URL = 2_000
MAX_REVIEW = 20_000
MAX_PRICE = 10**12
MAX_QUANTITY = 1_000_000


@dataclass(frozen=True, slots=True)
class Context:
    """What the rules need to know: the time, the digits of the currency, the key that personal data are hashed with."""

    now: Moment
    digits: int = 2
    key: bytes | None = None


Rule = Callable[[object, Context], Any]

_DECIMAL = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?")
_FLOAT = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[0-9]{1,12}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_URL = re.compile(r"(?i:https?)://[^\s\\/]+(?:/[^\s\\]*)?|/?[^\s\\/:]+(?:/[^\s\\]*)?|/")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOUR = "([01][0-9]|2[0-3]):([0-5][0-9])"
_HOUR_AND_MINUTE = re.compile(rf"(?:[T ]{_HOUR})?")
_SECONDS_AND_ZONE = re.compile(rf"(?::([0-5][0-9])(?:\.([0-9]{{1,6}}))?)?(?:Z|([+-]){_HOUR})?")
_NO_TIME = "is no time such as 2024-05-31 or 2024-05-31T18:30:00Z"
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def identifier(value: object, _: Context) -> str:
    """An id: text of 1 to 256 printable characters, kept as it is; ``12``, ``012`` and ``12.0`` are three ids."""
    text = _string(value)
    if len(text) > MAX_ID:
        raise Invalid(f"has {len(text):,} characters; an id has at most {MAX_ID}")
    if not text.isprintable():
        raise Invalid("holds a character that cannot be printed")
    if text[0] == " " or text[-1] == " ":
        raise Invalid("starts or ends with a space")
    return text


def identifiers(column: Sequence[str], _: Context) -> list[str]:
    """`identifier` of each text of a column; raises if any is refused or holds a space, which needs a closer look."""
    joined = "".join(column)
    if "" in column or " " in joined or not joined.isprintable() or max(map(len, column), default=0) > MAX_ID:
        raise Invalid("holds an id to be looked at by itself")
    return list(column)


def text_of(limit: int) -> Rule:
    """Free text, kept exactly: no control characters but tabs and line ends, no half of a surrogate pair."""

    def text(value: object, _: Context) -> str:
        found = _string(value)
        if len(found) > limit:
            raise Invalid(f"has {len(found):,} characters; at most {limit:,} are kept")
        if _CONTROL.search(found):
            raise Invalid("holds a control character")
        return found

    return text


def price(value: object, context: Context) -> int:
    """Minor units of a decimal written with ASCII digits and a point; a JSON number counts by its shortest text."""
    text = _number_text(value)
    if _DECIMAL.fullmatch(text) is None:
        raise Invalid("is no price such as 12.50 (digits and one point, not negative)")
    minor = to_minor(text, context.digits)
    if minor > MAX_PRICE * 10**context.digits:
        raise Invalid("is above a million millions")
    return minor


def quantity(value: object, _: Context) -> int:
    """A whole number from 1 to a million."""
    return _integer(value, 1, MAX_QUANTITY)


def birth_year(value: object, context: Context) -> int:
    """A year from 1900 to the current one."""
    return _integer(value, 1900, to_datetime(context.now).year)


def weight(value: object, _: Context) -> float:
    """A finite number above nought: plays, minutes."""
    found = _float(value)
    if not 0 < found < math.inf:
        raise Invalid("is not a finite number above 0")
    return found


def rating(value: object, _: Context) -> float:
    """A number from 1 to 5."""
    found = _float(value)
    if not 1 <= found <= 5:
        raise Invalid("is not between 1 and 5")
    return found


def truth(value: object, _: Context) -> bool:
    """True or false; in text also 1, 0, yes, no."""
    found = value if isinstance(value, bool) else _TRUTH.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise Invalid("is neither true nor false")
    return found


def moment(value: object, context: Context) -> Moment:
    """A time from 1970 to a day from now; without a zone it is UTC, a date alone is its first moment."""
    return _in_range(_moment(_string(value)), context)


def moments(column: Sequence[str], context: Context) -> list[Moment]:
    """`moment` of each text of a column; raises if any is refused. Texts differ, their three parts seldom do."""
    found = list(map(_moment, column))
    _in_range(min(found, default=0), context)
    _in_range(max(found, default=0), context)
    return found


def _moment(text: str) -> Moment:
    return _midnight(text[:10]) + _hour_and_minute(text[10:16]) + _seconds_and_zone(text[16:])


def _in_range(found: Moment, context: Context) -> Moment:
    if found < 0:
        raise Invalid("lies before 1970")
    if found > context.now + DAY:
        raise Invalid("lies in the future")
    return found


@lru_cache(maxsize=20_000)
def _midnight(day: str) -> Moment:
    if _DAY.fullmatch(day) is None:
        raise Invalid(_NO_TIME)
    try:
        return to_moment(datetime.fromisoformat(day).replace(tzinfo=UTC))
    except ValueError:
        raise Invalid("is a day that does not exist") from None


@lru_cache(maxsize=2_000)
def _hour_and_minute(clock: str) -> Moment:
    """Microseconds of ``T18:30``; nothing is midnight."""
    if _HOUR_AND_MINUTE.fullmatch(clock) is None:
        raise Invalid(_NO_TIME)
    return (int(clock[1:3] or 0) * 60 + int(clock[4:6] or 0)) * 60 * SECOND


@lru_cache(maxsize=20_000)
def _seconds_and_zone(rest: str) -> Moment:
    """Microseconds of ``:05.5+02:00``, less the zone."""
    parts = _SECONDS_AND_ZONE.fullmatch(rest)
    if parts is None:
        raise Invalid(_NO_TIME)
    second, fraction, sign, hour, minute = parts.groups(default="0")
    zone = (int(hour) * 60 + int(minute)) * (-1 if sign == "-" else 1)
    return (int(second) - 60 * zone) * SECOND + int(fraction.ljust(6, "0"))


def url(value: object, _: Context) -> str:
    """An http(s) address or a path of the shop; no other scheme ever reaches a page."""
    text = _string(value)
    if len(text) > MAX_URL:
        raise Invalid(f"has {len(text):,} characters; an address has at most {MAX_URL:,}")
    if _URL.fullmatch(text) is None or not text.isprintable():
        raise Invalid("is neither an http(s) address nor a path")
    return text


def one_of(names: Collection[str]) -> Rule:
    """One of a few words, written exactly so."""
    words = frozenset(names)
    listed = ", ".join(names)

    def choice(value: object, _: Context) -> str:
        if not isinstance(value, str) or value not in words:
            raise Invalid(f"is not one of {listed}")
        return value

    return choice


def hashed(normal: Callable[[str], str]) -> Rule:
    """A keyed hash (HMAC-SHA256, 16 bytes) of personal data in normal form: recognised again, but not kept."""
    readable = text_of(MAX_NAME)

    def keyed_hash(value: object, context: Context) -> str:
        if context.key is None:
            raise Invalid("can only be kept as a keyed hash, and no hash key is set")
        plain = normal(readable(value, context))
        if not plain:
            raise Invalid("holds nothing to recognise anybody by")
        return "h:" + hmac.digest(context.key, plain.encode(), "sha256")[:16].hex()

    return keyed_hash


def plain_email(text: str) -> str:
    """Without spaces around it, in lower case."""
    return text.strip().lower()


def plain_phone(text: str) -> str:
    """The ASCII digits alone."""
    return re.sub(r"[^0-9]", "", text)


def plain_words(text: str) -> str:
    """Case folded, one space between words."""
    return " ".join(text.casefold().split())


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("is not text; write it in quotes")
    return value


def _number_text(value: object) -> str:
    """Text as it is; a JSON number by its shortest text, without an exponent."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid("is not a number")
    if not abs(value) <= MAX_PRICE:
        raise Invalid("is not a number, or too large a one")
    return format(Decimal(repr(value)), "f")


def _integer(value: object, low: int, high: int) -> int:
    text = isinstance(value, str) and _INTEGER.fullmatch(value)
    if text or (isinstance(value, float) and value.is_integer()):
        value = int(value)  # type: ignore[call-overload]  # text or a float, as checked
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid(f"is not a whole number from {low} to {high}")
    return value


def _float(value: object) -> float:
    if isinstance(value, str) and _FLOAT.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid("is not a number")
    try:
        return float(value)
    except OverflowError:
        raise Invalid("is too large") from None
