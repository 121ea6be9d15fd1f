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
    friend_strength
        ``c``: the friends' share of a taste is ``c / (c + n)`` for somebody with n products; None learns it, 0 keeps
        friends out.
    friend_steps
        How many friendships a taste passes along.
    neighbours
        How many similar products are kept per product.
    min_support
        How many people must have bought both products of a pair, or a trending product, before the shop says so.
    shrinkage
        Pairs bought together this often count half.
    half_life
        After this time a purchase counts half for what is trending.
    validation_share, validation_customers
        How much of each history, and of how many people, is held out to learn weights; of fewer than
        ``validation_least`` people nothing is learned.
    search
        Whether ``regularization`` and ``alpha`` are searched for, and weights learned from more people.
    seed
        Of everything random.
    threads
        Of the matrix factorisation.
    """

    factors: int = 64
    regularization: float = 10.0
    alpha: float = 10.0
    iterations: int = 12
    friend_strength: float | None = None
    friend_steps: int = 3
    neighbours: int = 50
    min_support: int = 5
    shrinkage: float = 5.0
    half_life: Moment = 14 * DAY
    validation_share: float = 0.2
    validation_customers: int = 1000
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
