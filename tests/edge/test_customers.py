"""People, their friendships and blocks."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from engine.engine import Engine
from graph.records import Block, Customer

LABEL = "/v1/products/p9/friends?customer=c1"
ODD_IDS = ["a/b", "ü, 漢字", "100%", "%2F", "a?b#c", "..", "c+d e", "x\\y", "'; DROP TABLE customers; --", "friends"]


def encoded(id: str) -> str:
    return "".join(f"%{byte:02X}" for byte in id.encode())


def test_what_is_put_is_what_is_got(client: TestClient) -> None:
    expected = {"id": "c77", "name": "Noor", "birth_year": 1990}
    assert client.put("/v1/customers/c77", json={"name": "Noor", "birth_year": 1990}).json() == expected
    assert client.get("/v1/customers/c77").json() == expected


def test_personal_data_are_kept_as_hashes_and_never_shown(engine: Engine, client: TestClient) -> None:
    answer = client.put("/v1/customers/c77", json={"email": "Noor@example.org"})
    stored = engine.get(Customer, ("c77",))
    assert stored is not None
    assert stored.email is not None
    assert "noor" not in stored.email.lower()
    assert stored.email not in answer.text + client.get("/v1/customers/c77").text


@pytest.mark.parametrize("id", ODD_IDS)
def test_any_printable_id_travels_unharmed(client: TestClient, id: str) -> None:
    path = f"/v1/customers/{encoded(id)}"
    assert client.put(path, json={"name": "Odd"}).json()["id"] == id
    assert client.get(path).json()["id"] == id
    assert client.get(f"{path}/recommendations?limit=1").json()["customer"] == id
    assert client.put(f"{path}/blocks/{encoded(id + '2')}").status_code == 204
    assert client.delete(path).json()["removed"] == {"customers": 1, "blocks": 1}


@pytest.mark.parametrize("path", ["%FF", "%00", "%ED%A0%80", "x" * 257, "%20", "a%0Ab"])
def test_an_id_that_is_none_is_refused(reader: TestClient, path: str) -> None:
    for answer in (reader.get(f"/v1/customers/{path}"), reader.put(f"/v1/customers/{path}", json={})):
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "id")


def test_somebody_unknown_is_not_found(reader: TestClient) -> None:
    assert reader.get("/v1/customers/nobody").json()["type"] == "/problems/not-found"


def test_a_forgotten_customer_leaves_no_trace(client: TestClient) -> None:
    assert client.get(LABEL).json()["friends"]
    removed = client.delete("/v1/customers/f1").json()
    assert removed["customer"] == "f1"
    assert removed["removed"]["purchases"] == 3
    assert client.get("/v1/customers/f1").status_code == 404
    assert client.get(LABEL).json() == {"product": "p9", "customer": "c1", "count": "3+", "friends": []}


def test_forgetting_twice_is_forgetting_once(client: TestClient) -> None:
    client.delete("/v1/customers/f1")
    assert client.delete("/v1/customers/f1").json() == {"customer": "f1", "removed": {}}


def test_a_block_acts_at_once_and_can_be_taken_back(engine: Engine, client: TestClient) -> None:
    assert client.put("/v1/customers/f1/blocks/c1").status_code == 204
    assert client.get(LABEL).json()["friends"] == []
    assert [client.delete("/v1/customers/f1/blocks/c1").status_code for _ in range(2)] == [204, 204]
    assert engine.get(Block, ("f1", "c1")) is None


def test_nobody_blocks_themselves(reader: TestClient) -> None:
    assert reader.put("/v1/customers/c1/blocks/c1").json()["errors"][0]["field"] == "other"


def test_a_friendship_is_the_same_in_either_order(client: TestClient) -> None:
    expected = {"customer": "b1", "friend": "b2", "since": "2025-06-01T12:00:00Z"}
    given = {"customer": "b2", "friend": "b1", "since": "2025-06-01T14:00:00+02:00"}
    assert client.put("/v1/friendships", json=given).json() == expected
    for one, other in (("b1", "b2"), ("b2", "b1")):
        assert client.get("/v1/friendships", params={"customer": one, "friend": other}).json() == expected


def test_an_ended_friendship_is_gone_at_once(client: TestClient) -> None:
    ends = {"customer": "f1", "friend": "c1"}
    assert [client.delete("/v1/friendships", params=ends).status_code for _ in range(2)] == [204, 204]
    assert client.get("/v1/friendships", params=ends).status_code == 404
    assert client.get(LABEL).json()["friends"] == []


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"customer": "b1"}, "friend"),
        ({"customer": "b1", "friend": "b1"}, "friend"),
        ({"customer": "b1", "friend": 2}, "friend"),
        ({"customer": "b1", "friend": "b2", "since": "soon"}, "since"),
        ({"customer": "b1", "friend": "b2", "wieght": 1}, "wieght"),
    ],
)
def test_a_wrong_friendship_is_refused_by_name(reader: TestClient, payload: dict[str, object], field: str) -> None:
    answer = reader.put("/v1/friendships", json=payload)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize("payload", [{"birth_year": 1500}, {"birth_year": "x"}, {"name": "a\x00b"}, {"nam": "Noor"}])
def test_a_wrong_customer_is_refused_by_name(reader: TestClient, payload: dict[str, object]) -> None:
    answer = reader.put("/v1/customers/c77", json=payload)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, *payload)
