"""Which products are worth scoring: what each scorer would put first, over the whole catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from graph.live import LiveGraph
from graph.snapshot import NO_CATEGORY, BoolArray, IntArray
from recommend.query import Query
from recommend.scorers.blend import Voice

FIRST = 200
"""How many products each scorer proposes at first."""

WIDER = 8
"""By how much it proposes more when the rules leave too few."""


def candidates(voices: Sequence[Voice], query: Query, live: LiveGraph) -> Iterator[IntArray]:
    """Ever more products, int32, ascending; the last time all of them.

    Products that cannot be in the answer because of the catalogue (not available, another category) are passed over
    until the last time, so that no rare category is missed; the rules have the last word.
    """
    possible, everything = allowed(query.category, live), len(live.products)
    count = FIRST + query.limit
    while count < everything:
        found = [voice.scores.top(count, possible) for voice in voices]
        if found:
            yield np.unique(np.concatenate(found))
        count *= WIDER
    yield np.arange(everything, dtype=np.int32)


def allowed(category: str | None, live: LiveGraph) -> BoolArray:
    """What the catalogue allows in an answer, of one category if one is given: bool ``[products]``."""
    sellable: BoolArray = live.available & live.described
    return sellable if category is None else sellable & in_category(category, live)


def in_category(category: str, live: LiveGraph) -> BoolArray:
    """Which products are of a category, none for one that nobody knows: bool ``[products]``."""
    position = live.categories.position(category)
    same: BoolArray = (live.category == position) & (position != NO_CATEGORY)
    return same
