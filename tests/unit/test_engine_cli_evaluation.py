"""``kith evaluate``, as a script calls it."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from graph.records import Purchase
from graph.stores import open_store
from tests.unit.conftest import Kith

FIGURES = ("recall", "precision", "ndcg", "hit_rate", "mrr", "map", "coverage", "gini", "long_tail")


@dataclass(frozen=True)
class Split:
    """Purchases before and after a day, and what both hold."""

    train: Path
    test: Path
    owned: dict[str, set[str]]
    wanted: dict[str, set[str]]


@pytest.fixture(scope="module")
def split(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Split:
    """The latest fifth is the test; the first rows are taken from two of its customers so that they are newcomers."""
    folder = tmp_path_factory.mktemp("split")
    with (files / "purchases.csv").open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["at"])
    cut = len(rows) * 4 // 5
    newcomers = {row["customer"] for row in rows[-2:]} | {"stranger"}
    before = [row for row in rows[:cut] if row["customer"] not in newcomers]
    after = [*rows[cut:], {**rows[-1], "customer": "stranger", "order": "o-stranger"}]
    for name, part in (("train", before), ("test", after)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(part)
    return Split(folder / "train.csv", folder / "test.csv", _products(before), _products(after))


def _products(rows: list[dict[str, str]]) -> dict[str, set[str]]:
    found = defaultdict(set)
    for row in rows:
        found[row["customer"]].add(row["product"])
    return dict(found)


class TestEvaluate:
    @pytest.fixture
    def evaluate(self, kith: Kith, split: Split, files: Path) -> Any:
        def run(*arguments: object) -> dict[str, Any]:
            given = ("--purchases", split.train, "--test", split.test, "--friends", files / "friends.csv")
            done = kith("evaluate", *given, *arguments, "--json")
            assert (done.code, done.err) == (0, "")
            return done.json

        return run

    def test_figures_are_shares_and_everybody_is_counted(self, evaluate: Any, split: Split) -> None:
        done = evaluate("--k", "10", "--k", "20")
        newcomers = set(split.wanted) - set(split.owned)
        assert len(newcomers) >= 2
        assert done["newcomers"]["customers"] == len(newcomers)
        assert done["customers"] == len(set(split.wanted) & set(split.owned))
        for figures in (done, done["newcomers"]):
            shares = {name: figures[f"{name}@{k}"] for k in (10, 20) for name in FIGURES}
            assert all(0 <= share <= 1 for share in shares.values()), shares
            assert figures["recall@20"] >= figures["recall@10"]
        lower, upper = done["intervals"]["recall@20"]
        assert 0 < lower < done["recall@20"] < upper < 1
        assert sum(figures["customers"] for figures in done["slices"].values()) == done["customers"]
        assert done["recall@20"] > 0.2  # by chance: 20 of 100 products
        assert done["candidate_recall@20"] >= 0.995
        assert (done["evidence"], done["beside"], done["rejected"]) == ("open", [], {})

    def test_the_same_seed_gives_the_same_figures_and_lists(self, evaluate: Any, tmp_path: Path) -> None:
        one, two = (evaluate("--seed", "5", "--recommendations", f"{name}.csv") for name in ("one", "two"))
        assert {**one, "cpu_seconds": 0} == {**two, "cpu_seconds": 0}
        assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()

    def test_the_lists_are_complete_ranked_and_without_what_is_owned(
        self, evaluate: Any, split: Split, tmp_path: Path
    ) -> None:
        done = evaluate("--k", "5", "--recommendations", "made/for/lists.csv")
        with (tmp_path / "made/for/lists.csv").open() as file:
            reader = csv.DictReader(file)
            lists = defaultdict(list)
            for row in reader:
                lists[row["customer"]].append((int(row["rank"]), row["product"]))
        assert reader.fieldnames == ["customer", "rank", "product"]
        assert set(lists) == set(split.wanted)
        for customer, ranked in lists.items():
            products = [product for _, product in ranked]
            assert [rank for rank, _ in ranked] == [1, 2, 3, 4, 5]
            assert len(set(products)) == 5
            assert not set(products) & split.owned.get(customer, set())
        hits = [
            len({product for _, product in lists[customer]} & wanted) / len(wanted)
            for customer, wanted in split.wanted.items()
            if customer in split.owned
        ]
        assert done["recall@5"] == pytest.approx(sum(hits) / len(hits))

    def test_with_consents_the_shop_s_rules_hold_and_strict_shows_both(self, evaluate: Any, files: Path) -> None:
        consents = ("--consents", files / "consents.csv")
        assert evaluate(*consents)["evidence"] == "strict"
        both = evaluate(*consents, "--evidence", "strict")
        cost = both["beside"][0]["cost"]["ndcg@20"]
        assert cost["lower"] <= cost["mean"] <= cost["upper"] and 0 < cost["p_value"] <= 1
        assert (both["evidence"], [other["evidence"] for other in both["beside"]]) == ("open", ["strict"])
        assert evaluate(*consents, "--evidence", "open")["evidence"] == "open"

    def test_in_words_it_says_under_which_rules(self, kith: Kith, split: Split, files: Path) -> None:
        given = ("--purchases", split.train, "--test", split.test)
        said = kith("evaluate", *given, "--evidence", "strict").out
        assert said.splitlines()[0].split() == ["evidence", "rules", "open", "strict"]
        assert "every purpose is presumed" in said
        assert "newcomers: recall@10" in said
        assert "every purpose is presumed" not in kith("evaluate", *given, "--consents", files / "consents.csv").out

    def test_rejected_rows_are_named_by_file(self, kith: Kith, split: Split, tmp_path: Path) -> None:
        (tmp_path / "test.csv").write_text(split.test.read_text() + ",p1\n")
        done = kith("evaluate", "--purchases", split.train, "--test", "test.csv", "--json")
        assert done.json["rejected"] == {"test.csv": 1}

    @pytest.mark.parametrize("how", ["random", "last", "time"])
    def test_purchases_can_be_held_out_of_one_file(self, kith: Kith, files: Path, how: str) -> None:
        given = ("--purchases", files / "purchases.csv", "--friends", files / "friends.csv")
        one, two = (kith("evaluate", *given, "--split", how, "--seed", 3, "--k", 5, "--json").json for _ in range(2))
        assert one["split"] == {"by": how, "share": None if how == "last" else 0.2}
        assert (one["seed"], one["customers"] > 100, one["unknown_customers"], one["unknown_products"]) == (
            3,
            True,
            0,
            0,
        )
        assert {**one, "cpu_seconds": 0} == {**two, "cpu_seconds": 0}

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ((), "--test or --split"),
            (("--test", "{test}", "--split", "last"), "--test or --split"),
            (("--split", "time", "--share", "1"), "1 is not above 0 and below 1"),
            (("--split", "random", "--share", "0"), "0 is not above 0 and below 1"),
        ],
    )
    def test_what_does_not_go_together_is_wrong_usage(
        self, kith: Kith, split: Split, arguments: tuple[str, ...], why: str
    ) -> None:
        done = kith("evaluate", "--purchases", split.train, *(word.format(test=split.test) for word in arguments))
        assert (done.code, done.out, why in done.err) == (2, "", True)

    def test_a_split_by_time_without_times_names_the_way_out(self, kith: Kith, tmp_path: Path) -> None:
        (tmp_path / "no-times.csv").write_text("customer,product\na,p\na,q\n")
        done = kith("evaluate", "--purchases", "no-times.csv", "--split", "last")
        assert (done.code, "use --split random" in done.err) == (1, True)

    def test_strangers_are_counted(self, kith: Kith, tmp_path: Path) -> None:
        (tmp_path / "train.csv").write_text("customer,product\na,p\nb,q\n")
        (tmp_path / "test.csv").write_text("customer,product\na,q\na,p\nz,new\n")
        given = ("evaluate", "--purchases", "train.csv", "--test", "test.csv")
        done = kith(*given, "--json").json
        assert (done["unknown_customers"], done["unknown_products"], done["owned_before"]) == (1, 1, 1)
        assert done["newcomers"]["customers"] == 1
        assert "1 customers and 1 products that no fact to train on names; 1 purchases left out" in kith(*given).out

    def test_ablations_show_what_each_part_adds_in_all_forms(
        self, evaluate: Any, kith: Kith, split: Split, files: Path, tmp_path: Path
    ) -> None:
        done = evaluate("--report", "page.html", "--parquet", "people.parquet")
        assert {"popularity", "no_friends", "rewired_friends", "only_taste"} <= set(done["ablations"])
        for part in done["ablations"].values():
            gain = part["model_gains"]["ndcg@20"]
            assert gain["mean"] == pytest.approx(done["ndcg@20"] - part["ndcg@20"])
            assert gain["lower"] <= gain["mean"] <= gain["upper"]
        assert done["homophily"]["graphs"] == 49
        assert done["homophily"]["lower"] <= done["homophily"]["rewired"] <= done["homophily"]["upper"]
        assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
        rows = pq.read_table(tmp_path / "people.parquet")
        assert rows.num_rows == (1 + len(done["ablations"])) * len(split.wanted)
        mine = [row for row in rows.to_pylist() if row["model"] == "model" and row["slice"] != "newcomers"]
        assert sum(row["ndcg@20"] for row in mine) / len(mine) == pytest.approx(done["ndcg@20"])
        given = ("--purchases", split.train, "--test", split.test, "--friends", files / "friends.csv")
        said = kith("evaluate", *given, "--ablations").out
        assert "no friends" in said and "friends had" in said

    def test_nobody_to_test_on_is_refused_and_no_figures_are_made_up(
        self, kith: Kith, split: Split, tmp_path: Path
    ) -> None:
        (tmp_path / "none.csv").write_text("customer,product\n")
        done = kith("evaluate", "--purchases", split.train, "--test", "none.csv", "--json")
        assert (done.code, done.out, "none.csv" in done.err) == (1, "", True)

    def test_figures_are_shown_even_where_the_lists_cannot_be_written(
        self, kith: Kith, split: Split, tmp_path: Path
    ) -> None:
        (tmp_path / "taken").mkdir()
        given = ("--purchases", split.train, "--test", split.test, "--recommendations", "taken")
        done = kith("evaluate", *given, "--json")
        assert (done.code, done.json["customers"] > 0, "cannot write taken" in done.err) == (75, True, True)

    def test_nothing_is_kept_in_the_shop_s_store(self, evaluate: Any, shop: Path) -> None:
        before = (shop / "shop.db").read_bytes()
        evaluate()
        assert (shop / "shop.db").read_bytes() == before
        store = open_store(f"sqlite:///{shop}/shop.db")
        assert store.get(Purchase, ("stranger",)) is None
        store.close()
