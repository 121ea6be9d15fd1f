"""The sample shop keeps its promises: shape, consent, evidence under the strict rules, and a truth that shows."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from graph.columns import Columns
from graph.errors import Invalid
from graph.moments import DAY, HOUR, Moment, to_datetime, to_text
from graph.records import Product, Purchase
from graph.schema import kind_of
from graph.store import GraphStore
from graph.stores import open_store
from loaders.demo import SampleShop, sample_shop, write_files

NOW: Moment = 1_795_433_696_123_456
TODAY = NOW - NOW % DAY

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@pytest.fixture(scope="module")
def shop() -> SampleShop:
    return sample_shop(now=NOW)


@pytest.fixture(scope="module")
def small() -> SampleShop:
    return sample_shop(now=NOW, customers=300, products=200)


def rows(ids: Sequence[str]) -> Ints:
    """Positions of ``c1..`` or ``p1..``, from 0."""
    return np.array([int(id[1:]) - 1 for id in ids])


@dataclass(frozen=True)
class Ties:
    """Every friendship twice, once from each side."""

    person: Ints
    friend: Ints
    since: Ints


def ties_of(shop: SampleShop) -> Ties:
    one, other = rows(shop.friendships["customer"]), rows(shop.friendships["friend"])
    since = np.array(shop.friendships["since"])
    return Ties(np.concatenate((one, other)), np.concatenate((other, one)), np.concatenate((since, since)))


def grants(shop: SampleShop, purpose: str) -> Flags:
    facts = zip(shop.consents["customer"], shop.consents["purpose"], shop.consents["granted"], strict=True)
    state = np.zeros(len(shop.customers), np.bool_)
    state[rows([who for who, what, granted in facts if what == purpose and granted])] = True
    return state


def degrees(shop: SampleShop) -> Ints:
    return np.bincount(ties_of(shop).person, minlength=len(shop.customers))


def test_the_same_seed_and_moment_give_equal_facts() -> None:
    again, same = (sample_shop(seed=3, now=NOW, customers=300, products=200) for _ in range(2))
    assert again.facts() == same.facts()
    assert np.array_equal(again.truth.copy, same.truth.copy) and np.array_equal(again.truth.cause, same.truth.cause)
    assert again.facts() != sample_shop(seed=4, now=NOW, customers=300, products=200).facts()


def test_a_later_moment_moves_every_time_and_nothing_else(small: SampleShop) -> None:
    later = sample_shop(now=NOW + 3 * DAY, customers=300, products=200)
    for before, after in zip(small.facts(), later.facts(), strict=True):
        for field, values in before.values.items():
            expected = [value + 3 * DAY for value in values] if field in ("at", "since") else values
            assert after[field] == expected, (before.kind, field)


def test_the_shop_is_made_in_a_second_and_a_half_of_cpu_time() -> None:
    took = []
    for seed in range(2):
        start = time.process_time()
        sample_shop(seed=seed, now=NOW)
        took.append(time.process_time() - start)
    assert min(took) < 1.5


def test_a_store_takes_every_fact_and_creates_no_bare_one(small: SampleShop) -> None:
    store: GraphStore = open_store("memory://")
    for facts in small.facts():
        assert store.write(facts).changed == len(facts)
    counts = store.check().counts
    assert {kind_of(facts.kind).table: len(facts) for facts in small.facts()} == {t: n for t, n in counts.items() if n}


def test_values_are_plain_python_values(small: SampleShop) -> None:
    kinds = {type(value) for facts in small.facts() for values in facts.values.values() for value in values}
    assert kinds <= {str, int, bool, type(None)}


@pytest.mark.parametrize(("field", "value"), [("seed", -1), ("customers", 49), ("products", 65)])
def test_a_shop_that_cannot_be_made_is_refused_by_name(field: str, value: int) -> None:
    with pytest.raises(Invalid, match=f"{field} >= .*{value}") as refused:
        sample_shop(now=NOW, **{field: value})
    assert refused.value.field == field


def test_the_smallest_shop_can_be_made() -> None:
    shop = sample_shop(now=NOW, customers=50, products=66)
    assert (len(shop.customers), len(shop.products)) == (50, 66)
    assert len(shop.purchases) > 200


def test_people_have_ids_names_and_mostly_adult_or_unknown_birth_years(shop: SampleShop) -> None:
    assert shop.customers["id"] == [f"c{n}" for n in range(1, 5001)]
    assert all(len(name.split()) == 2 for name in shop.customers["name"])
    assert max(Counter(shop.customers["name"]).values()) <= 10
    ages = [to_datetime(NOW).year - born for born in shop.customers["birth_year"] if born is not None]
    assert 2000 < len(ages) < 3000
    assert 3 <= sum(age < 16 for age in ages) <= 50
    assert all(12 <= age < 16 or 18 <= age < 80 for age in ages)


def test_products_have_distinct_names_prices_and_some_sensitive_or_sold_out(shop: SampleShop) -> None:
    products = shop.products
    assert products["id"] == [f"p{n}" for n in range(1, 2001)]
    assert len(set(products["name"])) == 2000
    assert 20 <= len(set(products["category"])) <= 40
    assert all(300 <= price < 100_000 for price in products["price"])
    sensitive = {c for c, flag in zip(products["category"], products["sensitive"], strict=True) if flag}
    assert sensitive == {"health", "pregnancy"}
    assert 0.005 < 1 - np.mean(products["available"]) < 0.05


def test_friendships_are_stored_once_in_the_order_of_their_ids(shop: SampleShop) -> None:
    pairs = list(zip(shop.friendships["customer"], shop.friendships["friend"], strict=True))
    assert len(set(pairs)) == len(pairs)
    assert all(one < other for one, other in pairs)


def test_friends_are_skewed_around_fourteen_and_mostly_old_enough(shop: SampleShop) -> None:
    degree = degrees(shop)
    assert 12 <= np.median(degree) <= 16
    assert degree.min() >= 1 and np.percentile(degree, 99) > 3 * np.median(degree)
    assert np.mean(np.array(shop.friendships["since"]) < NOW - 7 * DAY) >= 0.97


def test_friends_lie_in_communities(shop: SampleShop) -> None:
    ties, community = ties_of(shop), shop.truth.community
    assert 0.8 <= np.mean(community[ties.person] == community[ties.friend]) <= 0.9
    sizes = np.bincount(community)
    assert 100 <= np.median(sizes) <= 200 and sizes.min() >= 50 and sizes.max() <= 300


def test_purchases_fill_two_years_and_are_mostly_old_enough(shop: SampleShop) -> None:
    at, person = np.array(shop.purchases["at"]), rows(shop.purchases["customer"])
    assert 70_000 <= len(at) <= 100_000
    assert np.median(np.bincount(person, minlength=5000)) >= 12
    assert at.max() < NOW and at.min() > NOW - 731 * DAY
    assert np.mean(at < NOW - 48 * HOUR) >= 0.98
    first = np.full(5000, NOW)
    np.minimum.at(first, person, at)
    assert np.mean(first < NOW - 14 * DAY) >= 0.97
    assert first[0] < NOW - 14 * DAY


def test_purchases_carry_orders_prices_gifts_and_privacy(shop: SampleShop) -> None:
    bought = shop.purchases
    orders: dict[str, set[tuple[str, Moment]]] = {}
    for order, who, at in zip(bought["order"], bought["customer"], bought["at"], strict=True):
        orders.setdefault(order, set()).add((who, at))
    assert all(len(of) == 1 for of in orders.values())
    assert len(orders) < 0.8 * len(bought)
    price = np.array(shop.products["price"])[rows(bought["product"])]
    assert np.all(np.array(bought["price"]) <= price) and np.all(np.array(bought["price"]) >= 0.79 * price)
    assert set(bought["quantity"]) == {1, 2, 3, 4, 5}
    assert 0.02 < np.mean(bought["gift"]) < 0.04
    assert set(bought["visibility"]) == {None, "private"}
    assert 0.01 < np.mean([hidden == "private" for hidden in bought["visibility"]]) < 0.03


def test_returns_name_an_earlier_purchase_of_the_same_order(shop: SampleShop) -> None:
    names = ("customer", "product", "order")
    made = dict(zip(zip(*(shop.purchases[n] for n in names), strict=True), shop.purchases["at"], strict=True))
    returned = list(zip(*(shop.returns[n] for n in names), strict=True))
    assert 500 < len(returned) < 3000
    assert all(made[key] < at < NOW for key, at in zip(returned, shop.returns["at"], strict=True))


def test_consents_are_granted_as_often_as_promised(shop: SampleShop) -> None:
    social, named = grants(shop, "social_proof"), grants(shop, "named")
    assert social.mean() == 0.8
    assert named.mean() == 0.4
    assert not np.any(named & ~social)
    assert 0.88 < grants(shop, "profiling").mean() < 0.92
    assert grants(shop, "marketing").any() and grants(shop, "advocacy").any()
    refused = [consent for consent in shop.consents.records() if not consent.granted]
    assert {consent.purpose for consent in refused} == {"personalisation"}
    assert 20 < len(refused) < 100 and all(consent.customer != "c1" for consent in refused)


def test_popularity_is_skewed(shop: SampleShop) -> None:
    sold = np.sort(np.bincount(rows(shop.purchases["product"]), minlength=2000))[::-1]
    assert sold[:400].sum() > 0.45 * sold.sum()
    assert sold[0] < 0.15 * len(shop.customers)


def test_friends_share_tastes_even_where_nobody_was_moved(shop: SampleShop) -> None:
    """The ground of collaborative filtering: own choices of friends overlap more than those of strangers."""
    own = np.setdiff1d(np.arange(len(shop.purchases)), shop.truth.copy)
    has = np.zeros((5000, 2000), np.float32)
    has[rows(shop.purchases["customer"])[own], rows(shop.purchases["product"])[own]] = 1
    ties = ties_of(shop)
    one, other = ties.person[::10], ties.friend[::10]
    stranger = np.random.default_rng(1).permutation(other)
    assert (has[one] * has[other]).sum() > 1.8 * (has[one] * has[stranger]).sum()


def test_every_copied_purchase_follows_an_earlier_one_of_a_friend(shop: SampleShop) -> None:
    truth, at = shop.truth, np.array(shop.purchases["at"])
    person, product = rows(shop.purchases["customer"]), rows(shop.purchases["product"])
    assert 0.25 < len(truth.copy) / len(at) < 0.45
    assert np.all(at[truth.cause] < at[truth.copy])
    assert np.array_equal(product[truth.cause], product[truth.copy])
    ties = ties_of(shop)
    since = dict(zip(zip(ties.person.tolist(), ties.friend.tolist(), strict=True), ties.since.tolist(), strict=True))
    moved = zip(person[truth.copy].tolist(), person[truth.cause].tolist(), strict=True)
    assert all(since[pair] < when for pair, when in zip(moved, at[truth.cause].tolist(), strict=True))
    assert not np.array(shop.products["sensitive"])[product[truth.copy]].any()


def test_influence_counts_who_moved_whom(shop: SampleShop) -> None:
    counts = shop.influence()
    assert counts.total() == len(shop.truth.copy)
    (influencer, influenced), most = counts.most_common(1)[0]
    buyer = shop.purchases["customer"]
    copies = [(buyer[c], buyer[k]) for c, k in zip(shop.truth.cause, shop.truth.copy, strict=True)]
    assert copies.count((influencer, influenced)) == most > 3


def followed(shop: SampleShop) -> tuple[Ints, Flags, Flags]:
    """Per purchase and friend of the buyer: the buyer, and whether the friend bought it up to 30 days after; before."""
    person, product = rows(shop.purchases["customer"]), rows(shop.purchases["product"])
    at, ties = np.array(shop.purchases["at"]), ties_of(shop)
    order = np.argsort(ties.person, kind="stable")
    start = np.searchsorted(ties.person[order], np.arange(len(shop.customers) + 1))
    reach = np.diff(start)[person]
    row = np.repeat(np.arange(len(person)), reach)
    within = np.arange(len(row)) - np.repeat(np.cumsum(reach) - reach, reach)
    friend = ties.friend[order][start[person[row]] + within]
    when = np.full((len(shop.customers), len(shop.products)), -1)
    when[person, product] = at
    same = when[friend, product[row]]
    lag = same - at[row]
    bought = same >= 0
    return person[row], bought & (lag > 0) & (lag <= 30 * DAY), bought & (lag < 0) & (lag >= -30 * DAY)


def test_strong_influencers_stand_out_in_the_facts_alone(shop: SampleShop) -> None:
    buyer, after, before = followed(shop)
    strong = shop.truth.strength > 0.08
    assert 0.02 < strong.mean() < 0.06
    by_strong = strong[buyer]
    assert after[by_strong].mean() > 4 * after[~by_strong].mean()
    assert after[by_strong].mean() > 4 * before[by_strong].mean()


def shown_to_friends(shop: SampleShop) -> tuple[Flags, Flags]:
    """The rules for contributors: which purchases are evidence, and which people contribute at all."""
    bought, at = shop.purchases, np.array(shop.purchases["at"])
    person, product = rows(bought["customer"]), rows(bought["product"])
    returned = set(zip(shop.returns["customer"], shop.returns["product"], shop.returns["order"], strict=True))
    lines = zip(bought["customer"], bought["product"], bought["order"], strict=True)
    kept = np.array([line not in returned for line in lines])
    settled = np.zeros(len(shop.customers), np.bool_)
    settled[person[kept & (at < TODAY - 14 * DAY)]] = True
    born = np.array([year if year is not None else 0 for year in shop.customers["birth_year"]])
    contributor = grants(shop, "social_proof") & settled & (born < to_datetime(NOW).year - 17)
    private = np.array([visibility == "private" for visibility in bought["visibility"]])
    hidden = np.array(bought["gift"]) | private | np.array(shop.products["sensitive"])[product]
    return kept & contributor[person] & ~hidden & (at < TODAY - 48 * HOUR), contributor


def labels(shop: SampleShop) -> Ints:
    """Per customer: how many products to recommend may carry "friends bought this" under the strict rules."""
    people, catalogue = len(shop.customers), len(shop.products)
    person, product = rows(shop.purchases["customer"]), rows(shop.purchases["product"])
    evidence, contributor = shown_to_friends(shop)
    named = grants(shop, "named")
    ties = ties_of(shop)
    counts = (ties.since < TODAY - 7 * DAY) & contributor[ties.friend]
    shown, owned = np.zeros((2, people, catalogue), np.bool_)
    shown[person[evidence], product[evidence]] = True
    owned[person, product] = True
    available = np.array(shop.products["available"])
    found = np.zeros(people, np.int64)
    for viewer in range(people):
        friends = ties.friend[counts & (ties.person == viewer)]
        buyers, owners = shown[friends].sum(axis=0), owned[friends].sum(axis=0)
        enough = (buyers >= 3) & (len(friends) - owners >= 3)
        labelled = shown[friends[named[friends]]].any(axis=0) | enough
        found[viewer] = np.count_nonzero(labelled & available & ~owned[viewer])
    return found


def test_nearly_everybody_has_five_products_that_friends_may_be_shown_to_have_bought(shop: SampleShop) -> None:
    found = labels(shop)
    assert np.mean(found >= 5) >= 0.95
    assert found[0] >= 5


@pytest.mark.parametrize("seed", range(5))
def test_the_first_customer_always_has_friends_evidence(seed: int) -> None:
    assert labels(sample_shop(seed=seed, now=NOW, customers=600, products=400))[0] >= 5


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


HEADERS = {
    "customers.csv": "id,name,birth_year",
    "products.csv": "id,name,price,category,available,sensitive",
    "friends.csv": "customer,friend,since",
    "purchases.csv": "customer,product,at,quantity,price,order,gift,visibility",
    "likes.csv": "customer,product,at",
    "consents.csv": "customer,purpose,granted,at",
}


def test_files_have_the_pinned_headers(small: SampleShop, tmp_path: Path) -> None:
    write_files(small, tmp_path / "new" / "folder")
    written = {path.name: path.read_text("utf-8").split("\n", 1)[0] for path in (tmp_path / "new" / "folder").iterdir()}
    assert written == HEADERS


def test_files_hold_the_same_facts(small: SampleShop, tmp_path: Path) -> None:
    write_files(small, tmp_path)
    flag = {"true": True, "false": False}
    customers = [
        (r["id"], r["name"], int(r["birth_year"]) if r["birth_year"] else None)
        for r in read(tmp_path / "customers.csv")
    ]
    assert customers == [(c.id, c.name, c.birth_year) for c in small.customers.records()]
    products = [
        Product(
            id=r["id"],
            name=r["name"],
            price=int(Decimal(r["price"]) * 100),
            category=r["category"],
            available=flag[r["available"]],
            sensitive=flag[r["sensitive"]],
        )
        for r in read(tmp_path / "products.csv")
    ]
    assert products == list(small.products.records())
    others: list[tuple[str, Columns[Any]]] = [
        ("friends.csv", small.friendships),
        ("likes.csv", small.likes),
        ("consents.csv", small.consents),
    ]
    for name, facts in others:
        assert read(tmp_path / name) == as_text(facts, HEADERS[name].split(","))


def test_the_file_of_purchases_holds_the_same_purchases(small: SampleShop, tmp_path: Path) -> None:
    write_files(small, tmp_path)
    flag = {"true": True, "false": False}
    purchases = [
        Purchase(
            id=f"demo-purchase-{number}",
            customer=r["customer"],
            product=r["product"],
            at=int(np.datetime64(r["at"].removesuffix("Z"), "us").astype(np.int64)),
            quantity=int(r["quantity"]),
            price=int(Decimal(r["price"]) * 100),
            order=r["order"],
            gift=flag[r["gift"]],
            visibility="private" if r["visibility"] == "private" else None,
        )
        for number, r in enumerate(read(tmp_path / "purchases.csv"), start=1)
    ]
    assert purchases == list(small.purchases.records())


def as_text(facts: Columns[Any], fields: list[str]) -> list[dict[str, str]]:
    text: dict[str, Callable[[Any], str]] = {"at": to_text, "since": to_text, "granted": lambda yes: str(yes).lower()}
    return [
        {field: text.get(field, str)(value) for field, value in zip(fields, row, strict=True)}
        for row in zip(*(facts[field] for field in fields), strict=True)
    ]
