"""Ids that rows refer to: who and what is known, what is done about the others, and whose consent is assumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from graph.columns import Columns
from graph.records import Consent, Customer, Purpose, Record
from graph.schema import kind_of
from graph.store import GraphStore
from loaders.source import Rejected, quote
from loaders.validate import Rows

ASSUMED = "assumed"


class References:
    """The ids of customers and products that the store or an earlier row knows; read from the store when needed."""

    def __init__(self, store: GraphStore, *, create_missing: bool, assume_consent: Sequence[Purpose]) -> None:
        self._store = store
        self._create = create_missing
        self._purposes = assume_consent
        self._known: dict[type[Record], set[str]] = {}
        self._assumed: set[str] = set()
        self.created: dict[str, int] = {}

    def check(self, kind: type[Record], rows: Rows) -> tuple[Rows, list[Rejected]]:
        """The rows whose references are known, and a reject for each other one.

        With ``create_missing`` what is missing is written first, and all rows are good.
        """
        ends = kind_of(kind).ends
        if all(self._ids(end).issuperset(rows.values[field]) for field, end in ends.items()):
            return rows, []
        unknown = {field: set(rows.values[field]) - self._ids(end) for field, end in ends.items()}
        if self._create:
            for field, end in ends.items():
                self._write_missing(end, unknown[field] - self._ids(end))
            return rows, []
        faults = _faults(rows, unknown)
        return rows.without(faults), list(faults.values())

    def learn(self, kind: type[Record], rows: Rows) -> None:
        """Rows about to be written: customers and products become known, consent of the people named is assumed."""
        if kind in self._known:
            self._known[kind].update(rows.values["id"])
        if self._purposes:
            people = [rows.values[field] for field, end in _people(kind).items() if end is Customer]
            self._assume(set().union(*people) - self._assumed)

    def _ids(self, kind: type[Record]) -> set[str]:
        if kind not in self._known:
            self._known[kind] = set().union(*(batch["id"] for batch in self._store.read(kind, columns=("id",))))
        return self._known[kind]

    def _write_missing(self, end: type[Record], ids: set[str]) -> None:
        if ids:
            self._store.write(Columns(end, {"id": sorted(ids)}))
            self._ids(end).update(ids)
            table = kind_of(end).table
            self.created[table] = self.created.get(table, 0) + len(ids)

    def _assume(self, people: set[str]) -> None:
        """Receipts without a time, so that any real answer is newer; their ids follow from their content."""
        self._assumed |= people
        given = list(product(sorted(people), self._purposes))
        if not given:
            return
        values: dict[str, list[object]] = {
            "id": [f"{ASSUMED}-{purpose}-{person}" for person, purpose in given],
            "customer": [person for person, _ in given],
            "purpose": [purpose for _, purpose in given],
            "granted": [True] * len(given),
            "source": [ASSUMED] * len(given),
        }
        self._store.write(Columns(Consent, values))


def _people(kind: type[Record]) -> Mapping[str, type[Record]]:
    return {"id": Customer} if kind is Customer else kind_of(kind).ends


def _faults(rows: Rows, unknown: dict[str, set[str]]) -> dict[int, Rejected]:
    """The first unknown reference of each row."""
    reason = "is not known: load its file first, or use --create-missing"
    return {
        at: Rejected(rows.lines[at], field, reason, quote(id))
        for field, ids in reversed(unknown.items())
        for at, id in enumerate(rows.values[field])
        if id in ids
    }
