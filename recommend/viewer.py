"""One person who asks, and what of their facts may be used to answer."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from graph.evidence import NOTHING, FriendEvidence
from graph.ids import UNKNOWN
from graph.live import LiveGraph
from graph.snapshot import RETURNED, FloatArray, IntArray, Opinions, Purchases
from recommend.interest import frozen_interest, interest_of
from recommend.query import Query
from recommend.topk import NONE, union


class Viewer:
    """Facts of one request, each worked out at most once.

    Parameters
    ----------
    live
        The graph.
    customer
        Position of the person, `graph.ids.UNKNOWN` for somebody who was never heard of.
    context
        int32: products on the page or in the basket.
    personal
        False hides the person's own history, as for somebody who does not agree to ``personalisation``.
    """

    def __init__(self, live: LiveGraph, customer: int, *, context: IntArray = NONE, personal: bool = True) -> None:
        self.live = live
        self.customer = customer
        self.context = context
        self.known = customer != UNKNOWN
        self.personal = personal and self.known and live.agrees(customer, "personalisation")

    @classmethod
    def of(cls, query: Query, live: LiveGraph) -> Viewer:
        """The person of a query; ids that nobody knows are passed over."""
        context = live.products.positions(query.context) if query.context else NONE
        return cls(live, live.customers.position(query.customer), context=np.unique(context[context != UNKNOWN]))

    @cached_property
    def purchases(self) -> Purchases:
        """All purchases of somebody known."""
        return self.live.purchases_of(self.customer)

    @cached_property
    def opinions(self) -> Opinions:
        """The newest opinions of somebody known."""
        return self.live.opinions_of(self.customer)

    @cached_property
    def history(self) -> tuple[IntArray, FloatArray]:
        """Products, ascending, and the interest in each; empty without ``personalisation``."""
        if not self.personal:
            return NONE, np.zeros(0, np.float32)
        live, customer = self.live, self.customer
        if live.changed(customer) or customer >= len(live.snapshot.customers):
            return interest_of(self.purchases, self.opinions)[1:]
        starts, product, interest = frozen_interest(live.snapshot)
        rows = slice(int(starts[customer]), int(starts[customer + 1]))
        return product[rows], interest[rows]

    @cached_property
    def owned(self) -> IntArray:
        """int32, ascending: what the person bought and kept."""
        if not self.known:
            return NONE
        kept = (self.purchases.flags & RETURNED) == 0
        return union([self.purchases.product[kept]])

    @cached_property
    def disliked(self) -> IntArray:
        """int32: what the person dislikes."""
        if not self.known:
            return NONE
        return np.sort(self.opinions.product[self.opinions.opinion < 0])

    @cached_property
    def evidence(self) -> FriendEvidence:
        """What the person's friends let them see."""
        return self.live.evidence.of(self.customer) if self.known else NOTHING

    @cached_property
    def contributors(self) -> IntArray:
        """int32, ascending: friends whose behaviour may reach the person."""
        return self.live.evidence.contributors(self.customer) if self.known else NONE
