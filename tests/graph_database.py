"""The Neo4j database that tests share: emptied before each of them."""

from __future__ import annotations

from functools import cache

import neo4j

from graph.stores.neo4j_address import Address
from graph.stores.neo4j_place import Place
from graph.stores.neo4j_store import Neo4jStore

_EMPTY = (
    "MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 5000 ROWS",
    "MATCH (n) WHERE NOT n:KithPlace CALL (n) { DELETE n } IN TRANSACTIONS OF 5000 ROWS",
)
_START = "MATCH (place:KithPlace) SET place = $state SET place.name = 'graph'"


@cache
def driver(url: str) -> neo4j.Driver:
    """A connection of the tests' own, to look at the graph and to edit it behind Kith's back."""
    address = Address.parse(url)
    return neo4j.GraphDatabase.driver(address.server, auth=(address.user, address.password))


def cypher(url: str, text: str, **parameters: object) -> list[list[object]]:
    """What a person would see who runs this in the Neo4j Browser."""
    with driver(url).session(database="neo4j") as session:
        return [record.values() for record in session.run(text, parameters)]


def empty_neo4j(url: str) -> Neo4jStore:
    """A store on the emptied database. Constraints, indexes and query plans stay, as they are costly to make anew."""
    for text in _EMPTY:
        cypher(url, text)
    cypher(url, _START, state=Place().state())
    return Neo4jStore(Address.parse(url))
