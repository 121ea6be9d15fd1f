"""Events: what is accepted, what is refused, and that the next answer knows."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from engine.engine import Engine
from graph.records import Click, Customer, Product, Purchase, View
from loaders.shapes import EVENTS

PINNED = {
    "id": "e-1",
    "type": "purchase",
    "customer": "c17",
    "product": "p9",
    "at": "2026-11-22T10:00:00Z",
    "quantity": 1,
    "price": 89.0,
}


def view(id: str, **fields: object) -> dict[str, object]:
    return {"id": id, "type": "view", "customer": "c1", "product": "p9", **fields}


def recommended(client: TestClient) -> list[str]:
    items = client.get("/v1/customers/c1/recommendations?limit=30").json()["items"]
    return [item["product"] for item in items]


def test_one_event_is_answered_to_the_byte(client: TestClient) -> None:
    answer = client.post("/v1/events", json=PINNED)
    assert (answer.status_code, answer.text) == (201, '{"id":"e-1","status":"accepted","errors":[]}')


def test_an_accepted_event_is_stored_as_it_was_sent(engine: Engine, client: TestClient) -> None:
    client.post("/v1/events", json=PINNED)
    stored = engine.get(Purchase, ("e-1",))
    assert stored == Purchase(id="e-1", customer="c17", product="p9", at=1_795_341_600_000_000, quantity=1, price=8900)


def test_what_is_bought_leaves_the_next_answer(client: TestClient) -> None:
    first = recommended(client)[0]
    client.post("/v1/events", json={"id": "e-9", "type": "purchase", "customer": "c1", "product": first})
    assert first not in recommended(client)


def test_what_is_disliked_leaves_the_next_answer(client: TestClient) -> None:
    first = recommended(client)[0]
    client.post("/v1/events", json={"id": "e-9", "type": "dislike", "customer": "c1", "product": first})
    assert first not in recommended(client)


def test_the_same_event_again_is_a_harmless_duplicate(engine: Engine, client: TestClient) -> None:
    client.post("/v1/events", json=PINNED)
    before = engine.store.check()
    answer = client.post("/v1/events", json=PINNED)
    assert (answer.status_code, answer.text) == (200, '{"id":"e-1","status":"duplicate","errors":[]}')
    assert engine.store.check() == before


def test_an_id_used_again_for_something_else_changes_nothing(engine: Engine, client: TestClient) -> None:
    client.post("/v1/events", json=PINNED)
    answer = client.post("/v1/events", json={**PINNED, "product": "p10"})
    assert answer.json()["status"] == "duplicate"
    stored = engine.get(Purchase, ("e-1",))
    assert stored is not None
    assert stored.product == "p9"


@pytest.mark.parametrize("type", EVENTS)
def test_every_type_is_accepted(client: TestClient, type: str) -> None:
    sent = {"id": f"e-{type}", "type": type, "customer": "c1", "product": "p9"}
    assert client.post("/v1/events", json=sent).status_code == 201


def test_without_a_time_it_happened_now(engine: Engine, client: TestClient) -> None:
    client.post("/v1/events", json=view("e-now"))
    stored = engine.get(View, ("e-now",))
    assert stored is not None
    assert stored.at == engine.now()


def test_an_event_names_the_answer_that_it_followed_from(engine: Engine, client: TestClient) -> None:
    answer = client.get("/v1/customers/c1/recommendations").json()["recommendation_id"]
    client.post("/v1/events", json={**view("e-c"), "type": "click", "recommendation_id": answer})
    stored = engine.get(Click, ("e-c",))
    assert stored is not None
    assert stored.recommendation_id == answer


def test_a_new_visitor_becomes_a_customer(engine: Engine, client: TestClient) -> None:
    client.post("/v1/events", json=view("e-v", customer="visitor"))
    assert engine.get(Customer, ("visitor",)) == Customer(id="visitor")


def test_an_unknown_product_is_kept_but_not_recommended(engine: Engine, client: TestClient) -> None:
    client.post("/v1/events", json=view("e-v", customer="b1", product="novelty"))
    assert engine.get(Product, ("novelty",)) == Product(id="novelty", described=False)
    assert "novelty" not in recommended(client)
    assert client.get("/v1/products/novelty/friends?customer=c1").status_code == 200
    assert client.get("/v1/products/novelty").status_code == 404


def test_each_of_several_events_gets_its_own_result(engine: Engine, client: TestClient) -> None:
    events = [view("e-1"), view("e-2", type="vew"), {"id": "e-3", "type": "view"}, view("e-1"), 7, view("e-4")]
    answer = client.post("/v1/events", json={"events": events})
    assert answer.status_code == 200
    found = answer.json()
    assert [(result["id"], result["status"]) for result in found["results"]] == [
        ("e-1", "accepted"),
        ("e-2", "rejected"),
        ("e-3", "rejected"),
        ("e-1", "duplicate"),
        (None, "rejected"),
        ("e-4", "accepted"),
    ]
    assert [*found][1:] == ["accepted", "duplicate", "rejected"]
    assert (found["accepted"], found["duplicate"], found["rejected"]) == (2, 1, 3)
    assert [fault["field"] for result in found["results"] for fault in result["errors"]] == ["type", "customer", None]
    assert "did you mean view?" in found["results"][1]["errors"][0]["message"]


def test_good_events_are_stored_although_others_are_wrong(engine: Engine, client: TestClient) -> None:
    client.post("/v1/events", json={"events": [{"id": "bad"}, view("good")]})
    assert engine.get(View, ("good",)) is not None


def test_five_hundred_events_are_taken_and_one_more_is_not(engine: Engine, client: TestClient) -> None:
    events = [view(f"e-{n}") for n in range(501)]
    refused = client.post("/v1/events", json={"events": events})
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/too-large")
    assert engine.store.check().counts["views"] == 0
    assert client.post("/v1/events", json={"events": events[:500]}).json()["accepted"] == 500


@pytest.mark.parametrize(
    "body", [{"events": []}, {"events": {}}, {"events": None}, {"events": [view("e")], "type": "view"}, [view("e")], 7]
)
def test_what_is_neither_one_event_nor_a_list_of_them_is_refused(reader: TestClient, body: object) -> None:
    answer = reader.post("/v1/events", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "buy"}, "type"),
        ({"type": None}, "type"),
        ({"type": ["view"]}, "type"),
        ({"customer": None}, "customer"),
        ({"customer": ""}, "customer"),
        ({"customer": 17}, "customer"),
        ({"customer": "x" * 257}, "customer"),
        ({"product": {"id": "p9"}}, "product"),
        ({"id": " e"}, "id"),
        ({"id": "a\u0000b"}, "id"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": 10**30}, "quantity"),
        ({"price": "12,50"}, "price"),
        ({"price": -0.5}, "price"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-02-30"}, "at"),
        ({"at": "2030-01-01T00:00:00Z"}, "at"),
        ({"at": 1_700_000_000}, "at"),
        ({"gift": "maybe"}, "gift"),
        ({"visibility": "public"}, "visibility"),
        ({"weight": -1}, "weight"),
        ({"custmer": "c1"}, "custmer"),
        ({"rating": 5}, "rating"),
    ],
)
def test_a_wrong_field_is_refused_by_name(reader: TestClient, change: dict[str, object], field: str) -> None:
    answer = reader.post("/v1/events", json={**PINNED, **change})
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_an_idempotency_key_is_echoed(client: TestClient) -> None:
    answer = client.post("/v1/events", json=PINNED, headers={"Idempotency-Key": "order-17"})
    assert answer.headers["Idempotency-Key"] == "order-17"
