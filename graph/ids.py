"""Outside names <-> array positions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from graph.packed import PackedText

UNKNOWN = -1


class IdMap:
    """Ids in positions 0..n-1. A snapshot's ids are sorted, so that equal facts give equal arrays; later ones are appended."""

    __slots__ = ("_ids", "_positions")

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = list(ids)
        self._positions = {id: position for position, id in enumerate(self._ids)}

    @classmethod
    def sorted(cls, ids: Iterable[str]) -> IdMap:
        """Distinct ids in ascending order."""
        return cls(sorted(set(ids)))

    @classmethod
    def unpack(cls, text: PackedText) -> IdMap:
        """Ids as `pack` stored them."""
        return cls(id for id in text if id is not None)

    def pack(self) -> PackedText:
        """The ids as two arrays."""
        return PackedText.pack(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, id: str) -> bool:
        return id in self._positions

    def __getitem__(self, position: int) -> str:
        return self._ids[position]

    def position(self, id: str) -> int:
        """The position of an id, `UNKNOWN` if it has none."""
        return self._positions.get(id, UNKNOWN)

    def positions(self, ids: Sequence[str]) -> NDArray[np.int32]:
        """int32 positions of many ids, `UNKNOWN` where there is none."""
        find = self._positions.get
        return np.fromiter((find(id, UNKNOWN) for id in ids), np.int32, len(ids))

    def names(self, positions: Iterable[int]) -> list[str]:
        """The ids at these positions."""
        return [self._ids[position] for position in positions]

    def add(self, id: str) -> int:
        """The position of an id, appended if it is new."""
        known = self._positions.get(id)
        if known is not None:
            return known
        self._ids.append(id)
        self._positions[id] = len(self._ids) - 1
        return len(self._ids) - 1

    def copy(self) -> IdMap:
        """An independent map with the same positions."""
        twin = IdMap(())
        twin._ids, twin._positions = self._ids.copy(), self._positions.copy()
        return twin
