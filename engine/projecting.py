"""A copy of the graph for marketers, on a Neo4j server of its own: only what may be shown, see `graph.projection`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.console import OnStep, silent
from engine.engine import Engine
from engine.settings import Settings, without_password
from graph.columns import Columns
from graph.errors import Invalid
from graph.moments import Moment, to_text
from graph.projection import Degrees, Projection, ProjectionRules
from graph.records import Customer, Product
from graph.stores.neo4j_address import SCHEMES, Address
from graph.stores.neo4j_projection import ProjectedStore


@dataclass(frozen=True, slots=True)
class Projected:
    """What a projection holds; ``withheld``: people who are not in it."""

    as_of: Moment
    people: int
    withheld: int
    products: int
    relationships: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__} | {"as_of": to_text(self.as_of)}


def target_address(url: str, password_file: Path | None = None) -> Address:
    """The server that a projection goes to.

    Raises
    ------
    graph.errors.Invalid
        The URL is no address of a Neo4j server, there is no password, or its file cannot be read.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise Invalid(
            f"{without_password(url)!r} is no Neo4j server: a projection is looked at in the Neo4j Browser; "
            "write neo4j://neo4j@127.0.0.1:7688",
            field="target",
        )
    password = Settings.load(neo4j_password_file=password_file).neo4j_password if password_file else None
    if password is None and ":" not in rest.rpartition("@")[0]:
        raise Invalid(f"{url} needs a password: name the file that holds it with --password-file", field="target")
    return Address.parse(url, password)


def project(engine: Engine, target: Address, *, on_step: OnStep = silent) -> Projected:
    """Replace the projection on a server by one of the present facts.

    Raises
    ------
    graph.errors.Conflict
        The server holds something else than an earlier projection, or somebody else began to write one there.
    graph.errors.Invalid
        It is the store of the shop itself.
    graph.errors.Unavailable
        The store or the server cannot be reached. What is half done is replaced by the next projection.
    """
    rules = ProjectionRules(
        engine.now(), engine.settings.presumed_purposes, engine.sensitive, engine.settings.minor_age
    )
    with closing(ProjectedStore(target, engine.store)) as store:
        store.check()
        on_step("who agreed", 0.0)
        projection = Projection(engine.store, rules)
        on_step("who agreed", 1.0)
        on_step("emptying", 0.0)
        store.begin()
        on_step("emptying", 1.0)
        degrees = _copy(projection, store, engine.settings.load_chunk_rows, on_step)
        _size(degrees, store, on_step)
        people, withheld = len(projection.people), projection.withheld
        products, relationships = store.finish(as_of=rules.now, people=people, withheld=withheld)
    return Projected(rules.now, people, withheld, products, relationships)


def _copy(projection: Projection, store: ProjectedStore, rows: int, on_step: OnStep) -> Degrees:
    degrees, done = Degrees(projection.people), 0
    for batch, read in projection.facts():
        for part in _parts(batch, rows):
            store.write(part)
        degrees.add(batch)
        done += read
        on_step("copying", min(1.0, done / max(1, projection.read)))
    return degrees


def _size(degrees: Degrees, store: ProjectedStore, on_step: OnStep) -> None:
    on_step("sizing nodes", 0.0)
    for kind, (ids, columns) in ((Customer, degrees.people()), (Product, degrees.products())):
        store.annotate(kind, ids, **columns)
    on_step("sizing nodes", 1.0)


def _parts(batch: Columns[Any], rows: int) -> Iterator[Columns[Any]]:
    for first in range(0, len(batch), rows):
        yield Columns(batch.kind, {name: column[first : first + rows] for name, column in batch.values.items()})
