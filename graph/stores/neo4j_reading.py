"""Questions to Neo4j; each function asks by a `Run` of its own transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from time import sleep
from typing import Any, TypeVar

from graph.columns import Columns
from graph.errors import Unavailable
from graph.records import Customer, CustomerId, Friendship, Record
from graph.schema import KINDS, Field, Key, Kind
from graph.store import Change, Changes, Cursor, Lost, Removed, Subgraph
from graph.stores.neo4j_cypher import MISSING, counts, page, statement
from graph.stores.neo4j_forms import ALL_FORMS, FORMS, Form, allowed, key_value
from graph.stores.neo4j_place import Place, is_whole
from graph.stores.neo4j_writer import Run, fetch

R = TypeVar("R", bound=Record)

PAGE = 25_000
_LOOKS = 40

_KIND_OF_TABLE = {kind.table: kind for kind in KINDS.values()}


def read_place(run: Run) -> Place:
    """The state of the store, as one transaction left it.

    Raises
    ------
    graph.errors.Unavailable
        Somebody has changed the node by hand; the next write of Kith puts it right.
    """
    for attempt in range(_LOOKS):
        ((state,),) = run(statement("place/read"))
        if is_whole(state):
            return Place.of(state)
        sleep(0.002 * attempt)  # a transaction is just becoming visible
    raise Unavailable("the node KithPlace was changed by hand: any write of Kith puts it right, kith load for example")


def locked_place(run: Run) -> Place:
    """The same for whoever holds the lock: nobody else is writing, so what is there is what holds."""
    ((state,),) = run(statement("place/read"))
    return Place.of(state)


def settled(run: Run, place: Place, known: int) -> int:
    """The newest place up to which the indexes show everything.

    A transaction becomes visible bit by bit, its indexes last. Writers come one after the other, so this concerns only the
    newest one: it counts if as many things are found in the indexes as it wrote. ``known``: a place found settled before.
    """
    if place.last <= max(known, place.settled):
        return place.last
    window = {"after": place.settled, "until": place.last}
    texts = [statement("read/count", form) for form in ALL_FORMS if place.tallies[form.name].last > place.settled]
    if place.removed > place.settled:
        texts.append(statement("read/count removals"))
    found = sum(int(run(text, **window)[0][0]) for text in texts)
    return place.last if found == place.last - place.settled - place.gaps else place.settled


def read_form(run: Run, form: Form, columns: tuple[str, ...], until: int) -> Iterator[Columns[Any]]:
    """Columns of the records of a form up to a place, page by page."""
    text = page(form, columns)
    fields = {field.name: field for field in form.kind.fields}
    after = 0
    while True:
        ((last, *found),) = run(text, after=after, until=until, limit=PAGE)
        if last is None:
            return
        batch = {name: _values(fields[name], column) for name, column in zip(columns, found, strict=True)}
        yield _sound(form.kind, Columns(form.kind.record, batch))
        after = last


def _values(field: Field, column: list[Any]) -> list[Any]:
    """Missing values as None, or as their default; what somebody wrote by hand in another type counts as missing."""
    types, missing = allowed(field), MISSING[field.type]
    if set(map(type, column)) <= types - {type(None)}:
        return column
    return [field.default if value is missing or type(value) not in types else value for value in column]


def _sound(kind: Kind, batch: Columns[Any]) -> Columns[Any]:
    """Without the records that lack what they cannot lack."""
    needed = [f.name for f in kind.fields if f.name in batch.values and not f.optional and f.default is None]
    broken = {i for name in needed if None in batch[name] for i, value in enumerate(batch[name]) if value is None}
    if not broken:
        return batch
    kept = [i for i in range(len(batch)) if i not in broken]
    return Columns(batch.kind, {name: [column[i] for i in kept] for name, column in batch.values.items()})


def known_keys(run: Run, kind: type[Record], keys: Sequence[Key]) -> set[Key]:
    """See `graph.store.GraphStore.known`."""
    places = {key_value(KINDS[kind], key): key for key in keys}
    found = (run(statement("write/known ids", form), keys=list(places))[0][0] for form in FORMS[kind])
    return {places[value] for values in found for value in values}


def changes_after(run: Run, since: int, limit: int, known: int) -> Changes:
    """See `graph.store.GraphStore.changes`: one question per form that has news, merged. ``known``: as in `settled`."""
    place = read_place(run)
    end = settled(run, place, known) if place.last > since else place.last
    if end <= since:
        return Changes(Cursor(since), (), False)
    window = {"after": since, "until": end, "limit": limit + 1}
    found: list[tuple[int, Change]] = []
    for form in ALL_FORMS:
        if place.tallies[form.name].last > since:
            ((rows,),) = run(statement("read/tail", form), **window)
            found += [(seq, _record(form.kind, values)) for seq, values in rows]
    if place.removed > since:
        ((rows,),) = run(statement("read/removals"), **window)
        found += [(seq, _removal(table, tuple(json.loads(key)))) for seq, table, key in rows]
    found.sort(key=itemgetter(0))
    more = len(found) > limit
    last = found[limit - 1][0] if more else end
    return Changes(Cursor(last), tuple(item for _, item in found[:limit]), more)


def _record(kind: Kind, values: Sequence[Any]) -> Record:
    return kind.record(**dict(zip(kind.columns, values, strict=True)))


def _removal(table: str, key: tuple[str, ...]) -> Removed | Lost:
    kind = _KIND_OF_TABLE[table].record
    return Removed(kind, key) if key else Lost(kind)


def people_around(run: Run, centre: CustomerId, *, hops: int, limit: int) -> Subgraph:
    """See `graph.store.GraphStore.around`: breadth first, a ring at a time, until the limit is passed."""
    if fetch(run, Customer, (centre,)) is None:
        return Subgraph((), (), False)
    (form,) = FORMS[Friendship]
    found: dict[str, None] = {centre: None}
    ring = [str(centre)]
    for _ in range(hops):
        ((friends,),) = run(statement("read/ring", form), people=ring)
        ring = sorted(set(friends) - found.keys())
        found.update(dict.fromkeys(ring))
        if len(found) > limit:
            break
    kept = list(islice(found, limit))
    ((rows,),) = run(statement("read/among", form), people=kept)
    ties = tuple(Friendship(customer=one, friend=other, since=since) for one, other, since in sorted(rows))
    return Subgraph(tuple(map(CustomerId, kept)), ties, len(kept) < len(found))


def count_tables(run: Run) -> dict[str, int]:
    """Records per table."""
    (found,) = run(counts())
    total = dict.fromkeys((kind.table for kind in KINDS.values()), 0)
    for form, count in zip(ALL_FORMS, found, strict=True):
        total[form.kind.table] += count
    return total
