"""Why a product is in the answer, from exactly what ranked it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph.evidence import FriendEvidence, bucket_label
from graph.live import LiveGraph
from graph.snapshot import IntArray
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


def explain(viewer: Viewer, voices: Sequence[Voice], ranked: Ranked) -> Iterator[Why]:
    """For each product the reasons, never none: friends who bought it first, then by what each adds to the score."""
    raw = [_raw(voice, ranked.product) for voice in voices]
    for row, (product, parts) in enumerate(zip(ranked.product.tolist(), ranked.parts.T.tolist(), strict=True)):
        least = MATERIAL * sum(part for part in parts if part > 0)
        source, first, rest = FALLBACK, [], []
        for part, place in sorted(((part, place) for place, part in enumerate(parts) if part > 0), reverse=True):
            voice = voices[place]
            if voice.name == "friends" or part >= least or not (first or rest):
                told = _reasons(viewer, voice, product, raw[place][row])
                source = voice.name if told and not (first or rest) else source
                (first if voice.name == "friends" else rest).extend(told)
        yield source, tuple(first + rest) or (Reason("popular"),)


def _raw(voice: Voice, products: IntArray) -> list[tuple[float, float]]:
    """What a scorer says of each product, before it is weighted: its own part and, for a taste, the friends'."""
    scores = voice.scores
    if not isinstance(scores, TasteScores):
        return [(score, 0.0) for score in scores.at(products).tolist()]
    rows = scores.table.rows(products)
    return list(zip((rows @ scores.own).tolist(), (rows @ scores.friends).tolist(), strict=True))


def _reasons(viewer: Viewer, voice: Voice, product: int, raw: tuple[float, float]) -> list[Reason]:
    """What a scorer has to say of a product; nothing where it gives no points."""
    own, friends = raw
    if isinstance(voice.scores, TasteScores):
        least = MATERIAL * (max(own, 0.0) + max(friends, 0.0))
        parts = sorted(((own, "taste"), (friends, "friends_taste")), reverse=True)
        return [_TASTE[name] for part, name in parts if part > 0 and part >= least]
    if own <= 0:
        return []
    if isinstance(voice.scores, SimilarScores):
        return [Reason("similar_to", product=viewer.live.products[voice.scores.main_cause(product)])]
    if voice.name == "friends":
        return [Reason("friends_bought", *label(viewer.evidence, product, viewer.live))]
    return [Reason("trending" if voice.name == "trending" else "popular")]


_TASTE = {"taste": Reason("taste"), "friends_taste": Reason("friends_taste")}


def label(evidence: FriendEvidence, product: int, live: LiveGraph) -> tuple[str | None, tuple[Friend, ...]]:
    """The count that may be shown, and the friends who may be named."""
    friends = evidence.friends(product).tolist()
    named = sorted((live.customers[friend], live.customer_name(friend)) for friend in friends)
    return bucket_label(evidence.count_of(product)), tuple(Friend(*one) for one in named)
