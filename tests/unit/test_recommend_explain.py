"""Reasons, rules, candidates and the blend, one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from graph.live import LiveGraph
from graph.records import Product, Record
from graph.snapshot import FloatArray, IntArray
from recommend.candidates import FIRST, candidates
from recommend.explain import explain, labels_of
from recommend.query import Query, Reason
from recommend.recommender import score
from recommend.rules import RULES, Ranked, obey
from recommend.scorer import Scorer
from recommend.scorers.blend import Blend, Voice
from recommend.scores import FixedScores, SparseScores
from recommend.topk import among, union
from recommend.viewer import Viewer
from tests.worlds import bought, circles_model, happens, live_of, product, two_circles

COUNT = 60


@pytest.fixture
def live() -> LiveGraph:
    return live_of(two_circles())


def column(**at: float) -> FloatArray:
    """Zero but for some products: ``p3=1.0``."""
    values = np.zeros(COUNT, np.float32)
    for name, value in at.items():
        values[int(name[1:])] = value
    return values


def fixed(name: str, weight: float = 1.0, **at: float) -> Voice:
    return Voice(name, weight, FixedScores(column(**at), COUNT))


def why(viewer: Viewer, voices: list[Voice], place: int) -> tuple[str, list[str]]:
    ((source, reasons),) = explain(viewer, voices, score(voices, np.array([place], np.int32)))
    return source, [reason.type for reason in reasons]


# ---- reasons


def test_the_scorer_that_adds_most_is_the_source(live: LiveGraph) -> None:
    voices = [fixed("popular", 1.0, p1=5, p2=1), fixed("trending", 2.0, p1=1, p2=5)]
    assert why(Viewer(live, 0), voices, 1) == ("popular", ["popular", "trending"])
    assert why(Viewer(live, 0), voices, 2) == ("trending", ["trending"])


def test_a_part_that_hardly_matters_gives_no_reason(live: LiveGraph) -> None:
    voices = [fixed("popular", 1.0, p1=5), fixed("trending", 0.01, p1=5)]
    assert why(Viewer(live, 0), voices, 1) == ("popular", ["popular"])


def test_a_product_that_nobody_speaks_for_still_has_a_reason(live: LiveGraph) -> None:
    assert why(Viewer(live, 0), [fixed("trending", 1.0, p1=5)], 7) == ("popular", ["popular"])
    assert why(Viewer(live, 0), [], 7) == ("popular", ["popular"])


@pytest.mark.parametrize("name", ["taste", "friends_taste", "trending", "popular"])
def test_who_has_nothing_more_to_say_gives_their_name(live: LiveGraph, name: str) -> None:
    assert why(Viewer(live, 0), [fixed(name, 1.0, p1=5)], 1) == (name, [name])


def test_two_that_name_the_same_product_give_one_reason(live: LiveGraph) -> None:
    model, viewer = circles_model(), Viewer(live, 0)
    voices = [Voice(name, 1.0, model.scorers[name].scores(viewer)) for name in ("items", "similar")]  # type: ignore[arg-type]
    products = np.setdiff1d(np.arange(0, 60, 2, dtype=np.int32), viewer.owned)
    for _, reasons in explain(viewer, voices, score(voices, products)):
        assert len(set(reasons)) == len(reasons)


def test_what_friends_bought_comes_first_however_little_it_adds(live: LiveGraph) -> None:
    viewer = Viewer(live, live.customers.position("c004"))
    shown = int(viewer.evidence.product[0])
    friends = Voice(
        "friends", 0.001, SparseScores(viewer.evidence.product, viewer.evidence.strength.astype(np.float32), (0, 1))
    )
    source, types = why(viewer, [fixed("popular", 1.0, **{f"p{shown}": 5.0}), friends], shown)
    assert (source, types) == ("popular", ["friends_bought", "popular"])


def test_a_scorer_without_weight_gives_no_reason(live: LiveGraph) -> None:
    viewer = Viewer(live, live.customers.position("c004"))
    shown = int(viewer.evidence.product[0])
    friends = Voice(
        "friends", 0.0, SparseScores(viewer.evidence.product, viewer.evidence.strength.astype(np.float32), (0, 1))
    )
    assert why(viewer, [fixed("popular", 1.0, **{f"p{shown}": 5.0}), friends], shown)[1] == ["popular"]


def test_labels_name_friends_in_order_of_their_ids(live: LiveGraph) -> None:
    evidence = live.evidence.of(live.customers.position("c004"))
    for (count, friends), position in zip(
        labels_of(evidence, evidence.product, live), evidence.product.tolist(), strict=True
    ):
        assert list(friends) == sorted(friends, key=lambda friend: friend.customer)
        assert len(friends) == len(evidence.friends(position))
        assert (count is None) == (evidence.counts_of(np.array([position]))[0] == 0)
    assert labels_of(evidence, np.zeros(0, np.int32), live) == []


def test_a_reason_is_data() -> None:
    assert Reason("taste") == Reason("taste", count=None, friends=(), product=None)


# ---- rules


def everything(live: LiveGraph) -> Ranked:
    products = np.arange(len(live.products), dtype=np.int32)
    return Ranked(products, np.zeros((1, len(products)), np.float32), np.zeros(len(products), np.float32), {})


def test_each_rule_names_what_it_refused_and_keeps_the_rest_as_it_was(live: LiveGraph) -> None:
    happens(live, bought("c004", "unheard"))
    query = Query(customer="c004", category="red", exclude=frozenset({product(0)}), context=(product(4),))
    left = obey(RULES, Viewer.of(query, live), query, everything(live))
    assert set(left.dropped) <= {"undescribed", "category", "owned", "excluded", "context"}
    assert left.dropped["undescribed"] == 1
    assert left.dropped["category"] == 30
    assert len(left.product) + sum(left.dropped.values()) == len(live.products)
    assert left.parts.shape == (1, len(left.product)) and left.score.shape == left.product.shape
    assert left.product.tolist() == sorted(left.product.tolist())


def test_no_rule_refuses_anything_to_somebody_new_without_wishes(live: LiveGraph) -> None:
    query = Query(customer="who?")
    assert obey(RULES, Viewer.of(query, live), query, everything(live)).dropped == {}


def test_among_is_membership() -> None:
    some = np.array([2, 5, 9], np.int32)
    assert among(np.array([9, 1, 2, 30, 5]), some).tolist() == [True, False, True, False, True]
    assert among(np.array([1, 2]), some[:0]).tolist() == [False, False]


# ---- candidates


def proposals(voices: list[Voice], live: LiveGraph, query: Query) -> list[IntArray]:
    return list(candidates(voices, Viewer.of(query, live), query))


def test_candidates_widen_until_they_are_everything() -> None:
    live = live_of([bought("a", f"p{i:04d}") for i in range(3000)])
    values = np.arange(3000, dtype=np.float32)
    found = proposals([Voice("popular", 1.0, FixedScores(values, 3000))], live, Query(customer="b", limit=10))
    assert [len(products) for products in found[:-1]] == [0, 0]  # nothing is described
    assert found[-1].tolist() == list(range(3000))


def test_the_first_candidates_are_the_best_of_what_may_be_sold_to_the_person() -> None:
    facts: list[Record] = [Product(id=f"p{i:03d}", category="xy"[i % 2], available=i != 2) for i in range(300)]
    live = live_of([*facts, bought("a", "p004")])
    voices = [Voice("popular", 1.0, FixedScores(np.arange(300, 0, -1, dtype=np.float32), 300))]
    first, *_, last = proposals(voices, live, Query(customer="a", limit=1, category="x"))
    assert first.tolist() == [0, *range(6, 6 + 2 * FIRST, 2)]
    assert last.tolist() == list(range(300))


def test_a_union_holds_each_product_once() -> None:
    assert union([np.array([3, 1], np.int32), np.array([1, 7], np.int32)]).tolist() == [1, 3, 7]
    assert union([]).tolist() == []


# ---- blend


@dataclass
class Constant:
    """A scorer that says the same to everybody."""

    name: str
    given: FixedScores | None

    def scores(self, viewer: Viewer) -> FixedScores | None:
        return self.given


def scorers(**given: FloatArray | None) -> dict[str, Scorer]:
    return {
        name: Constant(name, None if values is None else FixedScores(values, COUNT))  # type: ignore[misc]
        for name, values in given.items()
    }


def heard(blend: Blend, known: dict[str, Scorer], viewer: Viewer) -> dict[str, float]:
    return {voice.name: voice.weight for voice in blend.voices(known, viewer)}


def test_people_with_and_without_a_history_have_weights_of_their_own(live: LiveGraph) -> None:
    known = scorers(taste=column(p1=1), popular=column(p2=1))
    blend = Blend({"taste": 1.0}, {"popular": 0.5})
    assert heard(blend, known, Viewer(live, 0)) == {"taste": 1.0}
    assert heard(blend, known, Viewer(live, live.customers.position("newcomer"))) == {"popular": 0.5}


def test_whoever_has_nothing_to_say_is_not_heard(live: LiveGraph) -> None:
    known = scorers(taste=None, friends=column(), popular=column(p2=1), trending=column(p3=1))
    blend = Blend({"taste": 1.0, "friends": 1.0, "trending": 0.0, "popular": 0.2}, {})
    assert heard(blend, known, Viewer(live, 0)) == {"popular": 0.2}


def test_where_nobody_is_heard_popularity_speaks(live: LiveGraph) -> None:
    known = scorers(taste=None, popular=column(p2=1))
    assert heard(Blend({"taste": 1.0}, {}), known, Viewer(live, 0)) == {"popular": 1.0}
    assert heard(Blend({"taste": 1.0}, {}), scorers(taste=None, popular=column()), Viewer(live, 0)) == {}


def test_what_is_on_the_page_is_heard_whatever_was_learned(live: LiveGraph) -> None:
    known = scorers(taste=column(p1=1), similar=column(p2=1))
    page = Viewer(live, 0, context=np.array([5], np.int32))
    assert heard(Blend({"taste": 1.5}, {}), known, page) == {"taste": 1.5, "similar": 1.5}


def test_a_voice_adds_its_weight_times_the_standard_score() -> None:
    voice = fixed("popular", 2.0, p1=4.0, p2=8.0)
    values = column(p1=4.0, p2=8.0).astype(np.float64)
    wanted = 2 * (values - values.mean()) / values.std()
    np.testing.assert_allclose(voice.of(np.arange(COUNT, dtype=np.int32)), wanted, rtol=1e-4)
