"""A store whose records somebody deletes with another tool: no tombstone tells which, the tail only says that a kind has lost some."""

from __future__ import annotations

from dataclasses import replace

from graph.freeze import FROZEN
from graph.records import Record
from graph.schema import Key, kind_of
from graph.store import Changes, Cursor, Lost
from graph.stores.memory import MemoryStore


class Tampered(MemoryStore):
    """A memory store with a back door."""

    def __init__(self) -> None:
        super().__init__()
        self._losses: list[tuple[int, Lost]] = []

    @property
    def tampered(self) -> bool:
        """Whether anything was lost."""
        return bool(self._losses)

    def stored(self) -> list[tuple[type[Record], Key]]:
        """The keys of everything that a snapshot holds."""
        return [(kind, key) for kind in FROZEN for key in self._tables[kind]]

    def lose(self, kind: type[Record], *keys: Key) -> None:
        """Delete records as a graph database does: a person or product takes along what hangs on it."""
        with self._lock:
            for key in keys:
                for other in FROZEN:
                    ends = [name for name, end in kind_of(other).ends.items() if end is kind]
                    for each, record in list(self._tables[other].items()):
                        if any(getattr(record, name) == key[0] for name in ends):
                            self.cut(other, each)
                self.cut(kind, key)

    def cut(self, kind: type[Record], key: Key) -> None:
        """Delete one record alone, if it is there, whatever hangs on it."""
        with self._lock:
            if self._tables[kind].pop(key, None) is not None:
                del self._log[kind, key]
                self._cursor += 1
                self._losses.append((self._cursor, Lost(kind)))

    def changes(self, since: Cursor, limit: int = 10_000) -> Changes:
        with self._lock:
            found = super().changes(since, limit)
            lost = (loss for place, loss in self._losses if since < place <= found.cursor)
            return replace(found, items=(*found.items, *lost))
