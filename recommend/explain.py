"""Why a product is in the answer, from exactly what ranked it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from graph.evidence import FriendEvidence, bucket_label
from graph.live import LiveGraph
from graph.snapshot import FloatArray, IntArray
from recommend.query import Friend, Reason
from recommend.rules import Ranked
from recommend.scorers.blend import FALLBACK, Voice
from recommend.scorers.similar import SimilarScores
from recommend.scores import TasteScores
from recommend.viewer import Viewer

MATERIAL = 0.1
"""A part of a score below this share of its positive parts gives no reason."""

Why = tuple[str, tuple[Reason, ...]]
"""The scorer that adds most, and the reasons."""


def explain(viewer: Viewer, voices: Sequence[Voice], ranked: Ranked) -> list[Why]:
    """For each product the reasons, never none: friends who bought it first, then by what each adds to the score."""
    told = [list(_reasons(viewer, voice, ranked.product)) for voice in voices]
    return [
        _why(voices, [reasons[row] for reasons in told], ranked.parts[:, row]) for row in range(len(ranked.product))
    ]


def _why(voices: Sequence[Voice], told: Sequence[tuple[Reason, ...]], parts: FloatArray) -> Why:
    least = MATERIAL * float(parts[parts > 0].sum())
    order = [place for place in np.argsort(-parts, kind="stable").tolist() if parts[place] > 0 and told[place]]
    reasons = [reason for place in order if parts[place] >= least or place == order[0] for reason in told[place]]
    bought = [reason for place in order for reason in told[place] if reason.type == "friends_bought"]
    rest = [reason for reason in reasons if reason.type != "friends_bought"]
    if not order:
        return FALLBACK, (Reason("popular"),)
    return voices[order[0]].name, tuple(bought + rest)


def _reasons(viewer: Viewer, voice: Voice, products: IntArray) -> Iterator[tuple[Reason, ...]]:
    """What a scorer has to say of each product; nothing where it gives no points."""
    scores = voice.scores
    if isinstance(scores, TasteScores):
        yield from _taste(scores, products)
        return
    for product, score in zip(products.tolist(), scores.at(products).tolist(), strict=True):
        if score <= 0:
            yield ()
        elif voice.name == "friends":
            yield (Reason("friends_bought", *label(viewer.evidence, product, viewer.live)),)
        elif isinstance(scores, SimilarScores):
            yield (Reason("similar_to", product=viewer.live.products[scores.main_cause(product)]),)
        else:
            yield (Reason("trending" if voice.name == "trending" else "popular"),)


def _taste(scores: TasteScores, products: IntArray) -> Iterator[tuple[Reason, ...]]:
    rows = scores.table.rows(products)
    for own, friends in zip((rows @ scores.own).tolist(), (rows @ scores.friends).tolist(), strict=True):
        least = MATERIAL * (max(own, 0.0) + max(friends, 0.0))
        parts = [(own, Reason("taste")), (friends, Reason("friends_taste"))]
        yield tuple(reason for part, reason in sorted(parts, key=lambda part: -part[0]) if part > 0 and part >= least)


def label(evidence: FriendEvidence, product: int, live: LiveGraph) -> tuple[str | None, tuple[Friend, ...]]:
    """The count that may be shown, and the friends who may be named."""
    friends = evidence.friends(product).tolist()
    named = sorted((live.customers[friend], live.customer_name(friend)) for friend in friends)
    return bucket_label(evidence.count_of(product)), tuple(Friend(*one) for one in named)
