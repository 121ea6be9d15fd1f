"""A projection on a real server: what is in it, what may be replaced by it, and what happens when its making breaks off."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engine import projecting
from engine.cli import main
from engine.engine import Engine
from engine.neo4j_server import LocalServer, free_ports
from engine.settings import Settings
from graph.errors import Conflict, Invalid, Unavailable
from graph.moments import to_text
from graph.records import Block, Consent, Customer, Friendship, Like, Product, Purchase, Record, Review
from graph.stores import open_store
from graph.stores.memory import MemoryStore
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_store import Neo4jStore
from tests.graph_database import cypher, empty_neo4j
from tests.records import everything
from tests.shown_facts import shown_of
from tests.worlds import NOW, OLD, agrees, bought, likes

R = TypeVar("R", bound=Record)

NAMES = ("ann", "bob", "cyd", "dan", "eve")
SECRET = "secret"
"""Did not agree; every fact of this person has the name in it."""

SHOP: tuple[Record, ...] = (
    Product(id="shoe", name="Shoe", price=8900, category="running"),
    Product(id="hat", name="Hat", price=2500, category="garden"),
    Product(id="cap", name="Cap", category="garden"),
    Product(id="pill", name="Pill", category="health"),
    *(Customer(id=name, name=name.title(), birth_year=1980, email=f"hash of {name}") for name in (*NAMES, SECRET)),
    *(agrees(name, "profiling") for name in NAMES),
    agrees(SECRET, "social_proof"),
    Friendship.between("ann", "bob", OLD),
    Friendship.between("bob", "cyd"),
    Friendship.between("cyd", "dan", OLD),
    Friendship.between(SECRET, "ann", OLD),
    Block(customer="dan", other="cyd"),
    Block(customer=SECRET, other="ann"),
    *(bought(name, "shoe") for name in ("ann", "bob", SECRET)),
    bought("ann", "shoe", OLD + 1, price=100),
    bought("cyd", "hat", gift=True),
    bought("dan", "pill"),
    likes("eve", "cap"),
    likes("cyd", "cap", "dislike"),
    likes(SECRET, "cap"),
    Review(id="w", customer="eve", product="hat", rating=4.0, text=f"{SECRET} has one"),
)


def shop(*facts: Record) -> Engine:
    """A shop in memory."""
    store = MemoryStore()
    store.write([*SHOP, *facts])
    return Engine.open(Settings(store="memory://"), store=store, clock=lambda: NOW)


def project(engine: Engine, url: str) -> projecting.Projected:
    return projecting.project(engine, Address.parse(url))


@pytest.fixture
def target(neo4j_url: str) -> Iterator[str]:
    """An empty server; what a test leaves in it is removed, its mark as a projection included."""
    empty_neo4j(neo4j_url).close()
    yield neo4j_url
    empty_neo4j(neo4j_url).close()


def nodes(url: str, label: str) -> dict[str, dict[str, Any]]:
    rows = cypher(url, f"MATCH (n:{label}) RETURN coalesce(n.id, n.name, 'one'), properties(n)")
    return {str(id): properties for id, properties in rows}  # type: ignore[misc]


def all_texts(url: str) -> str:
    """Every property of every node and relationship, names included."""
    rows = cypher(
        url,
        "MATCH (n) RETURN labels(n), properties(n) UNION ALL MATCH ()-[n]->() RETURN [type(n)] AS `labels(n)`, properties(n)",
    )
    return repr(rows)


# ---- what is in it


def test_it_holds_what_may_be_shown_and_tells_how_much_is_not(target: str) -> None:
    with closing(shop()) as engine:
        done = project(engine, target)
        assert (done.people, done.withheld, done.products) == (5, 1, 4)
        ((relationships,),) = cypher(target, "MATCH ()-[r]->() RETURN count(r)")
        assert done.relationships == relationships == 2 + 3 + 2 + 1 + 4
        assert nodes(target, "Projection")["one"] == {
            "asOf": NOW,
            "people": 5,
            "withheld": 1,
            "products": 4,
            "relationships": relationships,
        }


def test_read_as_a_store_it_holds_the_facts_that_may_be_shown(target: str) -> None:
    with closing(shop()) as engine:
        project(engine, target)
        expected = shown_of(SHOP, NOW)
    with closing(open_store(target)) as store:
        found = everything(store)
    assert {r for r in found if isinstance(r, Customer)} == {Customer(id=i, name=n) for i, n in expected.people.items()}
    assert {r for r in found if isinstance(r, Product)} == set(expected.products.values())
    ties = {(r.customer, r.friend, r.since) for r in found if isinstance(r, Friendship)}
    assert ties == expected.friendships == {("ann", "bob", OLD), ("bob", "cyd", None)}
    assert {r for r in found if isinstance(r, Purchase)} == set(expected.purchases)
    assert {r for r in found if isinstance(r, Like)} == set(expected.opinions)
    assert {r for r in found if isinstance(r, Review)} == {Review(id="w", customer="eve", product="hat", rating=4.0)}
    assert len(found) == 5 + 4 + 2 + 3 + 2 + 1


def test_nobody_who_did_not_agree_is_named_anywhere_in_the_database(target: str) -> None:
    with closing(shop()) as engine:
        project(engine, target)
    assert SECRET not in all_texts(target)
    assert "hash of" not in all_texts(target) and "1980" not in all_texts(target)
    ((labels,),) = cypher(target, "MATCH (n) UNWIND labels(n) AS label RETURN collect(DISTINCT label)")
    assert set(labels) == {"Customer", "Product", "Category", "Projection", "KithPlace", "KithProjection"}  # type: ignore[call-overload]


def test_nodes_are_sized_by_what_is_shown(target: str) -> None:
    with closing(shop()) as engine:
        project(engine, target)
    people, products = nodes(target, "Customer"), nodes(target, "Product")
    assert {id: p["friends"] for id, p in people.items()} == {"ann": 1, "bob": 2, "cyd": 1, "dan": 0, "eve": 0}
    assert {id: p["purchases"] for id, p in people.items()} == {"ann": 2, "bob": 1, "cyd": 0, "dan": 0, "eve": 0}
    assert {id: p["buyers"] for id, p in products.items()} == {"shoe": 2, "hat": 0, "cap": 0, "pill": 0}
    assert set(people["ann"]) == {"id", "name", "seq", "stamp", "friends", "purchases"}


def test_a_category_is_a_node_that_its_products_share(target: str) -> None:
    with closing(shop()) as engine:
        project(engine, target)
    rows = cypher(target, "MATCH (p:Product)-[:IN_CATEGORY]->(g:Category) RETURN g.name, collect(p.id) ORDER BY g.name")
    assert [(name, sorted(ids)) for name, ids in rows] == [  # type: ignore[call-overload]
        ("garden", ["cap", "hat"]),
        ("health", ["pill"]),
        ("running", ["shoe"]),
    ]


# ---- again and again


def test_the_next_projection_replaces_the_one_before_it_whole(target: str) -> None:
    with closing(shop()) as engine:
        project(engine, target)
        cypher(target, "MATCH (c:Customer {id: 'eve'}) CREATE (c)-[:NOTED]->(:Note {text: 'by hand'})")
        engine.write([agrees("bob", "profiling", granted=False, at=NOW), agrees(SECRET, "profiling")])
        engine.forget("ann")
        done = project(engine, target)
    assert (done.people, done.withheld) == (4, 1)
    assert set(nodes(target, "Customer")) == {"cyd", "dan", "eve", SECRET}
    assert not nodes(target, "Note") and len(nodes(target, "Projection")) == 1
    assert not [name for name in ("ann", "bob", "Ann", "Bob") if f"'{name}'" in all_texts(target)]
    ((removals,),) = cypher(target, "MATCH (n:KithRemoval) RETURN count(n)")
    assert removals == 0


class _Breaks(MemoryStore):
    """A store that goes away in the middle of a reading."""

    def read(self, kind: type[R], **more: Any) -> Any:
        if kind is Review:
            raise Unavailable("the disk is full: make room")
        return super().read(kind, **more)


def test_one_that_broke_off_tells_no_figures_and_is_simply_made_again(target: str) -> None:
    store = _Breaks()
    store.write(list(SHOP))
    with (
        closing(Engine.open(Settings(store="memory://"), store=store, clock=lambda: NOW)) as engine,
        pytest.raises(Unavailable),
    ):
        project(engine, target)
    assert len(nodes(target, "Customer")) == 5 and not nodes(target, "Projection")
    with closing(shop()) as engine:
        assert project(engine, target).people == 5
    assert len(nodes(target, "Projection")) == 1


def test_of_two_at_once_the_later_one_wins_and_the_other_is_told(target: str) -> None:
    with closing(shop()) as first, closing(shop(agrees("eve", "profiling", granted=False, at=NOW))) as second:

        def meanwhile(step: str, done: float, detail: str = "") -> None:
            if step == "copying" and not nodes(target, "Projection"):
                project(second, target)

        with pytest.raises(Conflict, match="let that one finish"):
            projecting.project(first, Address.parse(target), on_step=meanwhile)
    assert set(nodes(target, "Customer")) == {"ann", "bob", "cyd", "dan"}
    assert len(nodes(target, "Projection")) == 1


# ---- what is refused


def test_a_server_with_something_else_is_left_as_it_is(target: str) -> None:
    cypher(target, "DROP CONSTRAINT kith_category IF EXISTS")
    cypher(target, "CREATE (:Projection {asOf: 1}), (:Recipe {name: 'cake'})")
    before = all_texts(target)
    with closing(shop()) as engine, pytest.raises(Conflict, match="holds something else than a projection"):
        project(engine, target)
    assert all_texts(target) == before
    assert not cypher(target, "SHOW CONSTRAINTS YIELD name WHERE name = 'kith_category' RETURN name")


def test_a_graph_of_record_is_never_replaced(target: str) -> None:
    with closing(open_store(target)) as record:
        record.write([Customer(id="ann")])
    with closing(shop()) as engine, pytest.raises(Conflict, match="holds something else than a projection"):
        project(engine, target)
    assert set(nodes(target, "Customer")) == {"ann"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_store_of_the_shop_cannot_be_the_target_even_while_it_is_empty(target: str, host: str) -> None:
    store = Neo4jStore(Address.parse(target))
    settings = Settings(store="neo4j://unused", data_dir=Path("unused"))
    refused = pytest.raises(Invalid, match="store of the shop itself")
    with closing(Engine.open(settings, store=store)) as engine, refused:
        project(engine, target.replace("127.0.0.1", host))


def test_a_shop_on_neo4j_is_projected_to_another_server(target: str, tmp_path: Path) -> None:
    settings, (bolt_port, browser_port) = Settings.load(), free_ports(0, 0)
    server = LocalServer(
        tmp_path / "neo4j",
        jars=settings.neo4j_jars,
        bolt_port=bolt_port,
        browser_port=browser_port,
        memory_mb=400,
        java_home=settings.java_home,
    )
    server.start()
    try:
        with closing(open_store(server.url)) as store:
            store.write(list(SHOP))
            engine = Engine.open(Settings(store="neo4j://unused", data_dir=tmp_path), store=store, clock=lambda: NOW)
            done = project(engine, target)
        with closing(shop()) as engine:
            assert project(engine, target).as_dict() == done.as_dict()
    finally:
        server.stop()


# ---- the command

Kith = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kith(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kith:
    """``kith neo4j project`` for a shop in a SQLite file, with the flags given; its exit code and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KITH_NEO4J_URL", raising=False)
    with closing(open_store("sqlite:///shop.db")) as store:
        store.write(list(SHOP))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kith", "--store", "sqlite:///shop.db", "neo4j", "project", *arguments])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as left:
            code = left.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def without_login(url: str) -> tuple[str, str]:
    """The address with the user alone, and the password."""
    scheme, _, rest = url.partition("://")
    login, _, place = rest.partition("@")
    user, _, password = login.partition(":")
    return f"{scheme}://{user}@{place}", password


def test_the_command_takes_the_password_from_a_file_and_prints_figures(kith: Kith, target: str) -> None:
    address, password = without_login(target)
    Path("password").write_text(password + "\n")
    code, out, err = kith(address, "--password-file", "password", "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert {name: data[name] for name in ("people", "withheld", "products")} == {
        "people": 5,
        "withheld": 1,
        "products": 4,
    }
    assert to_text(nodes(target, "Projection")["one"]["asOf"]) == data["as_of"]
    code, out, err = kith(target)
    assert (code, err) == (0, "")
    assert "5 people, 4 products, 12 relationships; 1 people are not in it" in out and password not in out


def test_the_command_says_what_is_wrong_in_one_sentence(kith: Kith, target: str) -> None:
    address, _ = without_login(target)
    Path("wrong").write_text("not it")
    cypher(target, "CREATE (:Recipe)")
    for arguments, code, said in (
        (("sqlite:///other.db",), 2, "is no Neo4j server"),
        ((address,), 2, "--password-file"),
        ((address, "--password-file", "missing"), 2, "cannot read the password file missing"),
        ((address, "--password-file", "wrong"), 2, "check user and password"),
        (("neo4j://a:b@host/one/two",), 2, "no address of a Neo4j server"),
        ((target,), 1, "holds something else than a projection"),
    ):
        found = kith(*arguments)
        assert (found[0], found[1], len(found[2].splitlines())) == (code, "", 1), found
        assert said in found[2]


def test_consents_of_the_settings_count_as_elsewhere(kith: Kith, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KITH_PRESUMED_PURPOSES", "personalisation,profiling")
    monkeypatch.setenv("KITH_MINOR_AGE", "200")
    assert json.loads(kith(target, "--json")[1])["people"] == 0
    monkeypatch.setenv("KITH_MINOR_AGE", "16")
    assert json.loads(kith(target, "--json")[1])["people"] == 6
    assert Consent(id="x", customer=SECRET, purpose="profiling", granted=True) not in SHOP
