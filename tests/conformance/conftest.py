"""The stores that every test of this folder runs against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from graph.store import GraphStore
from graph.stores.memory import MemoryStore
from graph.stores.sqlite import SqliteStore
from tests.graph_database import empty_neo4j

Open = Callable[[pytest.FixtureRequest], GraphStore]

STORES: dict[str, Open] = {
    "memory": lambda request: MemoryStore(),
    "sqlite": lambda request: SqliteStore(request.getfixturevalue("tmp_path") / "shop.db"),
    "neo4j": lambda request: empty_neo4j(request.getfixturevalue("neo4j_url")),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[GraphStore]:
    """An empty store; a new kind of store joins all tests by one line above."""
    with closing(STORES[request.param](request)) as opened:
        yield opened
