"""Why a product is in the answer, from exactly what ranked it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

import numpy as np

from graph.evidence import FriendEvidence, bucket_label
from graph.live import LiveGraph
from graph.snapshot import BoolArray, FloatArray, IntArray
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

Label = tuple[str | None, tuple[Friend, ...]]
"""The count that may be shown, and the friends who may be named."""

TASTE, FRIENDS_TASTE = (Reason("taste"),), (Reason("friends_taste"),)
TRENDING, POPULAR = (Reason("trending"),), (Reason("popular"),)


def explain(viewer: Viewer, voices: Sequence[Voice], ranked: Ranked) -> Iterator[Why]:
    """For each product the reasons, never none: friends who bought it first, then by what each adds to the score."""
    told = [
        _reasons(viewer, voice, ranked.product, wanted)
        for voice, wanted in zip(voices, _material(voices, ranked.parts), strict=True)
    ]
    names = [voice.name for voice in voices]
    for row, parts in enumerate(ranked.parts.T.tolist()):
        order = [place for place in sorted(range(len(parts)), key=parts.__getitem__, reverse=True) if told[place][row]]
        reasons = [reason for place in order for reason in told[place][row]]
        reasons.sort(key=lambda reason: reason.type != "friends_bought")
        yield (names[order[0]], tuple(reasons)) if order else (FALLBACK, POPULAR)


def _material(voices: Sequence[Voice], parts: FloatArray) -> BoolArray:
    """Which parts deserve a reason: those that matter, the greatest, and whatever friends show."""
    positive = np.maximum(parts, 0)
    great = (parts >= MATERIAL * positive.sum(0)) | (parts == positive.max(0, initial=0))
    friends = np.array([[voice.name == "friends"] for voice in voices], np.bool_).reshape(-1, 1)
    material: BoolArray = (parts > 0) & (great | friends)
    return material


def _reasons(viewer: Viewer, voice: Voice, products: IntArray, wanted: BoolArray) -> list[tuple[Reason, ...]]:
    """What a scorer has to say of each product wanted; nothing where it gives no points."""
    scores, live = voice.scores, viewer.live
    if not wanted.any():
        return [()] * len(products)
    if isinstance(scores, TasteScores):
        return _taste(scores, products, wanted)
    wanted = wanted & (scores.at(products) > 0)
    if isinstance(scores, SimilarScores):
        causes = scores.main_causes(products[wanted])
        told = iter([(Reason("similar_to", product=live.products[cause]),) for cause in causes])
    elif voice.name == "friends":
        labels = labels_of(viewer.evidence, products[wanted], live)
        told = iter([(Reason("friends_bought", *label),) for label in labels])
    else:
        told = iter([TRENDING if voice.name == "trending" else POPULAR] * len(products))
    return [next(told) if one else () for one in wanted.tolist()]


def _taste(scores: TasteScores, products: IntArray, wanted: BoolArray) -> list[tuple[Reason, ...]]:
    rows = scores.table.rows(products)
    own, friends = np.maximum(rows @ scores.own, 0), np.maximum(rows @ scores.friends, 0)
    least = MATERIAL * (own + friends)
    mine, theirs = wanted & (own > 0) & (own >= least), wanted & (friends > 0) & (friends >= least)
    first = own >= friends
    return [
        (TASTE * a + FRIENDS_TASTE * b) if c else (FRIENDS_TASTE * b + TASTE * a)
        for a, b, c in zip(mine.tolist(), theirs.tolist(), first.tolist(), strict=True)
    ]


def labels_of(evidence: FriendEvidence, products: IntArray, live: LiveGraph) -> list[Label]:
    """What may be shown of each product."""
    ours = among(evidence.named_product, np.sort(products))
    who, people = evidence.named_friend[ours].tolist(), dict[int, Friend]()
    for friend in set(who):
        people[friend] = Friend(live.customers[friend], live.customer_name(friend))
    named: dict[int, list[Friend]] = {product: [] for product in products.tolist()}
    for product, friend in zip(evidence.named_product[ours].tolist(), who, strict=True):
        named[product].append(people[friend])
    return [
        (bucket_label(evidence.count_of(product)), tuple(sorted(friends, key=_BY_ID)))
        for product, friends in named.items()
    ]


_BY_ID = attrgetter("customer")
