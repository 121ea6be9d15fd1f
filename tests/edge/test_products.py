"""Products: who bought them, what is like them, what trends, and the catalogue itself."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

SHOE = {"name": "Trail shoe", "price": 89.9, "category": "shoes", "url": "/products/shoe"}
BLANK = {
    "id": "shoe",
    "name": None,
    "price": None,
    "category": None,
    "available": True,
    "sensitive": False,
    "url": None,
    "image": None,
}


def test_the_friends_label_has_the_pinned_shape_to_the_byte(reader: TestClient) -> None:
    text = reader.get("/v1/products/p9/friends", params={"customer": "c1"}).text
    assert text == '{"product":"p9","customer":"c1","count":"3+","friends":[{"customer":"f1","name":"Mina"}]}'


def test_below_the_threshold_the_count_is_null(reader: TestClient) -> None:
    text = reader.get("/v1/products/p2/friends", params={"customer": "c1"}).text
    assert text == '{"product":"p2","customer":"c1","count":null,"friends":[]}'


def test_somebody_unknown_has_no_friends(reader: TestClient) -> None:
    answer = reader.get("/v1/products/p9/friends", params={"customer": "nobody"})
    assert answer.json() == {"product": "p9", "customer": "nobody", "count": None, "friends": []}


@pytest.mark.parametrize(
    "path", ["/v1/products/p999/friends?customer=c1", "/v1/products/p999/similar", "/v1/products/p999"]
)
def test_a_product_that_nobody_knows_is_not_found(reader: TestClient, path: str) -> None:
    answer = reader.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert "p999" in answer.json()["detail"]


def test_the_label_needs_a_customer(reader: TestClient) -> None:
    answer = reader.get("/v1/products/p9/friends")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "customer"


def test_similar_products_name_the_one_they_are_like(reader: TestClient) -> None:
    answer = reader.get("/v1/products/p12/similar", params={"limit": 3}).json()
    assert answer["product"] == "p12"
    assert 0 < len(answer["items"]) <= 3
    for item in answer["items"]:
        assert item["product"] != "p12"
        assert item["reasons"] == [{"type": "similar_to", "product": "p12"}]


def test_trending_products_come_with_their_reason_and_keep_to_the_category(reader: TestClient) -> None:
    answer = reader.get("/v1/trending", params={"limit": 4, "category": "tea"}).json()
    assert [*answer] == ["items"]
    assert len(answer["items"]) == 4
    for item in answer["items"]:
        assert int(item["product"][1:]) % 3 == 2
        assert {reason["type"] for reason in item["reasons"]} <= {"trending", "popular"}


def test_what_is_put_is_what_is_got(client: TestClient) -> None:
    expected = {**BLANK, **SHOE}
    assert client.put("/v1/products/shoe", json=SHOE).json() == expected
    assert client.get("/v1/products/shoe").json() == expected


def test_putting_twice_is_putting_once(client: TestClient) -> None:
    answers = [client.put("/v1/products/shoe", json=SHOE) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


def test_putting_replaces_all_that_was_known(client: TestClient) -> None:
    client.put("/v1/products/shoe", json=SHOE)
    assert client.put("/v1/products/shoe", json={}).json() == BLANK


def test_the_body_may_repeat_the_id_but_not_contradict_it(client: TestClient) -> None:
    assert client.put("/v1/products/shoe", json={"id": "shoe"}).status_code == 200
    answer = client.put("/v1/products/shoe", json={"id": "boot"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "id")


def test_a_product_that_is_sold_out_is_recommended_to_nobody(client: TestClient) -> None:
    client.put("/v1/products/p9", json={"name": "Product 9", "available": False})
    items = client.get("/v1/customers/c1/recommendations?limit=100").json()["items"]
    assert "p9" not in [item["product"] for item in items]


def test_a_product_taken_out_is_gone_and_stays_gone(client: TestClient) -> None:
    assert [client.delete("/v1/products/p9").status_code for _ in range(2)] == [204, 204]
    assert client.get("/v1/products/p9").status_code == 404
    items = client.get("/v1/customers/c1/recommendations?limit=100").json()["items"]
    assert "p9" not in [item["product"] for item in items]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"price": "free"}, "price"),
        ({"price": -1}, "price"),
        ({"price": 1.999}, "price"),
        ({"price": True}, "price"),
        ({"price": 10**400}, "price"),
        ({"available": "perhaps"}, "available"),
        ({"name": 7}, "name"),
        ({"name": ["a"]}, "name"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"nmae": "Shoe"}, "nmae"),
    ],
)
def test_a_wrong_field_is_refused_by_name(reader: TestClient, payload: dict[str, object], field: str) -> None:
    answer = reader.put("/v1/products/shoe", json=payload)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert reader.get("/v1/products/shoe").status_code == 404
