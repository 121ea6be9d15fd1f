"""The parts of the Neo4j store that need no server."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns import Columns
from graph.errors import Invalid, Unavailable
from graph.records import Customer, Friendship, Like, Product, Purchase
from graph.schema import KINDS, Kind, kind_of
from graph.stores import open_store
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_bookmark import transaction_number
from graph.stores.neo4j_cypher import counts, create, page, statement
from graph.stores.neo4j_forms import ALL_FORMS, FORMS, Form, camel, checked, key_value, key_values, stamp, stamps
from graph.stores.neo4j_place import Place, Tally, is_whole
from graph.stores.neo4j_schema import check_version
from tests.records import FACTS, bought, records_of

# ---- addresses


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("neo4j://neo4j:secret@127.0.0.1:7687/shop", ("neo4j://127.0.0.1:7687", "shop", "neo4j", "secret")),
        ("neo4j+s://ada:x%40y@db.example.com", ("neo4j+s://db.example.com:7687", "neo4j", "ada", "x@y")),
        ("bolt://:secret@[::1]:99/", ("bolt://[::1]:99", "neo4j", "neo4j", "secret")),
    ],
)
def test_an_address_names_server_database_and_login(url: str, expected: tuple[str, ...]) -> None:
    found = Address.parse(url)
    assert (found.server, found.database, found.user, found.password) == expected


def test_a_password_of_its_own_is_used_where_the_url_holds_none() -> None:
    assert Address.parse("neo4j://ada@host", "file").password == "file"
    assert Address.parse("neo4j://ada:url@host", "file").password == "url"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("neo4j://host", "KITH_NEO4J_PASSWORD_FILE"),
        ("neo4j:///shop.db", "no address of a Neo4j server"),
        ("neo4j://a:b@host:notaport", "no address of a Neo4j server"),
        ("neo4j://a:b@host:99999", "no address of a Neo4j server"),
        ("neo4j://a:b@host/one/two", "no address of a Neo4j server"),
        ("neo4j://a:b@host?tls=yes", "no address of a Neo4j server"),
    ],
)
def test_a_url_that_is_no_address_is_refused_with_an_example(url: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        open_store(url)
    assert refused.value.field == "store"


def test_no_message_and_no_repr_shows_the_password() -> None:
    with pytest.raises(Invalid) as refused:
        Address.parse("neo4j://ada:verysecret@host/one/two")
    assert "verysecret" not in str(refused.value)
    assert "verysecret" not in repr(Address.parse("neo4j://ada:verysecret@host"))


# ---- versions


@pytest.mark.parametrize(
    ("version", "good"), [("4.4.40", False), ("5.13.0", False), ("5.26.19", True), ("2026.08.1", True)]
)
def test_a_server_that_is_too_old_is_refused(version: str, good: bool) -> None:
    def run(text: str, **parameters: object) -> list[list[Any]]:
        return [[version, "community"]]

    if good:
        assert check_version(run) == f"{version} community"
    else:
        with pytest.raises(
            Unavailable, match=f"Neo4j {version} is too old: Kith needs 5.26 or newer; update the server"
        ):
            check_version(run)


# ---- bookmarks


def bookmark(packed: bytes) -> str:
    raw = b"\x91\xcc\x10" + bytes(16) + packed + b"\x90"
    return "FB:" + base64.b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize(
    ("packed", "number"),
    [
        (b"\x07", 7),
        (b"\x7f", 127),
        (b"\xc9\x00\xff", 255),
        (b"\xca\x00\x01\x86\xa0", 100_000),
        (b"\xcb\x00\x00\x00\x01\x00\x00\x00\x00", 2**32),
    ],
)
def test_a_bookmark_tells_the_number_of_the_newest_transaction(packed: bytes, number: int) -> None:
    assert transaction_number([bookmark(packed)]) == number


def test_a_bookmark_of_the_server_is_read() -> None:
    assert transaction_number(["FB:kcwQkDawogZ3RRCDuovi/9NGGQeQ"]) == 7


@pytest.mark.parametrize("strange", ["", "FB:", "FB:!!!", "FB:kcwQ", "SYSTEM:1234", "FB:" + "A" * 7, bookmark(b"\xd0")])
def test_a_bookmark_of_another_form_tells_nothing(strange: str) -> None:
    assert transaction_number([strange]) is None


def test_without_a_bookmark_nothing_is_known() -> None:
    assert transaction_number([]) is None


# ---- forms


def test_every_kind_has_a_form_and_no_two_forms_share_a_name() -> None:
    assert set(FORMS) == set(KINDS)
    assert len({form.name for form in ALL_FORMS}) == len(ALL_FORMS)


def test_names_follow_the_conventions_of_the_database() -> None:
    for form in ALL_FORMS:
        assert form.name.isupper() if form.shape == "tie" else form.name.isidentifier() and form.name.istitle()
        assert all("_" not in camel(field.name) for field in form.properties)
    assert camel("recommendation_id") == "recommendationId"


def test_an_opinion_is_the_type_of_its_relationship() -> None:
    assert {form.only: form.name for form in FORMS[Like]} == {
        "like": "LIKES",
        "unlike": "UNLIKED",
        "dislike": "DISLIKES",
    }


def test_a_pair_is_one_text_whatever_its_ids_hold() -> None:
    kind = kind_of(Friendship)
    pairs = [("a", "b"), ('a","', "b"), ("a", '","b'), ("ü", "🧵"), ("", "")]
    texts = [key_value(kind, pair) for pair in pairs]
    assert len(set(texts)) == len(pairs)
    batch = Columns(Friendship, {"customer": [one for one, _ in pairs], "friend": [other for _, other in pairs]})
    assert key_values(batch) == texts


@pytest.mark.parametrize("form", ALL_FORMS, ids=lambda form: form.name)
def test_no_statement_has_a_hole_left(form: Form) -> None:
    texts = [create(form), page(form, form.kind.columns), counts()]
    texts += [statement(f"edits/{what} {form.shape}", form) for what in ("made", "held")]
    texts += [statement(name, form) for name in ("write/known ids", "write/known rows", "write/change", "write/delete")]
    texts += [statement(name, form) for name in ("read/one", "read/tail", "read/count", "edits/stamped")]
    assert not [text for text in texts if "%" in text]


# ---- values


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.table)
@given(data=st.data())
def test_what_the_schema_allows_passes(kind: Kind, data: st.DataObject) -> None:
    batch = Columns.of(kind.record, data.draw(st.lists(records_of(kind), max_size=4)))
    assert checked(batch).values == batch.values


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (Columns(Purchase, {"id": ["1"], "customer": ["a"]}), "need the field 'product'"),
        (Columns(Customer, {"id": ["a"], "shoe_size": [39]}), "no field 'shoe_size'"),
        (Columns(Customer, {"id": ["a", "b"], "name": ["Ann"]}), "unequal length"),
        (Columns(Customer, {"id": [7]}), "id cannot be"),
        (Columns(Customer, {"id": [None]}), "id cannot be"),
        (Columns(Customer, {"id": ["a"], "birth_year": [2**63]}), "64 bits"),
        (Columns(Customer, {"id": ["a"], "birth_year": [True]}), "birth_year cannot be"),
        (Columns(Customer, {"id": ["a"], "name": ["\ud800"]}), "UTF-8"),
        (Columns(Customer, {"id": ["ü" * 2_001]}), "longer than 4000 bytes"),
        (Columns(Like, {"id": ["1"], "customer": ["a"], "product": ["p"], "opinion": ["meh"]}), "one of like, unlike"),
    ],
)
def test_what_the_database_would_store_without_a_word_is_refused(batch: Columns[Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        checked(batch)


def test_a_long_text_that_is_no_key_passes() -> None:
    assert len(checked(Columns(Product, {"id": ["p"], "url": ["x" * 100_000]}))) == 1


def test_a_stamp_differs_as_soon_as_one_value_does() -> None:
    found = {
        stamp(("a", None, 1)),
        stamp(("a", None, 2)),
        stamp(("a", 1, None)),
        stamp(("a", "1", None)),
        stamp(("a",)),
    }
    assert len(found) == 5
    assert stamp(["a", None]) == stamp(("a", None))


def test_the_stamps_of_columns_are_those_of_their_rows() -> None:
    people = [Customer(id="a"), Customer(id="\N{SNOWMAN}", name="half \ud800", birth_year=1980)]
    rows = [[getattr(person, name) for name in kind_of(Customer).columns] for person in people]
    assert stamps(Columns.of(Customer, people)) == list(map(stamp, rows))


# ---- the place


def test_a_place_is_its_state() -> None:
    place = Place(last=7, settled=5, gaps=1, removed=3, erasures=2, commits=9, tokens=["x"])
    place.came(FORMS[Purchase][0], [6, 7])
    assert Place.of(place.state()) == place


def test_a_state_of_two_transactions_is_not_whole() -> None:
    place = Place()
    before = place.state()
    place.came(FORMS[Purchase][0], place.next(1))
    after = place.state()
    assert is_whole(before) and is_whole(after | {"name": "graph", "writing": "x"})
    for name in after.keys() - {"check"}:
        assert is_whole(after | {name: before[name]}) is (before[name] == after[name])
    assert not is_whole({})


def test_a_tally_follows_what_comes_moves_and_goes() -> None:
    place, (form,) = Place(), FORMS[Customer]
    place.came(form, place.next(3))
    place.begin()
    place.moved(form, place.next(2), [1, None])
    assert place.tallies[form.name] == Tally(4, 2 + 3 + 4 + 5, 5)
    place.went(form, [5])
    assert place.tallies[form.name] == Tally(3, 2 + 3 + 4, 5)
    assert (place.settled, place.gaps) == (3, 1)


def test_the_names_of_the_newest_transactions_are_kept() -> None:
    place = Place()
    for number in range(100):
        place.sign(str(number))
    assert (place.commits, place.tokens[-1], len(place.tokens)) == (100, "99", 64)


def test_facts_of_every_kind_have_a_key_and_a_form() -> None:
    for fact in [*FACTS, bought("1")]:
        (batch,) = [Columns.of(type(fact), [fact])]
        assert key_values(batch) == [key_value(kind_of(type(fact)), kind_of(type(fact)).key_of(fact))]
