"""The proxy of the fault tests does what it says, before a server that keeps what it is sent."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from random import Random
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from tests.proxy import Proxy


class Keeper(ThreadingTCPServer):
    """Keeps each line and answers it in capitals."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.kept: list[bytes] = []


class Answering(StreamRequestHandler):
    def handle(self) -> None:
        try:
            while line := self.rfile.readline().strip():
                self.server.kept.append(line)
                self.wfile.write(line.upper() + b"\n")
        except OSError:
            pass  # the proxy reset the connection


@pytest.fixture
def server() -> Iterator[Keeper]:
    with Keeper() as opened:
        thread = Thread(target=opened.serve_forever, args=(0.01,))
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


@pytest.fixture
def proxy(server: Keeper) -> Iterator[Proxy]:
    with Proxy(server.server_address[1]) as opened:
        yield opened


class Client:
    """Sends lines, and reads answers."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.answers = self.socket.makefile("rb")

    def send(self, line: bytes) -> None:
        self.socket.sendall(line + b"\n")

    def ask(self, line: bytes) -> bytes:
        self.send(line)
        return self.answers.readline().strip()

    def close(self) -> None:
        self.answers.close()
        self.socket.close()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    with closing(Client(proxy.port)) as opened:
        assert opened.ask(b"hello") == b"HELLO"
        yield opened


def eventually(true: object, patience: float = 5.0) -> bool:
    assert callable(true)
    end = time.monotonic() + patience
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(true())


def test_everything_passes_both_ways_whatever_its_size(proxy: Proxy, server: Keeper) -> None:
    big = bytes(Random(5).choices(b"abcdefgh", k=1_000_000))
    with closing(Client(proxy.port)) as one, closing(Client(proxy.port)) as other:
        assert one.ask(big) == big.upper()
        assert other.ask(b"small") == b"SMALL"
    assert server.kept == [big, b"small"]
    assert proxy.counts["accepted"] == 2


def test_a_client_that_says_it_has_sent_all_still_gets_its_answer(proxy: Proxy) -> None:
    with closing(Client(proxy.port)) as client:
        client.send(b"last")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answers.read() == b"LAST\n"


def test_a_cut_resets_every_connection_and_later_ones_work(proxy: Proxy, client: Client) -> None:
    with closing(Client(proxy.port)) as other:
        assert other.ask(b"x") == b"X"
        proxy.cut()
        for cut in (client, other):
            with pytest.raises(ConnectionResetError):
                cut.answers.readline()
    with closing(Client(proxy.port)) as again:
        assert again.ask(b"y") == b"Y"
    assert (proxy.counts["cut"], proxy.counts["closed"] >= 2) == (1, True)


def test_while_it_pauses_nothing_arrives_and_nobody_is_told(proxy: Proxy, client: Client, server: Keeper) -> None:
    proxy.pause()
    client.send(b"held")
    with closing(Client(proxy.port)) as new:
        new.send(b"new")
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
        assert server.kept == [b"hello"]
        proxy.resume()
        client.socket.settimeout(5)
        assert client.socket.recv(5) == b"HELD\n"
        assert new.answers.readline() == b"NEW\n"
    assert proxy.counts["pause"] == 1


def test_a_delay_holds_request_and_answer(proxy: Proxy, client: Client) -> None:
    proxy.delay(0.1)
    began = time.monotonic()
    assert client.ask(b"slow") == b"SLOW"
    assert time.monotonic() - began >= 0.2
    proxy.delay(0)
    began = time.monotonic()
    assert client.ask(b"fast") == b"FAST"
    assert time.monotonic() - began < 0.1


def test_while_it_refuses_nobody_can_connect_and_who_is_connected_goes_on(proxy: Proxy, client: Client) -> None:
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        Client(port)
    assert client.ask(b"still") == b"STILL"
    proxy.accept()
    proxy.accept()
    assert proxy.port == port
    with closing(Client(port)) as again:
        assert again.ask(b"back") == b"BACK"


def test_a_client_of_a_server_that_is_gone_is_cut_off(server: Keeper) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        gone = nobody.getsockname()[1]
    with Proxy(gone) as proxy, closing(Client(proxy.port)) as client:
        assert client.answers.readline() == b""
        assert eventually(lambda: proxy.counts["unreachable"] == 1)


def test_a_reply_is_lost_after_the_request_was_carried_out(proxy: Proxy, client: Client, server: Keeper) -> None:
    proxy.drop_replies_after(b"commit")
    assert client.ask(b"begin") == b"BEGIN"
    client.send(b"please commit this")
    with pytest.raises(ConnectionResetError):
        client.answers.readline()
    assert server.kept == [b"hello", b"begin", b"please commit this"]
    assert proxy.counts["lost reply"] == 1
    with closing(Client(proxy.port)) as again:
        assert again.ask(b"commit") == b"COMMIT", "only once"


def test_a_marker_that_arrives_in_pieces_is_seen(proxy: Proxy, client: Client, server: Keeper) -> None:
    proxy.drop_replies_after(b"commit")
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in (b"com", b"m", b"it\n"):
        client.socket.sendall(piece)
        time.sleep(0.05)
    with pytest.raises(ConnectionResetError):
        client.answers.readline()
    assert server.kept == [b"hello", b"commit"]


def test_cuts_at_drawn_times_go_on_until_it_is_steady(proxy: Proxy) -> None:
    proxy.cut_every(Random(3), 0.005, 0.02)
    assert eventually(lambda: proxy.counts["cut"] >= 10)
    proxy.steady()
    cuts = proxy.counts["cut"]
    with closing(Client(proxy.port)) as client:
        for n in range(20):
            time.sleep(0.005)
            assert client.ask(b"%d" % n) == b"%d" % n
    assert proxy.counts["cut"] == cuts


def test_the_same_seed_draws_the_same_times(server: Keeper) -> None:
    drawn: list[list[float]] = []

    class Noted(Random):
        def uniform(self, low: float, high: float) -> float:
            drawn[-1].append(super().uniform(low, high))
            return drawn[-1][-1]

    for _ in range(2):
        drawn.append([])
        with Proxy(server.server_address[1]) as proxy:
            proxy.cut_every(Noted(7), 0.001, 0.005)
            assert eventually(lambda: len(drawn[-1]) >= 5)
    assert drawn[0][:5] == drawn[1][:5]
    assert len(set(drawn[0][:5])) == 5


def test_leaving_it_ends_connections_and_thread(server: Keeper) -> None:
    with Proxy(server.server_address[1]) as proxy:
        client = Client(proxy.port)
        assert client.ask(b"x") == b"X"
        thread = proxy._thread
    with closing(client), pytest.raises(ConnectionResetError):
        client.answers.readline()
    assert not thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        Client(proxy.port)
