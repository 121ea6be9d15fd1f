"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with the name of a step and the fraction of it that is done."""


def silent(step: str, fraction: float) -> None:
    """No progress shown."""
