"""From a store to a `Snapshot`: the one place where records become arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph import snapshot as arrays
from graph.columns import Columns
from graph.consent import NO_RECEIPT, receipt
from graph.ids import UNKNOWN, IdMap
from graph.moments import LONG_AGO, Moment
from graph.packed import PackedText
from graph.records import PURPOSES, Block, Consent, Customer, Friendship, Like, Product, Purchase, Record, Return
from graph.schema import kind_of
from graph.sensitive import Sensitive
from graph.snapshot import FloatArray, Opinions, Purchases, Returns, Snapshot, Ties, starts_of
from graph.store import Cursor, GraphStore

Table = Mapping[str, Any]
"""Columns: lists, and arrays of positions for the ends of a row."""

PURCHASE = ("at", "quantity", "weight", "order", "gift", "visibility")
STRONGEST = 1e9
"""More strength in one purchase says no more."""

OPINION = {"like": 1, "unlike": 0, "dislike": -1}

FROZEN: tuple[type[Record], ...] = (Customer, Product, Consent, Block, Purchase, Return, Like, Friendship)
"""The kinds that a snapshot holds."""

_NO_POSITIONS = (IdMap(()), IdMap(()), IdMap(()))


def freeze(
    store: GraphStore, *, now: Moment, sensitive: Sensitive | None = None, positions: Snapshot | None = None
) -> Snapshot:
    """Read a store into arrays, as of its present cursor.

    Parameters
    ----------
    store
        Where the facts are.
    now
        The moment to stamp it with.
    sensitive
        Which categories are sensitive beside what the products themselves say; the built-in list if not given.
    positions
        An earlier snapshot: what has a position there keeps it, so that a model trained on it stays valid, and what is new
        comes after. Who is gone stays as a person without facts, and what is gone as a product that cannot be bought.
    """
    cursor = store.check().cursor
    people = _entities(store, Customer, ("id", "name", "birth_year"))
    goods = _entities(store, Product, ("id", "name", "price", "category", "available", "sensitive", "described"))
    before = (positions.customers, positions.products, positions.categories) if positions else _NO_POSITIONS
    named = [name for name in goods["category"] if name is not None]
    customers, products, categories = map(_placed, before, (people["id"], goods["id"], named))
    reading = _Reading(store, cursor, customers, products)
    returns = _returns(reading.rows(Return, "at", "order"), customers)
    return Snapshot(
        as_of=now,
        cursor=cursor,
        customers=customers,
        products=products,
        categories=categories,
        receipts=_receipts(reading.rows(Consent, "purpose", "granted", "at"), customers),
        **_described_people(people, customers),
        **_described_goods(goods, products, categories, sensitive or Sensitive()),
        blocks=_blocks(reading.rows(Block)),
        purchases=_purchases(reading.rows(Purchase, *PURCHASE), customers, returns),
        returns=returns,
        opinions=_opinions(reading.rows(Like, "at", "opinion"), customers),
        ties=_ties(reading.rows(Friendship, "since"), customers),
    )


def _entities(store: GraphStore, kind: type[Record], columns: tuple[str, ...]) -> Table:
    """People or products as they are now: one that was written again since the cursor is left out as of the cursor, while
    its events are not. The tail brings it once more, which changes nothing.
    """
    return _joined(store.read(kind, columns=columns), columns)


def _joined(batches: Iterable[Columns[Any]], columns: tuple[str, ...]) -> dict[str, Any]:
    whole: dict[str, list[Any]] = {name: [] for name in columns}
    for batch in batches:
        for name in columns:
            whole[name].extend(batch[name])
    return whole


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read of a store as of a cursor, about these people and products."""

    store: GraphStore
    until: Cursor
    customers: IdMap
    products: IdMap

    def rows(self, kind: type[Record], *columns: str) -> Table:
        """Columns of a kind, and its ends as int32 positions. A row is left out if an end of it is gone."""
        ends = kind_of(kind).ends
        names = (*ends, *columns)
        rows = _joined(self.store.read(kind, columns=names, until=self.until), names)
        kept = np.ones(len(rows[names[0]]), np.bool_)
        for name, end in ends.items():
            rows[name] = (self.customers if end is Customer else self.products).positions(rows[name])
            kept &= rows[name] != UNKNOWN
        if kept.all():
            return rows
        return {name: values[kept] if name in ends else list(compress(values, kept)) for name, values in rows.items()}


def _placed(before: IdMap, ids: Iterable[str]) -> IdMap:
    """What had a position before, then the others, sorted."""
    return IdMap([*before.names(range(len(before))), *sorted({id for id in ids if id not in before})])


def _described_people(people: Table, customers: IdMap) -> dict[str, Any]:
    at = customers.positions(people["id"])
    birth_year = _column(people["birth_year"], arrays.NO_YEAR, np.int16)
    return {
        "customer_names": _texts(people["name"], at, len(customers)),
        "birth_year": _spread(birth_year, at, len(customers), arrays.NO_YEAR),
    }


def _described_goods(goods: Table, products: IdMap, categories: IdMap, is_sensitive: Sensitive) -> dict[str, Any]:
    at, count, of_category = products.positions(goods["id"]), len(products), goods["category"]
    delicate = np.array([is_sensitive(name) for name in of_category], np.bool_)
    category = [arrays.NO_CATEGORY if name is None else categories.position(name) for name in of_category]
    return {
        "product_names": _texts(goods["name"], at, count),
        "price": _spread(_column(goods["price"], arrays.NO_PRICE, np.int64), at, count, arrays.NO_PRICE),
        "category": _spread(np.array(category, np.int32), at, count, arrays.NO_CATEGORY),
        "available": _spread(np.array(goods["available"], np.bool_), at, count, False),
        "sensitive": _spread(np.array(goods["sensitive"], np.bool_) | delicate, at, count, False),
        "described": _spread(np.array(goods["described"], np.bool_), at, count, False),
    }


def _texts(texts: Sequence[str | None], at: NDArray[np.int32], count: int) -> PackedText:
    placed: list[str | None] = [None] * count
    for place, text in zip(at.tolist(), texts, strict=True):
        placed[place] = text
    return PackedText.pack(placed)


def _spread(values: NDArray[Any], at: NDArray[np.int32], count: int, missing: float) -> NDArray[Any]:
    """The values in their places, ``missing`` in the others."""
    whole = np.full(count, missing, values.dtype)
    whole[at] = values
    return whole


def _column(values: Sequence[Any], missing: float, dtype: type[np.generic]) -> NDArray[Any]:
    return np.array([missing if value is None else value for value in values], dtype)


def _receipts(rows: Table, customers: IdMap) -> NDArray[np.int64]:
    state = np.full((len(customers), len(PURPOSES)), NO_RECEIPT, np.int64)
    purpose = np.array([PURPOSES.index(name) for name in rows["purpose"]], np.intp)
    ranks = np.array([receipt(yes, at) for yes, at in zip(rows["granted"], rows["at"], strict=True)], np.int64)
    np.maximum.at(state, (rows["customer"], purpose), ranks)
    return state


def purchase_flags(gift: bool, visibility: str | None) -> int:
    """What a purchase itself says about being shown, as bits."""
    hidden = arrays.PRIVATE if visibility == "private" else arrays.COUNT_ONLY if visibility == "count" else 0
    return (arrays.GIFT if gift else 0) | hidden


def strengths(given: Sequence[float]) -> FloatArray:
    """float32, 0 to `STRONGEST`: what purchases say of an interest. A database edited by hand may hold what no file may,
    and one number that is none would stop the solvers: it counts as one purchase."""
    exact = np.array(given, np.float64)
    strength: FloatArray = np.clip(np.where(np.isfinite(exact), exact, 1), 0, STRONGEST).astype(np.float32)
    return strength


def order_hash(order: str | None) -> int:
    """64 bits that stand for an order id."""
    if order is None:
        return arrays.NO_ORDER
    return int.from_bytes(hashlib.blake2b(order.encode(), digest_size=8).digest(), "little", signed=True) or 1


def _purchases(rows: Table, customers: IdMap, returns: Returns) -> Purchases:
    customer, product = rows["customer"], rows["product"]
    at = _column(rows["at"], LONG_AGO, np.int64)
    strength = strengths(
        [
            quantity if weight is None else weight
            for quantity, weight in zip(rows["quantity"], rows["weight"], strict=True)
        ]
    )
    hashes = {order: order_hash(order) for order in set(rows["order"])}
    order = np.array([hashes[name] for name in rows["order"]], np.int64)
    bits = {pair: purchase_flags(*pair) for pair in set(zip(rows["gift"], rows["visibility"], strict=True))}
    flags = np.array([bits[pair] for pair in zip(rows["gift"], rows["visibility"], strict=True)], np.uint8)
    by = np.lexsort((flags, strength, order, product, at, customer))
    table = Purchases(starts_of(customer[by], len(customers)), product[by], at[by], strength[by], order[by], flags[by])
    _take_back(table, returns)
    return table


def _returns(rows: Table, customers: IdMap) -> Returns:
    customer, product = rows["customer"], rows["product"]
    at = _column(rows["at"], LONG_AGO, np.int64)
    order = np.array([order_hash(name) for name in rows["order"]], np.int64)
    by = np.lexsort((order, at, product, customer))
    return Returns(starts_of(customer[by], len(customers)), product[by], at[by], order[by])


def _take_back(purchases: Purchases, returns: Returns) -> None:
    for person in np.flatnonzero(np.diff(returns.starts)).tolist():
        mine, first = purchases.of(person), int(purchases.starts[person])
        for returned in returns.of(person):
            purchases.flags[first + np.flatnonzero(taken_back(mine, *returned))] |= arrays.RETURNED


def taken_back(purchases: Purchases, product: int, at: Moment, order: int) -> NDArray[np.bool_]:
    """Which purchases a return undoes, its figures being those of `graph.snapshot.Returns`.

    All earlier ones of that product, of that order where it names one.
    """
    mine: NDArray[np.bool_] = purchases.product == product
    if at != LONG_AGO:
        mine = mine & (purchases.at <= at)
    if order != arrays.NO_ORDER:
        mine = mine & (purchases.order == order)
    return mine


def _opinions(rows: Table, customers: IdMap) -> Opinions:
    customer, product = rows["customer"], rows["product"]
    at = _column(rows["at"], LONG_AGO, np.int64)
    opinion = np.array([OPINION[name] for name in rows["opinion"]], np.int8)
    by = np.lexsort((-opinion, at, product, customer))
    customer, product, at, opinion = customer[by], product[by], at[by], opinion[by]
    newest = np.ones(len(by), np.bool_)
    newest[:-1] = (customer[1:] != customer[:-1]) | (product[1:] != product[:-1])
    return Opinions(starts_of(customer[newest], len(customers)), product[newest], at[newest], opinion[newest])


def _ties(rows: Table, customers: IdMap) -> Ties:
    one, other = rows["customer"], rows["friend"]
    since = _column(rows["since"], LONG_AGO, np.int64)
    start, end = np.concatenate((one, other)), np.concatenate((other, one))
    by = np.lexsort((end, start))
    return Ties(starts_of(start[by], len(customers)), end[by], np.concatenate((since, since))[by])


def _blocks(rows: Table) -> NDArray[np.int32]:
    return np.unique(np.stack((rows["customer"], rows["other"]), axis=1), axis=0)
