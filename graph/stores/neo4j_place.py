"""How far the order of writes has come: the one node that every writer locks, as an object."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from graph.stores.neo4j_forms import ALL_FORMS, Form

FORMAT = 1
_TOKENS = 64
_NO_STATE = frozenset({"name", "writing", "check"})
_NUMBERS = ("last", "settled", "gaps", "removed", "erasures", "commits")


@dataclass(frozen=True, slots=True)
class Tally:
    """What a form holds: number of records, sum of their places, newest place. Differs if somebody deletes by hand."""

    count: int = 0
    sum: int = 0
    last: int = 0


@dataclass(slots=True)
class Place:
    """The state of the store as a whole.

    Attributes
    ----------
    last
        The newest place.
    settled
        The newest place of the transaction before: all up to here has reached the indexes, as the newest one could only begin after.
    gaps
        Places that the newest transaction gave out and took back.
    removed
        Place of the newest tombstone.
    erasures
        How many customers were forgotten.
    commits
        How many transactions Kith committed.
    tokens
        Names of the newest transactions: tells whether one whose reply was lost was committed.
    tallies
        Name of a form -> what it holds.
    """

    last: int = 0
    settled: int = 0
    gaps: int = 0
    removed: int = 0
    erasures: int = 0
    commits: int = 0
    tokens: list[str] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=lambda: {form.name: Tally() for form in ALL_FORMS})

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Self:
        """From the properties of the node; see `is_whole`."""
        tallies = {form.name: Tally(*state.get(f"tally_{form.name}", ())) for form in ALL_FORMS}
        return cls(**{name: state[name] for name in _NUMBERS}, tokens=state["tokens"], tallies=tallies)

    def state(self) -> dict[str, Any]:
        """The properties of the node."""
        tallies = {f"tally_{name}": [tally.count, tally.sum, tally.last] for name, tally in self.tallies.items()}
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        state = numbers | {"tokens": self.tokens, "format": FORMAT} | tallies
        return state | {"check": _checksum(state)}

    def begin(self) -> None:
        """A transaction begins: it holds the lock, so all before it is settled."""
        self.settled, self.gaps = self.last, 0

    def sign(self, token: str) -> None:
        """Count a commit and remember its name."""
        self.commits += 1
        self.tokens = [*self.tokens, token][-_TOKENS:]

    def next(self, count: int) -> range:
        """The next places."""
        self.last += count
        return range(self.last - count + 1, self.last + 1)

    def came(self, form: Form, places: Iterable[int]) -> None:
        """Records of a form were created at these places."""
        self._move(form, list(places), [])

    def moved(self, form: Form, new: Iterable[int], old: Iterable[int | None]) -> None:
        """Records of a form were written again; those made by hand had no place."""
        self._move(form, list(new), [place for place in old if place is not None])

    def went(self, form: Form, places: Iterable[int]) -> None:
        """Records of a form were deleted."""
        self._move(form, [], list(places))

    def gone(self, places: Iterable[int]) -> None:
        """Whatever had these places has them no more."""
        self.gaps += sum(place > self.settled for place in places)

    def _move(self, form: Form, new: list[int], old: list[int]) -> None:
        self.gone(old)
        was = self.tallies[form.name]
        self.tallies[form.name] = Tally(
            was.count + len(new) - len(old), was.sum + sum(new) - sum(old), max([was.last, *new])
        )


def is_whole(state: Mapping[str, Any]) -> bool:
    """Whether all properties are of one transaction: one that is being committed becomes visible property by property."""
    others = {name: value for name, value in state.items() if name not in _NO_STATE}
    return bool(state.get("check") == _checksum(others))


def _checksum(state: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(state, sort_keys=True).encode())
