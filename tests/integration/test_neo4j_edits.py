"""Facts that somebody makes, changes or deletes with Cypher of their own, in the Neo4j Browser say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

import pytest

from graph.errors import Invalid
from graph.moments import to_moment
from graph.records import Consent, Customer, CustomerId, Friendship, Like, Product, Purchase, Record, View
from graph.schema import KINDS
from graph.store import Cursor, Edits, Lost
from graph.stores import neo4j_store
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_store import Neo4jStore
from tests.graph_database import cypher, empty_neo4j
from tests.records import FACTS, bought, everything


@pytest.fixture(autouse=True)
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between two looks, so that tests need not wait."""
    monkeypatch.setattr(neo4j_store, "REST", 0)


@pytest.fixture
def store(neo4j_url: str) -> Iterator[Neo4jStore]:
    with closing(empty_neo4j(neo4j_url)) as opened:
        opened.write(FACTS)
        opened.take_in_edits(), opened.take_in_losses()
        yield opened


@pytest.fixture
def by_hand(neo4j_url: str) -> partial[list[list[object]]]:
    return partial(cypher, neo4j_url)


def end(store: Neo4jStore) -> Cursor:
    return store.check().cursor


Hand = partial[list[list[object]]]


def test_where_nobody_edited_nothing_is_found_and_nothing_is_read(store: Neo4jStore) -> None:
    before = end(store)
    store.write([bought("own")])
    assert store.take_in_edits() == Edits(0, ())
    assert store.take_in_losses() == ()
    assert store.changes(before).items == (bought("own"),)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ("MATCH (p:Product {id: 'p'}) SET p.price = 5, p.available = false", {"price": 5, "available": False}),
        ("MATCH (p:Product {id: 'p'}) REMOVE p.name SET p.price = 7.0", {"name": None, "price": 7}),
        (
            """MATCH (p:Product {id: 'p'})-[r:IN_CATEGORY]->() DELETE r
            MERGE (c:Category {name: 'boots'}) CREATE (p)-[:IN_CATEGORY]->(c)""",
            {"category": "boots"},
        ),
        ("MATCH (p:Product {id: 'p'}) REMOVE p.available", {"available": True}),
    ],
)
def test_a_product_changed_by_hand_enters_the_tail(
    store: Neo4jStore, by_hand: Hand, edit: str, expected: dict[str, object]
) -> None:
    before = end(store)
    by_hand(edit)
    assert store.take_in_edits() == Edits(1, ())
    (item,) = store.changes(before).items
    assert isinstance(item, Product)
    assert {name: getattr(item, name) for name in expected} == expected
    assert store.get(Product, ("p",)) == item
    assert store.take_in_edits() == Edits(0, ())
    assert store.take_in_losses() == ()


def test_facts_of_every_shape_made_by_hand_enter_the_tail_after_their_ends(store: Neo4jStore, by_hand: Hand) -> None:
    before = end(store)
    by_hand(
        """MATCH (a:Customer {id: 'a'}), (p:Product {id: 'p'})
        CREATE (n:Customer {id: 'new', name: 'Nina'})
        CREATE (a)<-[:FRIEND_OF {since: date('2026-01-02')}]-(n)
        CREATE (n)-[:BOUGHT {at: datetime('2026-02-03T04:05:06Z'), quantity: 2}]->(p)
        CREATE (n)-[:DISLIKES {id: 'mine'}]->(p)
        CREATE (n)-[:GAVE]->(:Consent {purpose: 'named', granted: true})"""
    )
    assert store.take_in_edits() == Edits(5, ())
    person, *others = store.changes(before).items
    assert person == Customer(id="new", name="Nina")
    made = {type(item): item for item in others}
    assert made[Friendship] == Friendship.between("a", "new", to_moment(datetime(2026, 1, 2, tzinfo=UTC)))
    assert made[Like] == Like(id="mine", customer="new", product="p", opinion="dislike")
    purchase, consent = made[Purchase], made[Consent]
    assert isinstance(purchase, Purchase) and isinstance(consent, Consent)
    assert (purchase.customer, purchase.quantity) == ("new", 2)
    assert purchase.at == to_moment(datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert purchase.id.startswith("hand-") and consent.granted
    assert {person, *others} <= everything(store)
    assert store.take_in_losses() == ()


def test_two_equal_purchases_made_by_hand_are_two(store: Neo4jStore, by_hand: Hand) -> None:
    before = end(store)
    by_hand("MATCH (a:Customer {id: 'a'}), (p:Product {id: 'p'}) UNWIND [1, 2] AS n CREATE (a)-[:BOUGHT]->(p)")
    assert store.take_in_edits().taken == 2
    assert len({item for item in store.changes(before).items if isinstance(item, Purchase)}) == 2


def test_a_friendship_drawn_again_in_the_other_direction_stays_one(store: Neo4jStore, by_hand: Hand) -> None:
    by_hand("MATCH (a:Customer {id: 'a'}), (b:Customer {id: 'b'}) CREATE (b)-[:FRIEND_OF {since: 1}]->(a)")
    assert store.take_in_edits().refused == ()
    assert by_hand("MATCH (:Customer {id: 'a'})-[r:FRIEND_OF]-(:Customer {id: 'b'}) RETURN count(r)") == [[1]]
    assert store.take_in_losses() == ()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ("CREATE (:Customer {name: 'Nobody'})", "Customer made by hand has no id"),
        ("MATCH (p:Product {id: 'p'}) SET p.price = 'dear'", "price is 'dear', it must be a int"),
        ("CREATE (:Consent {purpose: 'named', granted: true})", "Consent made by hand has no customer"),
        (
            "MATCH (a:Customer {id: 'a'}) CREATE (a)-[:GAVE]->(:Consent {purpose: 'nmed', granted: true})",
            "purpose is 'nmed', it must be one of personalisation",
        ),
        ("MATCH (a:Customer {id: 'a'}) CREATE (a)-[:BOUGHT]->(:Thing)", "BOUGHT made by hand has no product"),
        ("MATCH (a:Customer {id: 'a'}) CREATE (a)-[:FRIEND_OF]->(a)", "nobody is a friend of themselves"),
    ],
)
def test_what_cannot_be_a_fact_is_told_and_everything_else_goes_on(
    store: Neo4jStore, by_hand: Hand, edit: str, said: str
) -> None:
    by_hand(edit)
    by_hand("CREATE (:Customer {id: 'fine'})")
    found = store.take_in_edits()
    assert found.taken == 1 and len(found.refused) == 1
    assert said in found.refused[0]
    assert store.get(Customer, ("fine",)) is not None
    for kind in KINDS:
        assert all(isinstance(record, Record) for batch in store.read(kind) for record in batch.records())


def test_a_mistake_that_is_corrected_is_taken_in(store: Neo4jStore, by_hand: Hand) -> None:
    by_hand("CREATE (:Customer {name: 'Late'})")
    assert store.take_in_edits().taken == 0
    by_hand("MATCH (c:Customer {name: 'Late'}) SET c.id = 'late'")
    assert store.take_in_edits() == Edits(1, ())
    assert store.get(Customer, ("late",)) == Customer(id="late", name="Late")


@pytest.mark.parametrize(
    ("edit", "kinds"),
    [
        ("MATCH ()-[r:VIEWED]->() DELETE r", {View}),
        ("MATCH ()-[r:FRIEND_OF]->() DELETE r", {Friendship}),
        ("MATCH (c:Customer {id: 'b'}) DETACH DELETE c", {Customer, Friendship}),
        ("MATCH (c:Consent) DETACH DELETE c", {Consent}),
        ("MATCH (a)-[r:VIEWED]->(b) DELETE r CREATE (a)-[:VIEWED]->(b)", {View}),
    ],
)
def test_what_is_deleted_by_hand_is_told_as_lost(
    store: Neo4jStore, by_hand: Hand, edit: str, kinds: set[type[Record]]
) -> None:
    before = end(store)
    by_hand(edit)
    store.take_in_edits()
    assert set(store.take_in_losses()) == kinds
    assert {item.kind for item in store.changes(before).items if isinstance(item, Lost)} == kinds
    assert store.take_in_losses() == ()
    counts = dict(store.check().counts)
    assert counts == {kind.table: sum(len(batch) for batch in store.read(kind.record)) for kind in KINDS.values()}


def test_a_node_deleted_by_hand_is_made_again_by_what_names_it(store: Neo4jStore, by_hand: Hand) -> None:
    by_hand("MATCH (c:Customer {id: 'b'}) DETACH DELETE c")
    assert store.write([bought("after", customer="b")]).changed == 1
    assert store.get(Customer, ("b",)) == Customer(id="b")


def test_several_processes_take_in_an_edit_once(store: Neo4jStore, by_hand: Hand, neo4j_url: str) -> None:
    with closing(Neo4jStore(Address.parse(neo4j_url))) as other:
        other.take_in_edits()
        before = end(store)
        by_hand("MATCH (a:Customer {id: 'a'}), (p:Product {id: 'p'}) CREATE (a)-[:BOUGHT]->(p)")
        assert [store.take_in_edits().taken, other.take_in_edits().taken] == [1, 0]
        assert len(other.changes(before).items) == 1
        by_hand("MATCH ()-[r:VIEWED]->() DELETE r")
        assert [other.take_in_losses(), store.take_in_losses()] == [(View,), ()]


def test_a_graph_that_was_there_before_kith_is_taken_in(store: Neo4jStore, by_hand: Hand, neo4j_url: str) -> None:
    store.close()
    by_hand("MATCH (n) DETACH DELETE n")
    by_hand("CREATE (:Customer {id: 'x'})-[:BOUGHT {id: 'first'}]->(:Product {id: 'y', name: 'Tea'})")
    with closing(Neo4jStore(Address.parse(neo4j_url))) as fresh:
        assert fresh.take_in_edits() == Edits(3, ())
        assert everything(fresh) == {
            Customer(id="x"),
            Product(id="y", name="Tea"),
            bought("first", customer="x", product="y"),
        }


def test_forgetting_takes_along_what_was_made_by_hand(store: Neo4jStore, by_hand: Hand) -> None:
    by_hand("MATCH (a:Customer {id: 'a'}) CREATE (a)-[:LIVES_IN]->(:City {name: 'Bern'}) SET a.nick = 'Annie'")
    store.forget(CustomerId("a"))
    assert by_hand("MATCH (n) WHERE n.id = 'a' OR n.nick = 'Annie' RETURN count(n)") == [[0]]


def test_an_id_of_another_type_is_told() -> None:
    from graph.schema import kind_of
    from graph.stores.neo4j_edits import read_by_hand

    with pytest.raises(Invalid, match="id is 5, it must be a str"):
        read_by_hand(kind_of(Customer), [5, *[None] * 7])
