"""The facts: frozen, slotted, one class per kind.

Entities (Customer, Product, Friendship, Block) have a natural key and may be written again: the newest wins. Events happened once: they
are keyed by ``id`` and never change. Moments are microseconds since 1970 UTC (`graph.moments`), prices are in minor units of the shop's
currency. ``None`` means "not known".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NewType

from graph.errors import Invalid
from graph.moments import Moment

CustomerId = NewType("CustomerId", str)
ProductId = NewType("ProductId", str)

Purpose = Literal["personalisation", "social_proof", "named", "profiling", "marketing", "advocacy"]
PURPOSES: tuple[Purpose, ...] = ("personalisation", "social_proof", "named", "profiling", "marketing", "advocacy")

Visibility = Literal["private", "count", "named"]
VISIBILITIES: tuple[Visibility, ...] = ("private", "count", "named")

Opinion = Literal["like", "unlike", "dislike"]
ReturnReason = Literal["refund", "cancel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base of every fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Record):
    """A person. ``email`` to ``payment`` are keyed hashes, never the plain value."""

    id: str
    name: str | None = None
    birth_year: int | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    device: str | None = None
    payment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Record):
    """Something to recommend. ``described`` is false while only events have named it: such a product is not recommended."""

    id: str
    name: str | None = None
    price: int | None = None
    category: str | None = None
    available: bool = True
    sensitive: bool = False
    url: str | None = None
    image: str | None = None
    described: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Friendship(Record):
    """An accepted, mutual friendship, stored once with ``customer < friend``; see `Friendship.between`."""

    customer: str
    friend: str
    since: Moment | None = None

    @classmethod
    def between(cls, one: str, other: str, since: Moment | None = None) -> Friendship:
        """The friendship of two people, in whichever order they are named."""
        if one == other:
            raise Invalid("nobody is a friend of themselves", field="friend")
        return cls(customer=min(one, other), friend=max(one, other), since=since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(Record):
    """``customer`` wants nothing to pass between them and ``other``, in either direction."""

    customer: str
    other: str
    at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Record):
    """A consent given or withdrawn; the state of a purpose is that of the newest receipt, a refusal winning a tie."""

    id: str
    customer: str
    purpose: Purpose
    granted: bool
    at: Moment | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Record):
    """Something a customer did with a product. ``recommendation_id`` is the answer it followed from, where the shop said so."""

    id: str
    customer: str
    product: str
    at: Moment | None = None
    recommendation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase(Event):
    """A product bought. ``weight`` replaces ``quantity`` as the strength of the interest (plays, minutes, ...)."""

    quantity: int = 1
    price: int | None = None
    order: str | None = None
    line: str | None = None
    gift: bool = False
    visibility: Visibility | None = None
    weight: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(Event):
    """A refund or cancellation of a purchase of the same product, of the same order where one is named."""

    reason: ReturnReason
    order: str | None = None
    line: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Like(Event):
    """An opinion; the newest one of a customer on a product counts."""

    opinion: Opinion = "like"


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Event):
    """A product page was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(Event):
    """A rating from 1 to 5, a text, or both."""

    rating: float | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(Event):
    """The customer passed the product on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impression(Event):
    """A recommended product was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click(Event):
    """A recommended product was clicked."""
