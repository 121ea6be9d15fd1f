"""The facts of one person who changed since the snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from graph.freeze import OPINION, order_hash, purchase_flags, strengths, taken_back
from graph.moments import LONG_AGO, Moment
from graph.records import Like, Purchase, Return
from graph.snapshot import NO_YEAR, RETURNED, Opinions, Purchases

_START = np.zeros(2, np.int64)


def no_purchases() -> Purchases:
    """The purchases of somebody who has none."""
    empty = np.zeros(0, np.int64)
    return Purchases(_START, empty.astype(np.int32), empty, empty.astype(np.float32), empty, empty.astype(np.uint8))


def no_opinions() -> Opinions:
    """The opinions of somebody who has none."""
    empty = np.zeros(0, np.int64)
    return Opinions(_START, empty.astype(np.int32), empty, empty.astype(np.int8))


@dataclass(slots=True)
class Person:
    """Arrays as in `graph.snapshot.Snapshot`, of one row; ``friends`` maps a position to the moment of the friendship."""

    receipts: NDArray[np.int64]
    name: str | None = None
    birth_year: int = NO_YEAR
    purchases: Purchases = field(default_factory=no_purchases)
    opinions: Opinions = field(default_factory=no_opinions)
    friends: dict[int, Moment] = field(default_factory=dict)
    returns: list[tuple[int, Moment, int]] = field(default_factory=list)

    def buy(self, purchase: Purchase, product: int) -> None:
        """Add a purchase, unless a return that arrived earlier undoes it."""
        old = self.purchases
        weight = purchase.quantity if purchase.weight is None else purchase.weight
        self.purchases = Purchases(
            np.array([0, len(old.product) + 1]),
            np.append(old.product, np.int32(product)),
            np.append(old.at, LONG_AGO if purchase.at is None else purchase.at),
            np.append(old.strength, strengths([weight])),
            np.append(old.order, np.int64(order_hash(purchase.order))),
            np.append(old.flags, np.uint8(purchase_flags(purchase.gift, purchase.visibility))),
        )
        for known in self.returns:
            self._take_back(*known)

    def give_back(self, returned: Return, product: int) -> None:
        """Mark the purchases that a return undoes, now and when they arrive later."""
        known = product, LONG_AGO if returned.at is None else returned.at, order_hash(returned.order)
        self.returns.append(known)
        self._take_back(*known)

    def think(self, like: Like, product: int) -> None:
        """Keep the newest opinion on a product; of two of the same moment the worse."""
        old, at, opinion = self.opinions, LONG_AGO if like.at is None else like.at, OPINION[like.opinion]
        place = np.flatnonzero(old.product == product)
        if len(place) and (int(old.at[place[0]]), -int(old.opinion[place[0]])) >= (at, -opinion):
            return
        kept = old.product != product
        self.opinions = Opinions(
            np.array([0, int(kept.sum()) + 1]),
            np.append(old.product[kept], np.int32(product)),
            np.append(old.at[kept], at),
            np.append(old.opinion[kept], np.int8(opinion)),
        )

    def _take_back(self, product: int, at: Moment, order: int) -> None:
        flags = self.purchases.flags.copy()
        flags[taken_back(self.purchases, product, at, order)] |= RETURNED
        self.purchases = replace(self.purchases, flags=flags)
