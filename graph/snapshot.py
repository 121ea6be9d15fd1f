"""Everything a recommendation reads, frozen at one moment as arrays in compressed sparse rows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.artefact import Arrays, load_arrays, save_arrays
from graph.ids import IdMap
from graph.moments import Moment, to_datetime
from graph.packed import PackedText
from graph.store import Cursor

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

GIFT, RETURNED, PRIVATE, COUNT_ONLY = 1, 2, 4, 8
"""Bits of a purchase's ``flags``."""

NO_PRICE = -1
NO_CATEGORY = -1
NO_YEAR = 0
NO_ORDER = 0


@dataclass(frozen=True)
class Purchases:
    """Purchases of each customer, by time.

    Attributes
    ----------
    starts
        int64 ``[customers + 1]``: rows of customer c are ``starts[c]:starts[c + 1]``.
    product
        int32 ``[rows]``.
    at
        int64 ``[rows]``, microseconds since 1970; `graph.moments.LONG_AGO` where no time is known.
    strength
        float32 ``[rows]``: the weight, else the quantity.
    order
        int64 ``[rows]``: a hash of the order id, `NO_ORDER` without one.
    flags
        uint8 ``[rows]``: `GIFT`, `RETURNED`, `PRIVATE`, `COUNT_ONLY`.
    """

    starts: NDArray[np.int64]
    product: IntArray
    at: NDArray[np.int64]
    strength: FloatArray
    order: NDArray[np.int64]
    flags: NDArray[np.uint8]

    def of(self, customer: int) -> Purchases:
        """The rows of one customer, as a table of one."""
        rows = slice(int(self.starts[customer]), int(self.starts[customer + 1]))
        alone = np.array([0, rows.stop - rows.start])
        return Purchases(
            alone, self.product[rows], self.at[rows], self.strength[rows], self.order[rows], self.flags[rows]
        )

    @cached_property
    def customer(self) -> IntArray:
        """int32 ``[rows]``: whose row it is."""
        return rows_of(self.starts)


@dataclass(frozen=True)
class Returns:
    """Refunds and cancellations of each customer: kept, as the purchase that one undoes may arrive after it.

    ``product`` int32, ``at`` int64 (`graph.moments.LONG_AGO`: not known, it undoes purchases of any time), ``order`` int64 as
    in `Purchases`.
    """

    starts: NDArray[np.int64]
    product: IntArray
    at: NDArray[np.int64]
    order: NDArray[np.int64]

    def of(self, customer: int) -> list[tuple[int, Moment, int]]:
        """Product, moment and order of each return of one customer."""
        rows = slice(int(self.starts[customer]), int(self.starts[customer + 1]))
        return list(zip(self.product[rows].tolist(), self.at[rows].tolist(), self.order[rows].tolist(), strict=True))


@dataclass(frozen=True)
class Opinions:
    """The newest opinion of each customer on each product: ``opinion`` int8, 1 a like, -1 a dislike, 0 withdrawn."""

    starts: NDArray[np.int64]
    product: IntArray
    at: NDArray[np.int64]
    opinion: NDArray[np.int8]


@dataclass(frozen=True)
class Ties:
    """Friendships, each in both directions, sorted by friend, those of blocked pairs included."""

    starts: NDArray[np.int64]
    friend: IntArray
    since: NDArray[np.int64]

    def of(self, customer: int) -> IntArray:
        """int32: positions of a customer's friends."""
        return self.friend[self.starts[customer] : self.starts[customer + 1]]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The graph as arrays. Positions follow the sorted ids, so equal facts give equal bytes.

    Attributes
    ----------
    as_of, cursor
        The moment, and the place in the store's change tail, of which this is a picture.
    customers, products, categories
        Ids to positions.
    customer_names, product_names
        Optional texts, by position.
    birth_year
        int16 ``[customers]``, `NO_YEAR` where not known.
    receipts
        int64 ``[customers, 6]``, see `graph.consent`.
    price
        int64 ``[products]`` in minor units, `NO_PRICE` where not known.
    category
        int32 ``[products]``, `NO_CATEGORY` where not known.
    available, sensitive, described
        bool ``[products]``.
    blocks
        int32 ``[blocks, 2]``: who blocks whom.
    """

    as_of: Moment
    cursor: Cursor
    customers: IdMap
    products: IdMap
    categories: IdMap
    customer_names: PackedText
    product_names: PackedText
    birth_year: NDArray[np.int16]
    receipts: NDArray[np.int64]
    price: NDArray[np.int64]
    category: IntArray
    available: BoolArray
    sensitive: BoolArray
    described: BoolArray
    blocks: IntArray
    purchases: Purchases
    returns: Returns
    opinions: Opinions
    ties: Ties

    def save(self, folder: Path) -> None:
        """Write the arrays and their sums into a new folder."""
        arrays: dict[str, NDArray[Any]] = {}
        for field in fields(self):
            arrays.update(_arrays(field.name, getattr(self, field.name)))
        save_arrays(folder, arrays, {"as_of": self.as_of, "cursor": self.cursor})

    @classmethod
    def load(cls, folder: Path) -> Snapshot:
        """Read what `save` wrote, memory-mapped.

        Raises
        ------
        graph.errors.Damaged
            A file is missing or changed.
        """
        arrays, meta = load_arrays(folder)
        ids = {name: IdMap.unpack(PackedText.of(arrays, name)) for name in ("customers", "products", "categories")}
        names = {name: PackedText.of(arrays, name) for name in ("customer_names", "product_names")}
        plain = {name: array for name, array in arrays.items() if "." not in name}
        tables = {
            "purchases": Purchases(**_table(arrays, "purchases")),
            "returns": Returns(**_table(arrays, "returns")),
            "opinions": Opinions(**_table(arrays, "opinions")),
            "ties": Ties(**_table(arrays, "ties")),
        }
        return cls(as_of=meta["as_of"], cursor=Cursor(meta["cursor"]), **ids, **names, **plain, **tables)  # type: ignore[arg-type]


def rows_of(starts: NDArray[np.int64]) -> IntArray:
    """int32: for each entry of a compressed sparse row table, its row."""
    return np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))


def starts_of(rows: NDArray[Any], count: int) -> NDArray[np.int64]:
    """int64 ``[count + 1]``: where each row starts in sorted ``rows``."""
    return np.searchsorted(rows, np.arange(count + 1)).astype(np.int64)


def may_be_minor(birth_year: NDArray[np.integer[Any]], age: int, at: Moment) -> BoolArray:
    """Who may still be below an age at a moment; the birthday counts as yet to come."""
    youngest = to_datetime(at).year - 1 - birth_year.astype(np.int64)
    minor: BoolArray = np.logical_and(birth_year != NO_YEAR, youngest < age)
    return minor


def _arrays(name: str, value: object) -> Arrays:
    if isinstance(value, IdMap):
        return value.pack().arrays(name)
    if isinstance(value, PackedText):
        return value.arrays(name)
    if isinstance(value, np.ndarray):
        return {name: value}
    if isinstance(value, Purchases | Returns | Opinions | Ties):
        return {f"{name}.{field.name}": getattr(value, field.name) for field in fields(value)}
    return {}


def _table(arrays: Arrays, name: str) -> dict[str, NDArray[Any]]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
