"""The taste that friends pass on: an aggregate over several of them, fixed at training.

What passes from a person is solved from the purchases they let friends see, nothing else. A viewer takes it in only
from friends who are contributors now (`graph.evidence`), only if there are at least ``least`` of them, and none weighs
more than ``1 / least``. One event can therefore take a friend out (a withdrawal) but never move the aggregate. Friends
of friends enter through their friends' aggregate alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.snapshot import BoolArray, FloatArray, IntArray, rows_of
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorer import Moved, moved
from recommend.topk import among
from recommend.viewer import Viewer

TIE_FLOOR = 0.05
"""Shared purchases that every friendship is taken to have, so that one without any still counts a little."""

PAIRS_AT_ONCE = 100_000

Solve = Callable[[sp.csr_matrix], FloatArray]


@dataclass(frozen=True)
class FriendTaste:
    """What friends pass on.

    Attributes
    ----------
    shown
        float32 ``[customers, f]``: each contributor's taste, from what they show.
    passed
        float32 ``[customers, f]``: the same pulled towards their own friends; this is what a viewer takes in.
    amount
        int32 ``[customers]``: how many products they show.
    ties
        float32 ``[customers, customers]``: weight of each friend for each viewer, rows summing to 1.
    strength, steps
        ``c`` and the number of friendships that a taste passes along, see `TrainingOptions`.
    least
        How many friends an aggregate needs.
    """

    shown: FloatArray
    passed: FloatArray
    amount: IntArray
    ties: sp.csr_matrix
    strength: float
    steps: int
    least: int

    @classmethod
    def fit(cls, data: TrainingData, solve: Solve, options: TrainingOptions) -> Self:
        """Learn from what contributors show; ``solve`` gives the taste of each row of interests."""
        least = max(data.live.rules.min_buyers, 1)
        shown = _shown(data)
        taste, amount = solve(shown), np.diff(shown.indptr).astype(np.int32)
        ties = tie_weights(data, shown, least)
        fresh = cls(taste, taste, amount, ties, 0.0, 1, least)
        return fresh.pulled(options.friend_strength or 0.0, options.friend_steps)

    def pulled(self, strength: float, steps: int) -> Self:
        """The same ties with another strength: ``passed = (1 - b) shown + b ties passed``, ``steps - 1`` times, ``b = c
        / (c + n)``."""
        capped = self.ties.copy()
        capped.data = np.minimum(capped.data, np.float32(1 / self.least))
        share = np.where(np.diff(capped.indptr) > 0, _share(strength, self.amount), 0)[:, None].astype(np.float32)
        passed = self.shown
        for _ in range(steps - 1 if strength else 0):
            passed = (1 - share) * self.shown + share * (capped @ passed)
        return replace(self, passed=passed, strength=strength, steps=steps)

    def share(self, amount: int) -> float:
        """The friends' part of the taste of somebody with this many products: all of it for somebody without any."""
        return float(_share(self.strength, amount)) if amount else 1.0

    def of(self, viewer: Viewer) -> FloatArray | None:
        """float32 ``[f]``: what the viewer's friends pass on; None if they are too few."""
        if not 0 <= viewer.customer < len(self.amount):
            return None
        row = slice(self.ties.indptr[viewer.customer], self.ties.indptr[viewer.customer + 1])
        friends, weights = self.ties.indices[row], self.ties.data[row]
        if len(friends) < self.least:
            return None
        stay = self._still_pass_on(viewer, friends)
        if np.count_nonzero(stay) < self.least:
            return None
        if not stay.all():
            friends, weights = friends[stay], weights[stay] / weights[stay].sum()
        taste: FloatArray = np.minimum(weights, np.float32(1 / self.least)) @ self.passed.take(friends, axis=0)
        return taste

    @staticmethod
    def _still_pass_on(viewer: Viewer, friends: IntArray) -> BoolArray:
        """Which friends have not withdrawn since the training."""
        live = viewer.live
        agree = [not live.changed(one) or live.agrees(one, "personalisation") for one in friends.tolist()]
        return among(friends, viewer.contributors) & agree

    def aligned(self, to: Moved) -> Self:
        """For other positions of people."""
        move = to.customers.move
        return replace(
            self,
            shown=move(self.shown),
            passed=move(self.passed),
            amount=move(self.amount),
            ties=moved(self.ties, to.customers, to.customers),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For storing."""
        ties = {"ties.starts": self.ties.indptr, "ties.friend": self.ties.indices, "ties.weight": self.ties.data}
        return {"shown": self.shown, "passed": self.passed, "shown.amount": self.amount, **ties}

    def constants(self) -> dict[str, float]:
        """For storing."""
        return {"strength": self.strength, "steps": self.steps, "least": self.least}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], constants: Mapping[str, Any]) -> Self:
        """What `arrays` and `constants` gave."""
        people = len(arrays["shown"])
        parts = (arrays["ties.weight"], arrays["ties.friend"], arrays["ties.starts"])
        ties = sp.csr_matrix(parts, (people, people))
        figures = float(constants["strength"]), int(constants["steps"]), int(constants["least"])
        return cls(arrays["shown"], arrays["passed"], arrays["shown.amount"], ties, *figures)


def _share(strength: float, amount: NDArray[Any] | int) -> NDArray[Any]:
    return np.asarray(strength / np.maximum(strength + np.asarray(amount), 1e-9))


def _shown(data: TrainingData) -> sp.csr_matrix:
    """Positive interests of modelled people in products they let friends see, float32 ``[customers, products]``."""
    evidence, people = data.live.evidence, np.flatnonzero(data.modelled)
    products = [evidence.shown_by(person) for person in people.tolist()]
    lengths = np.zeros(len(data.modelled), np.int64)
    lengths[people] = [len(mine) for mine in products]
    starts = np.concatenate(([0], np.cumsum(lengths)))
    columns = np.concatenate(products) if products else np.zeros(0, np.int32)
    mask = sp.csr_matrix((np.ones(len(columns), np.float32), columns, starts), data.interest.shape)
    shown = data.interest.multiply(mask).maximum(0).tocsr()
    shown.eliminate_zeros()
    return shown


def tie_weights(data: TrainingData, shown: sp.csr_matrix, least: int) -> sp.csr_matrix:
    """How much each contributor weighs for each viewer: the cosine of shared purchases and a floor, rows summing to 1.

    Only friends who show something, and only rows with at least ``least`` of them.
    """
    people, shows = shown.shape[0], np.diff(shown.indptr) > 0
    friends = [data.live.evidence.contributors(viewer) for viewer in range(people)]
    friends = [mine[shows[mine]] for mine in friends]
    friends = [mine if len(mine) >= least else mine[:0] for mine in friends]
    starts = np.concatenate(([0], np.cumsum([len(mine) for mine in friends]))).astype(np.int64)
    friend = np.concatenate(friends).astype(np.int32) if friends else np.zeros(0, np.int32)
    viewer = rows_of(starts)
    size = np.sqrt(np.maximum(np.diff(data.fans.indptr), 1)[viewer] * np.diff(shown.indptr)[friend])
    weight = (_shared(data.fans, shown, viewer, friend) + TIE_FLOOR) / size
    total = np.bincount(viewer, weight, people)
    ties = sp.csr_matrix(((weight / total[viewer]).astype(np.float32), friend, starts), (people, people))
    ties.sort_indices()
    return ties


def _shared(fans: sp.csr_matrix, shown: sp.csr_matrix, viewer: IntArray, friend: IntArray) -> NDArray[np.float64]:
    """How many products each pair has in common."""
    others, shared = (shown > 0).astype(np.float32), np.zeros(len(viewer))
    for start in range(0, len(viewer), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        shared[part] = np.asarray(fans[viewer[part]].multiply(others[friend[part]]).sum(1)).ravel()
    return shared
