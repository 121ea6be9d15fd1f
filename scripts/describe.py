"""Reference pages derived from declarations: commands, files, the graph model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup, TyperOption

from engine.cli import app
from graph.records import Friendship
from graph.schema import KINDS, Kind, kind_of
from graph.stores.neo4j_forms import ALL_FORMS, Form, camel
from loaders.shapes import EVENTS, FILES, Shape

COMMANDS_HEAD = """\
# Commands

`kith` is `.venv/bin/kith` after `make setup`. Options of `kith` itself come before the command:
`kith --store sqlite:///shop.db load ...`. Results go to stdout (`--json`: as JSON), everything else to stderr.
Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 some rows were rejected, 75 try again later.
"""

FILES_HEAD = """\
# Files and events

`kith load` reads CSV, JSON Lines and Parquet, each plain or gzipped. CSV has a header line, commas, and UTF-8 (UTF-16 with
a byte order mark is read as well); columns may come in any order, unknown ones are named in the report and ignored, and
`--map name=column` gives a column another name. Events over HTTP are held to the same rules.

- **Ids** are text of 1 to 256 printable characters and never changed: `12`, `012` and `12.0` are three ids.
- **Times** are ISO 8601 (`2026-11-22T10:00:00Z`); without a zone they are UTC, a date alone is its first moment. They lie
  between 1970 and a day from now. Where a file has no time, the row counts as old.
- **Prices** are decimals with a point, in the shop's one currency. **Quantities** are whole numbers from 1.
- An empty cell means "not known"; in the columns marked ! it is a mistake, and the row is rejected.
- An event without an `id` gets one from its content, so that loading a file twice changes nothing and exact repeats
  within a file count once. Friendships `a,b` and `b,a` are one.
- `email`, `phone`, `address`, `device` and `payment` are kept only as keyed hashes.
- Rows that break a rule are reported with line, field and reason; all other rows are loaded (exit code 3).
"""

GRAPH_HEAD = """\
# The graph

What a store keeps. Entities have a natural key and can be written again; events happened once and never change. `*` marks
the key, `?` what may be missing. Times are microseconds since 1970 UTC, prices are in minor units of the currency.

```mermaid
graph LR
%s```

## In every store

| kind | table | fields |
|---|---|---|
%s
## In Neo4j

Names follow Neo4j's conventions: labels `Customer`, relationship types `FRIEND_OF`, properties `birthYear`. A friendship is
stored once, from the lower id to the higher, and matched without an arrow. What a review says lies on its relationship; a
category is a node that products share.

| kind | pattern | properties |
|---|---|---|
%s
Beside these, everything stored has `seq`, its place in the order of all writes; entities have `stamp`, a checksum of the values
that Kith wrote, by which edits by hand are noticed; pairs of people have `pair`, their key. The node `KithPlace` tells how far
the order of writes has come, nodes `KithRemoval` what was removed. Each key has a uniqueness constraint, each `seq` an index.
"""


def commands() -> str:
    """Every command with its arguments and options."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return COMMANDS_HEAD + "".join(_command("kith", name, command) for name, command in sorted(group.commands.items()))


def _command(parent: str, name: str, command: Any) -> str:
    if isinstance(command, TyperGroup):
        return "".join(_command(f"{parent} {name}", inner, each) for inner, each in sorted(command.commands.items()))
    rows = "".join(_parameter(parameter) for parameter in command.params)
    table = f"\n| | |\n|---|---|\n{rows}" if rows else ""
    return f"\n## {parent} {name}\n\n{(command.help or '').strip()}\n{table}"


def _parameter(parameter: Any) -> str:
    if isinstance(parameter, TyperOption):
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        return f"| {names} | {parameter.help or ''} |\n"
    return f"| {(parameter.name or '').upper()} | {getattr(parameter, 'help', None) or ''} |\n"


def files() -> str:
    """Columns of the files and fields of the events."""
    return FILES_HEAD + "".join(_shapes()) + "\n"


def _shapes() -> Iterator[str]:
    yield "\n## Files\n\n| file | required | optional |\n|---|---|---|\n"
    yield from (_shape(f"`--{name}`", shape) for name, shape in FILES.items())
    yield "\n## Events\n\n`type` chooses the row.\n\n| type | required | optional |\n|---|---|---|\n"
    yield from (_shape(f"`{name}`", shape) for name, shape in EVENTS.items())


def _shape(title: str, shape: Shape) -> str:
    def listed(required: bool) -> str:
        return ", ".join(
            f"`{name}`" + ("" if cell.may_be_blank else "!")
            for name, cell in shape.cells.items()
            if cell.required is required
        )

    return f"| {title} | {listed(True)} | {listed(False)} |\n"


def graph() -> str:
    """Every kind of record, as a table, as a pattern of the graph, and in one picture."""
    tables = "".join(_kind(kind) for kind in KINDS.values())
    return GRAPH_HEAD % (_picture(), tables, "".join(_form(form) for form in ALL_FORMS))


def _kind(kind: Kind) -> str:
    fields = ", ".join(
        f"`{field.name}`{'*' if field.name in kind.key else ''}{'?' if field.optional else ''}" for field in kind.fields
    )
    return f"| {kind.record.__name__} | `{kind.table}` | {fields} |\n"


def _form(form: Form) -> str:
    named = f" ({form.only})" if form.only else ""
    properties = ", ".join(f"`{camel(field.name)}`{'?' if field.optional else ''}" for field in form.properties)
    return f"| {form.kind.record.__name__}{named} | `{_pattern(form)}` | {properties} |\n"


def _pattern(form: Form) -> str:
    start, end, *_ = [*(f"(:{kind_of(end).graph})" for end in form.kind.ends.values()), "", ""]
    if form.shape == "tie":
        arrow = "-" if form.kind.record is Friendship else "->"
        return f"{start}-[:{form.name} {{{form.key}}}]{arrow}{end}"
    node = f"(:{form.name} {{{form.key}}})"
    if form.shape == "owned":
        return f"{start}-[:{form.kind.owned}]->{node}"
    return node + "".join(f"-[:{type}]->(:{label} {{name}})" for type, label in form.kind.shared.values())


def _picture() -> str:
    lines: dict[tuple[str, str, str], list[str]] = {}
    for form in ALL_FORMS:
        ends = [kind_of(end).graph for end in form.kind.ends.values()]
        arrow = "---" if form.kind.record is Friendship else "-->"
        if form.shape == "tie":
            lines.setdefault((ends[0], arrow, ends[1]), []).append(form.name)
        if form.shape == "owned":
            lines[ends[0], arrow, form.name] = [form.kind.owned]
        lines |= {(form.name, arrow, label): [type] for type, label in form.kind.shared.values()}
    return "".join(f"  {a}(({a})) {arrow}|{', '.join(names)}| {b}(({b}))\n" for (a, arrow, b), names in lines.items())
