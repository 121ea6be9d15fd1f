"""Freezing a store into arrays, and arrays to disk and back."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from graph.errors import Damaged
from graph.freeze import freeze
from graph.ids import UNKNOWN, IdMap
from graph.moments import LONG_AGO
from graph.packed import PackedText
from graph.records import Block, Customer, Friendship, Like, Product, Purchase, Return
from graph.sensitive import Sensitive
from graph.snapshot import COUNT_ONLY, GIFT, NO_CATEGORY, NO_PRICE, PRIVATE, RETURNED, Snapshot
from graph.stores.memory import MemoryStore


def snapshot(*facts: object, sensitive: Sensitive | None = None) -> Snapshot:
    store = MemoryStore()
    store.write(facts)
    return freeze(store, now=100, sensitive=sensitive)


def shop() -> Snapshot:
    return snapshot(
        Customer(id="b", name="Bo", birth_year=1990),
        Customer(id="a"),
        Product(id="q", name="Quilt", price=1250, category="Home"),
        Product(id="p", category="Health", available=False),
        Purchase(id="1", customer="b", product="q", at=20, quantity=3),
        Purchase(id="2", customer="b", product="p", at=10, weight=2.5, gift=True, visibility="count"),
        Purchase(id="3", customer="a", product="new", visibility="private"),
        Friendship.between("b", "a", 5),
        Like(id="l", customer="a", product="q", at=1),
    )


def test_positions_follow_the_sorted_ids() -> None:
    found = shop()
    assert found.customers.names(range(2)) == ["a", "b"]
    assert found.products.names(range(3)) == ["new", "p", "q"]
    assert list(found.customer_names) == [None, "Bo"]
    assert found.birth_year.tolist() == [0, 1990]


def test_products_keep_what_is_known_of_them() -> None:
    found = shop()
    assert found.price.tolist() == [NO_PRICE, NO_PRICE, 1250]
    assert [found.categories[place] if place != NO_CATEGORY else None for place in found.category] == [
        None,
        "Health",
        "Home",
    ]
    assert found.available.tolist() == [True, False, True]
    assert found.described.tolist() == [False, True, True]


def test_sensitive_comes_from_the_product_the_base_list_and_the_shop() -> None:
    facts = [
        Product(id="a", sensitive=True),
        Product(id="b", category=" HEALTH"),
        Product(id="c", category="Wine"),
        Product(id="d"),
    ]
    assert snapshot(*facts).sensitive.tolist() == [True, True, False, False]
    assert snapshot(*facts, sensitive=Sensitive(["wine"])).sensitive.tolist() == [True, True, True, False]


def test_purchases_are_rows_by_customer_and_time() -> None:
    table = shop().purchases
    assert table.starts.tolist() == [0, 1, 3]
    assert table.product.tolist() == [0, 1, 2]
    assert table.at.tolist() == [LONG_AGO, 10, 20]
    assert table.strength.tolist() == [1.0, 2.5, 3.0]
    assert table.flags.tolist() == [PRIVATE, GIFT | COUNT_ONLY, 0]
    assert table.customer.tolist() == [0, 1, 1]
    assert table.of(1).product.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("returned", "undone"),
    [
        ({"at": 50}, [True, True]),
        ({"at": 15}, [True, False]),
        ({"at": None}, [True, True]),
        ({"at": 50, "order": "o2"}, [False, True]),
        ({"at": 50, "order": "o9"}, [False, False]),
    ],
)
def test_a_return_undoes_earlier_purchases_of_its_product_and_order(returned: dict, undone: list[bool]) -> None:
    bought = [Purchase(id=str(i), customer="a", product="p", at=10 * i, order=f"o{i}") for i in (1, 2)]
    other = Purchase(id="3", customer="a", product="q", at=1)
    table = snapshot(*bought, other, Return(id="r", customer="a", product="p", reason="refund", **returned)).purchases
    assert (table.flags[table.product == 0] == RETURNED).tolist() == undone
    assert table.flags[table.product == 1].tolist() == [0]


def test_friendships_stand_in_both_directions_and_blocks_beside_them() -> None:
    found = snapshot(Friendship.between("a", "b", 7), Friendship.between("b", "c"), Block(customer="c", other="a"))
    assert [found.ties.of(person).tolist() for person in range(3)] == [[1], [0, 2], [1]]
    assert found.ties.since.tolist() == [7, 7, LONG_AGO, LONG_AGO]
    assert found.blocks.tolist() == [[2, 0]]


def test_the_newest_opinion_counts_and_the_worse_wins_a_tie() -> None:
    likes = [
        Like(id="1", customer="a", product="p", at=1, opinion="dislike"),
        Like(id="2", customer="a", product="p", at=2, opinion="like"),
        Like(id="3", customer="a", product="q", at=2, opinion="like"),
        Like(id="4", customer="a", product="q", at=2, opinion="dislike"),
        Like(id="5", customer="a", product="r", at=3, opinion="unlike"),
    ]
    assert snapshot(*likes).opinions.opinion.tolist() == [1, -1, 0]


def test_what_is_written_while_freezing_is_left_to_the_tail() -> None:
    class Busy(MemoryStore):
        def read(self, kind, *, columns=None, until=None):
            self.write([Purchase(id=f"late-{kind.__name__}", customer="late", product="late")])
            return super().read(kind, columns=columns, until=until)

    store = Busy()
    store.write([Customer(id="a")])
    found = freeze(store, now=1)
    assert len(found.purchases.product) == 0
    assert {item.id for item in store.changes(found.cursor).items if isinstance(item, Purchase)} >= {
        "late-Customer",
        "late-Purchase",
    }


def test_a_snapshot_comes_back_from_disk_equal(tmp_path: Path) -> None:
    before = shop()
    before.save(tmp_path / "s")
    after = Snapshot.load(tmp_path / "s")
    for field in fields(Snapshot):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if isinstance(old, IdMap):
            assert list(old.pack()) == list(new.pack())
        elif isinstance(old, PackedText):
            assert list(old) == list(new)
        elif isinstance(old, np.ndarray):
            assert np.array_equal(old, new)
            assert old.dtype == new.dtype
        elif field.name in {"as_of", "cursor"}:
            assert old == new
        else:
            assert all(np.array_equal(getattr(old, part.name), getattr(new, part.name)) for part in fields(old))


def test_equal_facts_give_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shop().save(tmp_path / name)
    assert (tmp_path / "one/manifest.json").read_bytes() == (tmp_path / "two/manifest.json").read_bytes()


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    shop().save(tmp_path / "s")
    (tmp_path / "s/ties.friend.npy").write_bytes(b"no array")
    with pytest.raises(Damaged):
        Snapshot.load(tmp_path / "s")


def test_an_empty_store_freezes_to_empty_arrays(tmp_path: Path) -> None:
    snapshot().save(tmp_path / "s")
    empty = Snapshot.load(tmp_path / "s")
    assert (len(empty.customers), len(empty.products), len(empty.purchases.product)) == (0, 0, 0)


class TestIdMap:
    def test_ids_are_sorted_and_distinct(self) -> None:
        ids = IdMap.sorted(["b", "a", "b", "10", "9"])
        assert ids.names(range(len(ids))) == ["10", "9", "a", "b"]

    def test_unknown_ids_have_no_position(self) -> None:
        assert IdMap(["a"]).position("x") == UNKNOWN
        assert IdMap(["a"]).positions(["a", "x"]).tolist() == [0, UNKNOWN]

    def test_new_ids_are_appended_and_a_copy_stays_as_it_was(self) -> None:
        ids = IdMap(["a"])
        twin = ids.copy()
        assert (ids.add("b"), ids.add("a"), ids.add("b")) == (1, 0, 1)
        assert (len(ids), len(twin), "b" in twin) == (2, 1, False)

    def test_odd_texts_survive_packing(self) -> None:
        texts = ["", None, "ÿ", "日本語", "a\x00b", "🎸" * 50]
        assert list(PackedText.pack(texts)) == texts
        assert [PackedText.pack(texts)[place] for place in range(len(texts))] == texts
