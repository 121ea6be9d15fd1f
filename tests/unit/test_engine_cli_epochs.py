"""``kith train`` and ``models``: what was published, how two of them differ, and which is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.conftest import Kith

LISTED = {
    *("epoch", "current", "model", "facts_of", "customers", "products"),
    *("ndcg@20", "standard_error", "weights", "options"),
}


@pytest.fixture
def two(kith: Kith, shop: Path) -> Kith:
    """A shop with two epochs, of the same facts and options but for the seed."""
    assert kith("train", "--seed", "9").code == 0
    return kith


class TestTrain:
    def test_it_says_with_which_options(self, kith: Kith, shop: Path) -> None:
        done = kith("train")
        assert "options: the defaults" in done.out.splitlines()
        trained = kith("train", "--json").json
        assert (trained["options"], trained["gain"]) == ("defaults", None)

    def test_on_nothing_it_still_publishes_a_model_that_answers(self, kith: Kith) -> None:
        store = ("--store", "sqlite:///empty.db")
        done = kith(*store, "train")
        assert (done.code, "0 customers, 0 products" in done.out) == (0, True)
        assert kith(*store, "recommend", "c1", "--json").json["items"] == []
        (listed,) = kith(*store, "models", "list", "--json").json
        assert (listed["ndcg@20"], listed["weights"]) == (None, {"popular": 1.0})
        assert "epoch 1: facts of" in kith(*store, "models", "list").out


class TestList:
    def test_each_epoch_tells_what_it_holds(self, two: Kith, shop: Path) -> None:
        trained = two("train", "--json").json
        listed = two("models", "list", "--json").json
        assert [(row["epoch"], row["current"]) for row in listed] == [(1, False), (2, False), (3, True)]
        assert all(set(row) == LISTED for row in listed)
        assert listed[1]["options"]["seed"] == 9
        last = listed[-1]
        assert (last["model"], last["weights"]) == (trained["model"], trained["weights"])
        assert last["ndcg@20"] == trained["validation"]["ndcg@20"]
        assert (last["customers"], last["products"]) == (200, 100)
        shown = two("models", "list").out.splitlines()
        assert "*" in shown[3]
        assert f"{last['ndcg@20']:.4f} ± {last['standard_error']:.4f}" in shown[3]
        assert "seed 9" in shown[5]

    def test_the_last_three_are_kept(self, two: Kith) -> None:
        for _ in range(2):
            two("train")
        assert [row["epoch"] for row in two("models", "list", "--json").json] == [2, 3, 4]

    def test_where_nothing_is_published_there_is_nothing_to_list(self, kith: Kith) -> None:
        assert kith("models", "list", "--json").json == []

    def test_one_that_is_damaged_is_told_and_the_others_are_shown(self, two: Kith, shop: Path) -> None:
        (shop / "shop.db.d/epochs/000001/model/manifest.json").unlink()
        first, second = two("models", "list", "--json").json
        assert "000001" in first["damaged"]
        assert second["current"]
        shown = two("models", "list")
        assert (shown.code, "damaged" in shown.out) == (0, True)


class TestCompare:
    def test_two_seeds_are_validated_on_other_people(self, two: Kith) -> None:
        done = two("models", "compare", "1", "2", "--json").json
        assert (done["first"]["epoch"], done["second"]["epoch"]) == (1, 2)
        assert 0.3 < done["overlap@20"] <= 1
        assert (done["asked"], done["gain"]) == (200, None)
        assert done == two("models", "compare", "1", "2", "--json").json
        said = two("models", "compare", "1", "2").out
        assert "validated on other people" in said
        assert f"{done['overlap@20']:.0%} are the same (mean of 200 customers)" in said

    def test_models_of_the_same_people_are_compared_person_by_person(self, two: Kith) -> None:
        two("tune", "--trials", "4")
        listed = {row["epoch"]: row for row in two("models", "list", "--json").json}
        newest = max(listed)
        two("train", "--defaults")
        done = two("models", "compare", newest + 1, newest, "--json").json
        means = [done[side]["ndcg@20"] for side in ("second", "first")]
        assert done["gain"]["mean"] == pytest.approx(means[0] - means[1])
        assert done["gain"]["lower"] < done["gain"]["mean"] < done["gain"]["upper"]
        assert (
            f"NDCG@20 of epoch {newest} over {newest + 1}, person by person: "
            in two("models", "compare", newest + 1, newest).out
        )

    def test_a_model_answers_as_itself(self, two: Kith) -> None:
        done = two("models", "compare", "2", "2", "--json").json
        assert (done["overlap@20"], done["gain"]["mean"]) == (1.0, 0.0)

    def test_on_other_facts_the_answers_are_compared_and_the_figures_are_not(
        self, two: Kith, shop: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "new.csv").write_text("customer,product\nnewcomer,p1\nnewcomer,p2\nc1,p3\n")
        two("load", "--purchases", tmp_path / "new.csv", "--create-missing")
        two("train", "--seed", "9")
        done = two("models", "compare", "2", "3", "--json").json
        assert (done["gain"], done["asked"]) == (None, 200)
        assert done["first"]["customers"] + 1 == done["second"]["customers"]

    def test_one_that_is_not_there_names_those_that_are(self, two: Kith) -> None:
        done = two("models", "compare", "1", "7")
        assert (done.code, done.err) == (1, "kith: there is no epoch 7; those kept are 1, 2\n")


class TestPromote:
    def test_one_goes_back_and_forth_between_epochs(self, kith: Kith, shop: Path) -> None:
        first = kith("recommend", "c1", "--json").json
        trained = kith("train", "--seed", "9", "--json").json
        assert (trained["epoch"], trained["customers"], trained["products"]) == (2, 200, 100)
        assert kith("models", "roll-back", "--json").json == {"epoch": 1}
        assert kith("recommend", "c1", "--json").json == first
        assert kith("models", "promote", "2", "--json").json == {"epoch": 2}
        assert kith("recommend", "c1", "--json").json["model"] == trained["model"]
        assert kith("models", "roll-back", "--to", "1").out == "epoch 1 is current\n"
        assert kith("models", "promote", "2").out == "epoch 2 is current\n"

    @pytest.mark.parametrize("command", ["promote 7", "roll-back --to 7"])
    def test_one_that_is_not_there_names_those_that_are(self, two: Kith, command: str) -> None:
        done = two("models", *command.split())
        assert (done.code, done.err) == (1, "kith: there is no epoch 7; those kept are 1, 2\n")
        assert two("models", "list", "--json").json[1]["current"]

    def test_there_is_no_going_back_beyond_the_first(self, kith: Kith, shop: Path) -> None:
        back = kith("models", "roll-back")
        assert (back.code, "kith models list" in back.err) == (1, True)
        assert kith("models", "list", "--json").json[0]["current"]

    def test_without_any_epoch_it_says_what_to_run(self, kith: Kith) -> None:
        assert kith("models", "promote", "1").err == "kith: there is no epoch 1; run kith train\n"
