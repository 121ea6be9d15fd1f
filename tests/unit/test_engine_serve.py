"""``kith serve`` as a process: it listens, answers, and ends when it is told to, with nothing left half done."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine.keys import KeyRing
from engine.serve import GRACE_SECONDS, is_loopback, listen
from engine.settings import Settings
from graph.errors import Invalid, Unavailable
from graph.records import Purchase
from graph.stores import open_store

ROOT = Path(__file__).parents[2]
HAS_IPV6 = (
    Path("/proc/net/if_inet6").exists() and "00000000000000000000000000000001" in Path("/proc/net/if_inet6").read_text()
)


class Server:
    """``kith serve`` on any free port."""

    def __init__(self, store: Path, *arguments: str) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        code = "from engine.cli import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "--store", f"sqlite:///{store}", "serve", "--port", "0", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"serving at (\S+) until Ctrl-C", line):
                self.address = found[1]
            if line.startswith("curl "):
                return
        raise AssertionError("".join(self.said))

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        assert parts.hostname is not None
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)

    def get(self, path: str) -> tuple[int, object]:
        connection = self.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())
        connection.close()
        return found

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=20)
        self.said.append(err)
        assert out == ""
        return self.process.returncode


@pytest.fixture
def server(shop: Path) -> Iterator[Server]:
    server = Server(shop / "shop.db")
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.communicate()


def test_it_says_where_it_is_answers_there_and_ends_with_0_on_ctrl_c(server: Server) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.address)
    assert server.get("/healthz") == (200, {"status": "ok"})
    status, answer = server.get("/v1/customers/c1/recommendations?limit=3")
    assert (status, len(answer["items"])) == (200, 3)
    assert server.stop() == 0
    assert server.said[-1].endswith("stopped\n")
    assert f"curl '{server.address}/v1/customers/" in "".join(server.said)
    assert "Traceback" not in "".join(server.said)


def test_a_request_in_flight_is_finished_and_kept(server: Server, shop: Path) -> None:
    event = json.dumps({"id": "in-flight", "type": "purchase", "customer": "c1", "product": "p1"}).encode()
    connection = server.connect()
    connection.putrequest("POST", "/v1/events")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(event)))
    connection.endheaders(event[:20])
    time.sleep(0.2)  # the server has the first part
    server.process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # and knows that it is to end
    connection.send(event[20:])
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["status"]) == (201, "accepted")
    connection.close()
    server.process.communicate(timeout=20)
    assert server.process.returncode == 0
    store = open_store(f"sqlite:///{shop}/shop.db")
    assert store.get(Purchase, ("in-flight",)) is not None
    store.close()


def test_a_client_that_never_finishes_does_not_hold_it_up(server: Server) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as idle:
        idle.sendall(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        time.sleep(0.2)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < GRACE_SECONDS + 5


def test_without_a_model_it_serves_and_says_what_waits(tmp_path: Path) -> None:
    server = Server(tmp_path / "new.db")
    assert "recommendations wait for kith train" in "".join(server.said)
    assert server.get("/healthz")[0] == 200
    assert server.get("/readyz")[0] == 503
    assert server.stop() == 0


def test_a_model_trained_beside_it_is_served_without_a_restart(tmp_path: Path, files: Path) -> None:
    from engine import jobs
    from engine.engine import Engine

    server = Server(tmp_path / "new.db")
    engine = Engine.open(Settings.load(environ={}, store=f"sqlite:///{tmp_path}/new.db"))
    jobs.load(engine, {kind: files / f"{kind}.csv" for kind in ("customers", "products", "purchases")})
    model = jobs.train(engine).model
    engine.close()
    end = time.monotonic() + 10
    while server.get("/readyz")[0] != 200 and time.monotonic() < end:
        time.sleep(0.1)
    assert server.get("/readyz")[1]["model"] == model
    assert server.stop() == 0


def settings(folder: Path, **chosen: object) -> Settings:
    return Settings.load(environ={}, store=f"sqlite:///{folder}/shop.db", **{"port": 0, **chosen})


class TestListen:
    def test_beyond_loopback_it_takes_a_key(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="kith keys create"):
            listen(settings(tmp_path, host="0.0.0.0"))
        _, key = KeyRing(tmp_path / "shop.db.d").create("web", ["storefront"])
        with listen(settings(tmp_path, host="0.0.0.0")) as listening:
            assert listening.getsockname()[0] == "0.0.0.0"
        KeyRing(tmp_path / "shop.db.d").revoke(key.id)
        with listen(settings(tmp_path, host="0.0.0.0")):
            pass  # still guarded: nobody is let in any more

    @pytest.mark.parametrize(
        ("host", "said"),
        [
            ("192.0.2.1", "192.0.2.1:0"),
            ("no.such.host.invalid", "no.such.host.invalid:0"),
            ("2001:db8::1", r"\[2001:db8::1\]:0"),
        ],
    )
    def test_an_address_that_is_not_ours_is_named(self, tmp_path: Path, host: str, said: str) -> None:
        KeyRing(tmp_path / "shop.db.d").create("web", ["storefront"])
        with pytest.raises(Unavailable, match=f"cannot listen on {said}"):
            listen(settings(tmp_path, host=host))

    def test_the_port_is_held_from_the_first_moment(self, tmp_path: Path) -> None:
        with listen(settings(tmp_path)) as first:
            port = first.getsockname()[1]
            with pytest.raises(Unavailable, match=f"127.0.0.1:{port} .* stop what uses it"):
                listen(settings(tmp_path, port=port))
        with listen(settings(tmp_path, port=port)) as again:
            assert again.getsockname()[1] == port

    def test_an_ipv6_address_is_printed_as_one_can_open_it(self, shop: Path, tmp_path: Path) -> None:
        if HAS_IPV6:
            server = Server(shop / "shop.db", "--host", "::1")
            assert re.fullmatch(r"http://\[::1\]:\d+", server.address)
            assert server.get("/healthz")[0] == 200
            assert server.stop() == 0
        else:
            with pytest.raises(Unavailable, match=r"\[::1\]:0"):
                listen(settings(tmp_path, host="::1"))

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
    def test_what_only_this_machine_reaches_is_loopback(self, host: str) -> None:
        assert is_loopback(host)

    @pytest.mark.parametrize(
        "host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "127.0.0.1.example.com", "", "localhost."]
    )
    def test_everything_else_is_not(self, host: str) -> None:
        assert not is_loopback(host)
