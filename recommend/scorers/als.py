"""Taste: a factorisation of who bought what.

Alternating least squares for implicit feedback (Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback
datasets", ICDM 2008), by the library `implicit`; this is the only module that imports it.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from graph.moments import Moment
from graph.snapshot import FloatArray
from recommend.interest import History, TrainingData, recency
from recommend.options import TrainingOptions
from recommend.scorer import Moved, State
from recommend.scores import FactorScores
from recommend.topk import FactorTable
from recommend.viewer import Viewer


class Als:
    """People and products as vectors; a score is their inner product.

    A person's own vector stays as trained until their facts change; then it is solved anew from the whole history,
    which gives what training gives for the same history and the same products.
    """

    name = "taste"

    _own: FloatArray
    _products: FloatArray
    _worth: FloatArray
    _meta: dict[str, float]
    _recency: Moment | None

    def fit(self, data: TrainingData, options: TrainingOptions) -> None:
        self._meta = {"regularization": options.regularization, "alpha": options.alpha, "size": data.size}
        self._meta["as_of"], self._recency = data.snapshot.as_of, options.recency
        model = _Solver(options)
        with threadpool_limits(1, "blas"):
            self._factorise(data, options, model)
        self._prepare()

    def _factorise(self, data: TrainingData, options: TrainingOptions, model: _Solver) -> None:
        bought = np.flatnonzero(data.buyers)
        interest = data.aged(options.recency)[:, bought]
        worth = np.maximum(data.buyers, 1).astype(np.float32) ** np.float32(-options.damping)
        weighed = interest.data * worth[bought[interest.indices]]
        liked = weighed > 0
        # in units of the usual one, so that ``alpha`` means the same for plays as for purchases
        typical = float(weighed[liked].mean(dtype=np.float64)) if liked.any() else 1.0
        self._worth = worth / np.float32(typical)
        interest.data = np.where(liked, weighed / np.float32(typical), interest.data)
        model.fit(interest)
        self._own = model.people(interest)
        self._own[np.diff(data.fans.indptr) == 0] = 0
        self._products = np.zeros((data.interest.shape[1], options.factors), np.float32)
        self._products[bought] = model.products

    def scores(self, viewer: Viewer) -> FactorScores | None:
        own = self._taste(viewer)
        return FactorScores(self._table, own) if own.any() else None

    def aligned(self, moved: Moved) -> Self:
        twin = type(self)()
        twin._meta, twin._recency = self._meta, self._recency
        # nobody's own vector comes along: their facts may have changed, and it is solved from those there are
        twin._own = self._own[:0]
        twin._products, twin._worth = moved.products.move(self._products), moved.products.move(self._worth)
        twin._prepare()
        return twin

    def state(self) -> State:
        arrays = {"own": self._own, "products": self._products, "worth": self._worth}
        return State(arrays, {**self._meta, "recency": self._recency})

    @classmethod
    def restored(cls, state: State) -> Self:
        scorer, (arrays, constants) = cls(), state
        scorer._own, scorer._products, scorer._worth = arrays["own"], arrays["products"], arrays["worth"]
        scorer._recency = constants["recency"]
        scorer._meta = {name: constants[name] for name in ("regularization", "alpha", "size", "as_of")}
        scorer._prepare()
        return scorer

    def _prepare(self) -> None:
        self._table = FactorTable(np.asarray(self._products), int(self._meta["size"]))
        self._known_worth = np.append(self._worth, np.float32(0))  # a product that is new has taught nothing
        exact = np.asarray(self._products, np.float64)
        self._gram = exact.T @ exact + self._meta["regularization"] * np.eye(exact.shape[1])

    def _taste(self, viewer: Viewer) -> FloatArray:
        trained = viewer.customer < len(self._own)
        if viewer.personal and trained and not viewer.live.changed(viewer.customer):
            own: FloatArray = self._own[viewer.customer]
            return own
        if not (viewer.history.interest > 0).any():
            return np.zeros(self._table.width, np.float32)
        return self._solve(viewer.history)

    def _solve(self, history: History) -> FloatArray:
        """The least squares solution for one person, equation 4 of the paper; a dislike is a confident 0."""
        products, interest, newest = history
        liked, weight = interest > 0, recency(newest, int(self._meta["as_of"]), self._recency)
        worth = self._known_worth.take(products, mode="clip")
        confidence = self._meta["alpha"] * weight * np.where(liked, interest * worth, -interest)
        rows = self._table.rows(products).astype(np.float64)
        matrix = self._gram + (rows.T * (confidence - 1)) @ rows
        solution: FloatArray = np.linalg.solve(matrix, rows.T @ (confidence * liked)).astype(np.float32)
        return solution


def load_library() -> type[Any]:
    """The solver of `implicit`, loaded when it is asked for, as that takes long and only training needs it.

    Raises
    ------
    ImportError
        The system lacks something that the library needs: libgomp, on a small one.
    """
    from implicit.cpu.als import AlternatingLeastSquares

    solver: type[Any] = AlternatingLeastSquares
    return solver


class _Solver:
    """`implicit` with a start that depends on nothing but the seed and the number of products."""

    def __init__(self, options: TrainingOptions) -> None:
        library = load_library()  # before threads are limited, as it brings a linear algebra library of its own
        self._options = options
        with threadpool_limits(1, "blas"):
            self._model = library(
                options.factors,
                options.regularization,
                options.alpha,
                iterations=options.iterations,
                num_threads=options.threads,
            )

    def fit(self, confidence: sp.csr_matrix) -> None:
        people, products = confidence.shape
        start = np.random.default_rng(self._options.seed).random((products, self._options.factors), np.float32)
        self._model.item_factors = start * np.float32(0.01)
        self._model.user_factors = np.zeros((people, self._options.factors), np.float32)
        if confidence.nnz:
            self._model.fit(confidence, show_progress=False)

    def people(self, confidence: sp.csr_matrix) -> FloatArray:
        """Exact vectors of people for the products as they are."""
        if not confidence.nnz:
            return np.zeros((confidence.shape[0], self._options.factors), np.float32)
        people: FloatArray = self._model.recalculate_user(np.arange(confidence.shape[0]), confidence)
        return people

    @property
    def products(self) -> FloatArray:
        factors: FloatArray = np.asarray(self._model.item_factors)
        return factors
