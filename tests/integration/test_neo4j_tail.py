"""Followers of the tail while a transaction is becoming visible, bit by bit, in the server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest

from graph.errors import Unavailable
from graph.records import Customer, Like, Purchase, View
from graph.store import START
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_store import Neo4jStore
from tests.graph_database import cypher, empty_neo4j
from tests.records import bought

WRITES = 150
FOLLOWERS = 5


def test_no_follower_of_another_process_misses_anything(neo4j_url: str) -> None:
    stop = Event()

    def follow() -> list[str]:
        with closing(Neo4jStore(Address.parse(neo4j_url))) as store:
            seen: list[str] = []
            cursor, more = START, True
            while more or not stop.is_set():
                finished = stop.is_set()
                part = store.changes(cursor, 20)
                cursor, more = part.cursor, part.more or not finished
                seen += [item.id for item in part.items if isinstance(item, Purchase | Like | View)]
            return seen

    with closing(empty_neo4j(neo4j_url)) as store, ThreadPoolExecutor(FOLLOWERS) as pool:
        store.write([Customer(id="a")])
        followers = [pool.submit(follow) for _ in range(FOLLOWERS)]
        written = []
        for n in range(WRITES):
            facts = [
                bought(f"b{n}"),
                Like(id=f"l{n}", customer=f"c{n % 7}", product="p"),
                View(id=f"v{n}", customer="a", product="p"),
            ]
            store.write(facts[n % 3 :])
            written += [fact.id for fact in facts[n % 3 :]]
        stop.set()
        for follower in followers:
            assert follower.result(timeout=60) == written


def test_a_place_changed_by_hand_is_told_and_put_right_by_the_next_write(neo4j_url: str) -> None:
    with closing(empty_neo4j(neo4j_url)) as store:
        store.write([bought("1")])
        cypher(neo4j_url, "MATCH (place:KithPlace) SET place.commits = place.commits + 1")
        with pytest.raises(Unavailable, match="KithPlace was changed by hand"):
            store.check()
        store.write([bought("2")])
        assert store.check().counts["purchases"] == 2
