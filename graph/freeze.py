"""From a store to a `Snapshot`: the one place where records become arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from graph import snapshot as arrays
from graph.consent import NO_RECEIPT, receipt
from graph.ids import IdMap
from graph.moments import LONG_AGO, Moment
from graph.packed import PackedText
from graph.records import PURPOSES, Block, Consent, Customer, Friendship, Like, Product, Purchase, Record, Return
from graph.sensitive import Sensitive
from graph.snapshot import Opinions, Purchases, Returns, Snapshot, Ties, starts_of
from graph.store import Cursor, GraphStore

R = TypeVar("R", bound=Record)
Table = Mapping[str, Sequence[Any]]

PURCHASE = ("customer", "product", "at", "quantity", "weight", "order", "gift", "visibility")
OPINION = {"like": 1, "unlike": 0, "dislike": -1}


def freeze(store: GraphStore, *, now: Moment, sensitive: Sensitive | None = None) -> Snapshot:
    """Read a store into arrays, as of its present cursor.

    Parameters
    ----------
    store
        Where the facts are.
    now
        The moment to stamp it with.
    sensitive
        Which categories are sensitive beside what the products themselves say; the built-in list if not given.
    """
    cursor = store.check().cursor
    people = _read(store, cursor, Customer, ("id", "name", "birth_year"))
    goods = _read(store, cursor, Product, ("id", "name", "price", "category", "available", "sensitive", "described"))
    customers, products = IdMap.sorted(people["id"]), IdMap.sorted(goods["id"])
    by_id, goods_by_id = _order(people["id"]), _order(goods["id"])
    categories = IdMap.sorted(name for name in goods["category"] if name is not None)
    category = np.array(
        [categories.position(name) if name is not None else arrays.NO_CATEGORY for name in goods["category"]], np.int32
    )
    is_sensitive = sensitive or Sensitive()
    delicate = np.array([is_sensitive(name) for name in goods["category"]], np.bool_)
    returns = _returns(_read(store, cursor, Return, ("customer", "product", "at", "order")), customers, products)
    return Snapshot(
        as_of=now,
        cursor=cursor,
        customers=customers,
        products=products,
        categories=categories,
        customer_names=PackedText.pack(people["name"][i] for i in by_id),
        product_names=PackedText.pack(goods["name"][i] for i in goods_by_id),
        birth_year=_column(people["birth_year"], arrays.NO_YEAR, np.int16)[by_id],
        receipts=_receipts(_read(store, cursor, Consent, ("customer", "purpose", "granted", "at")), customers),
        price=_column(goods["price"], arrays.NO_PRICE, np.int64)[goods_by_id],
        category=category[goods_by_id],
        available=np.array(goods["available"], np.bool_)[goods_by_id],
        sensitive=(np.array(goods["sensitive"], np.bool_) | delicate)[goods_by_id],
        described=np.array(goods["described"], np.bool_)[goods_by_id],
        blocks=_blocks(_read(store, cursor, Block, ("customer", "other")), customers),
        purchases=_purchases(_read(store, cursor, Purchase, PURCHASE), customers, products, returns),
        returns=returns,
        opinions=_opinions(_read(store, cursor, Like, ("customer", "product", "at", "opinion")), customers, products),
        ties=_ties(_read(store, cursor, Friendship, ("customer", "friend", "since")), customers),
    )


def _read(store: GraphStore, until: Cursor, kind: type[R], columns: tuple[str, ...]) -> Table:
    whole: dict[str, list[Any]] = {name: [] for name in columns}
    for batch in store.read(kind, columns=columns, until=until):
        for name in columns:
            whole[name].extend(batch[name])
    return whole


def _order(ids: Sequence[str]) -> NDArray[np.intp]:
    return np.array(sorted(range(len(ids)), key=ids.__getitem__), np.intp)


def _column(values: Sequence[Any], missing: float, dtype: type[np.generic]) -> NDArray[Any]:
    return np.array([missing if value is None else value for value in values], dtype)


def _receipts(rows: Table, customers: IdMap) -> NDArray[np.int64]:
    state = np.full((len(customers), len(PURPOSES)), NO_RECEIPT, np.int64)
    purpose = np.array([PURPOSES.index(name) for name in rows["purpose"]], np.intp)
    ranks = np.array([receipt(yes, at) for yes, at in zip(rows["granted"], rows["at"], strict=True)], np.int64)
    np.maximum.at(state, (customers.positions(rows["customer"]), purpose), ranks)
    return state


def purchase_flags(gift: bool, visibility: str | None) -> int:
    """What a purchase itself says about being shown, as bits."""
    hidden = arrays.PRIVATE if visibility == "private" else arrays.COUNT_ONLY if visibility == "count" else 0
    return (arrays.GIFT if gift else 0) | hidden


def order_hash(order: str | None) -> int:
    """64 bits that stand for an order id."""
    if order is None:
        return arrays.NO_ORDER
    return int.from_bytes(hashlib.blake2b(order.encode(), digest_size=8).digest(), "little", signed=True) or 1


def _purchases(rows: Table, customers: IdMap, products: IdMap, returns: Returns) -> Purchases:
    customer, product = customers.positions(rows["customer"]), products.positions(rows["product"])
    at = _column(rows["at"], LONG_AGO, np.int64)
    strength = np.array(
        [
            quantity if weight is None else weight
            for quantity, weight in zip(rows["quantity"], rows["weight"], strict=True)
        ],
        np.float32,
    )
    hashes = {order: order_hash(order) for order in set(rows["order"])}
    order = np.array([hashes[name] for name in rows["order"]], np.int64)
    bits = {pair: purchase_flags(*pair) for pair in set(zip(rows["gift"], rows["visibility"], strict=True))}
    flags = np.array([bits[pair] for pair in zip(rows["gift"], rows["visibility"], strict=True)], np.uint8)
    by = np.lexsort((flags, strength, order, product, at, customer))
    table = Purchases(starts_of(customer[by], len(customers)), product[by], at[by], strength[by], order[by], flags[by])
    _take_back(table, returns)
    return table


def _returns(rows: Table, customers: IdMap, products: IdMap) -> Returns:
    customer, product = customers.positions(rows["customer"]), products.positions(rows["product"])
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


def _opinions(rows: Table, customers: IdMap, products: IdMap) -> Opinions:
    customer, product = customers.positions(rows["customer"]), products.positions(rows["product"])
    at = _column(rows["at"], LONG_AGO, np.int64)
    opinion = np.array([OPINION[name] for name in rows["opinion"]], np.int8)
    by = np.lexsort((-opinion, at, product, customer))
    customer, product, at, opinion = customer[by], product[by], at[by], opinion[by]
    newest = np.ones(len(by), np.bool_)
    newest[:-1] = (customer[1:] != customer[:-1]) | (product[1:] != product[:-1])
    return Opinions(starts_of(customer[newest], len(customers)), product[newest], at[newest], opinion[newest])


def _ties(rows: Table, customers: IdMap) -> Ties:
    one, other = customers.positions(rows["customer"]), customers.positions(rows["friend"])
    since = _column(rows["since"], LONG_AGO, np.int64)
    start, end = np.concatenate((one, other)), np.concatenate((other, one))
    by = np.lexsort((end, start))
    return Ties(starts_of(start[by], len(customers)), end[by], np.concatenate((since, since))[by])


def _blocks(rows: Table, customers: IdMap) -> NDArray[np.int32]:
    pairs = np.stack((customers.positions(rows["customer"]), customers.positions(rows["other"])), axis=1)
    return np.unique(pairs, axis=0)
