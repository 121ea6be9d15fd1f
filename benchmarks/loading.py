"""``kith load`` of purchases into SQLite: parse, validate, resolve, store."""

from __future__ import annotations

import csv
import tempfile
import time
from pathlib import Path

import apsw
import numpy as np

from benchmarks.measure import side_by_side
from graph.columns import Columns
from graph.moments import utcnow
from graph.records import Customer, Product
from graph.stores.sqlite import SqliteStore
from loaders.load import Options, load_file

ROWS, PEOPLE, GOODS = 500_000, 50_000, 20_000


def main() -> None:
    """Beside the least that could be done: csv.reader and one insert per row, nothing checked."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sorted_file, shuffled_file = folder / "sorted.csv", folder / "shuffled.csv"
        _write(sorted_file, shuffled_file)
        rows = [("csv.reader + executemany, nothing checked", _bare(sorted_file, folder / "bare.db"))]
        for title, file in (("kith load, rows by time", sorted_file), ("kith load, rows in no order", shuffled_file)):
            rows.append((title, _kith(file, folder / f"{file.stem}.db")))
        side_by_side(f"Loading {ROWS:,} purchases", "rows per CPU second", rows)


def _write(sorted_file: Path, shuffled_file: Path) -> None:
    rng = np.random.default_rng(7)
    at = np.sort(rng.integers(1_600_000_000, 1_760_000_000, ROWS)).astype("datetime64[s]")
    who, what = rng.zipf(1.3, ROWS) % PEOPLE, rng.zipf(1.2, ROWS) % GOODS
    lines = [
        f"c{c},p{p},{t}Z,{1 + i % 3},{i % 97}.50\n"
        for i, (c, p, t) in enumerate(zip(who.tolist(), what.tolist(), at.astype(str).tolist(), strict=True))
    ]
    header = "customer,product,at,quantity,price\n"
    sorted_file.write_text(header + "".join(lines))
    shuffled_file.write_text(header + "".join(lines[i] for i in rng.permutation(ROWS)))


def _bare(file: Path, target: Path) -> float:
    began = time.process_time()
    db = apsw.Connection(str(target))
    db.pragma("journal_mode", "wal")
    db.execute("CREATE TABLE purchases (seq INTEGER PRIMARY KEY, customer, product, at, quantity, price)")
    with file.open(newline="") as stream, db:
        reader = csv.reader(stream)
        next(reader)
        db.executemany("INSERT INTO purchases (customer, product, at, quantity, price) VALUES (?,?,?,?,?)", reader)
    db.close()
    return ROWS / (time.process_time() - began)


def _kith(file: Path, target: Path) -> float:
    store = SqliteStore(target)
    store.write(Columns(Customer, {"id": [f"c{i}" for i in range(PEOPLE)]}))
    store.write(Columns(Product, {"id": [f"p{i}" for i in range(GOODS)]}))
    began = time.process_time()
    report = load_file(file, "purchases", store, options=Options(now=utcnow(), chunk_rows=20_000, pause=0.002))
    figure = ROWS / (time.process_time() - began)
    store.close()
    if report.rejected:
        raise SystemExit(f"{report.rejected:,} rows were rejected: the benchmark is wrong")
    return figure
