"""Every saved query of the Neo4j Browser on the projected sample shop, against the same answer worked out from the records."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import neo4j
import pytest

from engine import projecting
from engine.engine import Engine
from engine.settings import Settings
from graph.moments import DAY, Moment, to_moment
from graph.records import Block, Consent, Customer, Like, Purchase, Record, Review, Share
from graph.stores.memory import MemoryStore
from graph.stores.neo4j_address import Address
from loaders.demo import sample_shop
from tests.graph_database import driver, empty_neo4j
from tests.shown_facts import ShownFacts, shown_of

ROOT = Path(__file__).parents[2]
NOW = to_moment(datetime(2026, 11, 1, tzinfo=UTC))
FILE = ROOT / "docs/neo4j-browser/queries.cypher"

Rows = list[tuple[Any, ...]]


def saved() -> dict[str, str]:
    """First words of the title -> query."""
    _, *queries = FILE.read_text(encoding="utf-8").strip().split("\n\n")
    return {query.splitlines()[0].removeprefix("// "): query for query in queries}


QUERIES = saved()


def facts() -> list[Record]:
    """The sample shop; a tenth of its people granted no profiling, some more withdrew it, and there are dislikes and blocks."""
    shop = sample_shop(seed=5, now=NOW, customers=240, products=130)
    records: list[Record] = [record for columns in shop.facts() for record in columns.records()]
    for i, like in enumerate(r for r in list(records) if isinstance(r, Like)):
        if i % 3 == 0:  # a change of mind
            records.append(replace(like, id=f"{like.id}-later", at=NOW - DAY, opinion=("dislike", "unlike")[i % 2]))
        if i % 5 == 0:
            records.append(Review(id=f"w{i}", customer=like.customer, product=like.product, at=like.at, rating=3.0))
            records.append(Share(id=f"s{i}", customer=like.customer, product=like.product, at=like.at))
    for i in range(3, 60, 7):
        records.append(Consent(id=f"no-{i}", customer=f"c{i}", purpose="profiling", granted=False, at=NOW - DAY))
    ties = list(shop.friendships.records())[::40]
    return records + [Block(customer=tie.friend, other=tie.customer, at=NOW - DAY) for tie in ties]


class Naive:
    """What the queries ask, answered by going through the records that may be shown."""

    def __init__(self, shown: ShownFacts) -> None:
        self.shown, self.friends, self.since = shown, shown.friends, shown.since
        self.names = shown.people
        self.goods = {id: product.name for id, product in shown.products.items()}

    @cached_property
    def times(self) -> dict[str, dict[str, list[Moment]]]:
        """Product -> buyer -> when."""
        found: dict[str, dict[str, list[Moment]]] = {id: defaultdict(list) for id in self.goods}
        for p in self.shown.purchases:
            found[p.product][p.customer].append(p.at or 0)
        return found

    @cached_property
    def basket(self) -> dict[str, set[str]]:
        """Person -> products bought."""
        return {who: {p for p, buyers in self.times.items() if who in buyers} for who in self.names}

    @cached_property
    def disliked(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {who: set() for who in self.names}
        for opinion in self.shown.opinions:
            if opinion.opinion == "dislike":
                found[opinion.customer].add(opinion.product)
        return found

    def purchases_of(self, who: str) -> list[Purchase]:
        return [p for p in self.shown.purchases if p.customer == who]

    def shelf(self, category: str) -> set[str]:
        return {id for id, product in self.shown.products.items() if product.category == category}

    # ---- answers, in the order of the columns of each query

    def unowned(self, me: str) -> Rows:
        not_mine = self.goods.keys() - self.basket[me] - self.disliked[me]
        counts = {p: sum(p in self.basket[friend] for friend in self.friends[me]) for p in not_mine}
        return [(p, self.goods[p], n) for p, n in counts.items() if n]

    def open_to(self, product: str) -> Rows:
        buyers = self.times[product].keys()
        others = [w for w in self.names if w not in buyers and product not in self.disliked[w]]
        return [(w, self.names[w], n) for w in others if (n := len(self.friends[w] & buyers))]

    def pairs(self) -> Rows:
        most = sorted(self.goods, key=lambda p: (-len(self.times[p]), p))[:50]
        both = Counter(p for a, b in map(sorted, self.since) for p in self.basket[a] & self.basket[b])
        return [(p, self.goods[p], both[p], len(self.times[p])) for p in most if both[p] and len(self.times[p]) > 1]

    def first_movers(self, product: str) -> Rows:
        rows: Rows = []
        for who, times in self.times[product].items():
            first = min(times)
            then = [friend for friend in self.friends[who] if self._followed(product, who, friend, first)]
            if then:
                rows.append((who, self.names[who], len(then), set(then)))
        return rows

    def _followed(self, product: str, who: str, friend: str, first: Moment) -> bool:
        known = self.since[frozenset((who, friend))]
        if friend not in self.times[product] or (known is not None and known > first):
            return False
        return first < min(self.times[product][friend]) <= first + 30 * DAY

    def bridges(self, one: str, other: str) -> Rows:
        here, there = self.shelf(one), self.shelf(other)
        rows: Rows = []
        for who, bought in self.basket.items():
            if bought & here and bought & there:
                open_ = [f for f in self.friends[who] if self.basket[f] & here and not self.basket[f] & there]
                rows += [(who, self.names[who], len(open_))] if open_ else []
        return rows

    def quiet(self, days: int) -> Rows:
        active = {p.customer for p in self.shown.purchases if (p.at or 0) >= NOW - days * DAY}
        rows = [(w, self.names[w], len(self.purchases_of(w)), len(self.friends[w] & active)) for w in self.names]
        return [row for row in rows if row[0] not in active and row[2] and row[3]]

    def bad_word_of_mouth(self) -> Rows:
        rows: Rows = []
        for product in self.goods:
            critics = [w for w in self.names if product in self.disliked[w]]
            met = {(c, f) for c in critics for f in self.friends[c] if product in self.basket[f]}
            if met:
                rows.append((product, self.goods[product], len({c for c, _ in met}), len({f for _, f in met})))
        return rows

    def side_by_side(self) -> Rows:
        rows: Rows = []
        for category in {p.category for p in self.shown.products.values() if p.category}:
            shelf = self.shelf(category)
            sold = [p for p in self.shown.purchases if p.product in shelf]
            revenue = sum(p.quantity * (p.price or 0) for p in sold)
            rows.append((category, len(shelf), len(sold), len({p.customer for p in sold}), revenue))
        return rows

    def alike(self) -> Rows:
        some = [w for w in self.names if len(self.purchases_of(w)) > 1]
        rows: Rows = []
        for who in sorted(some, key=lambda w: (-len(self.friends[w]), w))[:200]:
            shared = [n for friend in self.friends[who] if (n := len(self.basket[who] & self.basket[friend])) > 1]
            if shared:
                rows.append((who, self.names[who], len(shared), len(self.friends[who]), sum(shared)))
        return rows


@pytest.fixture(scope="module")
def shown() -> ShownFacts:
    return shown_of(facts(), NOW)


@pytest.fixture(scope="module")
def naive(shown: ShownFacts) -> Naive:
    return Naive(shown)


@pytest.fixture(scope="module")
def url(neo4j_url: str) -> Iterator[str]:
    """The projected sample shop."""
    empty_neo4j(neo4j_url).close()
    store = MemoryStore()
    store.write(facts())
    with closing(Engine.open(Settings(store="memory://"), store=store, clock=lambda: NOW)) as engine:
        projecting.project(engine, Address.parse(neo4j_url))
    yield neo4j_url
    empty_neo4j(neo4j_url).close()


def ask(url: str, title: str, **parameters: Any) -> neo4j.EagerResult:
    """The answer to the one query whose title begins so, which may not bring a warning."""
    (text,) = [query for known, query in QUERIES.items() if known.startswith(title)]
    assert sorted(re.findall(r"^// :param (\w+) =>", text, re.MULTILINE)) == sorted(parameters)
    result = driver(url).execute_query(text, parameters, database_="neo4j")
    statuses = [status.gql_status for status in result.summary.gql_status_objects]
    assert all(status.startswith(("00", "02")) for status in statuses), result.summary.gql_status_objects
    return result


def rows(result: neo4j.EagerResult) -> Rows:
    return [tuple(record.values()) for record in result.records]


def best(expected: Rows, *columns: int, limit: int, by: int = 0) -> Rows:
    """The rows in the order of some columns, the greatest first, then of the id."""
    return sorted(expected, key=lambda row: (*(-row[column] for column in columns), row[by]))[:limit]


def some_products(naive: Naive) -> list[str]:
    """Bought by many, by some, by few."""
    ranked = sorted((p for p in naive.goods if naive.times[p]), key=lambda p: (-len(naive.times[p]), p))
    return [ranked[0], ranked[len(ranked) // 4], ranked[len(ranked) // 2], ranked[-1]]


def some_people(naive: Naive) -> list[str]:
    ranked = sorted(naive.names, key=lambda w: (-len(naive.friends[w]), w))
    return [ranked[0], ranked[len(ranked) // 2], ranked[-1]]


# ---- tables


def test_how_fresh_it_is(url: str, shown: ShownFacts) -> None:
    ((as_of, people, withheld, products, relationships),) = rows(ask(url, "How fresh"))
    assert as_of.to_native() == datetime(2026, 11, 1, tzinfo=UTC)
    assert (people, withheld, products) == (len(shown.people), 240 - len(shown.people), 130)
    in_category = sum(product.category is not None for product in shown.products.values())
    done = (shown.friendships, shown.purchases, shown.opinions, shown.others)
    assert relationships == in_category + sum(map(len, done))


def test_what_friends_bought_that_a_person_has_not(url: str, naive: Naive) -> None:
    for person in some_people(naive):
        expected = naive.unowned(person)
        assert len(expected) > 10
        assert rows(ask(url, "What the friends of a person", customer=person)) == best(expected, 2, limit=25)


def test_whose_friends_bought_a_product_that_they_have_not(url: str, naive: Naive) -> None:
    for product in some_products(naive):
        expected = naive.open_to(product)
        assert expected
        assert rows(ask(url, "Whose friends bought", product=product)) == best(expected, 2, limit=50)


def test_products_that_pairs_of_friends_both_bought(url: str, naive: Naive) -> None:
    expected = best(naive.pairs(), 2, limit=25)
    assert len(expected) == 25 and expected[0][2] > 10
    assert rows(ask(url, "Products that most pairs")) == expected


def test_who_bought_before_friends_did(url: str, naive: Naive) -> None:
    seen = 0
    for product in some_products(naive):
        expected = best(naive.first_movers(product), 2, limit=25)
        found = rows(ask(url, "Who bought a product before", product=product))
        assert [row[:3] for row in found] == [row[:3] for row in expected]
        for (*_, some), (*_, all_of_them) in zip(found, expected, strict=True):
            assert set(some) <= all_of_them and len(some) == len(set(some)) == min(5, len(all_of_them))
        seen += len(found)
    assert seen >= 10


def test_bridges_between_two_categories(url: str, naive: Naive) -> None:
    popular = [row[0] for row in best(naive.side_by_side(), 2, limit=4)]
    for one, other in combinations(popular, 2):
        expected = naive.bridges(one, other)
        assert expected
        assert rows(ask(url, "Bridges between", one=one, other=other)) == best(expected, 2, limit=50)


def test_customers_going_quiet(url: str, naive: Naive) -> None:
    for days in (45, 90):
        expected = naive.quiet(days)
        assert expected
        assert rows(ask(url, "Customers going quiet", days=days)) == best(expected, 3, limit=50)


def test_products_with_dislikes_among_friends(url: str, naive: Naive) -> None:
    expected = naive.bad_word_of_mouth()
    assert len(expected) > 5
    assert rows(ask(url, "Products with dislikes")) == best(expected, 3, limit=25)


def test_categories_side_by_side(url: str, naive: Naive) -> None:
    expected = naive.side_by_side()
    assert len(expected) > 10 and any(row[2] == 0 for row in expected)  # a sensitive one: its sales are not shown
    assert rows(ask(url, "Categories side by side")) == best(expected, 4, limit=100)


def test_whose_friends_share_their_taste(url: str, naive: Naive) -> None:
    expected = naive.alike()
    assert len(expected) > 25
    assert rows(ask(url, "Whose friends share")) == best(expected, 2, 4, limit=25)


# ---- graphs


def drawn(result: neo4j.EagerResult) -> tuple[set[str], set[tuple[str, str, str]]]:
    """Ids of the nodes, and type and ends of the relationships, as the graph view shows them."""
    things = [value for row in rows(result) for value in row if value is not None]
    nodes = {thing["id"] for thing in things if isinstance(thing, neo4j.graph.Node)}
    ties = [thing for thing in things if isinstance(thing, neo4j.graph.Relationship)]
    assert len(things) == len([thing for thing in things if isinstance(thing, neo4j.graph.Entity)])
    return nodes, {
        (tie.type, tie.start_node["id"], tie.end_node["id"]) for tie in ties if tie.start_node and tie.end_node
    }


def test_the_community_of_a_product(url: str, naive: Naive) -> None:
    for product in some_products(naive):
        buyers = set(sorted(naive.times[product], key=lambda w: (-max(naive.times[product][w]), w))[:100])
        nodes, ties = drawn(ask(url, "The community of a product", product=product))
        assert nodes == {product, *buyers}
        friends = {("FRIEND_OF", *sorted(pair)) for pair in naive.since if pair <= buyers}
        assert ties == friends | {("BOUGHT", buyer, product) for buyer in buyers}


def test_a_person_and_what_they_share_with_friends(url: str, naive: Naive) -> None:
    for me in some_people(naive):
        friends = sorted(naive.friends[me])[:50]
        nodes, ties = drawn(ask(url, "A person, their friends", customer=me))
        expected = {("FRIEND_OF", *sorted((me, friend))) for friend in friends}
        common = {(friend, product) for friend in friends for product in naive.basket[me] & naive.basket[friend]}
        assert len(common) < 500
        expected |= {("BOUGHT", friend, product) for friend, product in common}
        expected |= {("BOUGHT", me, product) for _, product in common}
        assert (nodes, ties) == ({me, *friends, *(product for _, product in common)}, expected)


# ---- the file, and what nobody may find


def test_every_query_is_tried_here() -> None:
    tried = re.findall(r'ask\(url, "([^"]+)"', Path(__file__).read_text(encoding="utf-8"))
    assert len(QUERIES) == len(set(tried)) >= 11
    assert all(sum(title.startswith(start) for title in QUERIES) == 1 for start in tried)


@pytest.mark.parametrize("title", QUERIES)
def test_every_query_has_a_title_an_end_and_a_bound(title: str) -> None:
    text = QUERIES[title]
    assert text.startswith("// ") and 10 < len(title) <= 120
    assert text.rstrip().endswith(";") and text.count(";") == 1
    assert "LIMIT" in text or title.startswith("How fresh")
    for name in re.findall(r"\$(\w+)", text):
        assert re.search(rf"^// :param {name} => \S", text, re.MULTILINE), name
    assert not re.search(r"\b(CREATE|MERGE|SET|DELETE|REMOVE|LOAD)\b", text)


def test_no_query_and_no_property_finds_who_did_not_agree(url: str, naive: Naive) -> None:
    withheld = {f"c{i}" for i in range(1, 241)} - naive.names.keys()
    assert len(withheld) > 20
    names = {r.name for r in facts() if isinstance(r, Customer) and r.id in withheld} - set(naive.names.values())
    things = "MATCH (n) RETURN labels(n) AS of, properties(n) AS has"
    ties = "MATCH ()-[n]->() RETURN [type(n)] AS of, properties(n) AS has"
    everything = driver(url).execute_query(f"{things} UNION ALL {ties}")
    texts = {text for row in rows(everything) for text in words(row)}
    assert {"c1", "p1", "BOUGHT", "FRIEND_OF"} <= texts  # it looks in the right places
    assert not texts & withheld
    assert not texts & {name for name in names if name}


def words(value: Any) -> Iterator[str]:
    """Every text in a value, a pair's key taken apart."""
    if isinstance(value, str):
        yield value
        yield from re.findall(r'"([^"]*)"', value)
    elif isinstance(value, dict):
        yield from (word for part in (*value, *value.values()) for word in words(part))
    elif isinstance(value, list | tuple):
        yield from (word for part in value for word in words(part))


# ---- the style


def test_the_style_knows_everything_that_a_projection_draws(url: str) -> None:
    style = (ROOT / "docs/neo4j-browser/style.grass").read_text(encoding="utf-8")
    drawn_in_it = driver(url).execute_query(
        "MATCH (n) UNWIND labels(n) AS name WITH DISTINCT name WHERE NOT name STARTS WITH 'Kith' RETURN 'node.' + name AS rule "
        "UNION MATCH ()-[r]->() WITH DISTINCT type(r) AS name RETURN 'relationship.' + name AS rule"
    )
    assert {rule for (rule,) in rows(drawn_in_it)} == set(
        re.findall(r"^((?:node|relationship)\.\w+) \{", style, re.MULTILINE)
    )


def test_the_style_uses_colours_that_colour_blind_people_tell_apart() -> None:
    style = (ROOT / "docs/neo4j-browser/style.grass").read_text(encoding="utf-8")
    okabe_ito = {"#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#000000", "#999999"}
    nodes = re.findall(r"^node\.\w+ \{ color: (#\w{6})", style, re.MULTILINE)
    assert len(nodes) == len(set(nodes)) == 4 and set(nodes) <= okabe_ito
