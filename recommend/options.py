"""How to train. Frozen, stored with the model, read back equal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from graph.errors import Damaged
from graph.moments import DAY, Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """Figures of a training; the defaults were measured on several public data sets, those of the library below are far
    from good.

    Attributes
    ----------
    factors, regularization, alpha, iterations
        Of the matrix factorisation.
    damping
        For the factorisation, interest in a product of b people counts ``b ** -damping``: what everybody has says little
        of anybody's taste, and popularity has a scorer of its own.
    item_penalty
        Ridge penalty of the item model.
    item_width
        How many weights the item model publishes per product at most.
    circle_factors, circle_penalty
        Width and ridge penalty of the taste that friends pass on.
    neighbours
        How many similar products are kept per product.
    min_support
        How many people must have bought both products of a pair, or a trending product, before the shop says so.
    shrinkage
        Pairs bought together this often count half.
    half_life
        After this time a purchase counts half for what is trending.
    recency
        After this time an interest has lost half of what age takes from it; None: age does not count.
    friends
        Whether friends may enter; they still have to pass the trust gate of `recommend.weights`.
    validation_share, validation_customers
        How much of each history, and of how many people, is held out to learn weights; of fewer than
        ``validation_least`` people nothing is learned.
    search
        Whether the figures of the factorisation and ``recency`` are searched for.
    seed
        Of everything random.
    threads
        Of the matrix factorisation.
    """

    factors: int = 64
    regularization: float = 100.0
    alpha: float = 40.0
    iterations: int = 15
    damping: float = 0.25
    item_penalty: float = 100.0
    item_width: int = 200
    circle_factors: int = 64
    circle_penalty: float = 50.0
    neighbours: int = 50
    min_support: int = 5
    shrinkage: float = 5.0
    half_life: Moment = 14 * DAY
    recency: Moment | None = None
    friends: bool = True
    validation_share: float = 0.2
    validation_customers: int = 10_000
    validation_least: int = 50
    search: bool = False
    seed: int = 42
    threads: int = 1

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """What `as_json` gave."""
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise Damaged(f"options of another version: {', '.join(sorted(set(values) ^ known))}; train again")
        return cls(**values)
