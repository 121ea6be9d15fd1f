"""The tables of the SQLite store, derived from `graph.schema`, and the versions of the file.

Each kind has a table: ``seq``, the place of the row's newest form in the order of all writes, and a column per field.
``removed`` holds the tombstones. ``place`` holds the newest place, how many erasures there were, and after how many of
them the log was emptied.
"""

# ruff: noqa: S608  # the names in these statements come from the schema, never from a caller

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from graph.errors import Invalid, Unavailable
from graph.records import Record
from graph.schema import KINDS, Kind, people_in
from graph.stores.sqlite_connection import connect, explained

_TYPES = {str: "TEXT", int: "INTEGER", bool: "INTEGER", float: "REAL"}


class Table:
    """The SQL of one kind; statements take their values in the order of ``kind.fields``.

    Attributes
    ----------
    create
        Makes the table.
    insert, upsert
        Take seq and all fields. A known key: the first does nothing, the second brings an entity to the new values.
    has, by_key, delete
        Take the key.
    since
        Takes a place; gives seq and all fields of the rows after it, oldest first.
    forget
        Takes a customer id and deletes all rows that hold it; empty where no field does.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.name = f'"{kind.table}"'
        names = [f'"{name}"' for name in kind.columns]
        fields = ", ".join(names)
        key = ", ".join(f'"{name}"' for name in kind.key)
        is_key = " AND ".join(f'"{name}" = ?' for name in kind.key)
        values = ", ".join("?" for _ in ("seq", *names))
        self.create = _create(kind)
        self.insert = f"INSERT INTO {self.name} (seq, {fields}) VALUES ({values}) ON CONFLICT ({key}) DO NOTHING"
        self.upsert = _upsert(self.insert, kind) if kind.lasting else self.insert
        self.has = f"SELECT EXISTS (SELECT 1 FROM {self.name} WHERE {is_key})"
        self.by_key = f"SELECT {fields} FROM {self.name} WHERE {is_key}"
        self.delete = f"DELETE FROM {self.name} WHERE {is_key}"
        self.since = f"SELECT seq, {fields} FROM {self.name} WHERE seq > ? ORDER BY seq"
        people = " OR ".join(f'"{name}" = ?1' for name in people_in(kind))
        self.forget = f"DELETE FROM {self.name} WHERE {people}" if people else ""
        self._fields = {field.name: field for field in kind.fields}
        self._truths = [field.name for field in kind.fields if field.type is bool]

    def select(self, columns: Sequence[str]) -> str:
        """Takes a place; gives some columns of the rows up to it, in the order of writes."""
        names = ", ".join(f'"{self._fields[name].name}"' for name in columns)
        return f"SELECT {names} FROM {self.name} WHERE seq <= ? ORDER BY seq"

    def record(self, values: Sequence[Any]) -> Record:
        """A row as the record it was."""
        fields = dict(zip(self._fields, values, strict=True))
        for name in self._truths:
            fields[name] = _truth(fields[name])
        return self.kind.record(**fields)

    def values(self, name: str, column: Sequence[Any]) -> Sequence[Any]:
        """A column as the values it was written with."""
        return list(map(_truth, column)) if self._fields[name].type is bool else column


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _create(kind: Kind) -> str:
    columns = [
        f'"{field.name}" {_TYPES[field.type]}' + ("" if field.optional else " NOT NULL") for field in kind.fields
    ]
    unique = ", ".join(f'"{name}"' for name in kind.key)
    lines = ["seq INTEGER PRIMARY KEY", *columns, f"UNIQUE ({unique})"]
    table = f'CREATE TABLE "{kind.table}" ({", ".join(lines)}) STRICT;\n'
    return table + "".join(
        f'CREATE INDEX "{kind.table}_{name}" ON "{kind.table}" ("{name}");\n' for name in kind.key[1:]
    )


def _upsert(insert: str, kind: Kind) -> str:
    others = [name for name in kind.columns if name not in kind.key]
    new = ", ".join(f'excluded."{name}"' for name in others)
    old = ", ".join(f'"{kind.table}"."{name}"' for name in others)
    sets = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
    update = f"DO UPDATE SET seq = excluded.seq, {sets} WHERE ({old}) IS NOT ({new})"
    return insert.replace("DO NOTHING", update)


TABLES: dict[type[Record], Table] = {record: Table(kind) for record, kind in KINDS.items()}

UPGRADES: tuple[str, ...] = ()
"""``UPGRADES[n - 1]`` is the SQL from version n to n + 1. A new file is made from `TABLES`, at the newest version."""

_APPLICATION = int.from_bytes(b"Kith")

_CREATE = f"""
CREATE TABLE place (last INTEGER NOT NULL, erasures INTEGER NOT NULL, scrubbed INTEGER NOT NULL) STRICT;
INSERT INTO place VALUES (0, 0, 0);
CREATE TABLE removed (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, UNIQUE (kind, key)) STRICT;
PRAGMA application_id = {_APPLICATION};
"""


def prepare(path: Path) -> None:
    """Make the file, or bring it to the newest version.

    Raises
    ------
    graph.errors.Invalid
        The database belongs to another program.
    graph.errors.Unavailable
        A newer version of Kith wrote it, or it cannot be opened.
    graph.errors.Damaged
        It is not a database.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = connect(path)
        try:
            if _version(connection, path) <= len(UPGRADES):
                _upgrade(connection, path)
        finally:
            connection.close()


def _version(connection: apsw.Connection, path: Path) -> int:
    """0 for a file without tables."""
    newest = 1 + len(UPGRADES)
    version = int(connection.execute("PRAGMA user_version").get)
    owner = connection.execute("PRAGMA application_id").get
    if owner != _APPLICATION and connection.execute("SELECT count(*) FROM sqlite_schema").get:
        raise Invalid(f"{path} is a database of another program; name another file", field="store")
    if version > newest:
        raise Unavailable(f"{path} has version {version}, this Kith knows {newest} at most: install the newer Kith")
    return version


def _upgrade(connection: apsw.Connection, path: Path) -> None:
    # Larger pages halve the cost of keys in random order; both settings must come before the transaction.
    connection.execute("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)  # another process may have been quicker
        fresh = (_CREATE, *(table.create for table in TABLES.values()))
        for script in UPGRADES[version - 1 :] if version else fresh:
            connection.execute(script).fetchall()
        connection.execute(f"PRAGMA user_version = {1 + len(UPGRADES)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
