"""Physical lines in bounded memory: the file comes in blocks that end where a line ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from graph.errors import Refused

BLOCK = 256 * 1024
MAX_LINE = 1024 * 1024
"""A longer line is rejected (bytes)."""
MAX_RUN = 8 * 1024 * 1024
"""That many bytes without a line end: the file is refused."""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines, ``first`` being the number of the first one. ``overlong``: the start of one above `MAX_LINE`."""

    first: int
    data: bytes
    overlong: bool = False


def blocks(stream: BinaryIO, name: str) -> Iterator[Block]:
    r"""Cut a stream at line ends (``\n``, ``\r\n`` or ``\r``).

    Raises
    ------
    graph.errors.Refused
        A line above `MAX_RUN`.
    """
    line, rest = 1, b""
    while read := stream.read(BLOCK):
        data = rest + read
        cut = _after_last_end(data)
        if cut:
            yield Block(line, data[:cut])
            line += line_ends(data[:cut])
        rest = data[cut:]
        if len(rest) > MAX_LINE:
            yield Block(line, rest[:80], overlong=True)
            rest = _skip_line(stream, rest, f"{name}, line {line}")
            line += 1
    if rest:
        yield Block(line, rest)


def line_ends(data: bytes) -> int:
    """How many lines end within; a carriage return and a line feed after it are one end."""
    returns = data.count(b"\r")
    return data.count(b"\n") + (returns - data.count(b"\r\n") if returns else 0)


def _after_last_end(data: bytes) -> int:
    """Behind the last line end; a return as the very last byte may be half of one, so it is left for later."""
    return max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1


def _skip_line(stream: BinaryIO, run: bytes, place: str) -> bytes:
    """Forget the rest of a line; returns what was read beyond its end."""
    length, last = len(run), run[-1:]
    while True:
        read = stream.read(BLOCK)
        if last == b"\r":
            return read.removeprefix(b"\n")
        if not read:
            return b""
        ends = [at for at in (read.find(b"\n"), read.find(b"\r", 0, len(read) - 1)) if at >= 0]
        if ends:
            at = min(ends)
            return read[at + (2 if read[at : at + 2] == b"\r\n" else 1) :]
        length, last = length + len(read), read[-1:]
        if length > MAX_RUN:
            raise Refused(f"{place} is longer than {MAX_RUN // 2**20} MiB: is this a text file with one row per line?")
