"""Which products are worth scoring: what each scorer would put first, over the whole catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from graph.live import LiveGraph
from graph.snapshot import NO_CATEGORY, BoolArray, IntArray
from recommend.query import Query
from recommend.scorers.blend import Voice
from recommend.topk import union
from recommend.viewer import Viewer

FIRST = 60
"""How many products each scorer proposes at first, beside as many as are asked for."""

WIDER = 8
"""By how much it proposes more when the rules leave too few."""


def candidates(voices: Sequence[Voice], viewer: Viewer, query: Query) -> Iterator[IntArray]:
    """Ever more products, int32, ascending; the last time all of them.

    What cannot be in the answer (owned, not available, another category) is passed over until the last time, so that no
    rare category is missed; the rules have the last word.
    """
    live = viewer.live
    possible, everything = allowed(query.category, live), len(live.products)
    possible[viewer.owned] = False
    count = FIRST + query.limit
    while count < everything:
        yield union([voice.scores.top(count, possible) for voice in voices])
        count *= WIDER
    yield np.arange(everything, dtype=np.int32)


def allowed(category: str | None, live: LiveGraph) -> BoolArray:
    """What the catalogue allows in an answer, of one category if one is given: a fresh bool ``[products]``."""
    sellable: BoolArray = live.available & live.described
    return sellable if category is None else sellable & in_category(category, live)


def in_category(category: str, live: LiveGraph) -> BoolArray:
    """Which products are of a category, none for one that nobody knows: bool ``[products]``."""
    position = live.categories.position(category)
    same: BoolArray = (live.category == position) & (position != NO_CATEGORY)
    return same
