"""Small shops to recommend in: two circles of friends with tastes of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from graph.evidence import UNRESTRICTED, EvidenceRules
from graph.freeze import freeze
from graph.live import LiveGraph
from graph.moments import DAY, Moment
from graph.records import PURPOSES, Consent, Customer, Friendship, Like, Product, Purchase, Purpose, Record
from graph.store import Changes
from graph.stores.memory import MemoryStore
from recommend.model import Model
from recommend.options import TrainingOptions
from recommend.query import Item, Query, Recommendations
from recommend.recommender import Recommender
from recommend.train import train

NOW: Moment = 1_790_000_000_000_000
OLD: Moment = NOW - 100 * DAY
PEOPLE = 60
PRODUCTS = 60
FAST = TrainingOptions(factors=8, iterations=5, min_support=2, validation_least=20)


def customer(place: int) -> str:
    return f"c{place:03d}"


def product(place: int) -> str:
    return f"p{place:03d}"


def bought(who: str, what: str, at: Moment | None = OLD, **more: Any) -> Purchase:
    return Purchase(id=f"{who}-{what}-{at}", customer=who, product=what, at=at, **more)


def likes(who: str, what: str, opinion: str = "like", at: Moment = OLD) -> Like:
    return Like(id=f"{who}-{what}-{opinion}-{at}", customer=who, product=what, at=at, opinion=opinion)  # type: ignore[arg-type]


def agrees(who: str, purpose: Purpose, granted: bool = True, at: Moment = OLD) -> Consent:
    return Consent(id=f"{who}-{purpose}-{at}", customer=who, purpose=purpose, granted=granted, at=at)


def two_circles(seed: int = 0) -> list[Record]:
    """People of even number like even products, those of odd number odd ones; the earlier products more.

    Each has eight friends. Everybody agrees to be counted, every third person to be named. ``loner`` has neither
    friends nor purchases, ``newcomer`` friends only.
    """
    rng = np.random.default_rng(seed)
    facts: list[Record] = [
        Product(id=product(i), name=f"Thing {i}", price=100 + i, category=("red", "blue")[i // 2 % 2])
        for i in range(PRODUCTS)
    ]
    facts += [Customer(id=customer(i), name=f"Person {i}") for i in range(PEOPLE)]
    facts += [Customer(id="loner"), Customer(id="newcomer")]
    weight = 1 / (np.arange(PRODUCTS // 2) + 3)
    for i in range(PEOPLE):
        mine = rng.choice(PRODUCTS // 2, size=10, replace=False, p=weight / weight.sum()) * 2 + i % 2
        facts += [bought(customer(i), product(int(p)), OLD + int(p) * DAY) for p in mine]
        facts.append(agrees(customer(i), "social_proof"))
        facts += [agrees(customer(i), "named")] if i % 3 == 0 else []
        facts += [Friendship.between(customer(i), customer((i + 2 * k) % PEOPLE), OLD) for k in range(1, 5)]
    return facts + [Friendship.between("newcomer", customer(i), OLD) for i in range(0, 20, 2)]


def moved_tastes(seed: int = 0, people: int = 150) -> list[Record]:
    """Everybody bought eight products of one kind two years ago, and six of another lately: what is old misleads."""
    rng = np.random.default_rng(seed)
    facts: list[Record] = [Product(id=f"{kind}-{place:02d}") for kind in range(5) for place in range(40)]
    facts += [Customer(id=customer(i)) for i in range(people)]
    for i in range(people):
        before, now = rng.integers(5, size=2)
        old, new = rng.choice(40, 8, replace=False), rng.choice(40, 6, replace=False)
        facts += [bought(customer(i), f"{before}-{p:02d}", NOW - int(600 + rng.integers(100)) * DAY) for p in old]
        facts += [bought(customer(i), f"{now}-{p:02d}", NOW - int(20 + rng.integers(60)) * DAY) for p in new]
    return facts


def live_of(
    facts: Iterable[Record],
    rules: EvidenceRules | None = None,
    presumed: Iterable[Purpose] = ("personalisation",),
    now: Moment = NOW,
) -> LiveGraph:
    store = MemoryStore()
    store.write(list(facts))
    return LiveGraph(freeze(store, now=now), now=now, rules=rules, presumed=presumed)


def open_live(facts: Iterable[Record]) -> LiveGraph:
    """Every purpose presumed, no thresholds."""
    return live_of(facts, UNRESTRICTED, PURPOSES)


@cache
def circles_model() -> Model:
    """A model of `two_circles` under the rules of a shop."""
    return train(live_of(two_circles()), FAST)


def happens(live: LiveGraph, *records: Record, now: Moment = NOW) -> None:
    """Let a graph take in what a store would tell it."""
    live.apply(Changes(live.cursor, records, more=False), now)


def ask(model: Model, live: LiveGraph, who: str, **more: Any) -> Recommendations:
    return Recommender(model).recommend(Query(customer=who, **more), live)


def ids(items: Iterable[Item]) -> list[str]:
    return [item.product for item in items]


def reasons_of(item: Item) -> set[str]:
    return {reason.type for reason in item.reasons}


def by_product(answer: Recommendations) -> Mapping[str, Item]:
    return {item.product: item for item in answer.items}
