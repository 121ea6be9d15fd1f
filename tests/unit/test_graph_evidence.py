"""The rules of evidence, one by one: what a viewer may learn of the friends' purchases."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from graph.evidence import UNRESTRICTED, EvidenceRules, FriendEvidence, bucket_label
from graph.freeze import freeze
from graph.live import LiveGraph
from graph.moments import DAY, HOUR, to_moment
from graph.records import Block, Consent, Customer, Friendship, Product, Purchase, Record, Return
from graph.stores.memory import MemoryStore

NOW = to_moment(datetime(2026, 11, 23, 15, tzinfo=UTC))
OPENING = NOW - 15 * HOUR
OLD = NOW - 40 * DAY
FRIENDS = tuple(f"f{i}" for i in range(1, 9))
BUYERS = FRIENDS[:3]


def consent(who: str, purpose: str, granted: bool = True, at: int | None = OLD) -> Consent:
    return Consent(id=f"{who}-{purpose}-{at}", customer=who, purpose=purpose, granted=granted, at=at)


def bought(who: str, product: str, at: int | None = OLD, **more: object) -> Purchase:
    return Purchase(id=f"{who}-{product}-{at}", customer=who, product=product, at=at, **more)


def world() -> list[Record]:
    """A viewer ``v`` with eight old friends who let themselves be counted; the first three bought ``boots``, all bought ``socks``."""
    facts: list[Record] = [Product(id="boots"), Product(id="socks")]
    for friend in FRIENDS:
        facts += [Friendship.between("v", friend, OLD), consent(friend, "social_proof"), bought(friend, "socks")]
    return facts + [bought(friend, "boots") for friend in BUYERS]


def live(facts: Iterable[Record], rules: EvidenceRules | None = None, now: int = NOW) -> LiveGraph:
    store = MemoryStore()
    store.write(facts)
    return LiveGraph(freeze(store, now=now), now=now, rules=rules)


def seen(graph: LiveGraph, viewer: str = "v") -> dict[str, tuple[str | None, list[str]]]:
    """Product -> (label, named friends)."""
    evidence: FriendEvidence = graph.evidence.of(graph.customers.position(viewer))
    return {
        graph.products[product]: (
            bucket_label(int(evidence.counts_of(np.array([product]))[0])),
            sorted(graph.customers.names(evidence.friends(product))),
        )
        for product in evidence.product.tolist()
    }


def without(facts: Iterable[Record], *unwanted: object) -> list[Record]:
    return [fact for fact in facts if not any(fact == other for other in unwanted)]


def test_three_buyers_and_five_who_could_have_bought_make_a_count() -> None:
    assert seen(live(world())) == {"boots": ("3+", [])}


def test_a_count_needs_enough_friends_who_did_not_buy() -> None:
    everybody_bought_socks = seen(live(world()))
    assert "socks" not in everybody_bought_socks


@pytest.mark.parametrize(
    ("buyers", "label"), [(2, None), (3, "3+"), (4, "3+"), (5, "5+"), (9, "5+"), (10, "10+"), (40, "10+")]
)
def test_counts_are_buckets(buyers: int, label: str | None) -> None:
    people = [f"p{i}" for i in range(50)]
    facts: list[Record] = []
    for place, person in enumerate(people):
        facts += [Friendship.between("v", person, OLD), consent(person, "social_proof"), bought(person, "socks")]
        facts += [bought(person, "boots")] if place < buyers else []
    assert seen(live(facts)).get("boots", (None, []))[0] == label


def test_nobody_is_counted_who_has_not_agreed() -> None:
    facts = without(world(), consent("f1", "social_proof"))
    assert "boots" not in seen(live(facts))


def test_a_refusal_of_the_same_moment_wins() -> None:
    facts = [*world(), replace(consent("f1", "social_proof", granted=False), id="refusal")]
    assert "boots" not in seen(live(facts))


def test_the_newest_receipt_counts_whatever_the_order_of_arrival() -> None:
    again = [
        consent("f1", "social_proof", granted=True, at=OLD + 2),
        consent("f1", "social_proof", granted=False, at=OLD + 1),
    ]
    assert "boots" in seen(live([*again, *world()]))
    assert "boots" in seen(live([*world(), *reversed(again)]))


def test_a_named_friend_needs_no_threshold_and_is_not_in_the_count() -> None:
    facts = [*world(), consent("f1", "named")]
    assert seen(live(facts))["boots"] == (None, ["f1"])
    four = [*facts, bought("f4", "boots")]
    assert seen(live(four))["boots"] == ("3+", ["f1"])


def test_named_without_social_proof_shows_nothing() -> None:
    facts = [*without(world(), consent("f1", "social_proof")), consent("f1", "named"), bought("f1", "hat")]
    assert "hat" not in seen(live(facts))


@pytest.mark.parametrize(
    "hidden",
    [{"gift": True}, {"visibility": "private"}, {"at": OPENING - 48 * HOUR + 1}],
    ids=["gift", "private", "younger than the delay"],
)
def test_some_purchases_are_nobodys_business(hidden: dict[str, object]) -> None:
    facts = [fact for fact in world() if fact != bought("f1", "boots")]
    assert "boots" not in seen(live([*facts, bought("f1", "boots", **hidden)]))


def test_a_purchase_that_says_count_is_counted_and_not_named() -> None:
    facts = [fact for fact in world() if fact != bought("f1", "boots")]
    facts += [consent("f1", "named"), bought("f1", "boots", visibility="count")]
    assert seen(live(facts))["boots"] == ("3+", [])


def test_a_purchase_counts_from_the_opening_after_its_delay() -> None:
    facts = [fact for fact in world() if fact != bought("f1", "boots")]
    facts.append(bought("f1", "boots", at=OPENING - 48 * HOUR))
    assert "boots" in seen(live(facts))


def test_a_returned_purchase_is_no_evidence() -> None:
    returned = Return(id="r", customer="f1", product="boots", reason="refund", at=NOW - DAY)
    assert "boots" not in seen(live([*world(), returned]))


def test_a_return_of_another_order_leaves_the_purchase() -> None:
    facts = [fact for fact in world() if fact != bought("f1", "boots")]
    facts += [
        bought("f1", "boots", order="o1"),
        Return(id="r", customer="f1", product="boots", reason="cancel", order="o2"),
    ]
    assert "boots" in seen(live(facts))


def test_somebody_without_a_settled_order_is_not_counted() -> None:
    young = NOW - 10 * DAY
    facts = [fact for fact in world() if not (isinstance(fact, Purchase) and fact.customer == "f1")]
    facts += [bought("f1", "boots", at=young), bought("f1", "socks", at=young)]
    assert "boots" not in seen(live(facts))


def test_a_young_friendship_does_not_count() -> None:
    facts = [fact for fact in world() if fact != Friendship.between("v", "f1", OLD)]
    assert "boots" not in seen(live([*facts, Friendship.between("v", "f1", OPENING - 7 * DAY + 1)]))
    assert "boots" in seen(live([*facts, Friendship.between("v", "f1", OPENING - 7 * DAY)]))


def test_facts_without_a_time_count_as_old() -> None:
    facts: list[Record] = []
    for friend in FRIENDS:
        facts += [
            Friendship.between("v", friend),
            consent(friend, "social_proof", at=None),
            bought(friend, "socks", at=None),
        ]
    facts += [bought(friend, "boots", at=None) for friend in BUYERS]
    assert "boots" in seen(live(facts))


@pytest.mark.parametrize(("born", "counts"), [(2010, False), (2009, True), (1980, True)])
def test_minors_never_contribute_and_the_birthday_counts_as_yet_to_come(born: int, counts: bool) -> None:
    facts = [*world(), Customer(id="f1", birth_year=born)]
    assert ("boots" in seen(live(facts))) is counts


@pytest.mark.parametrize(
    "product", [Product(id="boots", sensitive=True), Product(id="boots", category="Sexual Health")]
)
def test_sensitive_products_are_never_evidence(product: Product) -> None:
    assert "boots" not in seen(live([*world(), product, consent("f1", "named")]))


@pytest.mark.parametrize("block", [Block(customer="v", other="f1"), Block(customer="f1", other="v")])
def test_a_block_parts_both(block: Block) -> None:
    assert "boots" not in seen(live([*world(), block]))
    assert seen(live([*world(), block]), "f1") == {}


def test_what_somebody_hides_does_not_even_make_a_non_buyer() -> None:
    """Flipping a private purchase changes nothing: with or without it the buyer counts as a friend who did not buy."""
    private = bought("f8", "boots", visibility="private")
    assert seen(live([*world(), private])) == seen(live(world()))


def test_unrestricted_rules_show_every_kept_purchase_of_a_consenting_friend() -> None:
    facts = [
        Friendship.between("v", "f1", NOW),
        consent("f1", "social_proof"),
        consent("f1", "named"),
        bought("f1", "boots", at=NOW),
    ]
    assert seen(live(facts, UNRESTRICTED)) == {"boots": (None, ["f1"])}


def test_a_return_that_arrives_before_its_purchase_undoes_it_all_the_same() -> None:
    store = MemoryStore()
    returned = Return(id="r", customer="f1", product="boots", reason="refund", at=NOW - DAY)
    store.write([returned, *(fact for fact in world() if fact != bought("f1", "boots"))])
    graph = LiveGraph(freeze(store, now=NOW), now=NOW)
    store.write([bought("f1", "boots")])
    graph.apply(store.changes(graph.cursor), NOW)
    assert graph.products.position("boots") not in graph.owned(graph.customers.position("f1")).tolist()


class TestSinceTheSnapshot:
    """What changes after the snapshot: withdrawals at once, news at the next opening."""

    def graph(self, *news: Record, rules: EvidenceRules | None = None, now: int = NOW) -> LiveGraph:
        store = MemoryStore()
        store.write(world())
        graph = LiveGraph(freeze(store, now=NOW), now=NOW, rules=rules)
        store.write(news)
        graph.apply(store.changes(graph.cursor), now)
        return graph

    def test_a_revocation_acts_at_once(self) -> None:
        assert "boots" not in seen(self.graph(consent("f1", "social_proof", granted=False, at=NOW)))

    def test_a_block_acts_at_once(self) -> None:
        assert "boots" not in seen(self.graph(Block(customer="v", other="f1")))

    def test_an_erasure_acts_at_once(self) -> None:
        store = MemoryStore()
        store.write(world())
        graph = LiveGraph(freeze(store, now=NOW), now=NOW)
        store.forget("f1")
        graph.apply(store.changes(graph.cursor), NOW)
        assert seen(graph) == {}
        assert graph.owned(graph.customers.position("f1")).tolist() == []

    def test_an_end_of_a_friendship_acts_at_once(self) -> None:
        store = MemoryStore()
        store.write(world())
        graph = LiveGraph(freeze(store, now=NOW), now=NOW)
        store.remove(Friendship, ("f1", "v"))
        graph.apply(store.changes(graph.cursor), NOW)
        assert seen(graph) == {}

    def test_a_product_that_becomes_sensitive_leaves_at_once(self) -> None:
        assert seen(self.graph(Product(id="boots", sensitive=True))) == {}

    def test_an_old_purchase_that_arrives_late_waits_for_the_next_opening(self) -> None:
        late = [bought(friend, "hat") for friend in BUYERS]
        graph = self.graph(*late)
        assert "hat" not in seen(graph)
        graph.roll(NOW + DAY)
        assert "hat" in seen(graph)

    def test_a_new_consent_waits_for_the_next_opening(self) -> None:
        graph = self.graph(consent("f1", "named", at=NOW))
        assert seen(graph)["boots"] == ("3+", [])
        graph.roll(NOW + DAY)
        assert seen(graph)["boots"] == (None, ["f1"])

    def test_with_instant_evidence_a_purchase_counts_with_the_next_answer(self) -> None:
        instant = EvidenceRules(delay=0, epoch=0)
        news = [consent("f4", "named", at=NOW), bought("f4", "tent", at=NOW)]
        assert seen(self.graph(*news, rules=instant))["tent"] == (None, ["f4"])

    def test_a_delay_passes_while_the_graph_rolls_on(self) -> None:
        news = [bought(friend, "tent", at=NOW) for friend in BUYERS]
        graph = self.graph(*news)
        for days, visible in ((1, False), (2, False), (3, True)):
            graph.roll(NOW + days * DAY)
            assert ("tent" in seen(graph)) is visible
