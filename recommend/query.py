"""The words of a recommendation: what is asked, what is answered. Reasons are data; wording belongs to the
storefront."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

ReasonType = Literal["friends_bought", "friends_taste", "similar_to", "taste", "trending", "popular"]

MAX_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What one widget asks for.

    Attributes
    ----------
    customer
        Id of the person; may be unknown.
    limit
        How many products, 1 to `MAX_LIMIT`.
    category
        Only products of this category.
    exclude
        Product ids that must not be in the answer.
    context
        Product ids on the page or in the basket; similar products become candidates.
    explain
        Adds the score of each scorer and what each rule dropped.
    """

    customer: str
    limit: int = 20
    category: str | None = None
    exclude: frozenset[str] = frozenset()
    context: tuple[str, ...] = ()
    explain: bool = False


class Friend(NamedTuple):
    """A friend who agreed to be named."""

    customer: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a product is in the answer. ``count`` is a bucket ("3+", "5+", "10+"), ``product`` the one it is similar
    to."""

    type: ReasonType
    count: str | None = None
    friends: tuple[Friend, ...] = ()
    product: str | None = None


class Item(NamedTuple):
    """One recommended product. ``price`` is in minor units; ``scores`` (on request) are the parts that add up to
    ``score``."""

    product: str
    name: str | None
    price: int | None
    score: float
    source: str
    reasons: tuple[Reason, ...]
    scores: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Recommendations:
    """The answer, best first. ``dropped`` counts products per rule that refused them."""

    query: Query
    items: tuple[Item, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FriendsBought:
    """The label "friends bought this". ``count`` is None below the threshold; named friends need none and are not in
    the count."""

    product: str
    customer: str
    count: str | None
    friends: tuple[Friend, ...]
