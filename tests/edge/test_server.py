"""Over a real socket: what only a real server shows."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator

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
) -> tuple[int, dict[str, object]]:
    headers = {"Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


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
    path = "/v1/customers/c1/recommendations?limit=30"
    assert "p9" in json.dumps(ask(connection, "GET", path)[1]["items"])
    assert ask(connection, "POST", "/v1/events", EVENT)[0] == 201
    assert '"product": "p9"' not in json.dumps(ask(connection, "GET", path)[1]["items"])
    assert ask(connection, "POST", "/v1/events", EVENT)[1]["status"] == "duplicate"


def test_an_encoded_slash_survives_a_real_server(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "PUT", "/v1/customers/a%2Fb%C3%BC", {"name": "Odd"})[1]["id"] == "a/bü"
    assert ask(connection, "GET", "/v1/customers/a%2fb%c3%bc/recommendations?limit=1")[1]["customer"] == "a/bü"


def test_a_chunked_body_is_cut_at_the_limit(port: int) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunk = b"%x\r\n%s\r\n" % (2**16, b" " * 2**16)
    answer = raw(port, head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunk * 20 + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"/problems/too-large" in answer


def test_a_large_announced_body_is_refused_at_once(port: int) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    assert raw(port, head + b"Content-Length: 9999999\r\n\r\n{").startswith(b"HTTP/1.1 413 ")


def test_a_foreign_host_is_refused_over_the_wire(port: int) -> None:
    answer = raw(port, b"GET /v1/trending HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"content-type: application/problem+json" in answer


def test_raw_bytes_in_the_address_are_understood_or_refused(port: int) -> None:
    for path in (b"/v1/customers/\xc3\xbc", b"/v1/customers/\xff", b"/v1/customers/%", b"//v1/trending"):
        answer = raw(port, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer.split(b" ", 2)[1] in {b"400", b"404", b"422"}, path


def test_a_client_that_goes_away_leaves_the_server_well(port: int, connection: http.client.HTTPConnection) -> None:
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.sendall(
            b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        )
    assert ask(connection, "GET", "/healthz") == (200, {"status": "ok"})
