"""One recommendation with reasons, in process, beside a brute-force scorer of the same factors."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.measure import DATA, cpu_seconds, side_by_side
from engine import jobs
from engine.engine import Engine
from engine.settings import Settings
from graph.moments import utcnow
from loaders.demo import sample_shop
from recommend.query import Query

ASKED = 500


def main() -> None:
    """The sample shop, and LastFM where its data are."""
    with tempfile.TemporaryDirectory() as folder:
        shop = _open(folder, "shop")
        for facts in sample_shop(now=utcnow()).facts():
            shop.write(facts)
        _compare("sample shop", shop, [f"c{i}" for i in range(1, ASKED + 1)])
        _lastfm(_open(folder, "lastfm"), DATA / "lastfm")


def _lastfm(engine: Engine, data: Path) -> None:
    if not data.is_dir():
        print(f"\nLastFM: not measured, {data} is absent")
        return
    files = {"products": data / "artists.csv", "friends": data / "friends.csv", "purchases": data / "listens.csv"}
    jobs.load(engine, files, create_missing=True, assume_consent=("social_proof", "named"))
    _compare("LastFM", engine, [str(i) for i in range(2, ASKED + 2)])


def _open(folder: str, name: str) -> Engine:
    return Engine.open(Settings.load(environ={}, store=f"sqlite:///{folder}/{name}.db"))


def _compare(title: str, engine: Engine, customers: Sequence[str]) -> None:
    jobs.train(engine)
    for customer in customers:
        engine.recommend(Query(customer=customer))
    rng = np.random.default_rng(7)
    products = len(engine.freeze()[0].products)
    tastes, factors = rng.random((len(customers), 64), np.float32), rng.random((products, 64), np.float32)

    def brute_force() -> None:
        for taste in tastes:
            scores = factors @ taste
            best = np.argpartition(-scores, 20)[:20]
            best[np.argsort(-scores[best])]

    def ours() -> None:
        for customer in customers:
            engine.recommend(Query(customer=customer, limit=20))

    def loop() -> None:
        total = 0
        for i in range(10_000):
            total += i

    rows = [
        ("numpy: 64 factors of all products, top 20", 1e6 * cpu_seconds(brute_force) / len(customers)),
        ("Kith: 20 products, rules, names, reasons", 1e6 * cpu_seconds(ours) / len(customers)),
        ("for scale: 10,000 turns of an empty loop", 1e6 * cpu_seconds(loop)),
    ]
    side_by_side(f"One answer, {title}, {products:,} products", "CPU us", rows)
    engine.close()
