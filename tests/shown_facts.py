"""What a projection may show, worked out from records one by one: slow, obvious, and sharing no code with `graph.projection`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from graph.moments import Moment
from graph.records import (
    Block,
    Consent,
    Customer,
    Event,
    Friendship,
    Like,
    Product,
    Purchase,
    Record,
    Return,
    Review,
    Share,
    View,
)
from graph.sensitive import BASE

BEGINNING = -(2**61)


@dataclass(frozen=True)
class ShownFacts:
    """People by id, with their names; what may be shown of them, and the products, in no particular order."""

    people: dict[str, str | None]
    products: dict[str, Product]
    friendships: set[tuple[str, str, Moment | None]]
    purchases: list[Purchase]
    opinions: list[Like]
    others: list[Event]

    @property
    def friends(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {person: set() for person in self.people}
        for one, other, _ in self.friendships:
            found[one].add(other)
            found[other].add(one)
        return found

    @property
    def since(self) -> dict[frozenset[str], Moment | None]:
        return {frozenset((one, other)): since for one, other, since in self.friendships}


def shown_of(
    facts: Iterable[Record], now: Moment, *, presumed: bool = False, minor_age: int = 16, sensitive: Iterable[str] = ()
) -> ShownFacts:
    """The part of the facts that marketers may see; of entities the last in the list counts."""
    records = list(facts)
    customers = {r.id: r for r in records if isinstance(r, Customer)}
    products = {r.id: r for r in records if isinstance(r, Product) and r.described}
    year = datetime.fromtimestamp(now / 1e6, UTC).year
    people = {
        id: person.name
        for id, person in customers.items()
        if agreed(records, id, presumed) and (person.birth_year is None or year - 1 - person.birth_year >= minor_age)
    }
    delicate = {*BASE, *sensitive}
    plain = {
        id for id, p in products.items() if not p.sensitive and (p.category or "").strip().casefold() not in delicate
    }
    done = [r for r in records if isinstance(r, Event) and r.customer in people and r.product in plain]
    apart = [{r.customer, r.other} for r in records if isinstance(r, Block)]
    ties = {(r.customer, r.friend): r.since for r in records if isinstance(r, Friendship)}
    return ShownFacts(
        people,
        products,
        {(*ends, since) for ends, since in ties.items() if {*ends} <= people.keys() and {*ends} not in apart},
        [r for r in done if isinstance(r, Purchase) and openly(r, done)],
        [r for r in done if isinstance(r, Like) and r.opinion != "unlike" and last_word(r, done)],
        [r for r in done if isinstance(r, View | Review | Share)],
    )


def agreed(records: list[Record], person: str, presumed: bool) -> bool:
    """Whether the newest receipt says yes; of two of the same moment the refusal counts."""
    receipts = [r for r in records if isinstance(r, Consent) and r.customer == person and r.purpose == "profiling"]
    if not receipts:
        return presumed
    newest = max(time(r) for r in receipts)
    return all(r.granted for r in receipts if time(r) == newest)


def openly(purchase: Purchase, done: list[Event]) -> bool:
    """No gift, not private, and given back by no return of that product that came later and is not of another order."""
    if purchase.gift or purchase.visibility == "private":
        return False
    for r in done:
        same = isinstance(r, Return) and (r.customer, r.product) == (purchase.customer, purchase.product)
        if same and (r.at is None or r.at >= time(purchase)) and r.order in (None, purchase.order):  # type: ignore[attr-defined]
            return False
    return True


def last_word(opinion: Like, done: list[Event]) -> bool:
    """Whether no newer opinion on the product follows, nor a worse one of the same moment."""
    worse = {"like": 0, "unlike": 1, "dislike": 2}
    mine = (time(opinion), worse[opinion.opinion])
    rivals = [r for r in done if isinstance(r, Like) and (r.customer, r.product) == (opinion.customer, opinion.product)]
    return all((time(r), worse[r.opinion]) <= mine for r in rivals)


def time(record: Consent | Event) -> Moment:
    return BEGINNING if record.at is None else record.at
