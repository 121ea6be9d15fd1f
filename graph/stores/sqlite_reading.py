"""Questions to the SQLite file; each function reads on a connection that shows one moment."""

# ruff: noqa: S608  # the names in these statements come from the schema, never from a caller

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter

import apsw

from graph.records import Customer, CustomerId, Friendship, Record
from graph.schema import KINDS
from graph.store import Changes, Cursor, Removed, Subgraph
from graph.stores.sqlite_schema import TABLES, Table

_KIND_OF_TABLE = {kind.table: kind.record for kind in KINDS.values()}

_TIES = TABLES[Friendship].name
_FRIENDS = f"SELECT friend FROM {_TIES} WHERE customer = ?1 UNION ALL SELECT customer FROM {_TIES} WHERE friend = ?1"
_FRIENDSHIPS = f"SELECT customer, friend, since FROM {_TIES} WHERE customer = ? ORDER BY friend"


def place(connection: apsw.Connection) -> Cursor:
    """The newest place in the order of writes."""
    return Cursor(connection.execute("SELECT last FROM place").get)


def changes_after(connection: apsw.Connection, since: Cursor, limit: int) -> Changes:
    """See `graph.store.GraphStore.changes`: one ordered stream per table, merged."""
    end = place(connection)
    streams = [_records(connection, table, since) for table in TABLES.values()]
    merged = heapq.merge(*streams, _tombstones(connection, since), key=itemgetter(0))
    found = list(islice(merged, limit + 1))
    more = len(found) > limit
    items = found[:limit]
    last = Cursor(items[-1][0]) if more else end
    return Changes(last, tuple(item for _, item in items), more)


def _records(connection: apsw.Connection, table: Table, since: int) -> Iterator[tuple[int, Record | Removed]]:
    for seq, *values in connection.execute(table.since, (since,)):
        yield seq, table.record(values)


def _tombstones(connection: apsw.Connection, since: int) -> Iterator[tuple[int, Record | Removed]]:
    for seq, kind, key in connection.execute("SELECT seq, kind, key FROM removed WHERE seq > ? ORDER BY seq", (since,)):
        yield seq, Removed(_KIND_OF_TABLE[kind], tuple(json.loads(key)))


def people_around(connection: apsw.Connection, centre: CustomerId, *, hops: int, limit: int) -> Subgraph:
    """See `graph.store.GraphStore.around`: breadth first, a ring at a time, until the limit is passed."""
    if not connection.execute(TABLES[Customer].by_key, (centre,)).fetchall():
        return Subgraph((), (), False)
    found: dict[str, None] = {centre: None}
    ring = [str(centre)]
    for _ in range(hops):
        friends = {other for person in ring for (other,) in connection.execute(_FRIENDS, (person,))}
        ring = sorted(friends - found.keys())
        found.update(dict.fromkeys(ring))
        if len(found) > limit:
            break
    kept = dict.fromkeys(islice(found, limit))
    rows = (row for person in sorted(kept) for row in connection.execute(_FRIENDSHIPS, (person,)))
    ties = tuple(Friendship(customer=one, friend=other, since=since) for one, other, since in rows if other in kept)
    return Subgraph(tuple(map(CustomerId, kept)), ties, len(kept) < len(found))


def counts(connection: apsw.Connection) -> dict[str, int]:
    """Records per table."""
    return {table.kind.table: connection.execute(f"SELECT count(*) FROM {table.name}").get for table in TABLES.values()}
