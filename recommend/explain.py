"""Why a product is in the answer, from exactly what ranked it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

import numpy as np

from graph.evidence import FriendEvidence, bucket_label
from graph.live import LiveGraph
from graph.snapshot import IntArray
from recommend.query import Friend, Reason
from recommend.rules import Ranked
from recommend.scorers.blend import FALLBACK, Voice
from recommend.scorers.similar import SimilarScores
from recommend.scores import TasteScores
from recommend.topk import among
from recommend.viewer import Viewer

MATERIAL = 0.1
"""A part of a score below this share of its positive parts gives no reason."""

Why = tuple[str, tuple[Reason, ...]]
"""The scorer that adds most, and the reasons."""

Teller = Callable[[int], tuple[Reason, ...]]

Label = tuple[str | None, tuple[Friend, ...]]
"""The count that may be shown, and the friends who may be named."""

NOTHING: tuple[Reason, ...] = ()
TASTE, FRIENDS_TASTE = (Reason("taste"),), (Reason("friends_taste"),)
TRENDING, POPULAR = (Reason("trending"),), (Reason("popular"),)


def explain(viewer: Viewer, voices: Sequence[Voice], ranked: Ranked) -> Iterator[Why]:
    """For each product the reasons, never none: friends who bought it first, then by what each adds to the score."""
    tellers = [_teller(viewer, voice, ranked.product) for voice in voices]
    names = [voice.name for voice in voices]
    least = (MATERIAL * np.maximum(ranked.parts, 0).sum(0)).tolist()
    orders = np.argsort(-ranked.parts, axis=0, kind="stable").T.tolist()
    for row, (order, parts) in enumerate(zip(orders, ranked.parts.T.tolist(), strict=True)):
        source, bought, others = "", NOTHING, NOTHING
        for place in order:
            # a scorer that adds little gives no reason, except the greatest of all and friends, whatever they add
            if parts[place] <= 0 or (parts[place] < least[row] and source and names[place] != "friends"):
                continue
            reasons = tellers[place](row)
            if reasons:
                source = source or names[place]
                bought, others = (reasons, others) if names[place] == "friends" else (bought, others + reasons)
        yield (source, bought + others) if source else (FALLBACK, POPULAR)


def _teller(viewer: Viewer, voice: Voice, products: IntArray) -> Teller:
    """What a scorer has to say of the product in a row; nothing where it gives no points."""
    scores, live = voice.scores, viewer.live
    if isinstance(scores, TasteScores):
        return _taste(scores, products).__getitem__
    given = scores.at(products).tolist()
    if isinstance(scores, SimilarScores):
        causes = scores.main_causes(products)
        return lambda row: (Reason("similar_to", product=live.products[causes(row)]),) if given[row] > 0 else ()
    if voice.name == "friends":
        labels = labels_of(viewer.evidence, products, live)
        return lambda row: (Reason("friends_bought", *labels[row]),) if given[row] > 0 else ()
    plain = TRENDING if voice.name == "trending" else POPULAR
    return lambda row: plain if given[row] > 0 else ()


def _taste(scores: TasteScores, products: IntArray) -> list[tuple[Reason, ...]]:
    rows = scores.table.rows(products)
    return [
        _of_taste(*both) for both in zip((rows @ scores.own).tolist(), (rows @ scores.friends).tolist(), strict=True)
    ]


def _of_taste(own: float, friends: float) -> tuple[Reason, ...]:
    least = MATERIAL * (max(own, 0.0) + max(friends, 0.0))
    mine = TASTE if own > 0 and own >= least else ()
    theirs = FRIENDS_TASTE if friends > 0 and friends >= least else ()
    return mine + theirs if own >= friends else theirs + mine


def labels_of(evidence: FriendEvidence, products: IntArray, live: LiveGraph) -> list[Label]:
    """What may be shown of each product."""
    ours = among(evidence.named_product, np.sort(products))
    who = evidence.named_friend[ours].tolist()
    people = {friend: Friend(live.customers[friend], live.customer_name(friend)) for friend in set(who)}
    named: dict[int, list[Friend]] = {}
    for product, friend in zip(evidence.named_product[ours].tolist(), who, strict=True):
        named.setdefault(product, []).append(people[friend])
    counts = evidence.counts_of(products).tolist()
    return [
        (bucket_label(count), tuple(sorted(named.get(product, ()), key=_BY_ID)))
        for product, count in zip(products.tolist(), counts, strict=True)
    ]


_BY_ID = attrgetter("customer")
