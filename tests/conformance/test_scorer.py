"""What every scorer promises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.artefact import load_arrays, save_arrays
from graph.ids import IdMap
from graph.live import LiveGraph
from graph.records import Consent, Customer, Friendship, Product, Purchase, Record
from recommend.interest import TrainingData
from recommend.model import SCORERS
from recommend.scorer import Axis, Moved, Scorer, State
from recommend.viewer import Viewer
from tests.worlds import FAST, agrees, bought, happens, likes, live_of, product, two_circles


@pytest.fixture(params=SCORERS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> type[Scorer]:
    return request.param  # type: ignore[no-any-return]


def fitted(kind: type[Scorer], live: LiveGraph) -> Scorer:
    scorer = kind()
    scorer.fit(TrainingData.of(live), FAST)
    return scorer


def table(scorer: Scorer, live: LiveGraph, people: Iterable[str]) -> dict[tuple[str, str], float]:
    """Standard scores by id, so that positions do not matter."""
    products = np.arange(len(live.products), dtype=np.int32)
    found: dict[tuple[str, str], float] = {}
    for who in people:
        scores = scorer.scores(Viewer(live, live.customers.position(who)))
        if scores is not None:
            mean, deviation = scores.spread
            standard = (scores.at(products) - mean) / (deviation or 1)
            found |= {(who, live.products[one]): float(standard[one]) for one in products.tolist()}
    return found


def everybody(live: LiveGraph) -> list[str]:
    return live.customers.names(range(len(live.customers)))


def test_it_has_something_to_say(kind: type[Scorer]) -> None:
    live = live_of(two_circles())
    assert len(set(table(fitted(kind, live), live, ["c000"]).values())) > 3


def test_the_spread_is_the_mean_and_deviation_over_the_catalogue(kind: type[Scorer]) -> None:
    live = live_of(two_circles())
    data, scorer = TrainingData.of(live), fitted(kind, live)
    bought_ones = np.flatnonzero(data.buyers).astype(np.int32)
    for person in range(0, 60, 7):
        scores = scorer.scores(Viewer(live, person))
        assert scores is not None
        values = scores.at(bought_ones).astype(np.float64)
        assert scores.spread[0] == pytest.approx(values.mean(), abs=1e-5)
        if kind.name not in ("friends", "items", "similar"):  # they keep one scale, or a floor, for everybody
            assert scores.spread[1] == pytest.approx(values.std(), abs=1e-5)


def test_saved_and_loaded_it_says_the_same(kind: type[Scorer], tmp_path: Path) -> None:
    live = live_of(two_circles())
    scorer = fitted(kind, live)
    save_arrays(tmp_path / "scorer", *scorer.state())
    again = kind.restored(State(*load_arrays(tmp_path / "scorer")))
    assert table(again, live, everybody(live)) == table(scorer, live, everybody(live))


def test_training_twice_gives_the_same(kind: type[Scorer]) -> None:
    one, other = fitted(kind, live_of(two_circles())), fitted(kind, live_of(two_circles()))
    arrays, constants = one.state()
    arrays_again, constants_again = other.state()
    assert constants == constants_again
    assert {name: array.tobytes() for name, array in arrays.items()} == {
        name: array.tobytes() for name, array in arrays_again.items()
    }


def test_the_order_of_the_facts_changes_nothing(kind: type[Scorer]) -> None:
    facts = two_circles()
    shuffled = [facts[place] for place in np.random.default_rng(1).permutation(len(facts))]
    live, other = live_of(facts), live_of(shuffled)
    assert table(fitted(kind, live), live, ["c000", "c007"]) == table(fitted(kind, other), other, ["c000", "c007"])


def renamed(fact: Record) -> Record:
    """Other names for people, in the opposite order."""

    def other(id: str) -> str:
        return f"x{999 - int(id[1:])}" if id[1:].isdigit() else id

    if isinstance(fact, Customer):
        return replace(fact, id=other(fact.id))
    if isinstance(fact, Friendship):
        return Friendship.between(other(fact.customer), other(fact.friend), fact.since)
    if isinstance(fact, Purchase | Consent):
        return replace(fact, customer=other(fact.customer))
    return fact


def test_other_names_for_people_change_nothing(kind: type[Scorer]) -> None:
    live, other = live_of(two_circles()), live_of(map(renamed, two_circles()))
    mine = table(fitted(kind, live), live, ["c000"])
    theirs = table(fitted(kind, other), other, ["x999"])
    assert [theirs["x999", product] for _, product in mine] == pytest.approx(list(mine.values()), abs=2e-3)


def test_somebody_apart_changes_nobody(kind: type[Scorer]) -> None:
    facts = two_circles()
    live, other = live_of(facts), live_of([*facts, Customer(id="hermit")])
    mine = table(fitted(kind, live), live, ["c000", "c007"])
    assert table(fitted(kind, other), other, ["c000", "c007"]) == pytest.approx(mine, abs=1e-6)


def test_who_does_not_agree_to_personalisation_is_in_no_model(kind: type[Scorer]) -> None:
    refuses = [agrees("hidden", "personalisation", granted=False), Friendship.between("c000", "hidden")]
    acts = [bought("hidden", product(i)) for i in range(30)] + [likes("hidden", product(40))]
    quiet, busy = live_of([*two_circles(), *refuses]), live_of([*two_circles(), *refuses, *acts])
    one, other = fitted(kind, quiet).state(), fitted(kind, busy).state()
    assert one.constants == other.constants
    assert all(array.tobytes() == other.arrays[name].tobytes() for name, array in one.arrays.items())


def test_the_own_history_of_somebody_who_withdrew_personalisation_is_not_used(kind: type[Scorer]) -> None:
    live = live_of(two_circles())
    scorer = fitted(kind, live)
    happens(live, agrees("c004", "personalisation", granted=False))
    before = table(scorer, live, ["c004"])
    happens(live, bought("c004", product(1)), bought("c004", product(3)))
    assert table(scorer, live, ["c004"]) == before


def test_a_person_nobody_knows_is_no_error(kind: type[Scorer]) -> None:
    live = live_of(two_circles())
    scores = fitted(kind, live).scores(Viewer(live, live.customers.position("nobody")))
    assert scores is None or kind.name in ("popular", "trending")


@pytest.mark.parametrize(
    "facts",
    [
        [],
        [Customer(id="a")],
        [Product(id="p")],
        [Customer(id="a"), Product(id="p")],
        [bought("a", "p")],
        [bought("a", "p"), bought("b", "p"), Friendship.between("a", "b")],
        [bought("a", "p", weight=0.0)],
        [likes("a", "p", "dislike")],
    ],
    ids=["nothing", "a person", "a product", "no purchase", "one purchase", "two friends", "no weight", "a dislike"],
)
def test_hardly_any_data_is_enough(kind: type[Scorer], facts: list[Record]) -> None:
    live = live_of(facts)
    scorer = fitted(kind, live)
    everything = np.arange(len(live.products), dtype=np.int32)
    for person in range(len(live.customers)):
        scores = scorer.scores(Viewer(live, person))
        assert scores is None or np.isfinite(scores.at(everything)).all()


def test_at_other_positions_it_says_the_same_of_people_whose_facts_are_the_same(kind: type[Scorer]) -> None:
    live = live_of(two_circles())
    bigger = live_of(
        [*two_circles(), Customer(id="a-first"), Product(id="a-first"), Customer(id="zz"), Product(id="zz")]
    )
    moved = Moved(Axis.between(live.customers, bigger.customers), Axis.between(live.products, bigger.products))
    scorer = fitted(kind, live)
    mine, theirs = table(scorer, live, ["c000"]), table(scorer.aligned(moved), bigger, ["c000"])
    assert {pair: theirs[pair] for pair in mine} == pytest.approx(mine, abs=2e-3)


def test_what_left_the_graph_leaves_the_scorer_and_the_rest_still_works(kind: type[Scorer]) -> None:
    live = live_of(two_circles())
    fewer = live_of(fact for fact in two_circles() if "c010" not in values(fact) and not values(fact) & LAST)
    moved = Moved(Axis.between(live.customers, fewer.customers), Axis.between(live.products, fewer.products))
    scores = table(fitted(kind, live).aligned(moved), fewer, ["c000"])
    assert {product for _, product in scores} == {product(i) for i in range(50)}
    assert len(set(scores.values())) > 3


LAST = {product(i) for i in range(50, 60)}


def values(fact: Record) -> set[object]:
    return {getattr(fact, name) for name in fact.__dataclass_fields__}


def test_rows_move_by_id_and_newcomers_get_zeros() -> None:
    axis = Axis.between(IdMap(["a", "b", "c"]), IdMap(["c", "x", "a"]))
    assert axis.move(np.array([1.0, 2.0, 3.0])).tolist() == [3, 0, 1]
