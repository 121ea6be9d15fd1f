"""Why a product is in the answer, from exactly what ranked it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from graph.evidence import FriendEvidence, bucket_label
from graph.ids import UNKNOWN
from graph.live import LiveGraph
from graph.snapshot import IntArray
from recommend.query import Friend, Reason
from recommend.rules import Ranked
from recommend.scorers.blend import FALLBACK, Voice
from recommend.scorers.neighbours import NeighbourScores
from recommend.viewer import Viewer

MATERIAL = 0.1
"""A part of a score below this share of its positive parts gives no reason."""

Why = tuple[str, tuple[Reason, ...]]
"""The scorer that adds most, and the reasons."""

Told = Sequence[tuple[Reason, ...]]
"""What one scorer has to say of each product."""

Label = tuple[str | None, tuple[Friend, ...]]
"""The count that may be shown, and the friends who may be named."""

NOTHING: tuple[Reason, ...] = ()
POPULAR = (Reason("popular"),)
PLAIN = {
    "taste": (Reason("taste"),),
    "friends_taste": (Reason("friends_taste"),),
    "trending": (Reason("trending"),),
    "popular": POPULAR,
}
"""What scorers say that have nothing more to say; a score above the mean is reason enough."""


def explain(viewer: Viewer, voices: Sequence[Voice], ranked: Ranked) -> Iterator[Why]:
    """For each product the reasons, never none: friends who bought it first, then by what each adds to the score."""
    told = [_told(viewer, voice, ranked.product) for voice in voices]
    names = [voice.name for voice in voices]
    least = (MATERIAL * np.maximum(ranked.parts, 0).sum(0)).tolist()
    orders = (-ranked.parts).argsort(0, "stable").T.tolist()
    for row, (order, parts) in enumerate(zip(orders, ranked.parts.T.tolist(), strict=True)):
        source, bought, others = "", NOTHING, NOTHING
        for place in order:
            part, name = parts[place], names[place]
            if part <= 0:
                break
            # a scorer that adds little gives no reason, except the greatest of all and friends, whatever they add
            if (part >= least[row] or not source or name == "friends") and (reasons := told[place][row]):
                source = source or name
                if name == "friends":
                    bought = reasons
                else:
                    others += tuple(reason for reason in reasons if reason not in others)
        yield (source, bought + others) if source else (FALLBACK, POPULAR)


def _told(viewer: Viewer, voice: Voice, products: IntArray) -> Told:
    """What a scorer has to say of each product to which it adds something."""
    scores, live = voice.scores, viewer.live
    if isinstance(scores, NeighbourScores):
        return _similar(scores, products, live)
    if voice.name == "friends":
        labels = labels_of(viewer.evidence, products, live)
        return [(Reason("friends_bought", *label),) if any(label) else NOTHING for label in labels]
    return [PLAIN[voice.name]] * len(products)


def _similar(scores: NeighbourScores, products: IntArray, live: LiveGraph) -> Told:
    causes = scores.main_causes(products)
    reasons = {
        cause: (Reason("similar_to", product=live.products[cause]),) for cause in set(causes) if cause != UNKNOWN
    }
    return [reasons.get(cause, NOTHING) for cause in causes]


def labels_of(evidence: FriendEvidence, products: IntArray, live: LiveGraph) -> list[Label]:
    """What may be shown of each product."""
    named = evidence.friends_of(products)
    people = {one: Friend(live.customers[one], live.customer_name(one)) for one in set(chain.from_iterable(named))}
    return [
        (bucket_label(count), tuple(sorted([people[one] for one in some])) if some else ())
        for count, some in zip(evidence.counts_of(products).tolist(), named, strict=True)
    ]
