"""The taste that friends pass on: what people buy whose friends bought such things.

A ridge regression of everybody's products on what their friends show, in a few dimensions. With ``S`` what contributors
show, ``A`` the eligible friendships, each by the root of the number of friends of both, and ``Y = A (S + A S)``, which
takes in friends and, through them, their friends: ``Y = P s Q'`` by a randomised singular value decomposition (Halko,
Martinsson and Tropp, SIAM Review 2011), and products get the vectors ``X'P s / (s^2 + penalty)``, ``X`` being the
histories. A person passes on a vector, their row of ``(S + A S) Q``; a viewer adds up those of friends. Which of the
friends' purchases foretell anything is thus learned, and on some data it is none.

What passes from a person comes from the purchases they let friends see, nothing else. A viewer takes it in only from
friends who are contributors now (`graph.evidence`), only if there are at least ``least`` of them, and none weighs more
than ``1 / least``. One event can therefore take a friend out (a withdrawal) but never move the aggregate. Friends of
friends enter through their friends' aggregate alone.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.sparse as sp
from scipy.linalg import svd

from graph.snapshot import BoolArray, FloatArray, IntArray, rows_of
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorer import Moved, State, moved
from recommend.scores import FactorScores
from recommend.topk import FactorTable, among
from recommend.viewer import Viewer

OVERSAMPLED = 16
"""Dimensions beside those that are kept, and how often the matrix is applied to sharpen them, as the paper advises."""
POWER = 2


class FriendsTaste:
    """People and products as vectors; a person's is the sum of what their friends pass on."""

    name = "friends_taste"

    _passed: FloatArray
    _products: FloatArray
    _ties: sp.csr_matrix
    _size: int
    _least: int

    def fit(self, data: TrainingData, options: TrainingOptions) -> None:
        self._size, self._least = data.size, max(data.live.rules.min_buyers, 1)
        shown = shown_by_contributors(data)
        self._ties = tie_weights(data, shown, self._least)
        basis, products = _regressed(data.fans, shown, self._ties, options)
        own = np.asarray(shown @ basis)
        self._passed = (own + np.asarray(self._ties @ own)).astype(np.float32)
        self._keep(products)

    def scores(self, viewer: Viewer) -> FactorScores | None:
        taste = self._of(viewer)
        return None if taste is None else FactorScores(self._table, taste)

    def aligned(self, to: Moved) -> Self:
        twin = type(self)()
        twin._size, twin._least = self._size, self._least
        twin._passed = to.customers.move(self._passed)
        twin._ties = moved(self._ties, to.customers, to.customers)
        twin._keep(to.products.move(self._products))
        return twin

    def state(self) -> State:
        ties = {"ties.starts": self._ties.indptr, "ties.friend": self._ties.indices, "ties.weight": self._ties.data}
        arrays = {"passed": self._passed, "products": self._products, **ties}
        return State(arrays, {"size": self._size, "least": self._least})

    @classmethod
    def restored(cls, state: State) -> Self:
        scorer, (arrays, constants) = cls(), state
        scorer._size, scorer._least = int(constants["size"]), int(constants["least"])
        scorer._passed, people = arrays["passed"], len(arrays["passed"])
        parts = arrays["ties.weight"], arrays["ties.friend"], arrays["ties.starts"]
        scorer._ties = sp.csr_matrix(parts, (people, people))
        scorer._keep(arrays["products"])
        return scorer

    def _keep(self, products: FloatArray) -> None:
        self._products = products
        self._table = FactorTable(np.asarray(products), self._size)

    def _of(self, viewer: Viewer) -> FloatArray | None:
        """float32 ``[f]``: what the viewer's friends pass on; None if they are too few."""
        if not 0 <= viewer.customer < len(self._passed):
            return None
        row = slice(self._ties.indptr[viewer.customer], self._ties.indptr[viewer.customer + 1])
        friends, weights = self._ties.indices[row], self._ties.data[row]
        if len(friends) < self._least:
            return None
        stay = _still_pass_on(viewer, friends)
        if np.count_nonzero(stay) < self._least:
            return None
        if not stay.all():
            friends, weights = friends[stay], weights[stay]
        share = np.minimum(weights / weights.sum(), np.float32(1 / self._least))
        taste: FloatArray = share @ self._passed.take(friends, axis=0)
        return taste


def shown_by_contributors(data: TrainingData) -> sp.csr_matrix:
    """1 where somebody modelled lets friends see a product that they like, float32 ``[customers, products]``."""
    evidence, people = data.live.evidence, np.flatnonzero(data.modelled)
    products = [evidence.shown_by(person) for person in people.tolist()]
    lengths = np.zeros(len(data.modelled), np.int64)
    lengths[people] = [len(mine) for mine in products]
    starts = np.concatenate(([0], np.cumsum(lengths)))
    columns = np.concatenate(products) if products else np.zeros(0, np.int32)
    mask = sp.csr_matrix((np.ones(len(columns), np.float32), columns, starts), data.fans.shape)
    shown = data.fans.multiply(mask).tocsr()
    shown.eliminate_zeros()
    return shown


def tie_weights(data: TrainingData, shown: sp.csr_matrix, least: int) -> sp.csr_matrix:
    """How much each contributor weighs for each viewer: one by the root of the number of friends of both.

    Only friends who show something, only rows with at least ``least`` of them, and none of them more than ``1 / least``
    of a row.
    """
    people, shows = shown.shape[0], np.diff(shown.indptr) > 0
    friends = [data.live.evidence.contributors(viewer) for viewer in range(people)]
    friends = [mine[shows[mine]] for mine in friends]
    friends = [mine if len(mine) >= least else mine[:0] for mine in friends]
    starts = np.concatenate(([0], np.cumsum([len(mine) for mine in friends]))).astype(np.int64)
    friend = np.concatenate(friends).astype(np.int32) if friends else np.zeros(0, np.int32)
    viewer, degree = rows_of(starts), np.maximum(np.diff(starts), 1)
    weight = 1 / np.sqrt(degree[viewer] * degree[friend])
    weight = np.minimum(weight, (np.bincount(viewer, weight, people) / least)[viewer])
    ties = sp.csr_matrix((weight.astype(np.float32), friend, starts), (people, people))
    ties.sort_indices()
    return ties


def _regressed(
    histories: sp.csr_matrix, shown: sp.csr_matrix, ties: sp.csr_matrix, options: TrainingOptions
) -> tuple[FloatArray, FloatArray]:
    """``Q`` and the vectors of products, float32 ``[products, f]`` both; of zeros where nothing is shown."""
    width, size = options.circle_factors, histories.shape[1]
    basis, products = np.zeros((size, width), np.float32), np.zeros((size, width), np.float32)
    known = np.flatnonzero(np.bincount(shown.indices, minlength=size))
    if not len(known) or not ties.nnz:
        return basis, products
    shown = shown[:, known]
    back = ties.T.tocsr()

    def seen(vectors: FloatArray) -> FloatArray:
        own = shown @ vectors
        return np.asarray(ties @ (own + ties @ own))

    def seen_by(people: FloatArray) -> FloatArray:
        theirs = back @ people
        return np.asarray(shown.T @ (theirs + back @ theirs))

    start = np.random.default_rng(options.seed).standard_normal((histories.shape[0], width + OVERSAMPLED), np.float32)
    found = np.linalg.qr(seen_by(start))[0]
    for _ in range(POWER):
        found = np.linalg.qr(seen_by(seen(found)))[0]
    left, values, turn = svd(seen(found), full_matrices=False, check_finite=False)
    kept = min(width, int(np.count_nonzero(values > 1e-6 * max(values[0], 1e-30))))
    left, values = left[:, :kept], values[:kept]
    basis[known, :kept] = found @ turn[:kept].T
    products[:, :kept] = np.asarray(histories.T @ left) * (values / (values**2 + options.circle_penalty))
    return basis, products


def _still_pass_on(viewer: Viewer, friends: IntArray) -> BoolArray:
    """Which friends have not withdrawn since the training."""
    live = viewer.live
    agree = [not live.changed(one) or live.agrees(one, "personalisation") for one in friends.tolist()]
    return among(friends, viewer.contributors) & agree
