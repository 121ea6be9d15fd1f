"""A small shop with a trained model, and the real application over it. A test that changes it gets its own copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from engine.engine import Engine
from engine.settings import Settings
from graph.moments import DAY, Moment
from graph.records import Consent, Customer, Friendship, Product, Purchase, Record
from recommend.options import TrainingOptions
from recommend.scorers.blend import Blend
from recommend.train import train

NOON: Moment = 1_795_435_200_000_000  # 2026-11-23T12:00:00Z
PEOPLE, PRODUCTS = 60, 30
EVERYBODY_SPEAKS = Blend(known={"taste": 1.0, "friends": 1.0, "similar": 1.0}, new={"popular": 1.0})
"""Weights that do not depend on what so few people teach."""


def people() -> Iterator[Record]:
    """c1 has the friends f1 to f8: all may be counted, f1 (Mina) may be named. b0 to b59 buy in three tastes."""
    yield Customer(id="c1", name="Ada")
    for n in range(1, 9):
        yield Customer(id=f"f{n}", name="Mina" if n == 1 else None)
        yield Friendship.between("c1", f"f{n}", since=NOON - 300 * DAY)
        yield Consent(id=f"sp-{n}", customer=f"f{n}", purpose="social_proof", granted=True, at=NOON - 200 * DAY)
    yield Consent(id="named-1", customer="f1", purpose="named", granted=True, at=NOON - 200 * DAY)
    yield from (Customer(id=f"b{n}") for n in range(PEOPLE))


def products() -> Iterator[Record]:
    for n in range(PRODUCTS):
        category = ("shoes", "books", "tea")[n % 3]
        yield Product(id=f"p{n}", name=f"Product {n}", price=1000 + 50 * n, category=category)


def purchases() -> Iterator[Record]:
    def bought(customer: str, product: int, days: int) -> Record:
        at = NOON - days * DAY
        return Purchase(id=f"{customer}-p{product}", customer=customer, product=f"p{product}", at=at, price=1000)

    for n in range(PEOPLE):
        yield from (bought(f"b{n}", (n + 3 * step * (1 + n % 4)) % PRODUCTS, 30 + step) for step in range(6))
    for n in range(1, 5):  # four of the eight friends bought p9: Mina is named, the other three are counted
        yield from (bought(f"f{n}", product, 60 + product) for product in (9, n, 15))
    for n in range(5, 9):
        yield from (bought(f"f{n}", product, 60 + product) for product in (n, 18))
    yield from (bought("c1", product, 60 + product) for product in (0, 3, 6))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store and the published model."""
    folder = tmp_path_factory.mktemp("shop")
    engine = Engine.open(Settings(store=f"sqlite:///{folder / 'shop.db'}"), clock=lambda: NOON)
    engine.write([*people(), *products(), *purchases()])
    snapshot, live = engine.freeze()
    model = train(live, TrainingOptions(factors=8, iterations=3, min_support=2))
    engine.publish(snapshot, replace(model, blend=EVERYBODY_SPEAKS))
    engine.close()
    return folder


@pytest.fixture
def engine(trained: Path, tmp_path: Path) -> Iterator[Engine]:
    """Of a shop that the test may change."""
    folder = tmp_path / "shop"
    shutil.copytree(trained, folder)
    engine = Engine.open(Settings(store=f"sqlite:///{folder / 'shop.db'}"), clock=lambda: NOON)
    yield engine
    engine.close()


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    """Speaks to the open server from this machine."""
    with local(engine) as client:
        yield client


@pytest.fixture(scope="session")
def reader(trained: Path) -> Iterator[TestClient]:
    """As `client`, of a shop that all tests share and none changes."""
    engine = Engine.open(Settings(store=f"sqlite:///{trained / 'shop.db'}"), clock=lambda: NOON)
    with local(engine) as client:
        yield client
    engine.close()


@pytest.fixture
def empty() -> Iterator[TestClient]:
    """A shop of which nothing is known yet."""
    engine = Engine.open(Settings(store="memory://"), clock=lambda: NOON)
    with local(engine) as client:
        yield client
    engine.close()


def local(engine: Engine) -> TestClient:
    return TestClient(create_app(engine), base_url="http://localhost", raise_server_exceptions=False)
