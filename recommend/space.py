"""What a tuning may choose: numbers and their ranges, to options and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from graph.moments import DAY
from recommend.options import TrainingOptions

Params = Mapping[str, float | None]
"""One value for each name of a space."""

SPANS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "factors": (16, 192),
        "alpha": (10.0, 160.0),
        "regularization per alpha": (1.0, 6.0),  # good figures lie on a ridge, along which both grow together
        "damping": (0.02, 0.8),
        "iterations": (5, 30),
        "item_penalty": (10.0, 1000.0),
        "circle_factors": (16, 128),
        "circle_penalty": (5.0, 500.0),
    }
)
"""Lowest and highest, on a scale of ratios; whole numbers where these are whole."""

TIMED: Mapping[str, tuple[float, float]] = MappingProxyType({"half-life in days": (2.0, 90.0)})
"""More of them where it is known when people bought."""

RECENCY = "recency in days"
RECENCIES = (None, 30, 90, 180, 365, 730)
"""A choice of these, likewise."""

FIGURES = (
    *("factors", "regularization", "alpha", "damping", "iterations", "item_penalty"),
    *("circle_factors", "circle_penalty", "half_life", "recency"),
)
"""The options that a space decides. The width of the item model is none of them: every training narrows it by itself."""


def figures_of(options: TrainingOptions) -> dict[str, float | None]:
    """The values of `FIGURES`."""
    return {name: getattr(options, name) for name in FIGURES}


def options_of(params: Params, base: TrainingOptions) -> TrainingOptions:
    """The options that parameters stand for; what they do not name is as in ``base``."""
    found = {name: value for name, value in params.items() if name in FIGURES}
    alpha = found.get("alpha") or base.alpha
    if ratio := params.get("regularization per alpha"):
        found["regularization"] = _short(ratio * alpha)
    if days := params.get("half-life in days"):
        found["half_life"] = round(_short(days) * DAY)
    if RECENCY in params:
        days = params[RECENCY]
        found["recency"] = None if days is None else round(days * DAY)
    whole = {name: value if isinstance(value, int | None) else _short(value) for name, value in found.items()}
    return replace(base, **whole)  # type: ignore[arg-type]  # names of `FIGURES`, whole numbers where they are whole


def params_of(options: TrainingOptions, *, timed: bool) -> dict[str, float | None]:
    """What stands for options, or for the nearest ones that the space holds."""
    values: dict[str, float | None] = {
        **figures_of(options),
        "regularization per alpha": options.regularization / options.alpha,
        "half-life in days": options.half_life / DAY,
    }
    spans = {**SPANS, **(TIMED if timed else {})}
    found: dict[str, float | None] = {
        name: min(max(value, low), high) for name, (low, high) in spans.items() if (value := values[name]) is not None
    }
    if timed:
        days = None if options.recency is None else round(options.recency / DAY)
        found[RECENCY] = days if days in RECENCIES else None
    return found


def _short(value: float) -> float:
    """Three digits, which a person can copy."""
    return float(f"{value:.3g}")
