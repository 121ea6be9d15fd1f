"""Which column of a file is which of ours."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graph.errors import Invalid, Refused
from loaders.shapes import FILES, Shape
from loaders.source import Source, listed, quote


@dataclass(frozen=True, slots=True)
class Header:
    """``wanted``: our name -> column of the file; ``unknown``: columns that nothing reads."""

    wanted: Mapping[str, str]
    unknown: tuple[str, ...]


def check_mapping(mapping: Mapping[str, str], files: Sequence[tuple[Shape, Source]]) -> None:
    """Each entry (``price``, or ``products.price`` for one of several files) must concern a file that has its column.

    Raises
    ------
    graph.errors.Invalid
        It does not; the message names the nearest.
    """
    for name, column in mapping.items():
        concerned = [source for shape, source in files if _own_name(name, shape) in shape.cells]
        if not concerned:
            known = [own for shape, _ in files for own in shape.cells]
            raise Invalid(f"--map {quote(name)}: these files have no such column{_nearest(name, known)}", field="map")
        found = [known for source in concerned for known in source.columns or [column]]
        if column not in found:
            raise Invalid(f"--map {quote(name)}={quote(column)}: no file has it{_nearest(column, found)}", field="map")


def match_header(source: Source, shape: Shape, mapping: Mapping[str, str]) -> Header:
    """Find our columns in a file: where the mapping says, otherwise by their own names.

    Raises
    ------
    graph.errors.Refused
        A required column is not there.
    """
    given = {_own_name(name, shape): column for name, column in mapping.items()}
    found = source.columns
    if found is None:
        return Header({name: given.get(name, name) for name in shape.cells}, ())
    present = set(found)
    places = {name: given[name] if given.get(name) in present else name for name in shape.cells}
    wanted = {name: column for name, column in places.items() if column in present}
    lacking = [name for name in shape.required if name not in wanted]
    if lacking:
        raise Refused(_explain(source.heading, shape, lacking, found))
    read = set(wanted.values())
    return Header(wanted, tuple(column for column in found if column and column not in read))


def _own_name(name: str, shape: Shape) -> str:
    """``products.price`` is ``price`` among the products."""
    return name.removeprefix(f"{shape.name}.")


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:60], known, n=1)
    return f"; did you mean {quote(near[0])}?" if near else f"; known are {listed(sorted(set(known)))}"


def _explain(place: str, shape: Shape, lacking: Sequence[str], found: Sequence[str]) -> str:
    verb = "is" if len(lacking) == 1 else "are"
    advice = "Rename by --map name=column" if set(found) & set(shape.cells) else "Is this line a header?"
    return (
        f"{place}: {', '.join(lacking)} {verb} missing from the columns of {shape.name}; "
        f"expected {shape.expected}; found {listed(found)}. {advice}"
    )


def shape_of(name: str) -> Shape:
    """The shape of a kind of file.

    Raises
    ------
    graph.errors.Invalid
        There is no such kind.
    """
    if name not in FILES:
        raise Invalid(f"{quote(name)} is no kind of file; known are {', '.join(FILES)}", field="kind")
    return FILES[name]
