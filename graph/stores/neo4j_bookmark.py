"""The number of the newest transaction, read from the bookmark that the server hands out with every answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

_PREFIX = "FB:"
_HEAD = 1 + 2 + 16
"""A list, then the id of the database as 16 bytes; the number follows."""
_WIDTHS = {0xC8: 1, 0xC9: 2, 0xCA: 4, 0xCB: 8}
"""Markers of integers in PackStream, and how many bytes they announce."""


def transaction_number(bookmarks: Iterable[str]) -> int | None:
    """How many transactions the database has seen, by whomever; None where the bookmark has another form.

    A bookmark is meant to be opaque: whoever asks must do without the number.
    """
    for bookmark in bookmarks:
        try:
            raw = base64.b64decode(bookmark.removeprefix(_PREFIX) + "==")
        except binascii.Error:
            return None
        if bookmark.startswith(_PREFIX) and len(raw) > _HEAD:
            return _integer(raw[_HEAD:])
    return None


def _integer(packed: bytes) -> int | None:
    marker = packed[0]
    if marker < 0x80:
        return marker
    width = _WIDTHS.get(marker, 0)
    return int.from_bytes(packed[1 : 1 + width], signed=True) if 0 < width < len(packed) else None
