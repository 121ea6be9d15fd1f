"""Derived properties on the nodes of a real server: seen in the Neo4j Browser, told to nobody who follows the facts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from graph.errors import Invalid
from graph.records import Block, Consent, Customer, Friendship, Product, Purchase, Record
from graph.store import START
from graph.stores.neo4j_store import Neo4jStore
from graph.stores.neo4j_writer import ROWS
from tests.graph_database import cypher, empty_neo4j
from tests.records import FACTS, everything


@pytest.fixture
def store(neo4j_url: str) -> Iterator[Neo4jStore]:
    """One of each kind of fact on a real server."""
    with closing(empty_neo4j(neo4j_url)) as opened:
        opened.write(list(FACTS))
        yield opened


def properties(url: str, id: str) -> dict[str, Any]:
    ((found,),) = cypher(url, "MATCH (n {id: $id}) WHERE n:Customer OR n:Product RETURN properties(n)", id=id)
    assert isinstance(found, dict)
    return found


def test_properties_are_put_on_people_and_products(store: Neo4jStore, neo4j_url: str) -> None:
    before = properties(neo4j_url, "a"), properties(neo4j_url, "p")
    assert (
        store.annotate(Customer, ["a", "b"], influence=[0.5, 0.25], is_bridge=[True, False], circle=["north", None])
        == 0
    )
    assert store.annotate(Product, ["p"], buyers=[7]) == 0
    assert properties(neo4j_url, "a") == before[0] | {"influence": 0.5, "isBridge": True, "circle": "north"}
    assert "circle" not in properties(neo4j_url, "b") and properties(neo4j_url, "b")["isBridge"] is False
    assert properties(neo4j_url, "p") == before[1] | {"buyers": 7}


def test_no_fact_no_place_and_nothing_that_followers_hear_changes(store: Neo4jStore, neo4j_url: str) -> None:
    facts, cursor, changes = everything(store), store.check().cursor, store.changes(START)
    kept = cypher(neo4j_url, "MATCH (n) WHERE n.seq IS NOT NULL RETURN n.seq, n.stamp ORDER BY n.seq")
    store.annotate(Customer, ["a", "b", "c"], influence=[1.0, 2.0, 3.0])
    assert (everything(store), store.check().cursor, store.changes(START)) == (facts, cursor, changes)
    assert store.changes(cursor).items == ()
    assert cypher(neo4j_url, "MATCH (n) WHERE n.seq IS NOT NULL RETURN n.seq, n.stamp ORDER BY n.seq") == kept


def test_it_is_no_edit_by_hand_and_hides_none(store: Neo4jStore, neo4j_url: str) -> None:
    store.annotate(Customer, ["a"], influence=[1.0])
    assert store.take_in_edits().taken == 0 and store.take_in_losses() == ()
    cypher(neo4j_url, "MATCH (c:Customer {id: 'a'}) SET c.name = 'Anna'")
    store.annotate(Customer, ["a"], influence=[2.0])
    with closing(Neo4jStore(store.address)) as fresh:  # it has not rested since it last looked
        assert fresh.take_in_edits().taken == 1
    found = store.get(Customer, ("a",))
    assert found is not None and found.name == "Anna"
    assert properties(neo4j_url, "a")["influence"] == 2.0


def test_facts_written_afterwards_leave_them_where_they_are(store: Neo4jStore, neo4j_url: str) -> None:
    store.annotate(Customer, ["a"], influence=[1.0])
    store.write([Customer(id="a", name="Anne")])
    assert (properties(neo4j_url, "a")["influence"], properties(neo4j_url, "a")["name"]) == (1.0, "Anne")


def test_none_removes_what_was_put_there(store: Neo4jStore, neo4j_url: str) -> None:
    before = properties(neo4j_url, "a")
    store.annotate(Customer, ["a"], influence=[1.0], community=[3])
    store.annotate(Customer, ["a"], influence=[None], community=[None])
    assert properties(neo4j_url, "a") == before


def test_ids_that_nobody_has_are_counted_and_make_nothing(store: Neo4jStore, neo4j_url: str) -> None:
    before = cypher(neo4j_url, "MATCH (n) RETURN count(n)")
    assert store.annotate(Customer, ["a", "nobody", "p", "a"], x=[1, 2, 3, 4]) == 2
    assert properties(neo4j_url, "a")["x"] == 4
    assert cypher(neo4j_url, "MATCH (n) RETURN count(n)") == before


def test_more_than_fit_into_one_transaction_all_arrive(store: Neo4jStore, neo4j_url: str) -> None:
    people = [f"n{i}" for i in range(ROWS + 1)]
    store.write([Customer(id=id) for id in people])
    assert store.annotate(Customer, [*people, "nobody"], x=[*range(ROWS + 1), 0]) == 1
    assert cypher(neo4j_url, "MATCH (c:Customer) WHERE c.id = 'n' + toString(c.x) RETURN count(c)") == [[ROWS + 1]]


def test_no_ids_are_no_work(store: Neo4jStore) -> None:
    assert store.annotate(Customer, [], influence=[]) == 0


@pytest.mark.parametrize("kind", [Friendship, Block, Consent, Purchase])
def test_only_people_and_products_can_be_annotated(store: Neo4jStore, kind: type[Record]) -> None:
    with pytest.raises(Invalid, match="only customers and products"):
        store.annotate(kind, ["1"], weight=[1])


@pytest.mark.parametrize("name", ["seq", "stamp", "pair", "id", "name", "birth_year", "email"])
def test_facts_and_bookkeeping_cannot_be_overwritten(store: Neo4jStore, neo4j_url: str, name: str) -> None:
    before = properties(neo4j_url, "a")
    with pytest.raises(Invalid, match="choose another name") as refused:
        store.annotate(Customer, ["a"], **{name: [1]})
    assert refused.value.field == name and properties(neo4j_url, "a") == before


@pytest.mark.parametrize("name", ["birthYear", "", "two words", "x`", "_x", "x__y", "ünder"])
def test_a_name_that_is_no_plain_word_is_refused(store: Neo4jStore, name: str) -> None:
    with pytest.raises(Invalid, match="cannot be the name of a property"):
        store.annotate(Customer, ["a"], **{name: [1]})


@pytest.mark.parametrize("column", [[{}], [[1]], [b"x"], [2**63], [1, 2], [object()]])
def test_a_value_that_a_node_cannot_hold_is_refused(store: Neo4jStore, column: list[Any]) -> None:
    with pytest.raises(Invalid) as refused:
        store.annotate(Customer, ["a"], x=column)
    assert refused.value.field == "x"
