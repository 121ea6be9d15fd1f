"""Over a real socket: what only a real server shows."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from api.app import create_app
from engine.engine import Engine

EVENT = {"id": "e-1", "type": "purchase", "customer": "c1", "product": "p9"}


@pytest.fixture
def port(engine: Engine) -> Iterator[int]:
    config = uvicorn.Config(create_app(engine), log_level="warning", lifespan="off", http="httptools")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(timeout=10)
            assert not thread.is_alive()


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    yield connection
    connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: object = None
) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def recommended(connection: http.client.HTTPConnection) -> list[object]:
    status, answer = ask(connection, "GET", "/v1/customers/c1/recommendations?limit=30")
    assert status == 200
    return [item["product"] for item in answer["items"]]


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(request)
        answer = b""
        while part := wire.recv(65_536):
            answer += part
    return answer


def test_the_main_job_over_a_real_connection(connection: http.client.HTTPConnection) -> None:
    status, ready = ask(connection, "GET", "/readyz")
    assert (status, [*ready]) == (200, ["ready", "store", "model", "epoch", "degraded"])
    assert "p9" in recommended(connection)
    assert ask(connection, "POST", "/v1/events", EVENT)[0] == 201
    assert "p9" not in recommended(connection)
    assert ask(connection, "POST", "/v1/events", EVENT)[1]["status"] == "duplicate"


def test_an_encoded_slash_survives_a_real_server(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "PUT", "/v1/customers/a%2Fb%C3%BC", {"name": "Odd"})[1]["id"] == "a/bü"
    assert ask(connection, "GET", "/v1/customers/a%2fb%c3%bc/recommendations?limit=1")[1]["customer"] == "a/bü"


@pytest.mark.parametrize("chunked", [False, True])
def test_who_sends_too_much_still_sees_the_answer(port: int, chunked: bool) -> None:
    """The rest is read and thrown away; a client that is cut off while it sends would see an error of its own."""
    body = b" " * 2**16
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    if chunked:
        sent = b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n%s\r\n" % body * 60 + b"0\r\n\r\n"
    else:
        sent = b"Content-Length: %d\r\n\r\n" % (60 * 2**16) + body * 60
    answer = raw(port, head + sent)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"/problems/too-large" in answer


def test_a_foreign_host_is_refused_over_the_wire(port: int) -> None:
    answer = raw(port, b"GET /v1/trending HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"content-type: application/problem+json" in answer


def test_raw_bytes_in_the_address_are_understood_or_refused(port: int) -> None:
    for path in (b"/v1/customers/\xc3\xbc", b"/v1/customers/\xff", b"/v1/customers/%", b"//v1/trending"):
        answer = raw(port, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer.split(b" ", 2)[1] in {b"400", b"404", b"422"}, path


def test_a_client_that_goes_away_leaves_the_server_well(port: int, connection: http.client.HTTPConnection) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.sendall(head + b"Content-Length: 50\r\n\r\n{")
    assert ask(connection, "GET", "/healthz") == (200, {"status": "ok"})
