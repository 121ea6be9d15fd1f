"""What a shop's marketers may look at: the graph without the people who did not agree to be looked at.

The graph of record holds everything and Neo4j Community hides nothing from anybody who may log in, so marketers get a copy made by
these rules:

- a person is in it, with id and name, who granted ``profiling`` and is no minor; of all others only the number is known;
- a friendship is in it if both people are and neither blocks the other;
- what people in it did is in it, of products that are described and not sensitive. Of purchases those that are no gift, not private
  and not taken back; of opinions the newest one, unless it was withdrawn; of reviews the rating;
- products and categories are in it, all that are described.

Left out for everybody: contact hashes, years of birth, consents, blocks, returns, orders, what was recommended, shown and clicked, and
the text of reviews, as it may name people who never agreed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.columns import Columns
from graph.consent import BIT, NO_RECEIPT, granted, mask, receipt
from graph.ids import UNKNOWN, IdMap
from graph.moments import LONG_AGO, Moment
from graph.records import (
    PURPOSES,
    Block,
    Consent,
    Customer,
    Friendship,
    Like,
    Opinion,
    Product,
    Purchase,
    Purpose,
    Record,
    Return,
    Review,
    Share,
    View,
)
from graph.schema import kind_of
from graph.sensitive import Sensitive
from graph.snapshot import NO_YEAR, may_be_minor
from graph.store import Cursor, GraphStore

EVENT = ("id", "customer", "product", "at")

SHOWN: Mapping[type[Record], tuple[str, ...]] = {
    Customer: ("id", "name"),
    Product: kind_of(Product).columns,
    Friendship: ("customer", "friend", "since"),
    Purchase: (*EVENT, "quantity", "price", "weight"),
    Like: (*EVENT, "opinion"),
    View: EVENT,
    Review: (*EVENT, "rating"),
    Share: EVENT,
}
"""The kinds in a projection, in the order to write them, and the fields that are shown."""

_OPINIONS: tuple[Opinion, ...] = ("like", "unlike", "dislike")
"""Of two of the same moment the later in this list counts."""

Pair = tuple[str, str]
Judge = Callable[[Columns[Any]], Sequence[bool]]
"""Which rows of a batch are shown."""


@dataclass(frozen=True, slots=True)
class ProjectionRules:
    """What a shop decides.

    Attributes
    ----------
    now
        The moment that the projection is made for.
    presumed
        Purposes taken as granted by people who have said nothing.
    sensitive
        Which categories are sensitive, beside what products say themselves.
    minor_age
        Who may be younger than this is not in it.
    """

    now: Moment
    presumed: tuple[Purpose, ...]
    sensitive: Sensitive
    minor_age: int


class Projection:
    """What may be shown of the facts in a store. Who and what is in it is read at once, the rest by `facts`.

    Attributes
    ----------
    people
        Ids of those who are in it, ascending.
    withheld
        How many people are not.
    read
        How many records a reading of `facts` goes through.
    """

    def __init__(self, store: GraphStore, rules: ProjectionRules) -> None:
        self._store, self._rules = store, rules
        health = store.check()
        self._until: Cursor = health.cursor
        self.read = sum(health.counts.get(kind_of(kind).table, 0) for kind in SHOWN)
        everybody = _joined(store.read(Customer, columns=("id", "birth_year")), ("id", "birth_year"))
        shown = self._profiled(everybody["id"]) & ~self._minors(everybody["birth_year"])
        self.people = IdMap.sorted(compress(everybody["id"], shown))
        self.withheld = len(everybody["id"]) - len(self.people)
        self._plain_products = IdMap.sorted(self._products())
        self._apart = set(self._blocked())
        self._returns = self._read_returns()

    def facts(self) -> Iterator[tuple[Columns[Any], int]]:
        """What is shown, in the order to write it, and for each batch how many records were read for it."""
        judges: dict[type[Record], Judge] = {
            Customer: self._in_it,
            Product: _described,
            Friendship: self._together,
            Purchase: self._openly_bought,
        }
        for kind in SHOWN:
            if kind is Like:
                yield self._newest_opinions()
                continue
            judge = judges.get(kind, self._done_openly)
            for batch in self._batches(kind):
                yield _shown(batch, judge(batch)), len(batch)

    # ---- who and what

    def _profiled(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        positions = IdMap(ids)
        receipts = np.full((len(ids), len(PURPOSES)), NO_RECEIPT, np.int64)
        for batch in self._store.read(Consent, columns=("customer", "purpose", "granted", "at")):
            person = positions.positions(batch["customer"])
            purpose = np.array([PURPOSES.index(name) for name in batch["purpose"]], np.intp)
            ranks = np.array(
                [receipt(yes, at) for yes, at in zip(batch["granted"], batch["at"], strict=True)], np.int64
            )
            known = person != UNKNOWN
            np.maximum.at(receipts, (person[known], purpose[known]), ranks[known])
        profiled: NDArray[np.bool_] = (granted(receipts, mask(self._rules.presumed)) & BIT["profiling"]) != 0
        return profiled

    def _minors(self, birth_years: Sequence[int | None]) -> NDArray[np.bool_]:
        known = np.array([NO_YEAR if year is None else year for year in birth_years], np.int64)
        return may_be_minor(known, self._rules.minor_age, self._rules.now)

    def _products(self) -> Iterator[str]:
        """Those of which it is shown who bought them."""
        for batch in self._store.read(Product, columns=("id", "category", "sensitive", "described")):
            for id, category, sensitive, described in zip(*batch.values.values(), strict=True):
                if described and not sensitive and not self._rules.sensitive(category):
                    yield id

    def _blocked(self) -> Iterator[Pair]:
        for batch in self._store.read(Block, columns=("customer", "other")):
            for one, other in zip(batch["customer"], batch["other"], strict=True):
                yield min(one, other), max(one, other)

    def _read_returns(self) -> dict[Pair, list[tuple[Moment | None, str | None]]]:
        returns: dict[Pair, list[tuple[Moment | None, str | None]]] = {}
        for batch in self._store.read(Return, columns=("customer", "product", "at", "order"), until=self._until):
            for person, product, at, order in zip(*batch.values.values(), strict=True):
                returns.setdefault((person, product), []).append((at, order))
        return returns

    # ---- which rows

    def _batches(self, kind: type[Record]) -> Iterator[Columns[Any]]:
        """Entities as they are now, events as of the beginning."""
        yield from self._store.read(kind, until=None if kind_of(kind).lasting else self._until)

    def _in_it(self, batch: Columns[Any]) -> list[bool]:
        return [id in self.people for id in batch["id"]]

    def _together(self, batch: Columns[Any]) -> list[bool]:
        pairs = zip(batch["customer"], batch["friend"], strict=True)
        return [
            one in self.people and other in self.people and (min(one, other), max(one, other)) not in self._apart
            for one, other in pairs
        ]

    def _done_openly(self, batch: Columns[Any]) -> list[bool]:
        pairs = zip(batch["customer"], batch["product"], strict=True)
        return [person in self.people and product in self._plain_products for person, product in pairs]

    def _openly_bought(self, batch: Columns[Any]) -> list[bool]:
        names = ("customer", "product", "at", "order", "gift", "visibility")
        rows = zip(self._done_openly(batch), *(batch[name] for name in names), strict=True)
        return [
            openly and not gift and visibility != "private" and not self._was_returned((person, product), at, order)
            for openly, person, product, at, order, gift, visibility in rows
        ]

    def _was_returned(self, pair: Pair, at: Moment | None, order: str | None) -> bool:
        """Whether a return undoes a purchase: one of the product made later, of the order where the return names one."""
        bought = LONG_AGO if at is None else at
        returns = self._returns.get(pair, ())
        return any((when is None or bought <= when) and (of is None or of == order) for when, of in returns)

    def _newest_opinions(self) -> tuple[Columns[Any], int]:
        """The newest opinion of each person on each product; of two of the same moment the worse."""
        names, read = SHOWN[Like], 0
        newest: dict[Pair, tuple[tuple[Moment, int], tuple[Any, ...]]] = {}
        for batch in self._batches(Like):
            read += len(batch)
            rows = zip(*(batch[name] for name in names), strict=True)
            for id, person, product, at, opinion in compress(rows, self._done_openly(batch)):
                rank = (LONG_AGO if at is None else at, _OPINIONS.index(opinion))
                known = newest.get((person, product))
                if known is None or known[0] < rank:
                    newest[person, product] = rank, (id, person, product, at, opinion)
        kept = [row for _, row in newest.values() if row[-1] != "unlike"]
        return Columns(Like, {name: [row[i] for row in kept] for i, name in enumerate(names)}), read


class Degrees:
    """How big the parts of a projection are, counted batch by batch: what nodes are sized by."""

    def __init__(self, people: IdMap) -> None:
        self._people = people
        self._products = IdMap(())
        self._friends = np.zeros(len(people), np.int64)
        self._purchases = np.zeros(len(people), np.int64)
        self._bought = [np.zeros(0, np.int64)]

    def add(self, batch: Columns[Any]) -> None:
        """Count a batch of `Projection.facts`."""
        if batch.kind is Product:
            for id in batch["id"]:
                self._products.add(id)
        elif batch.kind is Friendship:
            for end in ("customer", "friend"):
                np.add.at(self._friends, self._people.positions(batch[end]), 1)
        elif batch.kind is Purchase:
            buyer = self._people.positions(batch["customer"])
            np.add.at(self._purchases, buyer, 1)
            product = self._products.positions(batch["product"]).astype(np.int64)
            self._bought.append(np.unique(product << 32 | buyer))

    def people(self) -> tuple[list[str], dict[str, list[int]]]:
        """Ids, and for each the number of friends and of purchases."""
        counts = {"friends": self._friends.tolist(), "purchases": self._purchases.tolist()}
        return self._people.names(range(len(self._people))), counts

    def products(self) -> tuple[list[str], dict[str, list[int]]]:
        """Ids, and for each the number of people who bought it."""
        bought = np.unique(np.concatenate(self._bought)) >> 32
        buyers = np.bincount(bought, minlength=len(self._products)).tolist()
        return self._products.names(range(len(self._products))), {"buyers": buyers}


def _described(batch: Columns[Any]) -> Sequence[bool]:
    return batch["described"]


def _joined(batches: Iterable[Columns[Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    whole: dict[str, list[Any]] = {name: [] for name in names}
    for batch in batches:
        for name in names:
            whole[name].extend(batch[name])
    return whole


def _shown(batch: Columns[Any], kept: Sequence[bool]) -> Columns[Any]:
    """The rows that are kept, with the fields that are shown."""
    return Columns(batch.kind, {name: list(compress(batch[name], kept)) for name in SHOWN[batch.kind]})
