"""``kith load --offline-import`` beside Neo4j's importer alone, and beside the load through the running server."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks.measure import conditions
from engine import jobs
from engine.engine import Engine
from engine.neo4j_server import LocalServer, free_ports
from engine.offline_import import load_offline
from engine.settings import Settings
from graph.moments import utcnow
from loaders.report import LoadReport

PEOPLE, GOODS, FRIENDS, PURCHASES = 50_000, 20_000, 40_000, 500_000
PART = 10
"""The load through the server gets every tenth of the relationships, after all people and products."""


MARKS = "reading 0", "importing 0", "importing 1", "making indexes 0"
ASKED = "the server, just started, asked if it is empty"
READ, IMPORT = "rows read, judged, written for the importer", "the server stopped, the importer"


@dataclass(frozen=True)
class Figure:
    """Seconds on the clock, and of the processors."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:8.1f} s {self.cpu:8.1f} CPU s"


class Watched(LocalServer):
    """Notes what its importer takes with our files, and with files of the same rows that name the nodes by their ids."""

    ours = plain = Figure(0.0, 0.0)
    aside = 0.0
    """Seconds that the comparison took of the command's."""

    def admin(self, *arguments: str) -> None:
        began = time.perf_counter()
        folder = self.status().home / "data/databases"
        self.plain = self._took(*_by_id(arguments))
        shutil.rmtree(folder / arguments[3])
        shutil.rmtree(folder.with_name("transactions") / arguments[3])
        self.aside = time.perf_counter() - began
        self.ours = self._took(*arguments)

    def _took(self, *arguments: str) -> Figure:
        began, used = time.perf_counter(), _children()
        super().admin(*arguments)
        return Figure(time.perf_counter() - began, _children() - used)

    def used(self) -> float:
        """CPU seconds of the running server."""
        fields = Path(f"/proc/{self.status().pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """All parts of the command, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, few = folder / "whole", folder / "few"
        _write(whole, 1)
        _write(few, PART)
        server, steps = _offline(folder, whole)
        ties = FRIENDS + PURCHASES
        print(f"\nFirst load of {ties:,} relationships, {PEOPLE + GOODS:,} nodes into Neo4j ({conditions()})")
        total, ours = _sum(steps.values()), _sum([steps[READ], steps[IMPORT]])
        _print("the importer, files that name nodes by id", server.plain)
        _print("the importer, our files", server.ours)
        _print("kith load --offline-import", total, _ratio(total, server))
        for step, figure in steps.items():
            _print(f"  {step}", figure)
        _print("rows to database, without start and restart", ours, _ratio(ours, server))
        part, client, nodes = _online(folder, few)
        scaled = Figure(nodes.wall + part.wall * PART, nodes.cpu + part.cpu * PART)
        _print(f"kith load, {ties // PART:,} relationships", part, f"of which the client {client:.1f} CPU s")
        more = f"{scaled.wall / total.wall:.2f}x, {scaled.cpu / total.cpu:.2f}x of --offline-import"
        _print(f"kith load of all, scaled by {PART}", scaled, f"an estimate: {more}")


def _print(name: str, figure: Figure, note: str = "") -> None:
    print(f"  {name:46}{figure}   {note}".rstrip())


def _sum(figures: Iterable[Figure]) -> Figure:
    parts = list(figures)
    return Figure(sum(part.wall for part in parts), sum(part.cpu for part in parts))


def _ratio(figure: Figure, server: Watched) -> str:
    """How often the importer alone, on the clock and of the processors: with files that name nodes by id, and with ours."""
    shown = (f"{figure.wall / tool.wall:.2f}x, {figure.cpu / tool.cpu:.2f}x" for tool in (server.plain, server.ours))
    return " / ".join(shown)


def _by_id(arguments: Sequence[str]) -> list[str]:
    """The importer's arguments, for files in which relationships name customers and products as anybody would write them."""
    named = dict(argument[2:].split("=", 2)[1:] for argument in arguments if argument.startswith(("--nodes", "--rel")))
    groups = {":ID(Customer)": "Customer", ":ID(Product)": "Product", ":ID(Category)": "Category"}
    ends = {"BOUGHT": "Customer Product", "FRIEND_OF": "Customer Customer", "IN_CATEGORY": "Product Category"}
    ids: dict[int, str] = {}
    plain = {name: Path(file).with_suffix(".plain.csv") for name, file in named.items()}
    for header, label in groups.items():
        table = _read(named[label])
        key = "name:string" if label == "Category" else "id:string"
        ids |= zip(table[":ID"].to_pylist(), table[key].to_pylist(), strict=True)
        names = [f"{name.partition(':')[0]}{header}" if name == key else name for name in table.column_names]
        pyarrow.csv.write_csv(table.rename_columns(names).drop_columns(":ID"), plain[label])
    for name, groups_of in ends.items():
        table = _read(named[name])
        for at, (end, group) in enumerate(zip((":START_ID", ":END_ID"), groups_of.split(), strict=True)):
            texts = pa.array([ids[number] for number in table[end].to_pylist()])
            table = table.set_column(at, f"{end}({group})", texts)
        pyarrow.csv.write_csv(table, plain[name])
    return [
        argument.replace("actual", "string").replace(".csv", ".plain.csv")
        for argument in arguments
        if "KithPlace" not in argument
    ]


def _read(file: str) -> pa.Table:
    text = pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    return pyarrow.csv.read_csv(file, convert_options=text)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _write(folder: Path, part: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(7)
    (folder / "customers.csv").write_text("id,name\n" + "".join(f"c{i},Person {i}\n" for i in range(PEOPLE)))
    goods = "".join(f"p{i},Thing {i},{i % 97}.50,kind {i % 40}\n" for i in range(GOODS))
    (folder / "products.csv").write_text("id,name,price,category\n" + goods)
    ones, others = rng.integers(PEOPLE, size=(2, FRIENDS // part))
    ties = {(min(a, b), max(a, b)) for a, b in zip(ones.tolist(), others.tolist(), strict=True) if a != b}
    (folder / "friends.csv").write_text("customer,friend\n" + "".join(f"c{a},c{b}\n" for a, b in sorted(ties)))
    count = PURCHASES // part
    at = np.sort(rng.integers(1_600_000_000, 1_760_000_000, count)).astype("datetime64[s]").astype(str).tolist()
    who, what = rng.zipf(1.3, count) % PEOPLE, rng.zipf(1.2, count) % GOODS
    lines = [
        f"c{c},p{p},{t}Z,{1 + i % 3},{i % 97}.50,o{i}\n"
        for i, (c, p, t) in enumerate(zip(who.tolist(), what.tolist(), at, strict=True))
    ]
    (folder / "purchases.csv").write_text("customer,product,at,quantity,price,order\n" + "".join(lines))


def _files(folder: Path, *kinds: str) -> dict[str, Path]:
    return {kind: folder / f"{kind}.csv" for kind in kinds}


def _shop(folder: Path) -> tuple[Settings, Watched]:
    """A server that has just been started, and the settings of a shop in it."""
    settings = Settings.load(data_dir=folder / "shop", neo4j_home=folder / "neo4j", neo4j_url=None)
    bolt, browser = free_ports(0, 0)
    server = Watched(
        settings.neo4j_home,
        jars=settings.neo4j_jars,
        bolt_port=bolt,
        browser_port=browser,
        java_home=settings.java_home,
    )
    server.start()
    return settings.model_copy(update={"store": server.url}), server


def _offline(folder: Path, files: Path) -> tuple[Watched, dict[str, Figure]]:
    settings, server = _shop(folder / "offline")
    marks: dict[str, Figure] = {}
    steps: dict[str, Figure] = {}

    def on_step(step: str, done: float, detail: str = "") -> None:
        marks.setdefault(f"{step} {done:g}", Figure(time.perf_counter(), time.process_time()))

    def load(engine: Engine) -> list[LoadReport]:
        on_step("reading", 0.0)
        steps[ASKED] = Figure(marks["reading 0"].wall - began, server.used() - busy)
        return jobs.load(engine, _files(files, "customers", "products", "friends", "purchases"))

    began, busy = time.perf_counter(), server.used()
    load_offline(settings, server, load, clock=utcnow, on_step=on_step)
    ended = time.perf_counter()
    read, importing, imported, restarted = (marks[mark] for mark in MARKS)
    steps |= {
        READ: Figure(importing.wall - read.wall, importing.cpu - read.cpu),
        IMPORT: Figure(imported.wall - importing.wall - server.aside, server.ours.cpu),
        "the server started": Figure(restarted.wall - imported.wall, 0.0),
        "indexes, counts; CPU of both": Figure(ended - restarted.wall, server.used()),
    }
    server.stop()
    return server, steps


def _online(folder: Path, files: Path) -> tuple[Figure, float, Figure]:
    """The relationships: in all, and the part of the client; and the nodes before them."""
    settings, server = _shop(folder / "online")
    with closing(Engine.open(settings)) as engine:
        engine.store.check()
        figures = []
        for kinds in (("customers", "products"), ("friends", "purchases")):
            began, used, own = time.perf_counter(), server.used(), time.process_time()
            jobs.load(engine, _files(files, *kinds))
            own = time.process_time() - own
            figures.append((Figure(time.perf_counter() - began, server.used() - used + own), own))
    server.stop()
    return figures[1][0], figures[1][1], figures[0][0]
