"""Bytes of a file, gzip undone. The bytes decide, not the name; an archive is checked whole before any row is read."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from graph.errors import Refused

HEAD = 4096
STEP = 1024 * 1024
FREE_SIZE = 32 * 1024 * 1024
MAX_RATIO = 100
"""An archive that unpacks to more than `FREE_SIZE` bytes may not exceed this many times its own size."""

_GZIP = b"\x1f\x8b"
_STRANGERS = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; save it as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet or an office document; save it as CSV",
    b"SQLite format 3": "a SQLite database; export its tables as CSV",
    b"BZh": "packed by bzip2; unpack it, or pack it by gzip",
    b"\xfd7zXZ": "packed by xz; unpack it, or pack it by gzip",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it, or pack it by gzip",
    b"%PDF": "a PDF",
}
_UTF16 = "{} text; save it as UTF-8 (iconv -f {} -t UTF-8)"
_MARKS = {
    b"\xff\xfe\x00\x00": _UTF16.format("UTF-32", "UTF-32"),
    b"\x00\x00\xfe\xff": _UTF16.format("UTF-32", "UTF-32"),
    b"\xff\xfe": _UTF16.format("UTF-16", "UTF-16"),
    b"\xfe\xff": _UTF16.format("UTF-16", "UTF-16"),
}


class PackedFile:
    """An open file.

    Attributes
    ----------
    name
        The path, safe to print.
    size
        Bytes on disk.
    packed
        Whether it is gzip.
    stream
        The unpacked bytes, from the beginning.
    """

    def __init__(self, path: Path) -> None:
        self.name = quote_path(path)
        self._raw: BinaryIO = _open(path, self.name)
        try:
            self.size = path.stat().st_size
            self.packed = self._raw.read(2) == _GZIP
            if self.packed:
                self._check_archive()
            self._raw.seek(0)
            self.stream: BinaryIO = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if self.packed else self._raw
            self.head = self.stream.read(HEAD)
            if not self.head:
                raise Refused(f"{self.name} is empty: nothing was loaded")
            self.stream.seek(0)
        except BaseException:
            self._raw.close()
            raise

    def position(self) -> int:
        """Bytes of the file on disk read so far."""
        return self._raw.tell()

    def close(self) -> None:
        self._raw.close()

    def expect_text(self) -> None:
        """Refuse what is certainly no UTF-8 text, saying what it is."""
        for mark, what in {**_STRANGERS, **_MARKS}.items():
            if self.head.startswith(mark):
                raise Refused(f"{self.name} is {what}")
        sample = self.head[:200]
        for half, encoding in ((sample[::2], "UTF-16BE"), (sample[1::2], "UTF-16LE")):
            if half.count(0) > len(sample) // 4:
                raise Refused(f"{self.name} looks like {_UTF16.format('UTF-16', encoding)}")

    def _check_archive(self) -> None:
        """Unpack once without keeping anything, so that a damaged archive is refused before its first row is loaded."""
        self._raw.seek(0)
        archive = gzip.GzipFile(fileobj=self._raw)
        unpacked = 0
        try:
            while step := len(archive.read(STEP)):
                unpacked += step
                if unpacked > max(FREE_SIZE, MAX_RATIO * self.size):
                    raise Refused(f"{self.name} unpacks to more than {MAX_RATIO} times its size: nothing was loaded")
        except EOFError:
            raise Refused(f"{self.name} is cut short (gzip): nothing was loaded; fetch it again") from None
        except (OSError, zlib.error) as error:
            raise Refused(f"{self.name} is damaged (gzip: {error}): nothing was loaded; fetch it again") from None


def quote_path(path: Path) -> str:
    """A path for messages, without anything a terminal would obey."""
    text = str(path)
    tail = text if len(text) <= 200 else "…" + text[-199:]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in tail)


def _open(path: Path, name: str) -> BinaryIO:
    with suppress(OSError, ValueError):
        if path.is_dir():
            raise Refused(f"{name} is a folder; name a file")
        if path.exists() and not path.is_file():
            raise Refused(f"{name} is no regular file (a pipe or a device); save it to a file first")
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise Refused(f"there is no file {name}") from None
    except (OSError, ValueError) as error:
        raise Refused(f"{name} cannot be read: {error}") from None
