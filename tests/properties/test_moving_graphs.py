"""Whatever a store can hold arrives in another one exactly as it was, in every format that says so."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph.records import Customer, Product, Purchase, Record, Review
from graph.schema import KINDS
from graph.stores.memory import MemoryStore
from graph.stores.sqlite import SqliteStore
from graph.tables import EXACT
from tests.moving import assert_moves
from tests.records import FACTS, records_of

LEAST, MOST = -(2**63), 2**63 - 1
EXTREMES = [
    Customer(id="\0\u2028\n\ud7ff\U0010ffff", name="", birth_year=LEAST),
    Product(id="=1", name='"\\', price=LEAST),
    Product(id="", price=MOST),
    Product(id="p", price=-5),
    Purchase(id="1", customer="a", product="p", at=LEAST, quantity=MOST, weight=float("inf")),
    Purchase(id="2", customer="a", product="p", at=MOST, quantity=LEAST, weight=float("-inf")),
    Purchase(id="3", customer="a", product="p", at=-1, price=0, weight=5e-324),
    Purchase(id="4", customer="a", product="p", at=-62_135_596_800_000_000, weight=-0.0),
    Purchase(id="5", customer="a", product="p", at=253_402_300_799_999_999),
    Review(id="6", customer="a", product="p", rating=0.1 + 0.2, text="'"),
]
"""The first and last moments that ISO 8601 and 64 bits have, and texts and numbers that formats stumble over."""


@pytest.mark.parametrize("format", EXACT)
@settings(max_examples=settings().max_examples // 4)  # each writes 26 files and loads them four times
@given(facts=st.lists(st.one_of(*map(records_of, KINDS.values())), max_size=12), digits=st.sampled_from([0, 2, 3]))
@example(facts=[], digits=2)
@example(facts=list(FACTS), digits=2)
@example(facts=EXTREMES, digits=0)
@example(facts=EXTREMES, digits=3)
def test_a_graph_moves_from_memory_to_sqlite_and_back(format: str, facts: Sequence[Record], digits: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder, memory, back = Path(made), MemoryStore(), MemoryStore()
        memory.write(facts)
        with closing(SqliteStore(folder / "shop.db")) as sqlite:
            assert_moves(memory, sqlite, folder / "there", format, digits=digits)
            assert_moves(sqlite, back, folder / "back", format, digits=digits)
