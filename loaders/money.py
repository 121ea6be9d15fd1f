"""Prices: decimals outside, whole minor units (cents) inside, so that sums are exact."""

from __future__ import annotations

from graph.errors import Invalid


def to_minor(text: str, digits: int = 2) -> int:
    """Minor units of a plain decimal such as ``12``, ``12.5`` or ``12.500``.

    Parameters
    ----------
    text
        ASCII digits with at most one point; the caller has checked that.
    digits
        Digits of the currency after the point (2 for cents, 0 for yen).

    Raises
    ------
    graph.errors.Invalid
        More digits after the point than the currency has, trailing zeros aside.
    """
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > digits:
        raise Invalid(f"has more than {digits} digits after the point")
    return int(whole + fraction.ljust(digits, "0"))


def to_major(minor: int, digits: int = 2) -> float:
    """The number a person reads, nearest to the exact amount: ``to_major(1250) == 12.5``."""
    return minor / float(10**digits)
