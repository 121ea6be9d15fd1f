"""What every scorer promises; one conformance suite runs against all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.artefact import Arrays
from graph.ids import UNKNOWN, IdMap
from graph.snapshot import IntArray
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scores import Scores
from recommend.viewer import Viewer


class Scorer(Protocol):
    """One kind of knowledge about what suits whom."""

    name: str

    def fit(self, data: TrainingData, options: TrainingOptions) -> None:
        """Learn. The same data, options and seed give the same scorer."""
        ...

    def scores(self, viewer: Viewer) -> Scores | None:
        """What it says to one person; None if it has nothing to say."""
        ...

    def aligned(self, moved: Moved) -> Self:
        """The same scorer for other positions of people and products."""
        ...

    def state(self) -> State:
        """Everything it has learned."""
        ...

    @classmethod
    def restored(cls, state: State) -> Self:
        """The scorer that has this state."""
        ...


class State(NamedTuple):
    """What was learned, as arrays and as plain values; `recommend.model.Model` stores it with sums, never as a
    pickle."""

    arrays: Arrays
    constants: Mapping[str, Any]


def sample(data: TrainingData, most: int = 500) -> list[Viewer]:
    """People who stand for everybody modelled, evenly taken by position."""
    people = np.flatnonzero(data.modelled)
    return [Viewer(data.live, customer) for customer in people[:: -(-len(people) // most) or 1].tolist()]


@dataclass(frozen=True)
class Axis:
    """New positions of the things along one axis of an array: int32 ``to[old]``, `UNKNOWN` where it is gone, and how
    many there are now."""

    to: IntArray
    size: int

    @classmethod
    def between(cls, old: IdMap, new: IdMap) -> Axis:
        """By id."""
        return cls(new.positions(old.names(range(len(old)))), len(new))

    def move(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array with its rows in their new places; zeros in the places of newcomers."""
        kept = self.to != UNKNOWN
        moved = np.zeros((self.size, *array.shape[1:]), array.dtype)
        moved[self.to[kept]] = array[kept]
        return moved


@dataclass(frozen=True)
class Moved:
    """New positions of customers and products."""

    customers: Axis
    products: Axis


def moved(matrix: sp.csr_matrix, rows: Axis, columns: Axis) -> sp.csr_matrix:
    """A sparse matrix with rows and columns in their new places."""
    entries = matrix.tocoo()
    row, column = rows.to[entries.row], columns.to[entries.col]
    kept = (row != UNKNOWN) & (column != UNKNOWN)
    fresh = sp.csr_matrix((entries.data[kept], (row[kept], column[kept])), (rows.size, columns.size))
    fresh.sort_indices()
    return fresh
