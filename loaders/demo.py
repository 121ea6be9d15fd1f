"""The sample shop: seeded facts with names, prices, friends and a known truth about who moved whom to buy what."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from graph.columns import Columns
from graph.errors import Invalid
from graph.moments import SECOND, Moment, to_datetime, to_text
from graph.records import Consent, Customer, Friendship, Like, Product, Purchase, Return, View
from graph.sensitive import Sensitive
from loaders.demo_words import CATEGORIES, PEOPLE, Category, Line
from loaders.demo_world import (
    DAY,
    BoolArray,
    Bought,
    FloatArray,
    Friends,
    IntArray,
    People,
    Tastes,
    make_friends,
    make_people,
    make_purchases,
)

TOPICS: tuple[tuple[Category, Line], ...] = tuple(
    (category, line) for category in CATEGORIES for line in category.lines
)
"""What people can have a taste for."""

FEWEST_CUSTOMERS = 50
FEWEST_PRODUCTS = len(TOPICS)


@dataclass(frozen=True, slots=True)
class Truth:
    """What was planted. Rows count the purchases of the shop from 0, people from ``c1`` = 0.

    Attributes
    ----------
    copy, cause
        Purchase ``copy[i]`` was made because of the earlier purchase ``cause[i]`` of the same product by a friend; all
        others are the buyer's own taste.
    community
        Per customer: the circle that most friends belong to.
    strength
        Per customer: the chance that one of their purchases moves one friend who does not own the product to buy it.
    """

    copy: IntArray
    cause: IntArray
    community: IntArray
    strength: FloatArray


@dataclass(frozen=True, slots=True)
class SampleShop:
    """Facts per kind, ready for ``store.write``, and the truth that was planted in them."""

    customers: Columns[Customer]
    products: Columns[Product]
    friendships: Columns[Friendship]
    purchases: Columns[Purchase]
    returns: Columns[Return]
    likes: Columns[Like]
    views: Columns[View]
    consents: Columns[Consent]
    truth: Truth

    def facts(self) -> tuple[Columns[Any], ...]:
        """Everything, in the order to write it: what is pointed to comes first."""
        events = (self.purchases, self.returns, self.likes, self.views)
        return (self.customers, self.products, self.friendships, self.consents, *events)

    def influence(self) -> Counter[tuple[str, str]]:
        """How many purchases of the second customer were caused by the first."""
        buyer = self.purchases["customer"]
        return Counter(
            (buyer[cause], buyer[copy]) for cause, copy in zip(self.truth.cause, self.truth.copy, strict=True)
        )


def sample_shop(*, seed: int = 7, now: Moment, customers: int = 5_000, products: int = 2_000) -> SampleShop:
    """A shop with communities of friends, tastes, consents and two years of purchases, a third moved by friends.

    Parameters
    ----------
    seed
        The same seed, sizes and ``now`` give equal facts.
    now
        Every time lies before it, at whole seconds.
    customers, products
        How many, with ids ``c1..`` and ``p1..``.

    Raises
    ------
    graph.errors.Invalid
        The seed is negative, or fewer customers or products are asked for than the shop can be made of.
    """
    for field, value, least in (
        ("seed", seed, 0),
        ("customers", customers, FEWEST_CUSTOMERS),
        ("products", products, FEWEST_PRODUCTS),
    ):
        if value < least:
            raise Invalid(f"the sample shop needs {field} >= {least}, not {value}", field=field)
    clock = now // SECOND
    names, world, details = (iter(rng.spawn(8)) for rng in np.random.default_rng(seed).spawn(3))
    people = make_people(next(world), customers, clock)
    friends = make_friends(next(world), people.community, clock)
    tastes = Tastes(next(world), people.community, products=products, topics=len(TOPICS))
    catalogue = _catalogue(next(names), tastes.slots)
    shared = ~np.array(catalogue["sensitive"])
    bought = make_purchases(next(world), people, friends, tastes, shared, clock)
    purchases = _purchases(next(details), bought, catalogue)
    copy = np.flatnonzero(bought.cause >= 0)
    return SampleShop(
        customers=_customers(next(names), customers, to_datetime(now).year),
        products=catalogue,
        friendships=_friendships(friends),
        purchases=purchases,
        returns=_returns(next(details), purchases, now),
        likes=Columns(Like, _browsed("like", next(details), people, tastes, clock)),
        views=Columns(View, _browsed("view", next(details), people, tastes, clock)),
        consents=_consents(next(details), people),
        truth=Truth(copy, bought.cause[copy], people.community, people.strength),
    )


def _customers(rng: Generator, count: int, year: int) -> Columns[Customer]:
    """Names from one part of the world each; half of the birth years unknown, a handful of minors."""
    part = rng.integers(len(PEOPLE), size=count).tolist()
    given, family = rng.random((2, count)).tolist()
    names = [f"{_at(PEOPLE[p][0], g)} {_at(PEOPLE[p][1], f)}" for p, g, f in zip(part, given, family, strict=True)]
    age = np.where(rng.random(count) < 0.004, rng.integers(12, 15, count), rng.integers(19, 80, count))
    known = (rng.random(count) < 0.5) | (age < 16)
    born = [year - a if k else None for a, k in zip(age.tolist(), known.tolist(), strict=True)]
    return Columns(Customer, {"id": _ids("c", count), "name": names, "birth_year": born})


def _at(words: Sequence[str], where: float) -> str:
    return words[int(where * len(words))]


def _catalogue(rng: Generator, slots: IntArray) -> Columns[Product]:
    """Products of topic ``slot % topics`` lie in its category; 2 % are sold out. See `Tastes` for slots."""
    count = len(slots)
    made = [_wares(rng, category, line, -(-count // len(TOPICS))) for category, line in TOPICS]
    names: list[str] = [""] * count
    prices, topic = np.empty((2, count), np.int64)
    for slot, product in enumerate(slots.tolist()):
        topic[product] = slot % len(TOPICS)
        names[product], prices[product] = made[slot % len(TOPICS)][slot // len(TOPICS)]
    category = [TOPICS[t][0].name for t in topic.tolist()]
    return Columns(
        Product,
        {
            "id": _ids("p", count),
            "name": names,
            "price": prices.tolist(),
            "category": category,
            "available": (rng.random(count) >= 0.02).tolist(),
            "sensitive": list(map(Sensitive(), category)),
        },
    )


def _wares(rng: Generator, category: Category, line: Line, count: int) -> list[tuple[str, int]]:
    """Names and prices (minor units); a name comes twice only when every combination is used up."""
    combinations = list(itertools.product(line.makers, category.qualifiers, range(len(line.things))))
    chosen = itertools.islice(itertools.cycle(rng.permutation(len(combinations)).tolist()), count)
    wares = []
    for pick, noise in zip(chosen, rng.random(count).tolist(), strict=True):
        maker, qualifier, rank = combinations[pick]
        whole = category.low * (category.high / category.low) ** ((rank + noise) / len(line.things))
        wares.append(
            (f"{maker} {qualifier} {line.things[rank]}".strip(), int(whole) * 100 + (99 if whole < 100 else 0))
        )
    return wares


def _friendships(friends: Friends) -> Columns[Friendship]:
    person = np.repeat(np.arange(len(friends.start) - 1), np.diff(friends.start))
    once = person < friends.friend
    ties = zip((person[once] + 1).tolist(), (friends.friend[once] + 1).tolist(), strict=True)
    ordered = [sorted((f"c{one}", f"c{other}")) for one, other in ties]
    first, second = (list(ends) for ends in zip(*ordered, strict=True))
    return Columns(Friendship, {"customer": first, "friend": second, "since": _moments(friends.since[once])})


def _purchases(rng: Generator, bought: Bought, catalogue: Columns[Product]) -> Columns[Purchase]:
    """What one person buys at one moment is one order; some lines are discounted, 3 % are gifts, 2 % private."""
    count = len(bought)
    opens = np.ones(count, np.bool_)
    opens[1:] = (np.diff(bought.at) != 0) | (np.diff(bought.person) != 0)
    discount = rng.choice((0, 10, 20), p=(0.8, 0.12, 0.08), size=count)
    price = np.array(catalogue["price"])[bought.product] * (100 - discount) // 100
    return Columns(
        Purchase,
        {
            "id": _ids("demo-purchase-", count),
            "customer": _named("c", bought.person),
            "product": _named("p", bought.product),
            "at": _moments(bought.at),
            "quantity": np.minimum(rng.geometric(0.85, count), 5).tolist(),
            "price": price.tolist(),
            "order": _named("o", np.cumsum(opens) - 1),
            "gift": (rng.random(count) < 0.03).tolist(),
            "visibility": ["private" if hidden else None for hidden in (rng.random(count) < 0.02).tolist()],
        },
    )


def _returns(rng: Generator, purchases: Columns[Purchase], now: Moment) -> Columns[Return]:
    """2 % of the purchases, up to two weeks later."""
    at = np.array(purchases["at"]) + rng.integers(3600, 14 * DAY, len(purchases)) * SECOND
    rows = np.flatnonzero((rng.random(len(at)) < 0.02) & (at < now)).tolist()
    fields: dict[str, Sequence[Any]] = {
        name: [purchases[name][row] for row in rows] for name in ("customer", "product", "order")
    }
    reason = np.where(rng.random(len(rows)) < 0.7, "refund", "cancel").tolist()
    return Columns(Return, fields | {"id": _ids("demo-return-", len(rows)), "at": at[rows].tolist(), "reason": reason})


def _browsed(kind: str, rng: Generator, people: People, tastes: Tastes, clock: int) -> Mapping[str, Sequence[Any]]:
    """About two likes or views of a person, each product once, of products after their taste."""
    person = np.repeat(np.arange(len(people.joined)), rng.poisson(2, len(people.joined)))
    pairs = np.unique(np.stack((person, tastes.draw(rng, person)), axis=1), axis=0)
    joined = people.joined[pairs[:, 0]]
    at = joined + (rng.random(len(pairs)) * (clock - joined)).astype(np.int64)
    customer, product = _named("c", pairs[:, 0]), _named("p", pairs[:, 1])
    return {"id": _ids(f"demo-{kind}-", len(at)), "customer": customer, "product": product, "at": _moments(at)}


def _consents(rng: Generator, people: People) -> Columns[Consent]:
    """Exactly 80 % grant `social_proof`, half of those `named`; the other purposes as often as a shop may hope for."""
    count = len(people.joined)
    openness = rng.permutation(count) / count
    granted: dict[str, BoolArray] = {
        "social_proof": openness < 0.8,
        "named": openness < 0.4,
        "profiling": rng.random(count) < 0.9,
        "marketing": rng.random(count) < 0.45,
        "advocacy": rng.random(count) < 0.15,
    }
    receipts = [(purpose, True, np.flatnonzero(yes)) for purpose, yes in granted.items()]
    refused = np.flatnonzero(rng.random(count) < 0.01)
    receipts.append(("personalisation", False, refused[refused > 0]))  # c1 is the one that the documentation asks about
    person = np.concatenate([who for _, _, who in receipts])
    return Columns(
        Consent,
        {
            "id": _ids("demo-consent-", len(person)),
            "customer": _named("c", person),
            "purpose": [purpose for purpose, _, who in receipts for _ in who],
            "granted": [yes for _, yes, who in receipts for _ in who],
            "at": _moments(people.joined[person]),
        },
    )


def _ids(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(1, count + 1)]


def _named(prefix: str, rows: IntArray) -> list[str]:
    return [f"{prefix}{number}" for number in (rows + 1).tolist()]


def _moments(seconds: IntArray) -> list[Moment]:
    moments: list[Moment] = (seconds * SECOND).tolist()
    return moments


_FILES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "customers.csv": ("customers", ("id", "name", "birth_year")),
    "products.csv": ("products", ("id", "name", "price", "category", "available", "sensitive")),
    "friends.csv": ("friendships", ("customer", "friend", "since")),
    "purchases.csv": (
        "purchases",
        ("customer", "product", "at", "quantity", "price", "order", "gift", "visibility"),
    ),
    "likes.csv": ("likes", ("customer", "product", "at")),
    "consents.csv": ("consents", ("customer", "purpose", "granted", "at")),
}


def write_files(shop: SampleShop, folder: Path) -> None:
    """Write the shop as the CSV files that ``kith load`` reads; returns and views have none. ``folder`` is created."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (kind, fields) in _FILES.items():
        facts: Columns[Any] = getattr(shop, kind)
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(fields)
            writer.writerows(zip(*(_cells(field, facts[field]) for field in fields), strict=True))


def _cells(field: str, values: Sequence[Any]) -> Iterator[str]:
    text = _TEXT.get(field, str)
    return ("" if value is None else text(value) for value in values)


def _decimal(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


_TEXT: Mapping[str, Callable[[Any], str]] = {
    "at": to_text,
    "since": to_text,
    "price": _decimal,
    "available": _flag,
    "sensitive": _flag,
    "gift": _flag,
    "granted": _flag,
}
