"""From facts to a model, and the model on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.artefact import MANIFEST
from graph.errors import Damaged
from graph.live import LiveGraph
from graph.moments import DAY, LONG_AGO
from graph.records import Customer, Friendship, Product, Purchase, Record
from recommend.interest import DISLIKED, Tastes, TrainingData, frozen_tastes, interests_of, recency
from recommend.model import Model
from recommend.options import TrainingOptions
from recommend.train import train
from recommend.validation import Validation
from recommend.viewer import Viewer
from recommend.weights import SHRINKAGE, Ballots, cross_fitted, learn, learn_guarded, likeliest, standard_errors
from tests.worlds import (
    FAST,
    NOW,
    OLD,
    agrees,
    ask,
    bought,
    circles_model,
    happens,
    ids,
    likes,
    live_of,
    open_live,
    two_circles,
)

# ---- interest


def interest(*facts: Record) -> dict[str, float]:
    live = live_of(facts)
    found = interests_of(live.snapshot.purchases, live.snapshot.opinions)
    return dict(zip(live.products.names(found.product.tolist()), found.interest.tolist(), strict=True))


def test_one_purchase_is_one_and_more_adds_ever_less() -> None:
    assert interest(bought("a", "p")) == {"p": 1}
    assert interest(bought("a", "p", 1), bought("a", "p", 2), bought("a", "p", 3)) == {"p": 2}
    assert interest(bought("a", "p", weight=7.0)) == {"p": 3}
    assert interest(bought("a", "p", quantity=3)) == {"p": 2}


def test_a_like_counts_as_a_purchase_and_a_dislike_overrules() -> None:
    assert interest(likes("a", "p")) == {"p": 1}
    assert interest(bought("a", "p", 1), bought("a", "p", 2), likes("a", "p")) == {"p": 2}
    assert interest(bought("a", "p"), likes("a", "p", "dislike")) == {"p": DISLIKED}
    assert interest(likes("a", "p", "unlike")) == {}


def test_an_interest_is_as_new_as_what_showed_it_last() -> None:
    live = live_of([bought("a", "p", 5), bought("a", "p", 9), bought("a", "q", None), likes("a", "q", at=7)])
    assert interests_of(live.snapshot.purchases, live.snapshot.opinions).newest.tolist() == [9, 7]


def test_the_weight_of_age_falls_to_what_is_old_by_halves() -> None:
    newest = np.array([NOW + DAY, NOW, NOW - DAY, NOW - 2 * DAY, LONG_AGO])
    np.testing.assert_allclose(recency(newest, NOW, DAY), [1, 1, 0.6, 0.4, 0.2], rtol=1e-6)
    assert recency(newest, NOW, None).tolist() == [1] * 5


def test_the_interest_of_one_person_is_their_row_of_everybodys() -> None:
    live = live_of([*two_circles(), likes("c003", "p001", "dislike"), likes("c003", "p002")])
    data = TrainingData.of(live)
    for person in range(5):
        row = data.interest[person]
        found = interests_of(live.purchases_of(person), live.opinions_of(person))
        assert found.product.tolist() == row.indices.tolist()
        assert found.interest.tolist() == row.data.tolist()


def test_a_frozen_row_is_what_the_facts_of_that_person_alone_give() -> None:
    facts = [*two_circles(), bought("c003", "p000"), bought("c003", "p000", 2), likes("c003", "p001", "dislike")]
    live = live_of(facts)
    for person in range(len(live.customers)):
        frozen = frozen_tastes(live.snapshot).row(person)
        alone = Tastes.of(live.purchases_of(person), live.opinions_of(person)).row(0)
        for some, same in zip((*frozen.history, *frozen[1:]), (*alone.history, *alone[1:]), strict=True):
            assert some.tolist() == same.tolist()
        assert frozen.owned.tolist() == live.owned(person).tolist()
    assert frozen_tastes(live.snapshot).row(live.customers.position("c003")).disliked.tolist() == [
        live.products.position("p001")
    ]


# ---- taste


def test_folding_in_gives_what_training_gave() -> None:
    live, als = live_of(two_circles()), circles_model().scorers["taste"]
    own = als._own[:5].copy()  # type: ignore[attr-defined]
    happens(live, *(Customer(id=f"c{i:03d}", name="changed") for i in range(5)))
    for person in range(5):
        assert live.changed(person)
        found = als._taste(Viewer(live, person))  # type: ignore[attr-defined]
        np.testing.assert_allclose(found, own[person], atol=1e-4)


# ---- learning


def first_fold(live: LiveGraph) -> Validation:
    return Validation.folds(TrainingData.of(live), FAST)[0]


def untimed() -> list[Record]:
    return [replace(fact, at=None) if isinstance(fact, Purchase) else fact for fact in two_circles()]


def test_a_validation_holds_out_a_share_of_everybodys_history() -> None:
    data = TrainingData.of(live_of(two_circles()))
    (validation,) = Validation.folds(data, FAST)
    assert np.diff(validation.held.indptr)[:60].tolist() == [2] * 60
    assert validation.data.fans.nnz + validation.held.nnz == data.fans.nnz
    assert validation.data.fans.multiply(validation.held).nnz == 0
    assert validation.customers.tolist() == list(range(60))


def test_where_times_are_known_the_newest_is_held_out() -> None:
    live = live_of(two_circles())
    validation = first_fold(live)
    for person in range(60):
        owned = validation.data.live.owned(person)
        assert min(validation.wanted(person)) > max(owned)  # the later the product, the later it was bought


def test_while_people_are_few_they_are_asked_about_one_share_after_the_other() -> None:
    folds = Validation.folds(TrainingData.of(live_of(untimed())), FAST)
    assert len(folds) == 3
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert folds[one].held.multiply(folds[other].held).nnz == 0


def test_newcomers_are_asked_with_everything_taken_from_them() -> None:
    data = TrainingData.of(live_of(untimed()))
    validation = Validation.newcomers(data, replace(FAST, validation_least=10))
    assert validation is not None
    assert len(validation.customers) == 12
    for viewer in validation.viewers:
        assert len(viewer.history.product) == len(viewer.owned) == 0
        assert len(validation.wanted(viewer.customer)) == 10
    assert validation.data.fans.nnz == data.fans.nnz - 120


def test_what_is_held_out_is_in_nobodys_evidence_either() -> None:
    validation = first_fold(open_live(two_circles()))
    for person in range(60):
        assert not np.isin(validation.wanted(person), validation.data.live.owned(person)).any()
        assert not np.isin(validation.wanted(person), validation.data.live.evidence.shown_by(person)).any()


def ballots(gains: dict[str, list[float]], people: int = 200) -> Ballots:
    """Per person 25 products, the first of them wanted; each scorer puts it ahead by these amounts, taken in turn."""
    parts = np.zeros((people, 25, len(gains)), np.float32)
    for place, amounts in enumerate(gains.values()):
        parts[:, 0, place] = np.resize(amounts, people)
    hits = np.zeros((people, 25), np.bool_)
    hits[:, 0] = True
    proposed = np.full((people, 25), 2 ** len(gains) - 1, np.uint16)
    return Ballots(tuple(gains), parts, proposed, hits, np.ones(people, np.int64), np.arange(people))


def test_who_is_left_out_has_proposed_nothing() -> None:
    table = ballots({"one": [1], "other": [2]}, people=2)
    table = replace(table, proposed=np.array([[1, 2, 3, 0] + [1] * 21] * 2, np.uint16))
    assert table.among(["one"]).hits.sum() == 2
    assert table.among(["other"]).hits.sum() == 0
    assert table.among(["other"]).proposed[0, :4].tolist() == [0, 2, 2, 0]
    assert cross_fitted(table, ["other"]).tolist() == [0, 0]


def test_a_scorer_that_does_not_help_gets_no_weight() -> None:
    assert learn(ballots({"good": [1, 1, 1, -1], "bad": [-1, -1, -1, -1]}), ("good", "bad")) == {"good": 1}


def test_scorers_that_help_each_other_both_get_weight() -> None:
    table = ballots({"one": [1, 1, -0.1], "other": [-0.1, 0.2, 1]})
    weights = learn(table, table.names)
    assert set(weights) == {"one", "other"}
    assert table.figures(weights).mean() > table.figures({"one": 1}).mean()


def test_a_scorer_that_says_nothing_gets_no_weight() -> None:
    assert learn(ballots({"good": [1, 2], "silent": [0]}), ("good", "silent")) == {"good": 1}
    assert learn(ballots({"silent": [0]}), ("silent",)) == {"popular": 1}


def test_weights_are_the_likeliest() -> None:
    """Any other weights make what was held out less likely."""
    rng = np.random.default_rng(2)
    table = ballots({"one": rng.standard_normal(300).tolist(), "other": (rng.standard_normal(300) + 1).tolist()}, 300)
    table = replace(table, parts=table.parts + rng.standard_normal(table.parts.shape).astype(np.float32))

    def loss(one: float, other: float) -> float:
        score = table.parts @ np.array([one, other])
        likely = score[:, 0] - np.log(np.exp(score).sum(1))
        return float(-likely.mean()) + SHRINKAGE * (one**2 + other**2)

    found = likeliest(table, table.names)
    best = loss(found["one"], found["other"])
    for step in (-0.05, 0.05):
        assert loss(found["one"] + step, found["other"]) > best
        assert loss(found["one"], found["other"] + step) > best


def test_friends_that_do_not_help_are_left_out_and_those_that_do_stay() -> None:
    rng = np.random.default_rng(0)
    taste = rng.standard_normal(200).tolist()
    noise = ballots({"taste": taste, "friends": rng.standard_normal(200).tolist()})
    noise = replace(noise, parts=noise.parts + rng.standard_normal(noise.parts.shape).astype(np.float32) * [1, 3])
    assert set(learn_guarded(noise, {"friends"}).weights) == {"taste"}
    real = learn_guarded(ballots({"taste": taste, "friends": (rng.standard_normal(200) + 2).tolist()}), {"friends"})
    assert "friends" in real.weights
    assert real.trust is not None and real.trust > 2


def test_somebody_who_is_asked_twice_counts_once() -> None:
    table = ballots({"one": [1.0]}, people=4)
    table = replace(table, person=np.array([3, 3, 5, 5]))
    assert table.by_person(np.array([1.0, 0.0, 0.5, 0.5])).tolist() == [0.5, 0.5]
    joined = Ballots.joined([table, table])
    assert len(joined.wanted) == 8
    assert joined.figures({"one": 1.0}).tolist() == [*table.figures({"one": 1.0}), *table.figures({"one": 1.0})]


def test_a_gain_is_measured_in_its_standard_errors() -> None:
    gains = np.array([1.0, 2.0, 3.0])
    assert standard_errors(gains) == pytest.approx(2 / (1 / np.sqrt(3)))
    assert standard_errors(np.zeros(3)) == 0
    assert standard_errors(np.array([1.0])) == 0


def test_friends_between_strangers_of_taste_get_no_say() -> None:
    rng = np.random.default_rng(3)
    facts = [fact for fact in two_circles() if not isinstance(fact, Friendship)]
    pairs = {tuple(sorted(rng.choice(60, 2, replace=False).tolist())) for _ in range(240)}
    strange = [Friendship.between(f"c{one:03d}", f"c{other:03d}", OLD) for one, other in sorted(pairs)]
    model = train(open_live([*facts, *strange]), FAST)
    assert not {"friends", "friends_taste"} & set(model.weights)
    assert model.weights == train(open_live(facts), FAST).weights


def test_learned_weights_rank_better_than_popularity() -> None:
    metrics = train(live_of(untimed()), FAST).metrics
    assert metrics["customers"] == 60
    assert metrics["ndcg@20"] > 0.2


def test_what_was_learned_is_in_the_options() -> None:
    options = circles_model().options
    assert options.item_width in (50, 100, 200)
    assert TrainingOptions.from_json(json.loads(json.dumps(options.as_json()))) == options


def test_a_search_chooses_among_its_settings() -> None:
    steps: list[str] = []
    model = train(
        live_of(two_circles()), replace(FAST, search=True), progress=lambda step, fraction: steps.append(step)
    )
    assert model.options.regularization in (30, 50, 100, 200)
    assert set(steps) == {"searching settings", "learning weights", "fitting on everything"}


def test_options_of_another_version_are_refused() -> None:
    with pytest.raises(Damaged, match="train again"):
        TrainingOptions.from_json({"factors": 3})


@pytest.mark.parametrize(
    "facts",
    [
        [],
        [Customer(id="a")],
        [Product(id="p")],
        [Product(id="p"), bought("a", "p")],
        [Product(id="p"), bought("a", "p"), bought("b", "p"), Friendship.between("a", "b")],
        [Product(id="p"), Product(id="q"), *(bought(f"c{i}", "p") for i in range(70))],
        [*(Product(id=f"p{i}") for i in range(3)), *(bought(f"c{i}", f"p{j}") for i in range(70) for j in range(3))],
        [*(Product(id=f"p{i:02d}") for i in range(70)), *(bought(f"c{i}", f"p{i:02d}") for i in range(70))],
        [*(Product(id=f"p{i:02d}") for i in range(70)), *(bought("c0", f"p{i:02d}") for i in range(70))],
        [*two_circles(), *(bought("whale", f"p{i:03d}", OLD + j) for i in range(60) for j in range(20))],
        [*two_circles(), *(bought(f"h{i}", "p059") for i in range(900))],
    ],
    ids=[
        "nothing",
        "a person",
        "a product",
        "a purchase",
        "friends",
        "one product",
        "everybody owns everything",
        "nobody shares anything",
        "one owns everything",
        "one bought everything many times",
        "one product is bought by nearly everybody",
    ],
)
def test_hardly_any_data_gives_a_model_that_answers(facts: list[Record], tmp_path: Path) -> None:
    live = live_of(facts)
    model = train(live)
    model.save(tmp_path / "model")
    for who in ("a", "c0", "nobody"):
        answer = ask(Model.load(tmp_path / "model"), live, who, limit=100)
        sellable = int(live.described.sum())
        assert len(answer.items) == sellable - answer.dropped.get("owned", 0)
        assert all(item.reasons for item in answer.items)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 1e308, -5.0])
def test_a_weight_that_is_no_number_stops_no_solver(weight: float) -> None:
    strange = [bought("c000", "p001", weight=weight), bought("c002", "p004", weight=weight)]
    model = train(live_of([*two_circles(), *strange]), FAST)
    assert all(np.isfinite(array).all() for one in model.scorers.values() for array in one.state().arrays.values())
    live = live_of(two_circles())
    happens(live, bought("c000", "p001", NOW, weight=weight))
    answer = ask(circles_model(), live, "c000")
    assert np.isfinite([item.score for item in answer.items]).all()


# ---- the model on disk


def test_saved_and_loaded_a_model_answers_the_same(tmp_path: Path) -> None:
    live, model = live_of(two_circles()), circles_model()
    model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert again.id == model.id
    assert (again.options, again.blend, again.metrics) == (model.options, model.blend, model.metrics)
    for who in ("c000", "c013", "newcomer", "nobody"):
        assert ask(again, live, who, explain=True) == ask(model, live, who, explain=True)


def test_the_id_says_what_was_learned() -> None:
    model = circles_model()
    assert model.id == train(live_of(two_circles()), FAST).id
    assert model.id != train(live_of(two_circles()), replace(FAST, seed=1)).id
    assert model.id != train(live_of([*two_circles(), bought("c000", "p001")]), FAST).id
    assert len(model.id) == 14 and model.id.startswith("m-")


def test_who_agrees_to_nothing_does_not_move_the_model() -> None:
    hidden = [agrees("c005", "personalisation", granted=False), agrees("c005", "social_proof", granted=False, at=NOW)]
    mine = [fact for fact in two_circles() if not (isinstance(fact, Purchase) and fact.customer == "c005")]
    quiet = live_of([*mine, *hidden])
    busy = live_of([*mine, *hidden, *(bought("c005", f"p{i:03d}") for i in range(25)), likes("c005", "p050")])
    assert train(quiet, FAST).id == train(busy, FAST).id


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "other version"])
def test_damage_is_detected(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    circles_model().save(folder)
    file = folder / "taste.products.npy"
    whole = file.read_bytes()
    if damage == "flip":
        file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    elif damage == "cut":
        file.write_bytes(whole[:-4])
    elif damage == "remove":
        file.unlink()
    else:
        manifest = json.loads((folder / MANIFEST).read_text())
        del manifest["meta"]["constants"]["taste"]
        (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(Damaged):
        Model.load(folder)


def test_no_pickle_is_ever_written(tmp_path: Path) -> None:
    circles_model().save(tmp_path / "model")
    for path in (tmp_path / "model").glob("*.npy"):
        np.load(path, allow_pickle=False)


def test_an_older_model_serves_a_newer_snapshot() -> None:
    model = circles_model()
    later = [Customer(id="a-first"), Product(id="a-first"), bought("c004", "p001", NOW), bought("zz", "p003", NOW)]
    live = live_of([*two_circles(), *later])
    aligned = model.aligned(live.snapshot)
    answer = ask(aligned, live, "c004", limit=60)
    assert "p001" not in ids(answer.items)
    unmoved = ask(model, live_of(two_circles()), "c010", limit=60, explain=True)
    again = ask(aligned, live, "c010", limit=60, explain=True)
    scores = {item.product: item.scores for item in again.items}
    for item in unmoved.items:
        assert scores[item.product] == pytest.approx(item.scores, abs=1e-3)


def test_a_model_aligned_to_its_own_snapshot_stays_the_same() -> None:
    live, model = live_of(two_circles()), circles_model()
    one, other = ask(model.aligned(live.snapshot), live, "c010"), ask(model, live, "c010")
    assert ids(one.items) == ids(other.items)
