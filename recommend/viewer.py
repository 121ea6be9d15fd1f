"""One person who asks, and what of their facts may be used to answer."""

from __future__ import annotations

from functools import cached_property

from graph.evidence import NOTHING, FriendEvidence
from graph.ids import UNKNOWN
from graph.live import LiveGraph
from graph.snapshot import IntArray
from recommend.interest import NO_HISTORY, NO_TASTE, History, Taste, Tastes, frozen_tastes
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
        context = NONE
        if query.context:
            found = live.products.positions(query.context)
            context = union([found[found != UNKNOWN]])
        return cls(live, live.customers.position(query.customer), context=context)

    @property
    def history(self) -> History:
        """What the person is interested in; empty without ``personalisation``."""
        return self._taste.history if self.personal else NO_HISTORY

    @property
    def owned(self) -> IntArray:
        """int32, ascending: what the person bought and kept."""
        return self._taste.owned

    @property
    def disliked(self) -> IntArray:
        """int32, ascending: what the person dislikes."""
        return self._taste.disliked

    @cached_property
    def evidence(self) -> FriendEvidence:
        """What the person's friends let them see."""
        return self.live.evidence.of(self.customer) if self.known else NOTHING

    @cached_property
    def contributors(self) -> IntArray:
        """int32, ascending: friends whose behaviour may reach the person."""
        return self.live.evidence.contributors(self.customer) if self.known else NONE

    @cached_property
    def _taste(self) -> Taste:
        live, customer = self.live, self.customer
        if not self.known:
            return NO_TASTE
        if live.changed(customer) or customer >= len(live.snapshot.customers):
            return Tastes.of(live.purchases_of(customer), live.opinions_of(customer)).row(0)
        return frozen_tastes(live.snapshot).row(customer)
