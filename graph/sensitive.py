"""Categories whose products are never evidence. A shop can add to the list and never take from it."""

from __future__ import annotations

from collections.abc import Iterable

BASE = frozenset(
    {
        "addiction",
        "adult",
        "debt",
        "fertility",
        "health",
        "intimate",
        "legal",
        "lingerie",
        "medical",
        "medicine",
        "mental health",
        "pharmacy",
        "politics",
        "pregnancy",
        "religion",
        "sexual health",
        "sexuality",
        "weight loss",
    }
)


class Sensitive:
    """Decides by name, whatever its case."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._names = BASE | {name.strip().casefold() for name in extra}

    def __call__(self, category: str | None) -> bool:
        """Whether products of this category are sensitive."""
        return category is not None and category.strip().casefold() in self._names
