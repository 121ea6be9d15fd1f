"""The statements for Neo4j: the files in ``cypher/``, with the names of a form put in.

Only names of the schema are put into a text; what a caller says travels as a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from graph.schema import Field, kind_of
from graph.stores.neo4j_forms import ALL_FORMS, Form, camel

MISSING: dict[type, Any] = {str: False, int: False, float: False, bool: ""}
"""Stands for "not known" in a collected column, as ``collect`` leaves nulls out: a value that the field can never have."""

_NAMED = re.compile(r"^// ([a-z ]+)$\n", re.MULTILINE)
_HOLE = re.compile("%([a-z]+)%")


@cache
def _templates() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted(files("graph.stores").joinpath("cypher").iterdir(), key=lambda file: file.name):
        stem = file.name.removesuffix(".cypher")
        _, *parts = _NAMED.split(file.read_text(encoding="utf-8"))
        found |= {f"{stem}/{name}": text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
    return found


@cache
def statement(name: str, form: Form | None = None) -> str:
    """A statement by file and name, for example ``write/create tie``, for a form where it speaks of one."""
    parts = _parts(form) if form else {"owned": _OWNED}
    return filled(name, parts)


@cache
def page(form: Form, columns: tuple[str, ...]) -> str:
    """Reads columns of the next records in the order of writes; the first column is the place of the last one."""
    by_name = {field.name: field for field in form.kind.fields}
    collected = (
        f"collect(coalesce({_expression(form, by_name[name])}, {_literal(MISSING[by_name[name].type])}))"
        for name in columns
    )
    return filled("read/page", _parts(form) | {"columns": ", ".join(collected)})


@cache
def counts() -> str:
    """Counts the records of every form; the database keeps these counts, nothing is read."""
    patterns = (
        f"COUNT {{ ()-[:{f.name}]->() }}" if f.shape == "tie" else f"COUNT {{ (:{f.name}) }}" for f in ALL_FORMS
    )
    return filled("read/counts", {"counts": ", ".join(patterns)})


def create(form: Form) -> str:
    """Creates records of columns, which are parameters: key, place, ends, properties, and for entities the stamp."""
    return statement(f"write/create {form.shape}", form)


def filled(name: str, parts: Mapping[str, str]) -> str:
    """A statement with these parts put in."""
    return _HOLE.sub(lambda hole: parts[hole[1]], _templates()[name])


_OWNED = next(form.kind.owned for form in ALL_FORMS if form.shape == "owned")


def _parts(form: Form) -> dict[str, str]:
    labels = [kind_of(end).graph for end in form.kind.ends.values()]
    start, end, *_ = [*labels, "", ""]
    begins, leads, *_ = [*form.ends, "", ""]
    (link, label), *_ = [*form.kind.shared.values(), ("", "")]
    return {
        "name": form.name,
        "key": form.key,
        "start": start,
        "end": end,
        "from": begins,
        "to": leads,
        "each": f"UNWIND range(0, size(${form.key}) - 1) AS i",
        "owned": form.kind.owned,
        "type": link,
        "label": label,
        "found": _found(form),
        "placed": _placed(form),
        "vars": {"tie": "a, r, b", "owned": "a, r", "node": "r"}[form.shape],
        "fields": f"[{', '.join(_expression(form, field) for field in form.kind.fields)}]",
        "values": ", ".join(f"{name}: ${name}[i]" for name in (form.key, *_varying(form))),
        "changes": ", ".join(f"r.{name} = ${name}[i]" for name in _varying(form)),
        "delete": "DETACH DELETE" if form.shape == "owned" else "DELETE",
    }


def _varying(form: Form) -> list[str]:
    """The properties, without the key."""
    stamped = ["stamp"] if form.kind.lasting else []
    return ["seq", *(camel(field.name) for field in form.properties), *stamped]


def _found(form: Form) -> str:
    thing = f"{{{form.key}: key}}"
    at = f"USING INDEX SEEK r:{form.name}({form.key})"
    if form.shape == "tie":
        return f"MATCH (a)-[r:{form.name} {thing}]->(b) {at}"
    owner = f" MATCH (a)-[:{form.kind.owned}]->(r)" if form.shape == "owned" else ""
    return f"MATCH (r:{form.name} {thing}) {at}{owner}"


def _placed(form: Form) -> str:
    thing = f"(a)-[r:{form.name}]->(b)" if form.shape == "tie" else f"(r:{form.name})"
    since = f"MATCH {thing} USING INDEX SEEK r:{form.name}(seq) WHERE r.seq > $after AND r.seq <= $until"
    return since + (f" MATCH (a)-[:{form.kind.owned}]->(r)" if form.shape == "owned" else "")


def _expression(form: Form, field: Field) -> str:
    if field.name in form.ends:
        return f"{'ab'[form.ends.index(field.name)]}.id"
    if field.name == form.kind.varies:
        return _literal(form.only)
    if field.name in form.kind.shared:
        link, label = form.kind.shared[field.name]
        return f"head([(r)-[:{link}]->(s:{label}) | s.name])"
    return f"r.{camel(field.name)}"


def _literal(value: Any) -> str:
    return "false" if value is False else f"'{value}'"
