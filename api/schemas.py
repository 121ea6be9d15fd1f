"""The shapes of answers on the wire, and how they are made from what the engine says."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field

from engine.engine import Answer
from graph import records
from graph.moments import to_text
from graph.store import Erasure
from loaders.money import to_major
from recommend import query


class Friend(BaseModel):
    """A friend who agreed to be named."""

    customer: str
    name: str | None

    @classmethod
    def of(cls, friend: query.Friend) -> Self:
        return cls(customer=friend.customer, name=friend.name)


class FriendsBoughtReason(BaseModel):
    """Friends bought it: a bucket for those who may only be counted, names of those who agreed to that."""

    type: Literal["friends_bought"]
    count: str | None = Field(description="3+, 5+ or 10+ further friends; null below the threshold.")
    friends: list[Friend]


class SimilarReason(BaseModel):
    """It is bought by the people who bought ``product``."""

    type: Literal["similar_to"]
    product: str


class PlainReason(BaseModel):
    """A reason that needs no more words."""

    type: Literal["friends_taste", "taste", "trending", "popular"]


Reason = FriendsBoughtReason | SimilarReason | PlainReason


class Item(BaseModel):
    """One recommended product."""

    product: str
    name: str | None
    price: float | None = Field(description="In the currency of the shop; null where it is not known.")
    score: float
    source: str = Field(description="The scorer that contributed most.")
    reasons: list[Reason] = Field(min_length=1)
    scores: dict[str, float] = Field(default={}, description="With explain=true: the parts that add up to the score.")

    @classmethod
    def of(cls, item: query.Item, digits: int) -> Self:
        """``digits``: of the currency, after the decimal point."""
        known = {} if item.scores is None else {"scores": {name: round(part, 4) for name, part in item.scores.items()}}
        return cls(
            product=item.product,
            name=item.name,
            price=_price(item.price, digits),
            score=round(item.score, 4),
            source=item.source,
            reasons=[reason_of(reason) for reason in item.reasons],
            **known,
        )


class RecommendationList(BaseModel):
    """The answer of the main route."""

    recommendation_id: str = Field(description="Send it back with events that follow from this answer.")
    customer: str
    degraded: bool = Field(description="True while the store cannot be asked for news.")
    epoch: int
    model: str
    items: list[Item]
    dropped: dict[str, int] = Field(
        default={},
        description="How many products each rule refused; with explain=true, or where it left less than was asked for.",
    )

    @classmethod
    def of(cls, answer: Answer, digits: int) -> Self:
        found = answer.recommendations
        told = found.query.explain or len(found.items) < found.query.limit
        known = {"dropped": dict(found.dropped)} if told else {}
        return cls(
            recommendation_id=answer.recommendation_id,
            customer=found.query.customer,
            degraded=answer.degraded,
            epoch=answer.epoch,
            model=answer.model,
            items=[Item.of(item, digits) for item in found.items],
            **known,
        )


class ProductFriends(BaseModel):
    """The label "friends bought this"."""

    product: str
    customer: str
    count: str | None = Field(description="3+, 5+ or 10+ friends beside the named ones; null below the threshold.")
    friends: list[Friend]

    @classmethod
    def of(cls, label: query.FriendsBought) -> Self:
        friends = [Friend.of(friend) for friend in label.friends]
        return cls(product=label.product, customer=label.customer, count=label.count, friends=friends)


class SimilarProducts(BaseModel):
    """What is bought by the people who bought ``product``."""

    product: str
    items: list[Item]


class TrendingProducts(BaseModel):
    """What many people bought lately."""

    items: list[Item]


class Customer(BaseModel):
    """A customer. What is kept only as a hash is not shown."""

    id: str
    name: str | None
    birth_year: int | None

    @classmethod
    def of(cls, customer: records.Customer) -> Self:
        return cls(id=customer.id, name=customer.name, birth_year=customer.birth_year)


class Product(BaseModel):
    """A product of the catalogue."""

    id: str
    name: str | None
    price: float | None
    category: str | None
    available: bool
    sensitive: bool
    url: str | None
    image: str | None

    @classmethod
    def of(cls, product: records.Product, digits: int) -> Self:
        fields = {name: getattr(product, name) for name in cls.model_fields}
        return cls(**{**fields, "price": _price(product.price, digits)})


class Friendship(BaseModel):
    """A mutual friendship; ``customer`` is the id that sorts first."""

    customer: str
    friend: str
    since: str | None

    @classmethod
    def of(cls, friendship: records.Friendship) -> Self:
        since = None if friendship.since is None else to_text(friendship.since)
        return cls(customer=friendship.customer, friend=friendship.friend, since=since)


class Forgotten(BaseModel):
    """What was erased: records per table."""

    customer: str
    removed: dict[str, int]

    @classmethod
    def of(cls, erasure: Erasure) -> Self:
        return cls(customer=erasure.customer, removed=dict(erasure.removed))


class Fault(BaseModel):
    """What is wrong with the input: ``field`` is null where it is the input as a whole."""

    field: str | None
    message: str


class EventResult(BaseModel):
    """What became of one event. ``duplicate``: its id was known, nothing changed."""

    id: str | None
    status: Literal["accepted", "duplicate", "rejected"]
    errors: list[Fault]


class EventResults(BaseModel):
    """What became of several events, in the order in which they were sent."""

    results: list[EventResult]
    accepted: int
    duplicate: int
    rejected: int


class Ready(BaseModel):
    """Whether recommendations can be answered, and by what."""

    ready: bool
    store: str
    model: str | None
    epoch: int | None
    degraded: bool


class Alive(BaseModel):
    """The process runs."""

    status: Literal["ok"]


class Problem(BaseModel):
    """Every failure (RFC 9457). The types are listed in docs/reference/problems.md."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault] = Field(default=[], description="For wrong input: what, field by field.")


def reason_of(reason: query.Reason) -> Reason:
    """A reason with the fields that apply to its type, and no other."""
    if reason.type == "friends_bought":
        friends = [Friend.of(friend) for friend in reason.friends]
        return FriendsBoughtReason(type=reason.type, count=reason.count, friends=friends)
    if reason.type == "similar_to":
        assert reason.product is not None
        return SimilarReason(type=reason.type, product=reason.product)
    return PlainReason(type=reason.type)


def _price(minor: int | None, digits: int) -> float | None:
    return None if minor is None else to_major(minor, digits)
