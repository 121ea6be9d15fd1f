"""Which column of a file is which of ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graph.errors import Invalid, Refused
from loaders.shapes import FILES, Shape
from loaders.source import Source, listed, quote


@dataclass(frozen=True, slots=True)
class Header:
    """``wanted``: our name -> column of the file; ``unknown``: columns that nothing reads."""

    wanted: Mapping[str, str]
    unknown: tuple[str, ...]


def check_mapping(mapping: Mapping[str, str], shapes: Iterable[Shape]) -> None:
    """Every name that a mapping gives must be a column of one of the files at hand, written ``price`` or ``products.price``.

    Raises
    ------
    graph.errors.Invalid
        Naming the nearest.
    """
    known = [name for shape in shapes for column in shape.cells for name in (column, f"{shape.name}.{column}")]
    for name in mapping:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {listed(sorted(set(known)))}"
            raise Invalid(f"--map {quote(name)}: these files have no such column{hint}", field="map")


def match_header(source: Source, shape: Shape, mapping: Mapping[str, str]) -> Header:
    """Find our columns in a file.

    Raises
    ------
    graph.errors.Refused
        A required column, or one that the mapping names, is not there.
    """
    names = {name: mapping.get(f"{shape.name}.{name}", mapping.get(name, name)) for name in shape.cells}
    found = source.columns
    if found is None:
        return Header(names, ())
    present = set(found)
    wanted = {}
    for name, column in names.items():
        if column in present:
            wanted[name] = column
        elif name in present and column not in present:
            wanted[name] = name
    lacking = [name for name in names if name not in wanted and (shape.cells[name].required or names[name] != name)]
    if lacking:
        raise Refused(_explain(source.name, shape, [_title(name, names) for name in lacking], found))
    read = set(wanted.values())
    return Header(wanted, tuple(column for column in found if column and column not in read))


def _title(name: str, names: Mapping[str, str]) -> str:
    return name if names[name] == name else f"{name} (by --map: {quote(names[name])})"


def _explain(file: str, shape: Shape, lacking: list[str], found: tuple[str, ...]) -> str:
    verb = "is" if len(lacking) == 1 else "are"
    headless = "" if set(found) & set(shape.cells) else ". Is the first line a header?"
    return (
        f"{file}: {', '.join(lacking)} {verb} missing from the columns of {shape.name}; expected {shape.expected}; "
        f"found {listed(found)}{headless or '. Rename with --map name=column'}"
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
