"""A graph read anew while a model trained earlier goes on serving: positions stay, and whose facts are others is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.difference import changed_people
from graph.freeze import FROZEN, freeze
from graph.live import LiveGraph
from graph.moments import DAY
from graph.records import (
    Block,
    Consent,
    Customer,
    CustomerId,
    Friendship,
    Like,
    Product,
    Purchase,
    Record,
    Return,
    View,
)
from graph.schema import KINDS
from graph.snapshot import NO_CATEGORY, NO_PRICE, NO_YEAR, Snapshot
from graph.store import Changes, Lost
from graph.stores.memory import MemoryStore
from recommend.model import Model
from recommend.recommender import Recommender
from recommend.scorers.blend import Blend
from tests.tampered import Tampered
from tests.worlds import NOW, agrees, ask, bought, by_product, circles_model, customer, ids, likes, product, two_circles

EVERY_SCORER = Blend(
    {"taste": 1.0, "friends": 1.0, "similar": 0.5, "popular": 0.1, "trending": 0.1},
    {"taste": 1.0, "friends": 0.3, "popular": 0.1},
)


def store_of(*facts: Record) -> Tampered:
    store = Tampered()
    store.write(facts)
    return store


def small_shop() -> Tampered:
    return store_of(
        Customer(id="b", name="Bo", birth_year=1990),
        Customer(id="d", name="Di"),
        Product(id="m", name="Mug", price=900, category="Home"),
        Product(id="q", name="Quilt", price=1250, category="Bed", sensitive=True),
        bought("b", "m"),
        bought("b", "q"),
        bought("d", "m"),
        likes("d", "q"),
        Friendship.between("b", "d", 5),
        Block(customer="d", other="b"),
        agrees("b", "named"),
        Return(id="r", customer="d", product="m", reason="refund"),
    )


def names(snapshot: Snapshot) -> tuple[list[str], list[str], list[str]]:
    maps = snapshot.customers, snapshot.products, snapshot.categories
    return tuple(ids.names(range(len(ids))) for ids in maps)


class Busy(MemoryStore):
    """Something is written just before the read of one kind."""

    def __init__(self, before: type[Record], write: Callable[[MemoryStore], object]) -> None:
        super().__init__()
        self._before, self._then = before, write

    def read(self, kind, *, columns=None, until=None) -> Iterator[object]:
        if kind is self._before:
            self._then(self)
        return super().read(kind, columns=columns, until=until)


class TestFreezingWhileOthersWrite:
    FACTS = (
        Customer(id="a", name="Ann"),
        Customer(id="z", name="Zoe"),
        Product(id="p", name="Shoe", price=5),
        Product(id="q", name="Sock", price=5),
        Purchase(id="1", customer="a", product="p", at=1),
        Purchase(id="2", customer="z", product="q", at=2),
        Like(id="3", customer="a", product="p"),
        Friendship(customer="a", friend="z", since=4),
        Consent(id="5", customer="a", purpose="named", granted=True, at=5),
        Block(customer="z", other="a"),
    )

    @pytest.mark.parametrize(
        "renamed", [Customer(id="a", name="Anna"), Product(id="p", name="Boot", price=6)], ids=["a person", "a product"]
    )
    def test_who_is_described_anew_meanwhile_keeps_the_facts(self, renamed: Record) -> None:
        busy = Busy(type(renamed), lambda store: store.write([renamed]))
        busy.write(self.FACTS)
        live = LiveGraph(freeze(busy, now=NOW), now=NOW)
        live.apply(busy.changes(live.cursor), NOW)
        quiet = MemoryStore()
        quiet.write([*self.FACTS, renamed])
        assert self.told_of(live) == self.told_of(LiveGraph(freeze(quiet, now=NOW), now=NOW))

    @pytest.mark.parametrize("kind", FROZEN, ids=lambda kind: kind.__name__)
    def test_who_is_forgotten_meanwhile_leaves_nothing_to_others(self, kind: type[Record]) -> None:
        busy = Busy(kind, lambda store: store.forget(CustomerId("a")))
        busy.write(self.FACTS)
        live = LiveGraph(freeze(busy, now=NOW), now=NOW)
        live.apply(busy.changes(live.cursor), NOW)
        told = self.told_of(live)
        assert told.pop("a", nothing_told()) == nothing_told()
        assert told == {"z": ("Zoe", ["q"], [], [], False)}

    @pytest.mark.parametrize(("kind", "key"), [(Customer, ("a",)), (Product, ("p",))], ids=["a person", "a product"])
    def test_rows_whose_end_is_gone_are_left_out(self, kind: type[Record], key: tuple[str]) -> None:
        store = store_of(*self.FACTS, Return(id="6", customer="a", product="p", reason="refund"))
        store.cut(kind, key)
        found = freeze(store, now=NOW)
        assert found.purchases.customer.tolist() == [len(found.customers) - 1]
        assert found.products.names(found.purchases.product) == ["q"]
        assert found.opinions.starts[-1] == 0
        assert found.returns.starts[-1] == 0
        friendships = 0 if kind is Customer else 2
        assert (len(found.ties.friend), len(found.blocks)) == (friendships, friendships // 2)
        assert np.count_nonzero(found.receipts != np.iinfo(np.int64).min) == friendships // 2

    @staticmethod
    def told_of(live: LiveGraph) -> dict[str, tuple[object, ...]]:
        return {
            who: (
                live.customer_name(at),
                live.products.names(live.owned(at)),
                live.products.names(live.opinions_of(at).product),
                live.customers.names(live.evidence.ties(at)),
                live.agrees(at, "named"),
            )
            for at, who in enumerate(live.customers.names(range(len(live.customers))))
        }


def nothing_told() -> tuple[object, ...]:
    return None, [], [], [], False


class TestPositions:
    def test_what_was_there_keeps_its_place_and_what_is_new_comes_after_it_in_order(self) -> None:
        store = small_shop()
        before = freeze(store, now=1)
        store.write([Customer(id="c", name="Cy"), Customer(id="a"), Product(id="n"), Product(id="a", category="Art")])
        after = freeze(store, now=2, positions=before)
        assert names(after) == (["b", "d", "a", "c"], ["m", "q", "a", "n"], ["Bed", "Home", "Art"])
        assert list(after.customer_names) == ["Bo", "Di", None, "Cy"]
        assert after.price.tolist() == [900, 1250, NO_PRICE, NO_PRICE]
        assert after.category.tolist() == [1, 0, 2, NO_CATEGORY]

    def test_who_is_gone_stays_as_somebody_without_facts(self) -> None:
        store = small_shop()
        before = freeze(store, now=1)
        store.lose(Customer, ("b",))
        after = freeze(store, now=2, positions=before)
        assert names(after)[0] == ["b", "d"]
        assert list(after.customer_names) == [None, "Di"]
        assert after.birth_year.tolist() == [NO_YEAR, NO_YEAR]
        assert after.purchases.starts.tolist() == [0, 0, 1]
        assert (len(after.ties.friend), len(after.blocks)) == (0, 0)
        assert (after.receipts == np.iinfo(np.int64).min).all()

    def test_a_product_that_is_gone_cannot_be_bought(self) -> None:
        store = small_shop()
        before = freeze(store, now=1)
        store.lose(Product, ("q",))
        after = freeze(store, now=2, positions=before)
        assert names(after)[1:] == (["m", "q"], ["Bed", "Home"])
        assert list(after.product_names) == ["Mug", None]
        assert after.price.tolist() == [900, NO_PRICE]
        assert after.category.tolist() == [1, NO_CATEGORY]
        for known, gone in (after.available, after.described):
            assert (known, gone) == (True, False)
        assert after.sensitive.tolist() == [False, False]
        assert after.purchases.product.tolist() == [0, 0]

    def test_a_product_that_comes_back_is_offered_again(self) -> None:
        store = small_shop()
        before = freeze(store, now=1)
        store.lose(Product, ("q",))
        live = LiveGraph(freeze(store, now=2, positions=before), now=NOW)
        store.write([Product(id="q", name="Quilt", price=7)])
        live.apply(store.changes(live.cursor), NOW)
        at = before.products.position("q")
        assert (live.product_name(at), live.price[at]) == ("Quilt", 7)
        assert live.available[at]
        assert live.described[at]

    def test_without_any_change_the_arrays_are_the_same(self, tmp_path: Path) -> None:
        store = small_shop()
        before = freeze(store, now=1)
        before.save(tmp_path / "before")
        freeze(store, now=1, positions=before).save(tmp_path / "after")
        assert (tmp_path / "before/manifest.json").read_bytes() == (tmp_path / "after/manifest.json").read_bytes()


class TestWhoseFactsDiffer:
    @pytest.mark.parametrize(
        ("kind", "key", "expected"),
        [
            (Purchase, ("b-m-" + str(NOW - 100 * DAY),), ["b"]),
            (Like, ("d-q-like-" + str(NOW - 100 * DAY),), ["d"]),
            (Friendship, ("b", "d"), ["b", "d"]),
            (Consent, ("b-named-" + str(NOW - 100 * DAY),), ["b"]),
            (Return, ("r",), ["d"]),
            (Block, ("d", "b"), []),
            (Product, ("q",), ["b", "d"]),
            (Customer, ("d",), ["b", "d"]),
        ],
        ids=lambda value: getattr(value, "__name__", ""),
    )
    def test_they_are_those_who_lost_something(
        self, kind: type[Record], key: tuple[str, ...], expected: list[str]
    ) -> None:
        store = small_shop()
        before = freeze(store, now=1)
        assert store.get(kind, key)
        store.lose(kind, key)
        after = freeze(store, now=1, positions=before)
        assert after.customers.names(changed_people(before, after).tolist()) == expected

    @pytest.mark.parametrize(
        ("other", "changed"),
        [
            (bought("b", "m", weight=2.0), True),
            (bought("b", "m", order="o"), True),
            (bought("b", "m", gift=True), True),
            (replace(bought("b", "m"), at=NOW), True),
            (replace(bought("b", "m"), product="q"), True),
            (replace(bought("b", "m"), price=3), False),
            (replace(bought("b", "m"), id="other"), False),
        ],
        ids=["strength", "order", "gift", "moment", "product", "price", "id"],
    )
    def test_one_purchase_in_the_place_of_another_is_noticed(self, other: Purchase, changed: bool) -> None:
        goods = Product(id="m"), Product(id="q")
        before = freeze(store_of(*goods, bought("b", "m"), bought("c", "m")), now=1)
        after = freeze(store_of(*goods, other, bought("c", "m")), now=1, positions=before)
        assert changed_people(before, after).tolist() == [0] * changed

    @pytest.mark.parametrize(
        ("one", "other", "changed"),
        [
            (Customer(id="a", birth_year=1990), Customer(id="a", birth_year=1991), ["a"]),
            (Customer(id="a", name="Ann"), Customer(id="a", name="Anna"), []),
            (likes("a", "p", at=1), likes("a", "p", at=2), ["a"]),
            (likes("a", "p"), likes("a", "p", "dislike"), ["a"]),
            (likes("a", "p"), likes("a", "q"), ["a"]),
            (agrees("a", "named"), agrees("a", "named", False), ["a"]),
            (agrees("a", "named"), agrees("a", "profiling"), ["a"]),
            (Friendship.between("a", "b", 1), Friendship.between("a", "b", 2), ["a", "b"]),
            (Friendship.between("a", "b", 1), Friendship.between("a", "c", 1), ["a", "b", "c"]),
        ],
    )
    def test_one_fact_in_the_place_of_another_is_noticed(self, one: Record, other: Record, changed: list[str]) -> None:
        people = Customer(id="a"), Customer(id="b"), Customer(id="c"), Product(id="p"), Product(id="q")
        before = freeze(store_of(*people, one), now=1)
        after = freeze(store_of(*people, other), now=1, positions=before)
        assert after.customers.names(changed_people(before, after).tolist()) == changed

    def test_who_came_later_counts_as_changed(self) -> None:
        store = small_shop()
        trained = freeze(store, now=1)
        store.write([Customer(id="a")])
        live = LiveGraph(freeze(store, now=1, positions=trained), now=NOW, trained=trained)
        assert [live.changed(at) for at in range(3)] == [0, 0, 1]
        store.write([bought("b", "new"), bought("a", "new")])
        live.apply(store.changes(live.cursor), NOW)
        assert [live.changed(at) > 0 for at in range(3)] == [True, False, True]
        assert [LiveGraph(live.snapshot, now=NOW).changed(at) for at in range(3)] == [0, 0, 0]


class TestTheTail:
    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
    def test_a_loss_is_noticed_where_a_snapshot_holds_the_kind_and_changes_nothing_by_itself(
        self, kind: type[Record]
    ) -> None:
        live = LiveGraph(freeze(small_shop(), now=1), now=NOW)
        live.apply(Changes(live.cursor, (Lost(kind),), more=False), NOW)
        assert live.lost == (kind in FROZEN)
        assert [live.changed(at) for at in range(2)] == [0, 0]
        assert live.products.names(live.owned(live.customers.position("b"))) == ["m", "q"]

    def test_what_was_lost_stays_lost_when_other_news_follow(self) -> None:
        live = LiveGraph(freeze(small_shop(), now=1), now=NOW)
        live.apply(Changes(live.cursor, (Lost(Purchase), Lost(View), bought("b", "new")), more=False), NOW)
        assert live.lost
        assert not live.over(live.snapshot).lost


class TestAnswers:
    """With the model that was trained before."""

    @staticmethod
    def shop() -> tuple[Tampered, Snapshot, Model]:
        store = store_of(*two_circles())
        return store, freeze(store, now=NOW), replace(circles_model(), blend=EVERY_SCORER)

    @staticmethod
    def reread(store: Tampered, trained: Snapshot) -> LiveGraph:
        return LiveGraph(freeze(store, now=NOW, positions=trained), now=NOW, trained=trained)

    def test_nothing_lost_gives_the_same_answers(self) -> None:
        store, trained, model = self.shop()
        before, after = LiveGraph(trained, now=NOW), self.reread(store, trained)
        for who in (customer(0), customer(7), "newcomer", "loner", "nobody"):
            assert ask(model, after, who) == ask(model, before, who)

    def test_a_purchase_that_is_gone_is_no_longer_owned_and_no_longer_counts(self) -> None:
        store, trained, model = self.shop()
        mine = [fact for fact in two_circles() if isinstance(fact, Purchase) and fact.customer == customer(4)]
        store.lose(Purchase, *[(fact.id,) for fact in mine])
        live = self.reread(store, trained)
        items = ask(model, live, customer(4), limit=60).items
        assert {fact.product for fact in mine} <= set(ids(items))
        assert not {"taste", "similar_to"} & {reason.type for item in items for reason in item.reasons}

    def test_a_product_that_is_gone_is_in_no_answer(self) -> None:
        store, trained, model = self.shop()
        store.lose(Product, *[(product(place),) for place in range(0, 20, 2)])
        live = self.reread(store, trained)
        recommender, gone = Recommender(model), {product(place) for place in range(0, 20, 2)}
        for who in (customer(4), customer(7), "newcomer", "loner"):
            found = ids(ask(model, live, who, limit=60).items)
            assert found
            assert not gone & set(found)
        assert not gone & set(ids(recommender.trending(60, None, live)))
        for place in range(60):
            assert not gone & set(ids(recommender.similar(product(place), 60, live)))

    def test_who_came_after_the_training_is_answered_from_their_history(self) -> None:
        store, trained, model = self.shop()
        late = [bought("late", product(place)) for place in (1, 3, 5)]
        store.write([*late, *[agrees("late", "social_proof"), Customer(id="aa-late")], bought("aa-late", "unheard")])
        live = self.reread(store, trained)
        items = ask(model, live, "late", limit=20).items
        odd = [item for item in items if int(item.product[1:]) % 2]
        assert len(odd) > len(items) / 2
        assert "similar_to" in {reason.type for item in items for reason in item.reasons}
        assert ask(model, live, "aa-late").items

    @settings(max_examples=25)
    @given(data=st.data())
    def test_they_are_those_of_the_model_moved_to_a_snapshot_of_what_is_left(self, data: st.DataObject) -> None:
        store, trained, model = self.shop()
        kept = [(kind, key) for kind, key in store.stored() if kind is not Product]
        for kind, key in data.draw(st.lists(st.sampled_from(kept), min_size=1, max_size=20, unique=True)):
            store.lose(kind, key)
        store.write([bought("late", product(1)), bought(customer(2), product(3)), Customer(id="after")])
        live, fresh = self.reread(store, trained), freeze(store, now=NOW)
        moved = model.aligned(fresh)
        for who in data.draw(st.lists(st.sampled_from([customer(i) for i in range(60)]), min_size=3, max_size=5)):
            found = by_product(ask(model, live, who, limit=60))
            expected = by_product(ask(moved, LiveGraph(fresh, now=NOW), who, limit=60))
            assert found.keys() == expected.keys()
            for name, item in found.items():
                assert item.score == pytest.approx(expected[name].score, abs=1e-3)
                assert item.source in {"taste", "friends", "similar", "popular", "trending"}
