"""The main job: candidates, scored, under the rules, explained, named. What is evaluated is what serves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from math import log1p

import numpy as np

from graph.errors import NotFound
from graph.ids import UNKNOWN
from graph.live import LiveGraph
from graph.snapshot import NO_PRICE, FloatArray, IntArray
from recommend.candidates import allowed, candidates
from recommend.explain import Why, explain, labels_of
from recommend.model import Model
from recommend.query import FriendsBought, Item, Query, Reason, Recommendations
from recommend.rules import RULES, Ranked, obey
from recommend.scorers.blend import Voice
from recommend.topk import best_first
from recommend.viewer import Viewer


class Recommender:
    """Answers from one model; the graph is an argument.

    Parameters
    ----------
    model
        Must have the positions of the graph's snapshot, see `recommend.model.Model.aligned`.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    def recommend(self, query: Query, live: LiveGraph) -> Recommendations:
        """Products for one person, best first; fewer than asked for only when the rules leave no more."""
        viewer = Viewer.of(query, live)
        voices = self.model.voices(viewer)
        ranked = rank(voices, viewer, query)
        items = _items(live, ranked.product, ranked.score, explain(viewer, voices, ranked))
        if query.explain:
            items = [_with_parts(item, voices, ranked, row) for row, item in enumerate(items)]
        return Recommendations(query, tuple(items), ranked.dropped)

    def rank(self, query: Query, live: LiveGraph) -> tuple[str, ...]:
        """The ids that `recommend` would answer with, without the reasons."""
        viewer = Viewer.of(query, live)
        return tuple(live.products.names(rank(self.model.voices(viewer), viewer, query).product.tolist()))

    def friends_bought(self, product: str, customer: str, live: LiveGraph) -> FriendsBought:
        """What the friends of a customer let them know about a product.

        Raises
        ------
        graph.errors.NotFound
            Nobody knows the product.
        """
        position = _known(product, live)
        viewer = Viewer(live, live.customers.position(customer))
        (label,) = labels_of(viewer.evidence, np.array([position], np.int32), live)
        return FriendsBought(product, customer, *label)

    def similar(self, product: str, limit: int, live: LiveGraph) -> tuple[Item, ...]:
        """Products bought by the same people, most similar first.

        Raises
        ------
        graph.errors.NotFound
            Nobody knows the product.
        """
        near, likeness = self.model.similar.to(_known(product, live))
        shown = np.flatnonzero(allowed(None, live)[near])[:limit]
        why = "similar", (Reason("similar_to", product=product),)
        return tuple(_items(live, near[shown], likeness[shown], repeat(why)))

    def trending(self, limit: int, category: str | None, live: LiveGraph) -> tuple[Item, ...]:
        """What many people bought lately, then what many people bought at all."""
        found: list[Item] = []
        possible = allowed(category, live)
        enough = log1p(self.model.options.min_support)
        for scorer, least in ((self.model.trending, 0.0), (self.model.popular, enough)):
            products = scorer.table.top(limit - len(found), possible, least=least)
            possible[products] = False
            why: Why = scorer.name, (Reason("trending" if scorer.name == "trending" else "popular"),)
            found += _items(live, products, scorer.table.at(products), repeat(why))
        return tuple(found)


def rank(voices: Sequence[Voice], viewer: Viewer, query: Query) -> Ranked:
    """The best ``limit`` products that the rules leave, among ever more candidates until there are enough."""
    ranked = Ranked.nothing(len(voices))
    for products in candidates(voices, viewer, query):
        ranked = obey(RULES, viewer, query, score(voices, products))
        if len(ranked.product) >= query.limit:
            break
    return ranked.take(best_first(ranked.score, query.limit))


def score(voices: Sequence[Voice], products: IntArray) -> Ranked:
    """What each scorer adds to each product, and the sum."""
    parts = np.empty((len(voices), len(products)), np.float32)
    for place, voice in enumerate(voices):
        parts[place] = voice.of(products)
    return Ranked(products, parts, parts.sum(0), {})


def _with_parts(item: Item, voices: Sequence[Voice], ranked: Ranked, row: int) -> Item:
    return item._replace(scores={voice.name: float(ranked.parts[place, row]) for place, voice in enumerate(voices)})


def _known(product: str, live: LiveGraph) -> int:
    position = live.products.position(product)
    if position == UNKNOWN:
        raise NotFound(f"no product {product!r}: load it or send an event that names it")
    return position


def _items(live: LiveGraph, products: IntArray, scores: FloatArray, whys: Iterable[Why]) -> list[Item]:
    prices = live.price[products].tolist()
    return [
        Item(live.products[product], live.product_name(product), None if price == NO_PRICE else price, score, *why)
        for product, price, score, why in zip(products.tolist(), prices, scores.tolist(), whys, strict=False)
    ]
