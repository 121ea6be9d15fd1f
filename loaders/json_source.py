"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from graph.errors import Invalid, Refused
from loaders.lines import MAX_LINE, Block, blocks
from loaders.packed import PackedFile
from loaders.source import Chunk, Rejected, quote

_MARK = b"\xef\xbb\xbf"


class JsonSource:
    """A `loaders.source.Source` of JSON objects; each names its own columns."""

    columns = None

    def __init__(self, file: PackedFile) -> None:
        file.expect_text()
        if file.head.removeprefix(_MARK).lstrip().startswith(b"["):
            raise Refused(f"{file.name} is one JSON array; write one object per line (jq -c '.[]' does)")
        self.name = self.heading = file.name
        self.size = file.size
        self._file = file

    def close(self) -> None:
        self._file.close()

    def chunks(self, wanted: Mapping[str, str]) -> Iterator[Chunk]:
        for block in blocks(self._file.stream, self.name):
            lines, rows, rejects = _parse(block)
            found: set[str] = set().union(*rows)
            columns = {name: [row.get(column) for row in rows] for name, column in wanted.items()}
            yield Chunk(lines, columns, rejects, self._file.position(), frozenset(found.difference(wanted.values())))


def _parse(block: Block) -> tuple[list[int], list[dict[str, Any]], list[Rejected]]:
    if block.overlong:
        return [], [], [_reject(block.first, block.data, f"is longer than {MAX_LINE // 2**20} MiB")]
    lines: list[int] = []
    rows: list[dict[str, Any]] = []
    rejects: list[Rejected] = []
    for number, line in enumerate(block.data.splitlines(), block.first):
        text = line.removeprefix(_MARK) if number == 1 else line
        if not text.strip():
            continue
        try:
            rows.append(_decode(text))
            lines.append(number)
        except Invalid as error:
            rejects.append(_reject(number, line, str(error)))
    return lines, rows, rejects


def _decode(text: bytes) -> dict[str, Any]:
    try:
        row = _DECODER.decode(text.decode())
    except UnicodeDecodeError:
        raise Invalid("is not valid UTF-8") from None
    except json.JSONDecodeError as error:
        raise Invalid(f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise Invalid("is nested too deep") from None
    except ValueError:
        raise Invalid("holds a number with too many digits") from None
    if not isinstance(row, dict):
        raise Invalid("is not a JSON object")
    return row


def _reject(number: int, line: bytes, reason: str) -> Rejected:
    return Rejected(number, None, reason, quote(line[:200].decode(errors="backslashreplace")))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("names a key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise Invalid(f"holds {name}, which is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
