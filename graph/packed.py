"""Many strings in two arrays, so that they can be memory-mapped and shared by processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


class PackedText:
    """An immutable list of optional strings.

    Parameters
    ----------
    offsets
        int64 ``[n + 1]``: string i is ``data[offsets[i]:offsets[i + 1]]``.
    data
        uint8: UTF-8 bytes; a string that is not known is a single 0xFF, a byte that UTF-8 never uses.
    """

    __slots__ = ("data", "offsets")

    def __init__(self, offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        self.offsets = offsets
        self.data = data

    @classmethod
    def pack(cls, texts: Iterable[str | None]) -> PackedText:
        """Pack strings in the order given."""
        parts = [b"\xff" if text is None else text.encode() for text in texts]
        offsets = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        return cls(offsets, np.frombuffer(b"".join(parts), np.uint8))

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> PackedText:
        """The text that `arrays` stored under this name."""
        return cls(arrays[f"{name}.offsets"], arrays[f"{name}.data"])

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """The two arrays under names of their own, for storing."""
        return {f"{name}.offsets": self.offsets, f"{name}.data": self.data}

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> str | None:
        raw = self.data[self.offsets[index] : self.offsets[index + 1]].tobytes()
        return None if raw == b"\xff" else raw.decode()

    def __iter__(self) -> Iterator[str | None]:
        whole, ends = self.data.tobytes(), self.offsets.tolist()
        for start, end in pairwise(ends):
            raw = whole[start:end]
            yield None if raw == b"\xff" else raw.decode()
