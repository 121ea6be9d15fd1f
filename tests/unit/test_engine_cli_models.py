"""``kith recommend`` and ``doctor``, as a script calls them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from graph.records import Product
from graph.stores import open_store
from tests.unit.conftest import Kith


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
