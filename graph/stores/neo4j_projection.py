"""A database that holds a projection for marketers and nothing else: emptied and filled anew, by one process at a time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graph.errors import Conflict, Invalid
from graph.moments import Moment
from graph.store import GraphStore
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_cypher import statement
from graph.stores.neo4j_place import Place
from graph.stores.neo4j_store import Neo4jStore
from graph.stores.neo4j_writer import Run, Writer


class ProjectedStore(Neo4jStore):
    """Where a projection is written to: `begin`, then `write` and `annotate`, then `finish`.

    A database of anybody else is refused before anything in it is touched.

    Parameters
    ----------
    address
        Server, database and login.
    record
        The store that is projected.
    """

    def __init__(self, address: Address, record: GraphStore) -> None:
        super().__init__(address)
        self._record = record
        self._maker = ""

    def begin(self) -> None:
        """Take the database and remove what is in it.

        Raises
        ------
        graph.errors.Conflict
            It holds something else than an earlier projection.
        graph.errors.Invalid
            It is the store that is projected.
        """
        self._connection()
        self._maker = secrets.token_hex(8)
        self._alone("projection/claim", maker=self._maker)
        self._alone("projection/clear ties")
        self._alone("projection/clear nodes")
        self._alone("projection/begin", state=Place().state())

    def finish(self, *, as_of: Moment, people: int, withheld: int) -> tuple[int, int]:
        """Add the node that tells what the projection holds; returns the number of its products and of its relationships."""
        figures = {"asOf": as_of, "people": people, "withheld": withheld}

        def tell() -> tuple[int, int]:
            ((products, relationships),) = self._writer.run(statement("projection/finish"), **figures)
            self._writer.cleaned = True
            return products, relationships

        return self._commits.run(tell)

    def _prepare(self, run: Run) -> None:
        if run(statement("projection/database")) == self._recorded_in():
            raise Invalid(f"{self.address.server} is the store of the shop itself: name another server", field="target")
        ((holds_something, maker),) = run(statement("projection/found"))
        if holds_something and maker is None:
            raise Conflict(
                f"{self.address.server} holds something else than a projection: name an empty server, "
                "kith neo4j start --home FOLDER makes one"
            )
        super()._prepare(run)

    def _recorded_in(self) -> list[list[Any]] | None:
        """The name by which its server knows the database of the shop; None where that is no Neo4j."""
        if not isinstance(self._record, Neo4jStore):
            return None
        return self._record._question(statement("projection/database"))

    @contextmanager
    def _transaction(self) -> Iterator[Writer]:
        with super()._transaction() as writer:
            if writer.run(statement("projection/maker")) != [[self._maker]]:
                raise Conflict(f"somebody else began a projection into {self.address.server}: let that one finish")
            yield writer

    def _alone(self, name: str, **parameters: Any) -> None:
        """Run a statement that commits by itself, piece by piece where there is much to do."""
        with self._explained(), self._session("WRITE") as session:
            session.run(statement(name), parameters).consume()
