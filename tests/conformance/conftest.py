"""The stores that every test of this folder runs against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from graph.store import GraphStore
from graph.stores.memory import MemoryStore
from graph.stores.sqlite import SqliteStore

STORES: dict[str, Callable[[Path], GraphStore]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "shop.db"),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """An empty store; a new kind of store joins all tests by one line above."""
    with closing(STORES[request.param](tmp_path)) as opened:
        yield opened
