"""What watches the server is told the truth."""

from __future__ import annotations

from fastapi.testclient import TestClient


def test_a_ready_server_says_so_to_the_byte(reader: TestClient) -> None:
    answer = reader.get("/readyz")
    model = answer.json()["model"]
    assert model.startswith("m-")
    assert answer.status_code == 200
    assert answer.text == f'{{"ready":true,"store":"sqlite","model":"{model}","epoch":1,"degraded":false}}'


def test_a_server_without_a_model_is_alive_and_not_ready(empty: TestClient) -> None:
    assert empty.get("/healthz").text == '{"status":"ok"}'
    answer = empty.get("/readyz")
    assert answer.status_code == 503
    assert answer.text == '{"ready":false,"store":"memory","model":null,"epoch":null,"degraded":false}'
    assert int(answer.headers["Retry-After"]) > 0


def test_events_are_taken_in_before_there_is_a_model(empty: TestClient) -> None:
    event = {"id": "e-1", "type": "view", "customer": "c1", "product": "p9"}
    assert empty.post("/v1/events", json=event).status_code == 201
