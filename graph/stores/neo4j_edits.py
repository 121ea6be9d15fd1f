"""Facts that people made, changed or deleted in the graph outside Kith, found and brought into the order of writes.

What was made has no place yet. What was changed no longer fits its stamp. What was deleted is missing from the tally of its form.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from graph.columns import Columns
from graph.errors import Invalid
from graph.moments import to_moment
from graph.records import Friendship, Record
from graph.schema import Field, Kind
from graph.store import Edits
from graph.stores.neo4j_cypher import statement
from graph.stores.neo4j_forms import ALL_FORMS, Form, key_value, stamp
from graph.stores.neo4j_place import Place, Tally
from graph.stores.neo4j_reading import PAGE
from graph.stores.neo4j_writer import Run, Writer

MOMENTS = frozenset({"at", "since"})


@dataclass(frozen=True, slots=True)
class Made:
    """Things of one form that were made by hand: the database's name of each, and its values."""

    form: Form
    rows: list[tuple[str, list[Any]]]


@dataclass(frozen=True, slots=True)
class Edited:
    """Entities of one form that were changed by hand: key, place and values of each."""

    form: Form
    rows: list[tuple[str, int, list[Any]]]


def find_made(run: Run, forms: Iterable[Form] = ALL_FORMS) -> list[Made]:
    """What has no place yet; people and products first, as the others hang on them."""
    found = []
    for form in forms:
        ((rows,),) = run(statement(f"edits/made {form.shape}", form))
        found.append(Made(form, [(element, values) for element, values in rows]))
    return [made for made in found if made.rows]


def find_edited(run: Run, until: int, forms: Iterable[Form] = ALL_FORMS) -> list[Edited]:
    """Entities whose values do not fit their stamp."""
    found = [Edited(form, list(_unlike(run, form, until))) for form in forms if form.kind.lasting]
    return [edited for edited in found if edited.rows]


def _unlike(run: Run, form: Form, until: int) -> Iterator[tuple[str, int, list[Any]]]:
    after, full = 0, True
    while full:
        ((rows,),) = run(statement("edits/stamped", form), after=after, until=until, limit=PAGE)
        yield from ((key, place, values) for place, known, key, values in rows if stamp(values) != known)
        full = len(rows) == PAGE
        after = rows[-1][0] if rows else after


def find_losses(run: Run, place: Place) -> dict[Form, Tally]:
    """Forms that hold something else than Kith wrote, and what they hold."""
    found: dict[Form, Tally] = {}
    for form in ALL_FORMS:
        ((count, total),) = run(statement(f"edits/held {form.shape}", form))
        tally = place.tallies[form.name]
        if (count, total) != (tally.count, tally.sum):
            found[form] = Tally(count, total, tally.last)
    return found


class Taker:
    """Takes in edits within a transaction of a writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._taken = 0
        self._refused: list[str] = []

    def take(self, made: Iterable[Form], edited: Iterable[Form]) -> Edits:
        """Take in what was made and changed of these forms; looked for again, as another process may have been quicker."""
        for new in find_made(self._writer.run, made):
            self._take_made(new)
        for changed in find_edited(self._writer.run, self._writer.place.settled, edited):
            self._take_edited(changed)
        return Edits(self._taken, tuple(self._refused))

    def write_off(self) -> tuple[type[Record], ...]:
        """Tell the followers of losses, and count anew."""
        losses = find_losses(self._writer.run, self._writer.place)
        kinds = tuple(dict.fromkeys(form.kind.record for form in losses))
        self._writer.place.tallies |= {form.name: tally for form, tally in losses.items()}
        for kind in kinds:
            self._writer.bury(kind, ())
        if kinds:
            self._writer.place.erasures += 1  # what any process remembers of nodes may be gone
        return kinds

    def _take_made(self, made: Made) -> None:
        kind, good = made.form.kind, dict[str, Record]()
        for element, values in made.rows:
            try:
                good[element] = read_by_hand(kind, values)
            except Invalid as error:
                self._refused.append(str(error))
        if not good:
            return
        if made.form.shape == "node":
            self._settle(made.form, [(kind.key_of(record), None, record) for record in good.values()])
        else:
            self._writer.run(statement(f"edits/unmake {made.form.shape}", made.form), made=list(good))
            self._writer.cleaned = True
            self._writer.write([Columns.of(kind.record, good.values())])
            self._taken += len(good)

    def _take_edited(self, edited: Edited) -> None:
        kind, good = edited.form.kind, []
        for key, place, values in edited.rows:
            try:
                good.append((key, place, read_by_hand(kind, values)))
            except Invalid as error:
                self._refused.append(f"{error} ({kind.table} {key})")
        self._settle(edited.form, good)

    def _settle(self, form: Form, rows: Sequence[tuple[Any, int | None, Record]]) -> None:
        """Write entities as they are now, whatever the database held before."""
        keyed = [
            (key if isinstance(key, str) else key_value(form.kind, key), place, record) for key, place, record in rows
        ]
        self._writer.settle(
            form,
            {key: (place, tuple(getattr(record, name) for name in form.kind.columns)) for key, place, record in keyed},
        )
        self._taken += len(keyed)


def read_by_hand(kind: Kind, values: Sequence[Any]) -> Record:
    """The record that hand-made values mean.

    Missing values take their default, an event without an id gets one, a date or a time becomes a moment.

    Raises
    ------
    graph.errors.Invalid
        A value is missing that is needed, or is of another type; the message tells the person who made it.
    """
    found = {field.name: _meant(kind, field, value) for field, value in zip(kind.fields, values, strict=True)}
    if kind.record is Friendship:
        return Friendship.between(found["customer"], found["friend"], found["since"])
    return kind.record(**found)


def _meant(kind: Kind, field: Field, value: Any) -> Any:
    if value is None:
        return _absent(kind, field)
    if field.name in MOMENTS and hasattr(value, "to_native"):
        return _moment(value.to_native())
    if field.type is float and type(value) is int:
        return float(value)
    if field.type is int and type(value) is float and value.is_integer():
        return int(value)
    if type(value) is not field.type:
        raise Invalid(
            f"{kind.graph} made by hand: {field.name} is {value!r}, it must be a {field.type.__name__}; correct it",
            field=field.name,
        )
    if field.choices and value not in field.choices:
        raise Invalid(
            f"{kind.graph} made by hand: {field.name} is {value!r}, it must be one of {', '.join(field.choices)}; correct it",
            field=field.name,
        )
    return value


def _absent(kind: Kind, field: Field) -> Any:
    if field.optional or field.default is not None:
        return field.default
    if field.name == "id" and kind.ends:
        return f"hand-{secrets.token_hex(8)}"
    raise Invalid(f"{kind.graph} made by hand has no {field.name}: set it, or delete what was made", field=field.name)


def _moment(value: date | datetime) -> int:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return to_moment(value if value.tzinfo else value.replace(tzinfo=UTC))
