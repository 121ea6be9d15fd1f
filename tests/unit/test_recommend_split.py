"""What each split holds out, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from graph.errors import Refused
from graph.freeze import freeze
from graph.moments import DAY
from graph.records import Purchase, Record, Return
from graph.snapshot import Snapshot
from graph.stores.memory import MemoryStore
from recommend.split import Held, hold_out, hold_out_people
from tests.worlds import NOW, OLD, bought, likes, two_circles


def frozen(facts: Iterable[Record]) -> Snapshot:
    store = MemoryStore()
    store.write(list(facts))
    return freeze(store, now=NOW)


def pairs(snapshot: Snapshot) -> set[tuple[str, str]]:
    who = snapshot.customers.names(snapshot.purchases.customer.tolist())
    return set(zip(who, snapshot.products.names(snapshot.purchases.product.tolist()), strict=True))


def wanted(held: Held) -> set[tuple[str, str]]:
    return {(customer, product) for customer, products in held.truth.items() for product in products}


@pytest.mark.parametrize("how", ["random", "last", "time"])
def test_nothing_is_in_both_parts_and_nothing_is_lost(how: str) -> None:
    snapshot = frozen(two_circles())
    held = hold_out(snapshot, how)  # type: ignore[arg-type]
    assert wanted(held).isdisjoint(pairs(held.rest))
    assert wanted(held) | pairs(held.rest) == pairs(snapshot)
    assert held.rest.products is snapshot.products


def test_random_takes_a_share_of_each_person_and_another_seed_another_one() -> None:
    snapshot = frozen(two_circles())
    held = hold_out(snapshot, "random", share=0.3, seed=1)
    assert {len(products) for products in held.truth.values()} == {3}
    assert len(held.truth) == 60
    assert held.truth == hold_out(snapshot, "random", share=0.3, seed=1).truth
    assert held.truth != hold_out(snapshot, "random", share=0.3, seed=2).truth


@pytest.mark.parametrize(("share", "many"), [(0.01, 1), (0.99, 3)])
def test_random_leaves_everybody_one_and_takes_at_least_one(share: float, many: int) -> None:
    facts = [bought("a", f"p{i}") for i in range(4)] + [bought("single", "p1")]
    held = hold_out(frozen(facts), "random", share=share)
    assert {customer: len(products) for customer, products in held.truth.items()} == {"a": many}
    assert ("single", "p1") in pairs(held.rest)


def test_last_is_what_was_new_latest() -> None:
    facts = [
        bought("a", "old", OLD),
        bought("a", "new", OLD + DAY),
        bought("a", "old", OLD + 2 * DAY),  # bought again: not new
        bought("single", "old", OLD),
    ]
    held = hold_out(frozen(facts), "last")
    assert held.truth == {"a": {"new"}}
    assert pairs(held.rest) == {("a", "old"), ("single", "old")}


def test_time_holds_out_what_is_later_unless_it_was_owned() -> None:
    facts = [bought("a", f"p{i}", OLD + i * DAY) for i in range(8)]
    facts += [bought("a", "p0", OLD + 20 * DAY), bought("late", "p1", OLD + 20 * DAY)]
    held = hold_out(frozen(facts), "time", share=0.2)
    assert held.truth == {"late": {"p1"}}
    assert "late" in held.rest.customers
    assert held.rest.as_of == OLD + 7 * DAY
    assert len(held.rest.purchases.product) == 8


def test_an_opinion_goes_with_what_it_is_about() -> None:
    facts = [bought("a", "p", OLD), bought("a", "q", OLD + DAY), likes("a", "q", at=OLD + 2 * DAY), likes("a", "p")]
    for how in ("last", "time"):
        held = hold_out(frozen(facts), how, share=0.5)  # type: ignore[arg-type]
        assert held.truth == {"a": {"q"}}
        assert held.rest.products.names(held.rest.opinions.product.tolist()) == ["p"]


def test_what_was_returned_is_no_truth() -> None:
    facts: list[Record] = [bought("a", "p", OLD), bought("a", "q", OLD + DAY), bought("a", "r", OLD + 2 * DAY)]
    facts.append(Return(id="r", customer="a", product="r", at=OLD + 3 * DAY, reason="refund"))
    assert hold_out(frozen(facts), "last").truth == {"a": {"q"}}


@pytest.mark.parametrize("how", ["last", "time"])
def test_without_times_the_message_names_the_way_out(how: str) -> None:
    facts = [bought("a", "p"), Purchase(id="1", customer="a", product="q", at=None)]
    with pytest.raises(Refused, match=r"1 of 2 purchases have no time .* use --split random"):
        hold_out(frozen(facts), how)  # type: ignore[arg-type]
    assert len(hold_out(frozen(facts), "random").truth["a"]) == 1


@pytest.mark.parametrize("how", ["random", "last", "time"])
@pytest.mark.parametrize("facts", [[], [bought("a", "p")], [bought("a", "p", OLD), bought("a", "p", OLD + DAY)]])
def test_nothing_to_hold_out_is_refused(how: str, facts: list[Purchase]) -> None:
    with pytest.raises(Refused, match="nothing can be held out"):
        hold_out(frozen(facts), how)  # type: ignore[arg-type]


def test_people_held_out_are_newcomers_and_all_they_did_is_the_truth() -> None:
    snapshot = frozen([*two_circles(), likes("a0", "liked"), bought("single", "p")])
    held = hold_out_people(snapshot, share=0.5, seed=3)
    left = {customer for customer, _ in pairs(held.rest)}
    assert left.isdisjoint(held.truth) and len(held.truth) == round(0.5 * len(left | set(held.truth)))
    assert wanted(held) | pairs(held.rest) == pairs(snapshot)
    assert held.rest.customers is snapshot.customers and held.rest.ties is snapshot.ties
    assert held.truth == hold_out_people(snapshot, share=0.5, seed=3).truth
    assert held.truth != hold_out_people(snapshot, share=0.5, seed=4).truth


def test_of_a_newcomer_no_opinion_and_nothing_returned_is_left() -> None:
    facts: list[Record] = [bought("a", "p", OLD), bought("a", "q", OLD), likes("a", "r")]
    facts.append(Return(id="r", customer="a", product="q", at=OLD + DAY, reason="refund"))
    held = hold_out_people(frozen(facts), share=0.9)
    assert held.truth == {"a": {"p"}}
    assert len(held.rest.purchases.product) == len(held.rest.opinions.product) == 0
    with pytest.raises(Refused, match="nothing can be held out"):
        hold_out_people(frozen([likes("a", "r")]))
