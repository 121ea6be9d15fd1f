"""Everything that changes the graph in Neo4j, inside one transaction that holds the lock on the place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from graph.columns import Columns
from graph.records import Customer, CustomerId, Product, Record
from graph.schema import KINDS, Key, Kind, bare, kind_of, names_person
from graph.store import Cursor, Erasure, Facts, Written
from graph.stores.group_commit import Interrupted
from graph.stores.neo4j_cypher import create, statement
from graph.stores.neo4j_forms import ALL_FORMS, FORMS, Form, camel, from_rows, key_value, key_values, stamps, whole
from graph.stores.neo4j_place import Place

R = TypeVar("R", bound=Record)

Run = Callable[..., list[list[Any]]]
"""Runs a statement with parameters; gives the values of each row."""

Stored = dict[str, tuple[int | None, tuple[Any, ...]]]
"""Key -> place and values of what the database holds; what was made by hand has no place yet."""

ROWS = 10_000
_KNOWN_LIMIT = 2_000_000


class Stale(Interrupted):
    """A node that was there is gone, deleted by hand: what this process remembers of the graph is out of date."""


class Ends:
    """Ids of customers and products known to exist: a look into a set instead of a question to the database."""

    def __init__(self) -> None:
        self._erasures = 0
        self._known: dict[type[Record], set[str]] = {Customer: set(), Product: set()}

    def of(self, end: type[Record]) -> set[str]:
        """What is known."""
        return self._known[end]

    def learn(self, end: type[Record], ids: Iterable[str]) -> None:
        """These exist."""
        known = self._known[end]
        if len(known) > _KNOWN_LIMIT:
            known.clear()
        known.update(ids)

    def trust(self, erasures: int) -> None:
        """Forget everything if customers were erased since."""
        if erasures != self._erasures:
            self.clear()
        self._erasures = erasures

    def clear(self) -> None:
        """Know nothing."""
        for known in self._known.values():
            known.clear()


class Writer:
    """The changes of one transaction. Batches are whole and checked (`graph.stores.neo4j_forms.checked`)."""

    def __init__(self, run: Run, ends: Ends, place: Place) -> None:
        self.run, self._ends, self.place = run, ends, place
        self._before = place.last
        self.cleaned = False
        ends.trust(place.erasures)
        place.begin()

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit; ``cleaned`` is set by whoever changes what has no place."""
        return self.cleaned or self.place.last != self._before

    # ---- write

    def write(self, batches: Iterable[Columns[Any]]) -> Written:
        """See `graph.store.GraphStore.write`."""
        changed = sum(self._write(batch) for batch in batches if len(batch))
        return Written(Cursor(self.place.last), changed)

    def _write(self, batch: Columns[Any]) -> int:
        kind = kind_of(batch.kind)
        for field, end in kind.ends.items():
            self._ensure(end, set(batch[field]) - self._ends.of(end))
        changed = self._merge(kind, batch) if kind.lasting else self._add(kind, batch)
        if not kind.ends:
            self._ends.learn(batch.kind, batch["id"])
        return changed

    def _ensure(self, end: type[Record], ids: set[str]) -> None:
        (form,) = FORMS[end]
        new = sorted(ids - self._known(form, sorted(ids))) if ids else []
        if new:
            one = Columns.of(end, [bare(end, "")])
            batch = Columns(end, {n: new if n == "id" else [*v] * len(new) for n, v in one.values.items()})
            self._create(form, self.place.next(len(new)), batch)
        self._ends.learn(end, ids)

    def _add(self, kind: Kind, batch: Columns[Any]) -> int:
        """Events: the first write of an id stands."""
        ids = batch["id"]
        known = set().union(*(self._known(form, ids) for form in FORMS[kind.record]))
        if known or len(set(ids)) < len(ids):
            fresh = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
            batch = _taken(batch, sorted(place for id, place in fresh.items() if id not in known))
        places = self.place.next(len(batch))
        for form in FORMS[kind.record]:
            if form.only is None:
                self._create(form, places, batch)
                continue
            mine = [i for i, value in enumerate(batch[kind.varies]) if value == form.only]
            self._create(form, [places[i] for i in mine], _taken(batch, mine))
        return len(batch)

    def _merge(self, kind: Kind, batch: Columns[Any]) -> int:
        """Entities: the newest values win; what is equal stays."""
        (form,) = FORMS[kind.record]
        keys = key_values(batch)
        stored = self._stored(form, list(dict.fromkeys(keys)))
        latest: dict[str, tuple[Any, ...]] = {}
        changed = 0
        for key, values in zip(keys, zip(*batch.values.values(), strict=True), strict=True):
            if (latest.get(key) or stored.get(key, (0, None))[1]) != values:
                changed += 1
                latest.pop(key, None)
                latest[key] = values
        places = dict(zip(latest, self.place.next(len(latest)), strict=True))
        new = [key for key in latest if key not in stored]
        if new:
            self._create(form, [places[key] for key in new], from_rows(kind, [latest[key] for key in new]))
        self._change(form, {key: (places[key], latest[key]) for key in latest if key in stored}, stored)
        return changed

    def settle(self, form: Form, entities: Stored) -> None:
        """Give entities that people made or changed by hand a place, with these values. ``entities``: their places so far."""
        places = self.place.next(len(entities))
        fresh = {key: (place, values) for (key, (_, values)), place in zip(entities.items(), places, strict=True)}
        self._change(form, fresh, entities)

    def _create(self, form: Form, places: Sequence[int], batch: Columns[Any]) -> None:
        if not len(batch):
            return
        keys = key_values(batch)
        self._each(create(form), form, keys, places, batch)
        for field in form.kind.shared:
            self._link(form, zip(keys, batch[field], strict=True))
        self.place.came(form, places)

    def _change(self, form: Form, fresh: dict[str, tuple[int, tuple[Any, ...]]], stored: Stored) -> None:
        if not fresh:
            return
        keys, places = list(fresh), [place for place, _ in fresh.values()]
        batch = from_rows(form.kind, [values for _, values in fresh.values()])
        self._each(statement("write/change", form), form, keys, places, batch)
        at = {name: i for i, name in enumerate(form.kind.columns)}
        for field in form.kind.shared:
            moved = {k: new[at[field]] for k, (_, new) in fresh.items() if new[at[field]] != stored[k][1][at[field]]}
            if moved:
                self.run(statement("write/unlink", form), keys=list(moved))
                self._link(form, moved.items())
        self.place.moved(form, places, (stored[key][0] for key in keys))

    def _link(self, form: Form, pairs: Iterable[tuple[str, str | None]]) -> None:
        linked = {key: value for key, value in pairs if value is not None}
        if linked:
            self.run(statement("write/link", form), keys=list(linked), names=list(linked.values()))

    def _each(self, text: str, form: Form, keys: Sequence[str], places: Sequence[int], batch: Columns[Any]) -> None:
        """Run a statement for records of a form, so many at a time as the server likes."""
        columns = {form.key: keys, "seq": list(places)} | {name: batch[name] for name in form.ends}
        columns |= {camel(field.name): batch[field.name] for field in form.properties}
        if form.kind.lasting:
            columns["stamp"] = stamps(batch)
        for first in range(0, len(keys), ROWS):
            part = {name: column[first : first + ROWS] for name, column in columns.items()}
            ((done,),) = self.run(text, **part)
            if done != len(part[form.key]):
                raise Stale(f"{len(part[form.key]) - done} records lost the node that they hang on; write again")

    # ---- look

    def get(self, kind: type[R], key: Key) -> R | None:
        """One record, as of this transaction."""
        return fetch(self.run, kind, key)

    def _known(self, form: Form, keys: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for first in range(0, len(keys), ROWS):
            ((known,),) = self.run(statement("write/known ids", form), keys=list(keys[first : first + ROWS]))
            found.update(known)
        return found

    def _stored(self, form: Form, keys: list[str]) -> Stored:
        stored: Stored = {}
        for first in range(0, len(keys), ROWS):
            ((rows,),) = self.run(statement("write/known rows", form), keys=keys[first : first + ROWS])
            stored |= {key: (place, tuple(values)) for key, place, values in rows}
        return stored

    # ---- remove and forget

    def remove(self, kind: type[Record], key: Key) -> Written:
        """See `graph.store.GraphStore.remove`."""
        if kind is Product:
            known = self.get(Product, key) is not None
            return self.write([Columns.of(Product, [bare(Product, key[0])])] if known else [])
        value = key_value(kind_of(kind), key)
        changed = sum(self._delete(form, [value]) for form in FORMS[kind])
        if changed:
            self.bury(kind, key)
        return Written(Cursor(self.place.last), changed)

    def _delete(self, form: Form, keys: list[str]) -> int:
        ((places,),) = self.run(statement("write/delete", form), keys=keys)
        self.place.went(form, places)
        return len(places)

    def bury(self, kind: type[Record], key: Key) -> None:
        """Leave a tombstone; an empty key tells that records of the kind vanished without one."""
        (place,) = self.place.next(1)
        self.place.removed = place
        table, text = kind_of(kind).table, json.dumps(key, ensure_ascii=False)
        ((before,),) = self.run(statement("write/bury"), of=f"{table} {text}", seq=place, kind=table, key=text)
        self.place.gone(before)

    def forget(self, customer: CustomerId) -> Erasure:
        """See `graph.store.GraphStore.forget`."""
        found = self.run(statement("write/forget"), id=customer)
        if not found:
            return Erasure(customer, {})
        place, others = found[0]
        (person,) = FORMS[Customer]
        gone = [(person.name, place), *map(tuple, others)]
        removed: dict[str, int] = {}
        for form in ALL_FORMS:
            places = [place for name, place in gone if name == form.name and place is not None]
            self.place.went(form, places)
            if places:
                removed[form.kind.table] = removed.get(form.kind.table, 0) + len(places)
        self.run(statement("write/forget everything"), id=customer)
        self._unbury(customer)
        self.bury(Customer, (customer,))
        self.place.erasures += 1
        return Erasure(customer, removed)

    def _unbury(self, customer: str) -> None:
        for kind in KINDS.values():
            if kind.key == ("id",) and kind.record is not Customer:
                continue
            ((rows,),) = self.run(statement("write/buried"), kind=kind.table)
            keys = [(of, tuple(json.loads(key))) for of, key in rows]
            theirs = [of for of, key in keys if key and names_person(kind, key, customer)]
            if theirs:
                ((before,),) = self.run(statement("write/unbury"), of=theirs)
                self.place.gone(before)


class Exclusive:
    """What `graph.store.GraphStore.exclusive` hands out. What is refused is refused before anything is sent."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def get(self, kind: type[R], key: Key) -> R | None:
        return self._writer.get(kind, key)

    def write(self, facts: Facts) -> Written:
        return self._writer.write(whole(facts))


def fetch(run: Run, kind: type[R], key: Key) -> R | None:
    """One record, or None."""
    for form in FORMS[kind]:
        for (values,) in run(statement("read/one", form), key=key_value(form.kind, key)):
            return form.kind.record(**dict(zip(form.kind.columns, values, strict=True)))  # type: ignore[return-value]
    return None


def _taken(batch: Columns[Any], places: Sequence[int]) -> Columns[Any]:
    return Columns(batch.kind, {name: [column[i] for i in places] for name, column in batch.values.items()})
