"""A trained model: the scorers, how they are weighted, and what they were trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from graph.artefact import Arrays, load_arrays, save_arrays
from graph.errors import Damaged
from graph.ids import IdMap
from graph.packed import PackedText
from graph.snapshot import Snapshot
from recommend.metrics import Figures
from recommend.options import TrainingOptions
from recommend.scorer import Axis, Moved, Scorer, State
from recommend.scorers.als import Als
from recommend.scorers.blend import Blend, Voice
from recommend.scorers.friends import Friends
from recommend.scorers.friends_taste import FriendsTaste
from recommend.scorers.items import ItemModel
from recommend.scorers.popular import Popular, Trending
from recommend.scorers.similar import Similar
from recommend.viewer import Viewer

SCORERS: tuple[type[Scorer], ...] = (Als, ItemModel, FriendsTaste, Friends, Similar, Popular, Trending)


@dataclass(frozen=True)
class Model:
    """Everything that answers need beside the graph.

    Attributes
    ----------
    scorers
        By name.
    blend
        How they are weighted.
    options
        With what was learned filled in.
    metrics
        On the validation part: figure to value; empty if there was too little data for one.
    figures
        float64 ``[people]``: NDCG@20 of each person of the validation part with a history.
    customers, products
        What the positions in the scorers mean.
    """

    scorers: Mapping[str, Scorer]
    blend: Blend
    options: TrainingOptions
    metrics: Mapping[str, float]
    figures: Figures
    customers: IdMap
    products: IdMap

    @cached_property
    def id(self) -> str:
        """``m-`` and twelve digits that depend on everything that was learned."""
        arrays, meta = self._stored()
        digest = hashlib.sha256(json.dumps(meta, sort_keys=True).encode())
        for name, array in sorted(arrays.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return f"m-{digest.hexdigest()[:12]}"

    @property
    def weights(self) -> Mapping[str, float]:
        """Scorer name to weight, for people with a history."""
        return self.blend.known

    @property
    def similar(self) -> Similar:
        """Bought by the same people."""
        return cast(Similar, self.scorers[Similar.name])

    @property
    def popular(self) -> Popular:
        """Bought by many."""
        return cast(Popular, self.scorers[Popular.name])

    @property
    def trending(self) -> Trending:
        """Bought by many lately."""
        return cast(Trending, self.scorers[Trending.name])

    def voices(self, viewer: Viewer) -> list[Voice]:
        """The scorers that have something to say to a person."""
        return self.blend.voices(self.scorers, viewer)

    def aligned(self, snapshot: Snapshot) -> Model:
        """The same model for the positions of another snapshot; who is new there has no part in it."""
        axes = Axis.between(self.customers, snapshot.customers), Axis.between(self.products, snapshot.products)
        scorers = {name: scorer.aligned(Moved(*axes)) for name, scorer in self.scorers.items()}
        return replace(self, scorers=scorers, customers=snapshot.customers, products=snapshot.products)

    def save(self, folder: Path) -> None:
        """Write arrays, JSON and their sums into a folder that does not exist yet."""
        save_arrays(folder, *self._stored())

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Read what `save` wrote, memory-mapped.

        Raises
        ------
        graph.errors.Damaged
            A file is missing or changed, or another version wrote it.
        """
        arrays, meta = load_arrays(folder)
        try:
            scorers = {kind.name: kind.restored(_state(kind.name, arrays, meta)) for kind in SCORERS}
            return cls(
                scorers,
                Blend(**meta["weights"]),
                TrainingOptions.from_json(meta["options"]),
                meta["metrics"],
                arrays["figures"],
                *(IdMap.unpack(PackedText.of(arrays, name)) for name in ("customers", "products")),
            )
        except (KeyError, TypeError) as error:
            raise Damaged(f"{folder} was written by another version ({error!r}); train again") from error

    def _stored(self) -> tuple[Arrays, dict[str, Any]]:
        states = {name: scorer.state() for name, scorer in self.scorers.items()}
        arrays = {f"{name}.{part}": array for name, state in states.items() for part, array in state.arrays.items()}
        arrays |= {
            "figures": self.figures,
            **self.customers.pack().arrays("customers"),
            **self.products.pack().arrays("products"),
        }
        meta = {
            "weights": {"known": dict(self.blend.known), "new": dict(self.blend.new)},
            "options": self.options.as_json(),
            "metrics": dict(self.metrics),
            "constants": {name: dict(state.constants) for name, state in states.items()},
        }
        return arrays, meta


def _state(name: str, arrays: Arrays, meta: Mapping[str, Any]) -> State:
    prefix = f"{name}."
    mine = {part.removeprefix(prefix): array for part, array in arrays.items() if part.startswith(prefix)}
    return State(mine, meta["constants"][name])
