"""Purchases held out to be found again: which of them are learned from, and which are the test."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from graph.arrays import pairs, places_in_runs, run_starts
from graph.errors import Refused
from graph.moments import LONG_AGO, Moment
from graph.snapshot import RETURNED, BoolArray, Opinions, Purchases, Snapshot, rows_of, starts_of

How = Literal["random", "last", "time"]
"""``random``: a share of each person's products, at least one of two; ``last``: the newest product of each person who has
two; ``time``: what was bought after the moment that leaves a share of all purchases later, that moment being the present of
what is learned from."""

Truth = Mapping[str, Set[str]]
"""Customer id to the products they turned to later."""


@dataclass(frozen=True)
class Held:
    """The facts that are left to learn from, and what was held out: ids of customers to ids of products."""

    rest: Snapshot
    truth: Truth


def hold_out(snapshot: Snapshot, how: How, *, share: float = 0.2, seed: int = 42) -> Held:
    """Split the purchases of a snapshot; what a person has in the rest is no part of their truth.

    Parameters
    ----------
    snapshot
        All facts; what was returned is left where it is and never held out.
    how
        See `How`. People whose only product is held out stay as newcomers, which only ``time`` makes.
    share
        How much ``random`` and ``time`` hold out, above 0 and below 1.
    seed
        Of the random choice, and of the choice among a person's newest products where several are as new.

    Raises
    ------
    graph.errors.Refused
        The split needs times and some are missing, or nothing can be held out.
    """
    bought, rng = snapshot.purchases, np.random.default_rng(seed)
    counts = (bought.flags & RETURNED) == 0
    if how != "random" and (missing := int(np.count_nonzero(bought.at[counts] == LONG_AGO))):
        raise Refused(
            f"{missing:,} of {np.count_nonzero(counts):,} purchases have no time (column at), which the split {how!r} needs: "
            "use --split random, or bring a test part of your own with --test"
        )
    as_of = snapshot.as_of
    if how == "time":
        as_of = _moment(bought.at[counts], share)
        held, opinions = counts & (bought.at > as_of), snapshot.opinions.at > as_of
    else:
        row = np.flatnonzero(counts)
        mine = pairs(bought.customer[row], bought.product[row])
        chosen = _some(mine, share, rng) if how == "random" else _newest(mine, bought.at[row], rng)
        held = counts & np.isin(pairs(bought.customer, bought.product), chosen)
        opinions = np.isin(pairs(rows_of(snapshot.opinions.starts), snapshot.opinions.product), chosen)
    left, said = some_rows(bought, ~held), some_rows(snapshot.opinions, ~opinions)
    rest = replace(snapshot, as_of=as_of, purchases=left, opinions=said)
    return Held(rest, _truth(snapshot, held, counts & ~held))


def hold_out_people(snapshot: Snapshot, *, share: float = 0.2, seed: int = 42) -> Held:
    """Hold out all that some people did: in the rest they are newcomers, of whom nothing but their friends is known.

    Parameters
    ----------
    snapshot
        All facts.
    share
        How many of those who bought something, above 0 and below 1.
    seed
        Of the choice.

    Raises
    ------
    graph.errors.Refused
        Nobody bought anything.
    """
    bought, rng = snapshot.purchases, np.random.default_rng(seed)
    counts = (bought.flags & RETURNED) == 0
    buyers = np.unique(bought.customer[counts])
    chosen = rng.permutation(buyers)[: round(share * len(buyers))]
    mine = np.isin(bought.customer, chosen)
    said = some_rows(snapshot.opinions, ~np.isin(rows_of(snapshot.opinions.starts), chosen))
    rest = replace(snapshot, purchases=some_rows(bought, ~mine), opinions=said)
    return Held(rest, _truth(snapshot, counts & mine, counts & ~mine))


def _moment(at: NDArray[np.int64], share: float) -> Moment:
    """The moment after which a share of the purchases happened, at most."""
    return int(np.quantile(at, 1 - share, method="lower")) if len(at) else LONG_AGO


def _some(mine: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """A random share of each person's pairs, rounded, at least one of every person who has two."""
    mine = np.unique(mine)
    person = mine >> 32
    size = np.unique(person, return_counts=True)[1]
    many = np.where(size >= 2, np.clip(np.rint(share * size), 1, size - 1), 0)
    some: NDArray[np.int64] = mine[places_in_runs(person, rng.random(len(mine))) < np.repeat(many, size)]
    return some


def _newest(mine: NDArray[np.int64], at: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The pair that each person who has two had for the first time latest."""
    order = np.lexsort((at, mine))
    first = order[run_starts(mine[order])]
    mine, at = mine[first], at[first]
    person = mine >> 32
    size = np.unique(person, return_counts=True)[1]
    several = np.repeat(size >= 2, size)
    newest: NDArray[np.int64] = mine[several & (places_in_runs(person, -at, rng.random(len(mine))) == 0)]
    return newest


def _truth(snapshot: Snapshot, held: BoolArray, rest: BoolArray) -> Truth:
    bought = snapshot.purchases
    wanted = np.unique(pairs(bought.customer[held], bought.product[held]))
    wanted = wanted[~np.isin(wanted, pairs(bought.customer[rest], bought.product[rest]))]
    if not len(wanted):
        raise Refused("nothing can be held out: nobody has a new product to find again; bring a test part with --test")
    who = snapshot.customers.names((wanted >> 32).tolist())
    what = snapshot.products.names((wanted & 0xFFFFFFFF).tolist())
    truth: dict[str, set[str]] = {}
    for customer, product in zip(who, what, strict=True):
        truth.setdefault(customer, set()).add(product)
    return truth


Table = TypeVar("Table", Purchases, Opinions)


def some_rows(table: Table, kept: BoolArray) -> Table:
    """The rows of a table that are kept: bool ``[rows]``."""
    columns = {field.name: getattr(table, field.name)[kept] for field in fields(table) if field.name != "starts"}
    return replace(table, starts=starts_of(rows_of(table.starts)[kept], len(table.starts) - 1), **columns)
