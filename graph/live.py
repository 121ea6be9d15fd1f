"""A snapshot and what happened since: the graph as a request sees it.

`LiveGraph.apply` takes the store's change tail. Only people and products that changed are held beside the arrays; a new
snapshot, swapped in whole, makes that part empty again. Where the tail says that facts were lost, only a new snapshot
knows which. Reading and applying must not run at the same time: the engine holds one lock around both.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatchmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.consent import BIT, granted, mask, receipt
from graph.difference import changed_people
from graph.evidence import Evidence, EvidenceRules, eligible_ties, shown
from graph.freeze import FROZEN
from graph.moments import LONG_AGO, Moment
from graph.person import Person, no_opinions, no_purchases
from graph.records import (
    PURPOSES,
    Block,
    Consent,
    Customer,
    Friendship,
    Like,
    Product,
    Purchase,
    Purpose,
    Record,
    Return,
)
from graph.sensitive import Sensitive
from graph.snapshot import (
    NO_CATEGORY,
    NO_PRICE,
    NO_YEAR,
    RETURNED,
    IntArray,
    Opinions,
    Purchases,
    Snapshot,
)
from graph.store import Changes, Lost, Removed

_NOBODY = np.zeros(0, np.int32)


class LiveGraph:
    """The graph that requests read.

    Parameters
    ----------
    snapshot
        The frozen part.
    rules
        Rules of evidence.
    presumed
        Purposes that count as granted until a receipt says otherwise.
    sensitive
        Which categories are sensitive beside what the products say, as given to `graph.freeze.freeze`.
    now
        The moment of the first request; `roll` moves it on.
    trained
        The snapshot of the same positions that a model learned from, if it is another one: whoever has other facts now
        counts as changed.

    Attributes
    ----------
    lost
        Whether the tail told of lost facts that are still held here.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        now: Moment,
        rules: EvidenceRules | None = None,
        presumed: Iterable[Purpose] = ("personalisation",),
        sensitive: Sensitive | None = None,
        trained: Snapshot | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.cursor = snapshot.cursor
        self.lost = False
        self.rules = rules or EvidenceRules()
        self.customers, self.products = snapshot.customers.copy(), snapshot.products.copy()
        self.categories = snapshot.categories.copy()
        self.price, self.category = snapshot.price, snapshot.category
        self.available, self.sensitive, self.described = snapshot.available, snapshot.sensitive, snapshot.described
        self._presumed_purposes = tuple(presumed)
        self._presumed = mask(self._presumed_purposes)
        self._is_sensitive = sensitive or Sensitive()
        self._granted = granted(snapshot.receipts, self._presumed)
        self._people: dict[int, Person] = {}
        self._stale: set[int] = set()
        self._names = list(snapshot.product_names)
        self._versions = {} if trained is None else dict.fromkeys(changed_people(trained, snapshot).tolist(), 1)
        self._blocks = {(one, other) for one, other in snapshot.blocks.tolist()}
        self.evidence = self._evidence(now)

    def over(self, snapshot: Snapshot) -> LiveGraph:
        """The same rules over another snapshot, in the same epoch, nothing having happened since."""
        return LiveGraph(
            snapshot,
            now=self.evidence.opening,
            rules=self.rules,
            presumed=self._presumed_purposes,
            sensitive=self._is_sensitive,
        )

    # ---- reading

    def purchases_of(self, customer: int) -> Purchases:
        """All purchases of a person, those taken back included (see ``flags``)."""
        if customer in self._people:
            return self._people[customer].purchases
        return self.snapshot.purchases.of(customer) if self._frozen(customer) else no_purchases()

    def opinions_of(self, customer: int) -> Opinions:
        """The newest opinions of a person."""
        if customer in self._people:
            return self._people[customer].opinions
        table = self.snapshot.opinions
        if not self._frozen(customer):
            return no_opinions()
        rows = slice(int(table.starts[customer]), int(table.starts[customer + 1]))
        return Opinions(np.array([0, rows.stop - rows.start]), table.product[rows], table.at[rows], table.opinion[rows])

    def owned(self, customer: int) -> IntArray:
        """int32: distinct products that a person bought and kept, ascending."""
        purchases = self.purchases_of(customer)
        return np.unique(purchases.product[(purchases.flags & RETURNED) == 0])

    def agrees(self, customer: int, purpose: Purpose) -> bool:
        """Whether a person agrees to a purpose now."""
        return bool(self._grants(customer) & BIT[purpose])

    def changed(self, customer: int) -> int:
        """How often a person's facts changed since the training: 0 means that what was learned then still holds."""
        return self._versions.get(customer, 0)

    def customer_name(self, customer: int) -> str | None:
        """The display name of a person."""
        if customer in self._people:
            return self._people[customer].name
        return self.snapshot.customer_names[customer] if self._frozen(customer) else None

    def product_name(self, product: int) -> str | None:
        """The display name of a product."""
        return self._names[product]

    # ---- moving on

    def roll(self, now: Moment) -> None:
        """Open the evidence of a new epoch when its time has come."""
        if self.rules.epoch and self.rules.opening(now) != self.evidence.opening:
            self.evidence = self._evidence(now)
        elif not self.rules.epoch:
            self.evidence.opening = now

    def apply(self, changes: Changes, now: Moment) -> None:
        """Take in a part of the change tail."""
        self.roll(now)
        for item in changes.items:
            if isinstance(item, Removed):
                self._remove(item)
            elif isinstance(item, Lost):
                self.lost = self.lost or item.kind in FROZEN
            else:
                self._take(item)
        for customer in self._stale:
            self._versions[customer] = self.changed(customer) + 1
            self._show(customer, opening=False)
        self._stale.clear()
        self.cursor = changes.cursor

    @singledispatchmethod
    def _take(self, record: Record) -> None:
        """Kinds that do not change a recommendation (views, impressions, ...) stay in the store."""

    @_take.register
    def _(self, record: Customer) -> None:
        person = self._person(record.id)
        person.name, person.birth_year = record.name, record.birth_year or NO_YEAR
        self._renew(record.id)

    @_take.register
    def _(self, record: Purchase) -> None:
        self._person(record.customer).buy(record, self._product(record.product))
        self._renew(record.customer)

    @_take.register
    def _(self, record: Return) -> None:
        self._person(record.customer).give_back(record, self._product(record.product))
        self._renew(record.customer)

    @_take.register
    def _(self, record: Like) -> None:
        self._person(record.customer).think(record, self._product(record.product))
        self._renew(record.customer)

    @_take.register
    def _(self, record: Consent) -> None:
        person, place = self._person(record.customer), PURPOSES.index(record.purpose)
        person.receipts[place] = max(int(person.receipts[place]), receipt(record.granted, record.at))
        self._renew(record.customer)

    @_take.register
    def _(self, record: Friendship) -> None:
        one, other = self._person(record.customer), self._person(record.friend)
        pair = self.customers.position(record.customer), self.customers.position(record.friend)
        one.friends[pair[1]] = other.friends[pair[0]] = LONG_AGO if record.since is None else record.since
        self._renew_ties(*pair)

    @_take.register
    def _(self, record: Block) -> None:
        pair = self._pair(record.customer, record.other)
        self._blocks.add(pair)
        self._renew_ties(*pair)

    @_take.register
    def _(self, record: Product) -> None:
        product = self._product(record.id)
        self._names[product] = record.name
        category = NO_CATEGORY if record.category is None else self.categories.add(record.category)
        delicate = record.sensitive or self._is_sensitive(record.category)
        self.price = _with(self.price, product, NO_PRICE if record.price is None else record.price)
        self.category = _with(self.category, product, category)
        self.available = _with(self.available, product, record.available)
        self.described = _with(self.described, product, record.described)
        if delicate != self.sensitive[product]:
            self.sensitive = _with(self.sensitive, product, delicate)
            self.evidence = self._evidence(self.evidence.opening)

    def _remove(self, gone: Removed) -> None:
        if gone.kind is Customer:
            self._forget(gone.key[0])
        elif gone.kind is Friendship:
            self._part(*gone.key)
        elif gone.kind is Block:
            pair = self._pair(*gone.key)
            self._blocks.discard(pair)
            self._renew_ties(*pair)

    def _forget(self, id: str) -> None:
        person = self._person(id)
        for friend in list(person.friends):
            self._part(id, self.customers[friend])
        gone = self.customers.position(id)
        self._blocks = {pair for pair in self._blocks if gone not in pair}
        self._people[gone] = Person(granted_by_nobody())
        self._renew(id)

    def _part(self, one: str, other: str) -> None:
        pair = self._pair(one, other)
        self._people[pair[0]].friends.pop(pair[1], None)
        self._people[pair[1]].friends.pop(pair[0], None)
        self._renew_ties(*pair)

    # ---- people and products that changed

    def _frozen(self, customer: int) -> bool:
        return customer < len(self.snapshot.birth_year)

    def _person(self, id: str) -> Person:
        customer = self.customers.add(id)
        if customer not in self._people:
            self._people[customer] = self._thaw(customer) if self._frozen(customer) else Person(granted_by_nobody())
        return self._people[customer]

    def _pair(self, one: str, other: str) -> tuple[int, int]:
        self._person(one), self._person(other)
        return self.customers.position(one), self.customers.position(other)

    def _thaw(self, customer: int) -> Person:
        snapshot = self.snapshot
        ties = slice(snapshot.ties.starts[customer], snapshot.ties.starts[customer + 1])
        return Person(
            snapshot.receipts[customer].copy(),
            snapshot.customer_names[customer],
            int(snapshot.birth_year[customer]),
            self.purchases_of(customer),
            self.opinions_of(customer),
            dict(zip(snapshot.ties.friend[ties].tolist(), snapshot.ties.since[ties].tolist(), strict=True)),
            snapshot.returns.of(customer),
        )

    def _product(self, id: str) -> int:
        product = self.products.add(id)
        if product == len(self.price):
            self._names.append(None)
            self.price = np.append(self.price, NO_PRICE)
            self.category = np.append(self.category, np.int32(NO_CATEGORY))
            self.available = np.append(self.available, True)
            self.sensitive = np.append(self.sensitive, False)
            self.described = np.append(self.described, False)
        return product

    def _grants(self, customer: int) -> int:
        if customer in self._people:
            return int(granted(self._people[customer].receipts, self._presumed))
        return int(self._granted[customer]) if self._frozen(customer) else self._presumed

    # ---- evidence

    def _evidence(self, now: Moment) -> Evidence:
        opening, snapshot = self.rules.opening(now), self.snapshot
        known = len(snapshot.sensitive)
        frozen = shown(
            snapshot.purchases, self._granted, snapshot.birth_year, self.sensitive[:known], self.rules, opening
        )
        self.evidence = Evidence(
            frozen, eligible_ties(snapshot.ties, snapshot.blocks, self.rules, opening), self.rules, opening
        )
        for customer in self._people:
            self._show(customer, opening=True)
            self._tie(customer, opening=True)
        return self.evidence

    def _renew(self, id: str) -> None:
        """What this person shows is worked out once, however many of the changes are theirs."""
        self._stale.add(self.customers.position(id))

    def _renew_ties(self, *customers: int) -> None:
        for customer in customers:
            self._versions[customer] = self.changed(customer) + 1
            self._tie(customer, opening=False)

    def _show(self, customer: int, *, opening: bool) -> None:
        person = self._people[customer]
        alone = shown(
            person.purchases,
            np.array([self._grants(customer)], np.uint8),
            np.array([person.birth_year], np.int16),
            self.sensitive,
            self.rules,
            self.evidence.opening,
        )
        self.evidence.renew_person(customer, alone, opening=opening)

    def _tie(self, customer: int, *, opening: bool) -> None:
        latest = self.evidence.opening - self.rules.tie_age
        old = sorted(
            friend
            for friend, since in self._people[customer].friends.items()
            if since <= latest and not {(customer, friend), (friend, customer)} & self._blocks
        )
        self.evidence.renew_ties(customer, np.array(old, np.int32) if old else _NOBODY, opening=opening)


def granted_by_nobody() -> NDArray[np.int64]:
    """int64 ``[6]``: the receipts of somebody who never gave one."""
    return np.full(len(PURPOSES), np.iinfo(np.int64).min, np.int64)


def _with(array: NDArray[Any], place: int, value: Any) -> NDArray[Any]:
    fresh = array.copy()
    fresh[place] = value
    return fresh
