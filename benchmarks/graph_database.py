"""Neo4j as the graph of record, on a server of its own: start, load, read back, poll, and one small write."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import neo4j
import numpy as np

from benchmarks.measure import conditions
from engine.neo4j_server import LocalServer, free_ports
from engine.settings import Settings
from graph.columns import Columns
from graph.records import PURPOSES, VISIBILITIES, Click, Customer, Product, Purchase, Record
from graph.schema import kind_of
from graph.store import GraphStore
from graph.stores import open_store
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_forms import FORMS, camel

MEMORY_MB = 2_048
"""Enough for the compiler that a server with the least memory does without."""

PEOPLE, GOODS, ROWS = 50_000, 20_000, 40_000
PURCHASES, TIMES = 250_000, 200
FIRST, LAST = 1_600_000_000_000_000, 1_760_000_000_000_000
RELATIONSHIPS = tuple(record for record in FORMS if kind_of(record).ends)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that some work took: CPU of this process, CPU of the server, and on the clock."""

    client: float
    server: float
    wall: float


@dataclass(frozen=True, slots=True)
class Bench:
    """A running server, a store on it, and how many records a transaction takes."""

    pid: int
    url: str
    store: GraphStore
    batch: int

    def cost(self, work: Callable[[], object]) -> Cost:
        """What some work takes."""
        before = self._now()
        work()
        return Cost(*(late - early for early, late in zip(before, self._now(), strict=True)))

    def _now(self) -> tuple[float, float, float]:
        return time.process_time(), server_seconds(self.pid), time.perf_counter()


def main() -> None:
    """All of it, on a server that is warm where it says so: the same was done before with other ids."""
    settings = Settings.load(environ={})
    with tempfile.TemporaryDirectory() as folder:
        bolt, browser = free_ports(0, 0)
        server = LocalServer(
            Path(folder) / "neo4j",
            jars=settings.neo4j_jars.expanduser(),
            bolt_port=bolt,
            browser_port=browser,
            memory_mb=MEMORY_MB,
        )
        try:
            pid = _start(server)
            bench = Bench(pid, server.url, open_store(server.url), settings.load_chunk_rows)
            _load(bench)
            _read_back(bench)
            _small(bench)
            bench.store.close()
        finally:
            server.stop()


def server_seconds(pid: int) -> float:
    """CPU time, user and system, of another process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _table(title: str, unit: str, rows: Iterable[tuple[str, Cost]], scale: float) -> None:
    print(f"\n{title} ({unit}; {conditions()})\n  {'':44} {'client CPU':>12} {'server CPU':>12} {'wall':>12}")
    for name, cost in rows:
        print(f"  {name:44} " + " ".join(f"{scale * figure:12.2f}" for figure in astuple(cost)))


# ---- start


def _start(server: LocalServer) -> int:
    print(f"\nNeo4j server with {MEMORY_MB:,} MB ({conditions()})")
    for title in ("first start, setting the password included", "start"):
        server.stop()
        began = time.perf_counter()
        pid = server.start().pid or 0
        print(f"  {title:44} {time.perf_counter() - began:6.1f} s wall, {server_seconds(pid):6.1f} s CPU of the server")
    return pid


# ---- load


def _load(bench: Bench) -> None:
    """Each kind as ``kith load`` writes it: first to warm the server, then with other ids."""
    for seed, run in enumerate(("warm", "measured")):
        rng = np.random.default_rng(seed)
        costs: dict[type[Record], Cost] = {}
        for facts in _nodes(run):
            costs[facts.kind] = bench.cost(partial(_write, bench, facts))
        for record in RELATIONSHIPS:
            costs[record] = bench.cost(partial(_write, bench, _ties(record, rng, run, ROWS)))
    each = {
        record: _shared(cost, {Customer: PEOPLE, Product: GOODS}.get(record, ROWS)) for record, cost in costs.items()
    }
    rows = [(kind_of(record).table, cost) for record, cost in each.items()]
    ties = [astuple(each[record]) for record in RELATIONSHIPS]
    rows.append(("mean of all that are relationships", Cost(*map(fmean, zip(*ties, strict=True)))))
    _table(f"Loading {ROWS:,} records of each kind into Neo4j, warm", "us per record", rows, 1e6)


def _shared(cost: Cost, rows: int) -> Cost:
    return Cost(*(figure / rows for figure in astuple(cost)))


def _write(bench: Bench, facts: Columns[Any]) -> None:
    changed = 0
    for first in range(0, len(facts), bench.batch):
        part = {name: column[first : first + bench.batch] for name, column in facts.values.items()}
        changed += bench.store.write(Columns(facts.kind, part)).changed
    if changed != len(facts):
        raise SystemExit(f"{changed:,} of {len(facts):,} records were new: the benchmark is wrong")


def _nodes(run: str) -> tuple[Columns[Customer], Columns[Product]]:
    people = {
        "id": [f"{run}-c{i}" for i in range(PEOPLE)],
        "name": [f"Name {i}" for i in range(PEOPLE)],
        "birth_year": [1950 + i % 60 for i in range(PEOPLE)],
    }
    goods = {
        "id": [f"{run}-p{i}" for i in range(GOODS)],
        "name": [f"Product {i}" for i in range(GOODS)],
        "price": [100 + i for i in range(GOODS)],
        "category": [f"category {i % 40}" for i in range(GOODS)],
    }
    return Columns(Customer, people), Columns(Product, goods)


def _ties(record: type[Record], rng: np.random.Generator, run: str, rows: int) -> Columns[Any]:
    """In order of time, with the fields that a shop knows; a few people and products have most of them."""
    people, goods = (nodes["id"] for nodes in _nodes(run))
    kind, numbers = kind_of(record), range(rows)
    moments = np.sort(rng.integers(FIRST, LAST, rows)).tolist()
    fields: dict[str, Callable[[], list[Any]]] = {
        "id": lambda: [f"h{at}{rng.bytes(12).hex()}" for at in moments],
        "customer": lambda: [people[i] for i in rng.zipf(1.3, rows) % PEOPLE],
        "product": lambda: [goods[i] for i in rng.zipf(1.2, rows) % GOODS],
        "at": lambda: moments,
        "since": lambda: moments,
        "recommendation_id": lambda: [f"recommendation-{i}" if i % 3 == 0 else None for i in numbers],
        "quantity": lambda: [1 + i % 3 for i in numbers],
        "price": lambda: [100 + i % 9_700 for i in numbers],
        "order": lambda: [f"order-{i // 3}" for i in numbers],
        "line": lambda: [str(i % 3) for i in numbers],
        "visibility": lambda: [VISIBILITIES[i % 3] for i in numbers],
        "purpose": lambda: [PURPOSES[i % 6] for i in numbers],
        "granted": lambda: [i % 10 > 0 for i in numbers],
        "source": lambda: ["sign-up"] * rows,
        "opinion": lambda: [("like", "like", "dislike", "unlike")[i % 4] for i in numbers],
        "reason": lambda: [("refund", "cancel")[i % 2] for i in numbers],
        "rating": lambda: [1.0 + i % 5 for i in numbers],
        "text": lambda: [f"What I think of it, in words that nobody wrote before: {i}" for i in numbers],
    }
    values = {name: fields[name]() for name in kind.columns if name in fields}
    if kind.lasting:
        values |= dict(zip(kind.key, zip(*_pairs(rng, people, rows), strict=True), strict=True))
    return Columns(record, values)


def _pairs(rng: np.random.Generator, people: Sequence[str], rows: int) -> list[list[str]]:
    """Different pairs of people: two who stand in a ring, fewer than half of them apart."""
    widest = (len(people) - 1) // 2
    one, apart = np.divmod(rng.choice(len(people) * widest, rows, replace=False), widest)
    other = (one + 1 + apart) % len(people)
    return [sorted((people[i], people[j])) for i, j in zip(one.tolist(), other.tolist(), strict=True)]


# ---- read back


def _read_back(bench: Bench) -> None:
    """What Kith does when it starts, beside the same read row by row through the plain driver."""
    more = PURCHASES - bench.store.check().counts["purchases"]
    _write(bench, _ties(Purchase, np.random.default_rng(2), "measured", more))
    with _driver(bench) as driver:
        ways = {
            "row by row, plain driver, all fields": partial(_count_rows, driver),
            "Kith, customer and product": partial(_count_columns, bench.store, ("customer", "product")),
            "Kith, all fields": partial(_count_columns, bench.store, None),
        }
        rows = [(name, [bench.cost(way) for _ in ("warm", "measured")][-1]) for name, way in ways.items()]
    _table(f"Reading {PURCHASES:,} purchases back from Neo4j, warm", "seconds", rows, 1.0)


def _driver(bench: Bench) -> neo4j.Driver:
    address = Address.parse(bench.url)
    return neo4j.GraphDatabase.driver(
        address.server, auth=(address.user, address.password), notifications_min_severity="OFF"
    )


def _count_rows(driver: neo4j.Driver) -> None:
    (form,) = FORMS[Purchase]
    properties = ", ".join(f"r.{camel(field.name)}" for field in form.properties)
    with driver.session(fetch_size=10_000) as session:
        found = session.run(f"MATCH (a:Customer)-[r:BOUGHT]->(b:Product) RETURN a.id, b.id, r.id, {properties}")
        _check(sum(1 for _ in map(neo4j.Record.values, found)))


def _count_columns(store: GraphStore, columns: tuple[str, ...] | None) -> None:
    _check(sum(len(part) for part in store.read(Purchase, columns=columns)))


def _check(found: int) -> None:
    if found != PURCHASES:
        raise SystemExit(f"{found:,} purchases were read, not {PURCHASES:,}: the benchmark is wrong")


# ---- small


def _small(bench: Bench) -> None:
    """What a running server does all the time: it asks for news, and stores what customers do."""
    store, end = bench.store, bench.store.check().cursor
    people, goods = _nodes("measured")
    clicks = iter(range(10 * TIMES))

    def ask() -> None:
        session.run("RETURN 1").consume()

    def poll() -> None:
        store.changes(end)

    def write() -> None:
        number = next(clicks)
        store.write([Click(id=f"click-{number}", customer=people["id"][number], product=goods["id"][number])])

    with _driver(bench) as driver, driver.session() as session:
        rows = [
            (name, _often(bench, work))
            for name, work in (("RETURN 1, plain driver", ask), ("changes, no news", poll), ("write one event", write))
        ]
    _table("Small things asked of Neo4j, warm", "ms each", rows, 1e3)


def _often(bench: Bench, work: Callable[[], None]) -> Cost:
    def repeat() -> None:
        for _ in range(TIMES):
            work()

    repeat()
    return _shared(bench.cost(repeat), TIMES)
