"""What every request passes: limits, the check of the open server, headers, the last resort."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from engine.engine import Engine
from graph.errors import Damaged, Unavailable

LIMIT = 2**20


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000", "LOCALHOST"]
)
def test_the_open_server_answers_to_names_of_this_machine(reader: TestClient, host: str) -> None:
    assert reader.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "192.168.1.7",
        "0.0.0.0",
        "169.254.169.254",
        "[::2]",
        "2130706433",
        "evil@localhost",
        "localhost:port",
        "localhost/",
        "",
    ],
)
def test_the_open_server_answers_to_no_other_name(reader: TestClient, host: str) -> None:
    for path in ("/v1/trending", "/healthz", "/docs", "/nowhere"):
        answer = reader.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-allowed")


def test_two_hosts_are_not_one(reader: TestClient) -> None:
    answer = reader.get("/healthz", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173"])
def test_pages_of_this_machine_may_call_the_open_server(reader: TestClient, origin: str) -> None:
    assert reader.get("/v1/trending", headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "file://", "http://localhost.evil.example"])
def test_pages_from_elsewhere_may_not(reader: TestClient, origin: str) -> None:
    answer = reader.post("/v1/events", json={}, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-allowed")


def test_with_keys_the_name_of_the_server_is_its_own_affair(engine: Engine, client: TestClient) -> None:
    text, _ = engine.keys.create("shop", ["storefront"])
    headers = {"Host": "shop.example", "Origin": "https://shop.example", "Authorization": f"Bearer {text}"}
    assert client.get("/v1/trending", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/v1/trending", "/healthz", "/nowhere", "/v1/trending?limit=0", "/openapi.json"])
def test_every_answer_carries_the_headers(reader: TestClient, path: str) -> None:
    headers = reader.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_request_id_is_echoed_or_made(reader: TestClient) -> None:
    assert reader.get("/healthz", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    for bad in ("a b", "x" * 65, "<script>", ""):
        made = reader.get("/healthz", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert len(made) == 16


def test_a_body_above_the_limit_is_refused(reader: TestClient) -> None:
    answer = reader.post("/v1/events", content=b"x" * (LIMIT + 1), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_a_body_without_a_length_is_refused_at_the_limit(reader: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b" " * 2**17 for _ in range(20))

    answer = reader.post("/v1/events", content=chunks(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_a_body_at_the_limit_is_read(client: TestClient) -> None:
    event = b'{"id": "e-1", "type": "view", "customer": "c1", "product": "p9"}'
    answer = client.post("/v1/events", content=event.ljust(LIMIT), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201


def test_an_endless_address_is_refused(reader: TestClient) -> None:
    answer = reader.get("/v1/customers/" + "x" * 40_000, params={"exclude": "x" * 40_000})
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_an_unexpected_error_tells_the_log_and_not_the_caller(
    engine: Engine, client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(engine, "trending", fail)
    with caplog.at_level(logging.ERROR):
        answer = client.get("/v1/trending", headers={"X-Request-ID": "seen-1"})
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal")
    assert "42" not in answer.text
    assert answer.headers["X-Request-ID"] == "seen-1"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "seen-1" in caplog.text
    assert "the secret is 42" in caplog.text


@pytest.mark.parametrize(("error", "status"), [(Unavailable("the disk is full"), 503), (Damaged("torn"), 500)])
def test_a_store_that_fails_is_a_problem_that_says_so(
    engine: Engine, client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(engine, "write", fail)
    answer = client.put("/v1/customers/c1", json={})
    assert (answer.status_code, answer.json()["detail"]) == (status, str(error))
    assert ("Retry-After" in answer.headers) == (status == 503)
