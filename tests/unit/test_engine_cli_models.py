"""``kith recommend``, ``evaluate`` and ``doctor``, as a script calls them."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graph.records import Product, Purchase
from graph.stores import open_store
from tests.unit.conftest import Kith

FIGURES = ("recall", "precision", "ndcg", "hit_rate", "mrr", "map", "coverage")


def ids(kith: Kith, *arguments: object) -> list[str]:
    return [item["product"] for item in kith("recommend", *arguments, "--json").json["items"]]


class TestRecommend:
    def test_an_answer_names_its_model_and_gives_reasons_for_every_product(self, kith: Kith, shop: Path) -> None:
        answer = kith("recommend", "c1", "-n", "20", "--json").json
        assert [*answer] == ["customer", "model", "epoch", "items"]
        assert (answer["customer"], answer["epoch"], len(answer["items"])) == ("c1", 1, 20)
        assert all(
            item["name"] and item["price"] > 0 and item["reasons"] and item["source"] for item in answer["items"]
        )
        scores = [item["score"] for item in answer["items"]]
        assert scores == sorted(scores, reverse=True)

    def test_the_table_shows_the_same_products_in_the_same_order(self, kith: Kith, shop: Path) -> None:
        rows = [line.split()[0] for line in kith("recommend", "c1", "-n", "5").out.splitlines() if line[:1] == "p"]
        assert rows == ["product", *ids(kith, "c1", "-n", "5")]

    def test_prices_are_in_the_unit_of_the_currency(
        self, kith: Kith, shop: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        euro = kith("recommend", "c1", "-n", "1", "--json").json["items"][0]["price"]
        monkeypatch.setenv("KITH_CURRENCY", "JPY")
        assert kith("recommend", "c1", "-n", "1", "--json").json["items"][0]["price"] == round(euro * 100)

    def test_somebody_unknown_gets_what_is_popular(self, kith: Kith, shop: Path) -> None:
        items = kith("recommend", "nobody at all", "-n", "5", "--json").json["items"]
        assert len(items) == 5
        assert {item["source"] for item in items} <= {"popular", "trending"}

    def test_only_the_category_that_was_asked_for(self, kith: Kith, shop: Path) -> None:
        store = open_store(f"sqlite:///{shop}/shop.db")
        category = {product.id: product.category for batch in store.read(Product) for product in batch.records()}
        store.close()
        wanted = category[ids(kith, "c1")[0]]
        found = ids(kith, "c1", "--category", wanted, "-n", "100")
        assert {category[product] for product in found} == {wanted}
        assert set(found) < set(ids(kith, "c1", "-n", "100"))

    def test_an_empty_answer_says_why_and_leaves_stdout_to_the_json(self, kith: Kith, shop: Path) -> None:
        done = kith("recommend", "c1", "--category", "no such thing", "--json")
        assert (done.code, done.json["items"]) == (0, [])
        assert "nothing to recommend; refused by rule: " in done.err

    def test_what_was_bought_since_training_is_left_out(self, kith: Kith, shop: Path) -> None:
        first = ids(kith, "c1")[0]
        (shop / "new.csv").write_text(f"customer,product\nc1,{first}\n")
        assert kith("load", "--purchases", shop / "new.csv").code == 0
        assert first not in ids(kith, "c1", "-n", "100")


class TestDoctor:
    def test_a_well_shop_is_0_and_a_damaged_model_1(self, kith: Kith, shop: Path) -> None:
        well = kith("doctor", "--json")
        assert well.code == 0
        assert {finding["what"] for finding in well.json} >= {"Python", "store", "disk space", "model", "API keys"}
        shutil.rmtree(shop / "shop.db.d/epochs/000001/snapshot")
        ill = kith("doctor", "--json")
        assert ill.code == 1
        assert [finding["what"] for finding in ill.json if finding["state"] == "failed"] == ["model"]
        shown = kith("doctor")
        assert (shown.code, "failed" in shown.out) == (1, True)


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
