"""``kith serve`` on a real Neo4j whose connection is cut, that hangs, or that is killed: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest

from engine.engine import Engine
from engine.jobs import prepare_demo, train
from engine.neo4j_server import LocalServer, free_ports
from engine.settings import Settings
from graph.moments import utcnow
from graph.records import Purchase
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_store import Neo4jStore
from tests.graph_database import cypher
from tests.proxy import BOLT_COMMIT, Proxy
from tests.records import bought

ROOT = Path(__file__).parents[2]
LONG = "KITH_LONG" in os.environ
EVENTS = 40_000 if LONG else 10_000
CUTS = 200 if LONG else 50
BATCH = 20
DRAINED_SECONDS = 60


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server of this module's own: it will be killed."""
    bolt_port, browser_port = free_ports(0, 0)
    settings = Settings.load()
    home = tmp_path_factory.mktemp("away") / "neo4j"
    server = LocalServer(
        home, jars=settings.neo4j_jars, bolt_port=bolt_port, browser_port=browser_port, java_home=settings.java_home
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def folder(database: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a small sample shop in that server."""
    folder = tmp_path_factory.mktemp("shop")
    with closing(Engine.open(Settings(store=database.url, data_dir=folder))) as engine:
        prepare_demo(engine, seed=1, now=utcnow(), customers=300, products=100)
    return folder


@pytest.fixture
def shop(database: LocalServer, folder: Path) -> Path:
    """The same with a model of its present facts."""
    with closing(Engine.open(Settings(store=database.url, data_dir=folder))) as engine:
        train(engine)
    return folder


@pytest.fixture
def proxy(database: LocalServer) -> Iterator[Proxy]:
    port = Address.parse(database.url).server.rpartition(":")[2]
    with Proxy(int(port)) as between:
        yield between


def through(proxy: Proxy, database: LocalServer) -> str:
    """The address of the database behind the proxy; ``bolt``, as routing would lead past it."""
    password = Address.parse(database.url).password
    return f"bolt://neo4j:{password}@127.0.0.1:{proxy.port}"


class Server:
    """``kith serve`` in a process of its own."""

    def __init__(self, store: str, folder: Path) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OPENBLAS_NUM_THREADS": "1",
            "KITH_NEO4J_PATIENCE": "1",
            "KITH_POLL_SECONDS": "0.1",
        }
        command = [sys.executable, "-c", "from engine.cli import main; main()", "--store", store]
        command += ["--data-dir", str(folder), "serve", "--port", "0"]
        self.log = (folder / "server.log").open("w+")
        self.process = subprocess.Popen(command, env=environment, cwd=folder, stderr=self.log)
        self.address = self._address()

    def _address(self) -> str:
        end = monotonic() + 60
        while monotonic() < end and self.process.poll() is None:
            if found := re.search(r"serving at (\S+)", Path(self.log.name).read_text()):
                return found[1]
            sleep(0.05)
        raise AssertionError(f"the server did not start: {Path(self.log.name).read_text()}")

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def buy(self, ids: list[str], product: str = "p1") -> set[str]:
        """The ids that were acknowledged."""
        events = [
            {"id": id, "type": "purchase", "customer": f"c{sum(id.encode()) % 90}", "product": product} for id in ids
        ]
        status, answer = self.ask("/v1/events", {"events": events})
        if status != 200:
            return set()
        return {result["id"] for result in answer["results"] if result["status"] in ("accepted", "duplicate")}

    @property
    def degraded(self) -> bool:
        return bool(self.ask("/readyz")[1]["degraded"])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0


@contextmanager
def serving(store: str, folder: Path) -> Iterator[Server]:
    server = Server(store, folder)
    try:
        yield server
        server.stop()
    finally:
        print(Path(server.log.name).read_text())  # shown with a failure
        server.process.kill()
        server.process.wait()
        server.log.close()


def soon(true: Callable[[], bool], what: str, seconds: float = DRAINED_SECONDS) -> float:
    """Wait for something; how long it took."""
    began = monotonic()
    while not true():
        assert monotonic() < began + seconds, f"not within {seconds:g} s: {what}"
        sleep(0.05)
    return monotonic() - began


def found(database: LocalServer, prefix: str) -> list[str]:
    """Ids of the purchases that the database itself holds, each as often as it is there."""
    rows = cypher(database.url, "MATCH ()-[r:BOUGHT]->() WHERE r.id STARTS WITH $p RETURN r.id", p=prefix)
    return [str(id) for (id,) in rows]


def arrived(database: LocalServer, prefix: str, acknowledged: set[str]) -> Callable[[], bool]:
    return lambda: acknowledged <= set(found(database, prefix))


def kill(database: LocalServer) -> None:
    pid = database.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def post(server: Server, prefix: str, *, until: Callable[[], bool], least: int, pause: float = 0) -> set[str]:
    """Post batches from four threads until there are enough of them and of what disturbs them; the ids acknowledged."""

    def work(thread: int) -> set[str]:
        acknowledged: set[str] = set()
        number = 0
        while number * BATCH * 4 < least or not until():
            ids = [f"{prefix}{thread}-{number}-{n}" for n in range(BATCH)]
            for _ in range(3):  # a client tries again, with the same ids
                if taken := server.buy(ids):
                    acknowledged |= taken
                    break
            number += 1
            sleep(pause)
        return acknowledged

    with ThreadPoolExecutor(4) as pool:
        return set().union(*pool.map(work, range(4)))


def test_events_posted_while_the_connection_is_cut_at_random_are_all_there_once(
    database: LocalServer, shop: Path, proxy: Proxy
) -> None:
    with serving(through(proxy, database), shop) as server:
        proxy.cut_every(Random(5), 0.02, 0.12)
        acknowledged = post(server, "cut", until=lambda: proxy.counts["cut"] >= CUTS, least=EVENTS)
        proxy.steady()
        seconds = soon(arrived(database, "cut", acknowledged), "all acknowledged events are in the database")
        soon(lambda: not server.degraded, "the server has recovered")
    there = found(database, "cut")
    print(f"{len(acknowledged):,} acknowledged, {proxy.counts['cut']} cuts, all there after {seconds:.1f} s")
    assert len(acknowledged) >= EVENTS * 0.99
    assert proxy.counts["cut"] >= CUTS
    assert len(there) == len(set(there))
    assert acknowledged == set(there)


def test_a_database_that_is_killed_and_started_again_has_all_that_was_acknowledged(
    database: LocalServer, shop: Path
) -> None:
    with serving(database.url, shop) as server, ThreadPoolExecutor(1) as pool:
        back = Event()
        posting = pool.submit(post, server, "kill", until=back.is_set, least=2_000, pause=0.05)
        try:
            sleep(1)
            kill(database)
            soon(lambda: server.degraded, "the server notices")
            status, answer = server.ask("/v1/customers/c1/recommendations?limit=5")
            assert (status, answer["degraded"], len(answer["items"])) == (200, True, 5)
            assert server.buy(["kill-while-away"]) == {"kill-while-away"}
            database.start()
        finally:
            back.set()
        acknowledged = posting.result() | {"kill-while-away"}
        seconds = soon(arrived(database, "kill", acknowledged), "all acknowledged events are in the database")
        soon(lambda: not server.degraded, "the server has recovered")
    there = found(database, "kill")
    print(f"{len(acknowledged):,} acknowledged, all there {seconds:.1f} s after the database was back")
    assert len(there) == len(set(there))
    assert acknowledged == set(there)


def test_a_database_that_hangs_delays_nobody_for_long(database: LocalServer, shop: Path, proxy: Proxy) -> None:
    with serving(through(proxy, database), shop) as server:
        assert server.buy(["hang-before"])
        proxy.pause()
        began = monotonic()
        assert server.buy(["hang-during"]) == {"hang-during"}
        assert monotonic() - began < 10
        soon(lambda: server.degraded, "the server notices")
        began = monotonic()
        answers = [server.ask("/v1/customers/c1/recommendations") for _ in range(10)]
        assert all(status == 200 and answer["degraded"] for status, answer in answers)
        assert monotonic() - began < 5
        assert server.buy(["hang-during"]) == {"hang-during"}
        proxy.resume()
        soon(arrived(database, "hang", {"hang-before", "hang-during"}), "the event that waited is in the database")
        soon(lambda: not server.degraded, "the server has recovered")
    assert sorted(found(database, "hang")) == ["hang-before", "hang-during"]


def test_a_server_that_starts_while_the_database_is_away_answers_and_keeps_events(
    database: LocalServer, shop: Path, proxy: Proxy
) -> None:
    proxy.refuse()
    with serving(through(proxy, database), shop) as server:
        ready = server.ask("/readyz")[1]
        assert (ready["ready"], ready["store"], ready["degraded"]) == (True, "neo4j", True)
        assert server.buy(["late"]) == {"late"}
    with serving(through(proxy, database), shop) as again:  # what waits outlives the process
        proxy.accept()
        soon(arrived(database, "late", {"late"}), "the event that waited is in the database")
        soon(lambda: not again.degraded, "the server has recovered")


def test_what_only_the_database_can_do_is_refused_while_it_is_away(
    database: LocalServer, shop: Path, proxy: Proxy
) -> None:
    with serving(through(proxy, database), shop) as server:
        proxy.refuse()
        proxy.cut()
        assert server.buy(["refused-1"])
        soon(lambda: server.degraded, "the server notices")
        status, problem = server.ask("/v1/customers/c1")
        assert status == 503
        assert "away" in problem["detail"]
        proxy.accept()
        soon(lambda: not server.degraded, "the server has recovered")
        assert server.ask("/v1/customers/c1")[0] == 200


def test_a_commit_whose_reply_is_lost_counts_once_and_its_outcome_is_known(database: LocalServer, proxy: Proxy) -> None:
    with closing(Neo4jStore(Address.parse(through(proxy, database)))) as store:
        store.check()
        for n in range(10):
            proxy.drop_replies_after(BOLT_COMMIT)
            assert store.write([bought(f"reply-{n}")]).changed == 1
        assert proxy.counts["lost reply"] >= 10
        with store.exclusive("reply") as transaction:
            assert transaction.get(Purchase, ("reply-9",)) == bought("reply-9")
            proxy.drop_replies_after(BOLT_COMMIT)
            assert transaction.write([bought("reply-10")]).changed == 1
    assert sorted(found(database, "reply-")) == sorted(f"reply-{n}" for n in range(11))
