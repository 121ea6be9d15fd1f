"""The same facts in Neo4j and in SQLite give the same answers, byte for byte."""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from api.app import create_app
from engine import jobs
from engine.engine import Engine
from engine.settings import Settings
from graph.moments import to_moment
from graph.stores.neo4j_store import Neo4jStore
from loaders.demo import sample_shop
from tests.graph_database import empty_neo4j

MADE_ANEW = ("recommendation_id", "model", "epoch")
NOW = to_moment(datetime(2026, 11, 1, tzinfo=UTC))


def engine_on(folder: Path, store: Neo4jStore | None) -> Engine:
    """An engine of the same moment, on the Neo4j store or on a SQLite file."""
    settings = Settings(
        store=f"sqlite:///{folder}/shop.db" if store is None else "neo4j://unused", data_dir=folder / "data"
    )
    return Engine.open(settings, store=store, clock=lambda: NOW)


def fill(engine: Engine, data: Path | None) -> None:
    """LastFM in the long form, where it lies beside the repository; otherwise a sample shop."""
    if data is None or "KITH_LONG" not in os.environ:
        for facts in sample_shop(seed=3, now=NOW, customers=400, products=150).facts():
            engine.write(facts)
        return
    files = {name: data / "lastfm" / file for name, file in FILES.items()}
    jobs.load(engine, files, create_missing=True, assume_consent=("social_proof", "named"))


FILES = {"products": "artists.csv", "friends": "friends.csv", "purchases": "listens.csv"}


def answers(engine: Engine, people: list[str], products: list[str]) -> list[bytes]:
    client = TestClient(create_app(engine), base_url="http://127.0.0.1")
    paths = [f"/v1/customers/{person}/recommendations?limit=20&explain=true" for person in people]
    paths += [f"/v1/products/{product}/friends?customer={people[0]}" for product in products]
    paths += [f"/v1/products/{product}/similar" for product in products] + ["/v1/trending"]
    return [body(client, path) for path in paths]


def body(client: TestClient, path: str) -> bytes:
    """What was answered, ids of answer, model and epoch aside."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    data: dict[str, Any] = answer.json()
    assert all(path.startswith("/v1/products") or path == "/v1/trending" or name in data for name in MADE_ANEW)
    return json.dumps({name: value for name, value in data.items() if name not in MADE_ANEW}).encode()


def test_answers_from_neo4j_equal_those_from_sqlite(tmp_path: Path, neo4j_url: str, shared_data: Path | None) -> None:
    found = []
    for name in ("sqlite", "neo4j"):
        store = empty_neo4j(neo4j_url) if name == "neo4j" else None
        with closing(engine_on(tmp_path / name, store)) as engine:
            fill(engine, shared_data)
            jobs.train(engine, seed=42)
            snapshot, _ = engine.freeze()
            people = [snapshot.customers[i] for i in range(0, len(snapshot.customers), 5)]
            products = [snapshot.products[i] for i in range(0, len(snapshot.products), 500)]
            found.append((people, answers(engine, people, products)))
    (people, sqlite), (others, neo4j) = found
    assert people == others and len(people) >= 80
    assert sqlite == neo4j
