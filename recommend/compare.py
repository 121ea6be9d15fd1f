"""How sure a figure is: intervals and tests from the figures of single people, paired where two models are compared.

Everything is done for many figures at once: a resample of the people is a row of counts, and its means are one product of
matrices. All figures see the same resamples, so that their differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommend.metrics import Figures

DRAWS = 2_000
"""Resamples behind an interval."""

FLIPS = 10_000
"""Random exchanges behind a p-value."""

CELLS = 4_000_000
"""Numbers held in memory at a time."""


class Interval(NamedTuple):
    """Between these lie 95 % of the resampled means."""

    lower: float
    upper: float

    def __str__(self) -> str:
        return f"[{self.lower:.4f}, {self.upper:.4f}]"


class Difference(NamedTuple):
    """One model less another, person by person: the mean, its interval, and how likely so great a mean is by chance."""

    mean: float
    lower: float
    upper: float
    p_value: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.lower:+.4f}, {self.upper:+.4f}]  p {self.p_value:.4f}"


def intervals(figures: Figures, seed: int) -> list[Interval]:
    """The 95 % interval of the mean of each column, by the percentile bootstrap over people.

    Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.

    Parameters
    ----------
    figures
        float64 ``[people, figures]``, at least two people: of one nothing can be said.
    seed
        The same seed draws the same resamples.
    """
    rng, people = np.random.default_rng(seed), len(figures)

    def resample(draws: int) -> NDArray[np.float64]:
        drawn = rng.integers(0, people, (draws, people)) + np.arange(draws)[:, None] * people
        return np.bincount(drawn.ravel(), minlength=draws * people).reshape(draws, people).astype(np.float64)

    means = _means(resample, figures, DRAWS)
    lower, upper = np.percentile(means, (2.5, 97.5), axis=0)
    return [Interval(*pair) for pair in zip(lower.tolist(), upper.tolist(), strict=True)]


def p_values(differences: Figures, seed: int) -> list[float]:
    """Two-sided p-values of the hypothesis that two models are alike, by Fisher's randomisation test.

    If they are alike, it is chance which of the two gave a person which figure: each difference may as well have the other
    sign. The p-value is the share of random signs that give a mean as far from 0, the real ones counted among them.
    Smucker, Allan and Carterette, "A comparison of statistical significance tests for information retrieval evaluation",
    CIKM 2007.

    Parameters
    ----------
    differences
        float64 ``[people, figures]``, at least one person.
    seed
        The same seed draws the same signs.
    """
    rng, people = np.random.default_rng(seed), len(differences)

    def signs(draws: int) -> NDArray[np.float64]:
        return rng.integers(0, 2, (draws, people), np.int8) * 2.0 - 1.0

    means, found = np.abs(_means(signs, differences, FLIPS)), np.abs(differences.mean(0))
    as_far = np.count_nonzero(
        means >= found * (1 - 1e-12), axis=0
    )  # sums in another order may differ in the last digit
    p_values: list[float] = ((1 + as_far) / (1 + FLIPS)).tolist()
    return p_values


def differences(one: Figures, other: Figures, seed: int) -> list[Difference]:
    """Each column of one model less that of another: float64 ``[people, figures]``, the same people in the same order, at
    least two of them."""
    gains = one - other
    found = zip(gains.mean(0).tolist(), intervals(gains, seed), p_values(gains, seed), strict=True)
    return [Difference(mean, *interval, p_value) for mean, interval, p_value in found]


def _means(weigh: Callable[[int], NDArray[np.float64]], figures: Figures, draws: int) -> NDArray[np.float64]:
    """float64 ``[draws, figures]``: means of the figures with random weights of the people, block by block."""
    people, left, found = len(figures), draws, []
    while left:
        block = min(left, max(CELLS // people, 1))
        found.append(weigh(block) @ figures / people)
        left -= block
    return np.concatenate(found)
