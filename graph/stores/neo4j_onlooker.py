"""A look at a database that leaves it as it is: no constraint, no index, no node of ours is made."""

from __future__ import annotations

from graph.stores.neo4j_cypher import statement
from graph.stores.neo4j_store import Neo4jStore
from graph.stores.neo4j_writer import Run


class Onlooker(Neo4jStore):
    """See `graph.stores.neo4j_store.Neo4jStore`."""

    def is_unused(self) -> bool:
        """Whether the database has no nodes but the one that tells the place in the order of writes, and nothing was ever written."""
        ((nodes, places, last),) = self._question(statement("place/used"))
        return bool(nodes == places and not last)

    def _prepare(self, run: Run) -> None:
        """Nothing is needed to look."""
