"""Which variants there are, and what each of them is without."""

from __future__ import annotations

from functools import cache

from graph.live import LiveGraph
from recommend.ablate import Variant, ablations, no_ties, only, variants, with_ties, without
from recommend.evaluate import Progress
from recommend.model import Model
from recommend.scorers.blend import Blend
from recommend.train import train
from tests.worlds import FAST, circles_model, live_of, open_live, product, two_circles


def fit(live: LiveGraph, progress: Progress) -> Model:
    return train(live, FAST, progress=progress)


@cache
def found() -> tuple[Model, LiveGraph, dict[str, Variant]]:
    live = open_live(two_circles())
    model = fit(live, lambda step, done: None)
    return model, live, {one.name: one for one in variants(model, live, fit, seed=1)}


def test_every_part_is_taken_away_once() -> None:
    model, _, by_name = found()
    others = [name for name in model.scorers if name != "popular"]
    used = {**model.blend.known, **model.blend.new}
    assert list(by_name) == [
        *("popularity", "no_friends", "rewired_friends"),
        *(f"only_{name}" for name in others),
        *(f"without_{name}" for name in model.scorers if name in used),
    ]


def test_without_friends_there_are_none_in_training_and_none_in_serving() -> None:
    model, live, by_name = found()
    apart = by_name["no_friends"].live
    assert not len(apart.snapshot.ties.friend)
    assert not len(apart.evidence.ties(0))
    assert by_name["no_friends"].model.id != model.id
    assert len(live.evidence.ties(0))


def test_rewired_friends_are_as_many_and_others() -> None:
    _, live, by_name = found()
    before, after = live.snapshot.ties, by_name["rewired_friends"].live.snapshot.ties
    assert before.starts.tolist() == after.starts.tolist()
    assert before.friend.tolist() != after.friend.tolist()


def test_a_scorer_alone_and_the_others_without_it() -> None:
    blend = Blend({"taste": 1.0, "friends": 0.5}, {"friends": 1.0})
    assert without("friends", blend) == Blend({"taste": 1.0}, {})
    assert only("taste") == Blend({"taste": 1.0}, {"taste": 1.0})


def test_a_graph_without_friendships_has_nothing_to_rewire() -> None:
    live = live_of(two_circles())
    alone = with_ties(live, no_ties(live.snapshot.ties))
    names = [one.name for one in variants(circles_model(), alone, fit, seed=1)]
    assert "only_taste" in names and "no_friends" not in names and "rewired_friends" not in names


def test_popularity_is_the_same_list_for_everybody() -> None:
    model, live, _ = found()
    truth = {f"c{i:03d}": {product(i)} for i in range(0, 60, 10)}
    told: set[str] = set()
    reports = ablations(model, live, truth, fit, ks=(60,), seed=1, progress=lambda step, done: told.add(step))
    first, *others = reports["popularity"].ranked.values()
    for ranked in others:  # each without what that person owns
        both = set(first) & set(ranked)
        assert [one for one in first if one in both] == [one for one in ranked if one in both]
    assert {"evaluating (popularity)", "evaluating (no friends)", "fitting on everything (rewired friends)"} <= told


def test_the_same_seed_gives_the_same_figures() -> None:
    model, live, _ = found()
    truth = {"c000": {"p058"}, "c001": {"p059"}}
    one, two = (ablations(model, live, truth, fit, ks=(10,), seed=3) for _ in range(2))
    assert {name: each.as_dict(1) for name, each in one.items()} == {
        name: each.as_dict(1) for name, each in two.items()
    }
