"""Where the marks of a plot go: positions in a drawing of a fixed width, which a template turns into SVG.

Two kinds of plots are all that a page needs. A library for plots would bring fifty megabytes for them, and drawings whose
colours do not follow the reader's light or dark and whose words are no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import NamedTuple

WIDTH = 760
LABELS = 190
"""Room for labels on the left of rows, and on the right of points."""

VALUES = 186
"""Room for figures in words on the right of rows."""

ROW = 26
TOP = 12
BOTTOM = 46
"""Room for the axis and its title."""

POINTS_HEIGHT = 380
LEFT = 56
"""Room for the vertical axis of points."""


LEAST = 1e-5
"""Differences that no figure on the page shows: those of rounding are no span of an axis."""


class Row(NamedTuple):
    """One figure to show: with its 95 % interval where there is one; ``hollow`` marks are what others are compared
    with."""

    label: str
    value: float
    interval: tuple[float, float] | None = None
    hollow: bool = False


class Tick(NamedTuple):
    """A place on an axis and what it says."""

    at: float
    text: str


class Mark(NamedTuple):
    """A row as drawn."""

    label: str
    y: float
    x: float
    between: tuple[float, float] | None
    text: str
    hollow: bool


@dataclass(frozen=True)
class Rows:
    """One mark below the other, on one horizontal axis; ``reference`` is where 0 is, if it is in sight."""

    title: str
    unit: str
    height: int
    bottom: int
    marks: Sequence[Mark]
    ticks: Sequence[Tick]
    reference: float | None
    width: int = WIDTH
    left: int = LABELS
    right: int = WIDTH - VALUES


class Spot(NamedTuple):
    """A point, and its label in the column on the right, to which a line leads."""

    label: str
    x: float
    y: float
    label_y: float
    hollow: bool


@dataclass(frozen=True)
class Points:
    """Points in a plane."""

    title: str
    units: tuple[str, str]
    spots: Sequence[Spot]
    across: Sequence[Tick]
    up: Sequence[Tick]
    width: int = WIDTH
    height: int = POINTS_HEIGHT
    left: int = LEFT
    right: int = WIDTH - LABELS
    bottom: int = POINTS_HEIGHT - BOTTOM


@dataclass(frozen=True)
class Scale:
    """Values to places; the ends lie on ticks."""

    ticks: Sequence[float]
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> Scale:
        """A scale on which all of some values have a place."""
        return cls(round_steps(min(values), max(values)), start, end)

    def at(self, value: float) -> float:
        """Where a value is, to a tenth of a unit of the drawing."""
        low, high = self.ticks[0], self.ticks[-1]
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)

    def marks(self) -> list[Tick]:
        """The ticks with their texts."""
        step = self.ticks[1] - self.ticks[0]
        digits = max(0, -floor(log10(step) + 1e-9))
        return [Tick(self.at(value), f"{value:.{digits}f}") for value in self.ticks]


def rows(title: str, unit: str, given: Sequence[Row], *, digits: int = 4, signed: bool = False) -> Rows:
    """A plot of rows; ``signed`` figures are differences, and 0 is in sight."""
    edges = [edge for row in given for edge in (row.value, *(row.interval or ()))] + ([0.0] if signed else [])
    scale = Scale.over(edges, LABELS, WIDTH - VALUES)
    form = f"{'+' if signed else ''}.{digits}f"
    marks = [
        Mark(
            row.label,
            TOP + (place + 0.5) * ROW,
            scale.at(row.value),
            (scale.at(row.interval[0]), scale.at(row.interval[1])) if row.interval else None,
            f"{row.value:{form}}" + (f" [{row.interval[0]:{form}}, {row.interval[1]:{form}}]" if row.interval else ""),
            row.hollow,
        )
        for place, row in enumerate(given)
    ]
    reference = scale.at(0.0) if signed else None
    bottom = TOP + len(given) * ROW
    return Rows(title, unit, bottom + BOTTOM, bottom, marks, scale.marks(), reference)


def points(title: str, units: tuple[str, str], given: Sequence[tuple[Row, float]]) -> Points:
    """A plot of points: the values of the rows across, the others up."""
    across = Scale.over([row.value for row, _ in given], LEFT, WIDTH - LABELS)
    up = Scale.over([height for _, height in given], POINTS_HEIGHT - BOTTOM, TOP)
    placed = sorted(given, key=lambda one: -one[1])
    label_y = apart([up.at(height) for _, height in placed], 17.0, POINTS_HEIGHT - BOTTOM)
    spots = [
        Spot(row.label, across.at(row.value), up.at(height), y, row.hollow)
        for (row, height), y in zip(placed, label_y, strict=True)
    ]
    return Points(title, units, spots, across.marks(), up.marks())


def apart(places: Sequence[float], least: float, end: float) -> list[float]:
    """Ascending places moved as little as is simple until they are ``least`` apart and none is beyond the end."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + least) if moved else place)
    for index in reversed(range(len(moved))):
        most = end if index == len(moved) - 1 else moved[index + 1] - least
        moved[index] = round(min(moved[index], most), 1)
    return moved


def round_steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers at equal steps, the first not above ``low`` and the last not below ``high``, about ``most`` of them."""
    span = next(size for size in (high - low, abs(high), 1.0) if size > LEAST)
    power = 10.0 ** floor(log10(span / most))
    step = next(times * power for times in (1, 2, 5, 10) if span / (times * power) <= most)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, max(last, first + 1) + 1)]
