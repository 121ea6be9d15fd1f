"""Constraints, indexes and version of the database, made ready once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graph.errors import Unavailable
from graph.stores.neo4j_cypher import filled, statement
from graph.stores.neo4j_forms import ALL_FORMS
from graph.stores.neo4j_place import FORMAT, Place
from graph.stores.neo4j_writer import Run

OLDEST = (5, 26)
"""The oldest server that is known to run every statement: the long-term version 5.26."""


def check_version(run: Run) -> str:
    """The version of the server.

    Raises
    ------
    graph.errors.Unavailable
        It is too old.
    """
    ((version, edition),) = run(statement("schema/version"))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise Unavailable(f"Neo4j {version} is too old: Kith needs {oldest} or newer; update the server")
    return f"{version} {edition}"


def ensure_schema(run: Run) -> None:
    """Make the constraints and indexes that are missing, and the node that tells the place; ``run`` commits each statement.

    Raises
    ------
    graph.errors.Unavailable
        A newer version of Kith wrote this graph.
    """
    there = run(statement("place/read"))
    found = there[0][0]["format"] if there else 0
    if found > FORMAT:
        raise Unavailable(f"this graph has version {found}, this Kith knows {FORMAT} at most: install the newer Kith")
    wanted = dict(_wanted())
    missing = wanted.keys() - {name for (name,) in run(statement("schema/names"))}
    # Plain indexes first: the server fills them while it makes the constraints, each of which is waited for.
    for text in sorted((wanted[name] for name in missing), reverse=True):
        run(text)
    if missing:
        run(statement("schema/await"))
    if not there:
        run(statement("place/create"), state=Place().state())


def _wanted() -> Iterator[tuple[str, str]]:
    """Name -> statement that makes it."""
    for form in ALL_FORMS:
        shape = "tie" if form.shape == "tie" else "node"
        table = f"{form.kind.table}_{form.only}" if form.only else form.kind.table
        yield _named(
            f"schema/constraint {shape}", {"constraint": f"kith_{table}_{form.key}", "name": form.name, "key": form.key}
        )
        yield _named(f"schema/index {shape}", {"index": f"kith_{table}_seq", "name": form.name})
        for _, label in form.kind.shared.values():
            yield _named(
                "schema/constraint node", {"constraint": f"kith_{label.lower()}", "name": label, "key": "name"}
            )
    yield _named("schema/constraint node", {"constraint": "kith_place", "name": "KithPlace", "key": "name"})
    yield _named("schema/constraint node", {"constraint": "kith_removal", "name": "KithRemoval", "key": "of"})
    yield _named("schema/index node", {"index": "kith_removal_seq", "name": "KithRemoval"})


def _named(template: str, parts: Mapping[str, str]) -> tuple[str, str]:
    return parts.get("constraint") or parts["index"], filled(template, parts)
