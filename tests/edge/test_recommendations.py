"""The main route: its shape, its parameters, and that it follows what happens."""

from __future__ import annotations

import json
import re

import pytest
from fastapi.testclient import TestClient

from engine.engine import Engine
from graph.records import Product

URL = "/v1/customers/c1/recommendations"

FRIEND = r'\{"customer":"[^"]+","name":("[^"]+"|null)\}'
REASON = (
    rf'(\{{"type":"friends_bought","count":("3\+"|"5\+"|"10\+"|null),"friends":\[({FRIEND}(,{FRIEND})*)?\]\}}'
    r'|\{"type":"similar_to","product":"[^"]+"\}'
    r'|\{"type":"(friends_taste|taste|trending|popular)"\})'
)
ITEM = (
    r'\{"product":"[^"]+","name":("[^"]+"|null),"price":([0-9.]+|null),"score":-?[0-9.e-]+,"source":"[a-z_]+",'
    rf'"reasons":\[{REASON}(,{REASON})*\]'
)
HEAD = r'\{"recommendation_id":"r-[0-9a-f]+","customer":"c1","degraded":false,"epoch":1,"model":"m-[^"]+",'


def products(client: TestClient, **parameters: object) -> list[str]:
    answer = client.get(URL, params=parameters)
    assert answer.status_code == 200, answer.text
    return [item["product"] for item in answer.json()["items"]]


def test_the_answer_has_the_pinned_shape_to_the_byte(reader: TestClient) -> None:
    text = reader.get(URL, params={"limit": 5}).text
    assert re.fullmatch(rf'{HEAD}"items":\[{ITEM}\}}(,{ITEM}\}}){{4}}\]\}}', text), text


def test_an_explained_answer_adds_scores_and_drops_and_nothing_else(reader: TestClient) -> None:
    text = reader.get(URL, params={"limit": 5, "explain": True}).text
    scored = rf'{ITEM},"scores":\{{"[a-z_]+":[^}}]+\}}\}}'
    assert re.fullmatch(rf'{HEAD}"items":\[{scored}(,{scored}){{4}}\],"dropped":\{{[^}}]*\}}\}}', text), text
    assert json.loads(text)["dropped"]["owned"] == 3


def test_friends_are_among_the_reasons_as_they_agreed(reader: TestClient) -> None:
    items = {item["product"]: item for item in reader.get(URL, params={"limit": 30}).json()["items"]}
    reason = next(reason for reason in items["p9"]["reasons"] if reason["type"] == "friends_bought")
    assert reason == {"type": "friends_bought", "count": "3+", "friends": [{"customer": "f1", "name": "Mina"}]}
    assert (items["p9"]["name"], items["p9"]["price"]) == ("Product 9", 14.5)


def test_an_unknown_price_is_null(engine: Engine, client: TestClient) -> None:
    engine.write([Product(id="p9", name="Product 9")])
    items = client.get(URL, params={"limit": 30}).json()["items"]
    assert {item["product"]: item["price"] for item in items}["p9"] is None


def test_every_answer_has_an_id_of_its_own(reader: TestClient) -> None:
    assert len({reader.get(URL).json()["recommendation_id"] for _ in range(5)}) == 5


def test_somebody_unknown_gets_what_is_popular(reader: TestClient) -> None:
    items = reader.get("/v1/customers/nobody%2Fknows%20me%20%C3%BC/recommendations", params={"limit": 5}).json()
    assert items["customer"] == "nobody/knows me ü"
    assert len(items["items"]) == 5
    assert {reason["type"] for item in items["items"] for reason in item["reasons"]} <= {"popular", "trending"}


def test_what_is_owned_is_not_recommended(reader: TestClient) -> None:
    assert not {"p0", "p3", "p6"} & {*products(reader, limit=30)}


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_limit_is_kept(reader: TestClient, limit: int) -> None:
    assert len(products(reader, limit=limit)) == min(limit, 27)


def test_category_keeps_only_its_products(reader: TestClient) -> None:
    found = products(reader, limit=30, category="books")
    assert found
    assert {int(product[1:]) % 3 for product in found} == {1}


def test_exclude_may_be_repeated_and_written_with_commas(reader: TestClient) -> None:
    unwanted = products(reader, limit=5)
    left = reader.get(URL, params=[("exclude", ",".join(unwanted[:3])), *(("exclude", id) for id in unwanted[3:])])
    assert not {*unwanted} & {item["product"] for item in left.json()["items"]}


def test_an_id_with_a_comma_can_be_excluded(engine: Engine, client: TestClient) -> None:
    engine.write([Product(id="p9,5", name="Odd")])
    assert "p9,5" not in products(client, limit=100, exclude="p9,5")


def test_a_short_list_says_which_rules_left_no_more(reader: TestClient) -> None:
    answer = reader.get(URL, params={"limit": 30, "category": "shoes"}).json()
    assert answer["dropped"]["owned"] == 3
    assert "scores" not in answer["items"][0]


def test_an_empty_list_says_why_it_is_empty(reader: TestClient) -> None:
    answer = reader.get(URL, params={"category": "hats"}).json()
    assert answer["items"] == []
    assert sum(answer["dropped"].values()) > 0


def test_context_products_are_never_in_the_answer_and_bring_similar_ones(reader: TestClient) -> None:
    answer = reader.get(URL, params={"limit": 30, "context_product": ["p12", "p15"]}).json()["items"]
    reasons = [reason for item in answer for reason in item["reasons"] if reason["type"] == "similar_to"]
    assert {"p12", "p15"} & {reason["product"] for reason in reasons}


def test_a_scenario_is_accepted(reader: TestClient) -> None:
    assert products(reader, scenario="home") == products(reader)


@pytest.mark.parametrize(
    ("parameters", "field", "said"),
    [
        ({"limt": 5}, "limt", "did you mean limit?"),
        ({"contextproduct": "p1"}, "contextproduct", "did you mean context_product?"),
        ({"zzz": 1}, "zzz", "known are limit, scenario"),
        ({"limit": 0}, "limit", "greater than or equal to 1"),
        ({"limit": 101}, "limit", "less than or equal to 100"),
        ({"limit": "ten"}, "limit", "integer"),
        ({"limit": "9" * 5000}, "limit", "integer"),
        ({"explain": "maybe"}, "explain", "boolean"),
        ({"exclude": "x" * 300}, "id", "at most 256"),
        ({"scenario": "x" * 101}, "scenario", "100 characters"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(
    reader: TestClient, parameters: dict[str, object], field: str, said: str
) -> None:
    answer = reader.get(URL, params=parameters)
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["field"] == field
    assert said in fault["message"]


def test_without_a_model_the_answer_is_not_ready(empty: TestClient) -> None:
    answer = empty.get(URL)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
    assert int(answer.headers["Retry-After"]) > 0
