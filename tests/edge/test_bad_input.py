"""Whatever arrives, the answer is a problem of the caller's, never of the server's."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

JSON = "application/json"

BODIES = {
    "empty": b"",
    "spaces": b"  \n",
    "not JSON": b"{",
    "two values": b"{} {}",
    "trailing comma": b'{"id": "e",}',
    "single quotes": b"{'id': 'e'}",
    "a number": b"7",
    "a text": b'"event"',
    "null": b"null",
    "a list": b"[]",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep and closed": b'{"events":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a huge integer": b'{"quantity": ' + b"9" * 100_000 + b"}",
    "a large integer": b'{"type": "purchase", "customer": "c", "product": "p", "quantity": 1' + b"0" * 60 + b"}",
    "NaN": b'{"price": NaN}',
    "infinity": b'{"price": -Infinity}',
    "a float too large": b'{"price": 1e999}',
    "half a surrogate pair": b'{"type": "view", "customer": "\\ud800", "product": "p"}',
    "half a surrogate pair as a key": b'{"\\uDFFF": 1}',
    "half a surrogate pair in a list": b'{"events": ["\\udc00"]}',
    "not UTF-8": b'{"id": "\xff\xfe"}',
    "UTF-16": json.dumps({"id": "e"}).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a NUL": b'{"type": "view", "customer": "a\\u0000b", "product": "p"}',
    "a raw NUL": b'{"id": "\x00"}',
    "a key twice": b'{"type": "view", "type": "purchase", "customer": "c", "product": "p"}',
    "a key twice, deeper": b'{"events": [{"id": "a", "id": "b"}]}',
}
WRITES = [
    ("POST", "/v1/events"),
    ("PUT", "/v1/customers/c1"),
    ("PUT", "/v1/products/p1"),
    ("PUT", "/v1/friendships"),
]


def check(client: TestClient, method: str, path: str, body: bytes, content_type: str = JSON) -> int:
    answer = client.request(method, path, content=body, headers={"Content-Type": content_type})
    assert 400 <= answer.status_code < 500, (method, path, body[:80], answer.text)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance"} <= answer.json().keys()
    assert len(answer.text) < 2000
    return int(answer.status_code)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_bad_body_is_refused_by_every_route(reader: TestClient, body: bytes) -> None:
    for method, path in WRITES:
        check(reader, method, path, body)


def test_nothing_of_a_bad_body_is_stored(empty: TestClient) -> None:
    for method, path in WRITES:
        for body in BODIES.values():
            check(empty, method, path, body)
    assert empty.get("/v1/customers/c1").status_code == 404
    assert empty.get("/v1/customers/c").status_code == 404


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_a_body_that_is_not_called_json_is_refused(reader: TestClient, content_type: str) -> None:
    """A page from elsewhere can send a form or plain text without asking first; it cannot send JSON."""
    for method, path in WRITES:
        assert check(reader, method, path, b"{}", content_type) == 415


def test_a_body_may_be_called_json_in_its_several_ways(empty: TestClient) -> None:
    for content_type in ("application/json; charset=utf-8", "Application/JSON", "application/vnd.shop+json"):
        answer = empty.put("/v1/customers/c1", content=b"{}", headers={"Content-Type": content_type})
        assert answer.status_code == 200


def test_a_whole_surrogate_pair_is_a_character(empty: TestClient) -> None:
    body = b'{"name": "\\ud83d\\ude00"}'
    answer = empty.put("/v1/customers/c1", content=body, headers={"Content-Type": JSON})
    assert answer.json()["name"] == "\N{GRINNING FACE}"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "id",
        "type",
        "customer",
        "product",
        "at",
        "quantity",
        "price",
        "order",
        "gift",
        "weight",
        "friend",
        "since",
        "name",
    ]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(FIELDS, VALUES | st.sampled_from(["view", "purchase", "c1", "2026-01-01"]), max_size=8))
def test_no_object_of_our_fields_breaks_the_server(empty: TestClient, payload: dict[str, object]) -> None:
    for method, path in WRITES:
        assert empty.request(method, path, json=payload).status_code < 500
    answer = empty.post("/v1/events", json={"events": [payload]})
    assert answer.status_code == 200


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_no_bytes_break_the_server(empty: TestClient, raw: bytes) -> None:
    for method, path in WRITES:
        assert empty.request(method, path, content=raw, headers={"Content-Type": JSON}).status_code < 500
    quoted = "".join(f"%{byte:02X}" for byte in raw) or "%20"
    assert empty.get(f"/v1/customers/{quoted}").status_code in {404, 422}
    assert empty.get(f"/v1/customers/{quoted}/recommendations?exclude={quoted}").status_code in {422, 503}
