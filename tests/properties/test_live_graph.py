"""A snapshot with the change tail applied is the same graph as a new snapshot."""

from hypothesis import given
from hypothesis import strategies as st

from graph.evidence import EvidenceRules
from graph.freeze import freeze
from graph.ids import UNKNOWN
from graph.live import LiveGraph
from graph.moments import DAY
from graph.records import (
    PURPOSES,
    VISIBILITIES,
    Block,
    Consent,
    Customer,
    CustomerId,
    Friendship,
    Like,
    Product,
    Purchase,
    Record,
    Return,
)
from graph.schema import Key
from graph.snapshot import NO_PRICE
from graph.stores.memory import MemoryStore
from tests.tampered import Tampered

NOW = 20_000 * DAY
INSTANT = EvidenceRules(min_buyers=1, min_non_buyers=1, delay=0, epoch=0)

people = st.sampled_from([f"c{i}" for i in range(6)])
goods = st.sampled_from([f"p{i}" for i in range(4)])
moments = st.one_of(st.none(), st.integers(NOW - 60 * DAY, NOW - 1))
events = {"id": st.uuids().map(str), "customer": people, "product": goods, "at": moments}
pairs = st.tuples(people, people).filter(lambda pair: pair[0] != pair[1])

facts: st.SearchStrategy[Record] = st.one_of(
    st.builds(Customer, id=people, name=st.sampled_from(["Ann", None]), birth_year=st.sampled_from([None, 1980, 2020])),
    st.builds(Product, id=goods, price=st.integers(0, 9), category=st.sampled_from(["shoes", "health", None])),
    st.builds(lambda pair, since: Friendship.between(*pair, since), pairs, moments),
    st.builds(
        Consent,
        id=st.uuids().map(str),
        customer=people,
        purpose=st.sampled_from(PURPOSES),
        granted=st.booleans(),
        at=moments,
    ),
    st.builds(
        Purchase,
        **events,
        gift=st.booleans(),
        visibility=st.sampled_from([None, *VISIBILITIES]),
        order=st.sampled_from([None, "o"]),
    ),
    st.builds(Return, **events, reason=st.just("refund"), order=st.sampled_from([None, "o"])),
    st.builds(Like, **events, opinion=st.sampled_from(["like", "unlike", "dislike"])),
)
blocks = st.builds(lambda pair: Block(customer=pair[0], other=pair[1]), pairs)


def picture(graph: LiveGraph) -> dict[str, object]:
    """What a request can learn of everybody, by name."""
    people = {}
    for person in sorted(graph.customers.names(range(len(graph.customers)))):
        at = graph.customers.position(person)
        evidence, opinions = graph.evidence.of(at), graph.opinions_of(at)
        people[person] = (
            graph.customer_name(at),
            sorted(graph.products.names(graph.owned(at))),
            sorted(zip(graph.products.names(opinions.product), opinions.opinion.tolist(), strict=True)),
            [graph.agrees(at, purpose) for purpose in PURPOSES],
            sorted(graph.customers.names(graph.evidence.ties(at))),
            sorted(
                zip(
                    graph.products.names(evidence.product),
                    evidence.named.tolist(),
                    evidence.count.tolist(),
                    strict=True,
                )
            ),
            sorted(
                (product, sorted(graph.customers.names(friends)))
                for product, friends in zip(
                    graph.products.names(evidence.product), evidence.friends_of(evidence.product), strict=True
                )
                if friends
            ),
        )
    goods = {
        product: (graph.product_name(at), int(graph.price[at]), bool(graph.sensitive[at]), bool(graph.described[at]))
        for at, product in enumerate(graph.products.names(range(len(graph.products))))
    }
    return {"people": people, "goods": goods}


def nobody(person: object) -> bool:
    return person in [(None, [], [], agreed, [], [], []) for agreed in ([True, *[False] * 5],)]


@given(
    before=st.lists(st.one_of(facts, blocks), max_size=25),
    after=st.lists(st.one_of(facts, blocks), max_size=25),
    ended=st.lists(pairs, max_size=4),
    gone=st.lists(people, max_size=2),
)
def test_the_tail_leads_to_the_same_graph_as_a_new_snapshot(
    before: list[Record], after: list[Record], ended: list[tuple[str, str]], gone: list[str]
) -> None:
    store = MemoryStore()
    store.write(before)
    graph = LiveGraph(freeze(store, now=NOW), now=NOW, rules=INSTANT)
    store.write(after)
    for pair in ended:
        store.remove(Block, pair)
        store.remove(Friendship, tuple(sorted(pair)))
    for person in gone:
        store.forget(CustomerId(person))
    graph.apply(store.changes(graph.cursor), NOW)
    anew = LiveGraph(freeze(store, now=NOW), now=NOW, rules=INSTANT)
    applied, fresh = picture(graph), picture(anew)
    assert applied["goods"] == fresh["goods"]
    forgotten = {name: facts for name, facts in applied["people"].items() if name not in fresh["people"]}
    assert all(nobody(facts) for facts in forgotten.values())
    assert {name: facts for name, facts in applied["people"].items() if name in fresh["people"]} == fresh["people"]


@given(before=st.lists(facts, max_size=25), after=st.lists(facts, max_size=25), order=st.randoms(use_true_random=False))
def test_the_order_of_arrival_of_events_does_not_matter(
    before: list[Record], after: list[Record], order: object
) -> None:
    events = [fact for fact in after if isinstance(fact, Purchase | Return | Like | Consent)]
    shuffled = list(events)
    order.shuffle(shuffled)
    pictures = []
    for arriving in (events, shuffled):
        store = MemoryStore()
        store.write(before)
        graph = LiveGraph(freeze(store, now=NOW), now=NOW, rules=INSTANT)
        store.write(arriving)
        graph.apply(store.changes(graph.cursor), NOW)
        pictures.append(picture(graph))
    assert pictures[0]["people"] == pictures[1]["people"]


@given(st.lists(facts, max_size=30), st.randoms(use_true_random=False))
def test_equal_facts_give_equal_arrays(written: list[Record], order: object) -> None:
    entities = {(type(f), getattr(f, "id", None) or (f.customer, f.friend)): f for f in written}
    pictures = []
    for _ in range(2):
        rows = list(entities.values())
        order.shuffle(rows)
        store = MemoryStore()
        store.write(rows)
        # what an event names before the product or customer is described must not matter either
        store.write([row for row in rows if isinstance(row, Customer | Product)])
        snapshot = freeze(store, now=NOW)
        pictures.append(
            [
                snapshot.customers.names(range(len(snapshot.customers))),
                snapshot.purchases,
                snapshot.ties,
                snapshot.opinions,
            ]
        )
    assert repr(pictures[0]) == repr(pictures[1])


@given(
    before=st.lists(st.one_of(facts, blocks), max_size=25),
    after=st.lists(st.one_of(facts, blocks), max_size=15),
    later=st.lists(st.one_of(facts, blocks), max_size=10),
    draw=st.data(),
)
def test_a_graph_read_anew_knows_nothing_of_what_was_deleted_and_all_that_followed(
    before: list[Record], after: list[Record], later: list[Record], draw: st.DataObject
) -> None:
    store = Tampered()
    store.write(before)
    trained = freeze(store, now=NOW)
    graph = LiveGraph(trained, now=NOW, rules=INSTANT)
    store.write(after)
    stored: list[tuple[type[Record], Key]] = store.stored()
    for kind, key in draw.draw(st.lists(st.sampled_from(stored), unique=True) if stored else st.just([])):
        store.lose(kind, key)
    graph.apply(store.changes(graph.cursor), NOW)
    assert graph.lost == store.tampered
    reread = LiveGraph(freeze(store, now=NOW, positions=trained), now=NOW, rules=INSTANT, trained=trained)
    assert not reread.lost
    assert reread.customers.names(range(len(trained.customers))) == trained.customers.names(
        range(len(trained.customers))
    )
    assert_changed_are_those_whose_facts_differ(LiveGraph(trained, now=NOW, rules=INSTANT), reread)
    store.write(later)
    reread.apply(store.changes(reread.cursor), NOW)
    known, fresh = picture(reread), picture(LiveGraph(freeze(store, now=NOW), now=NOW, rules=INSTANT))
    for what, nothing in (("people", nobody), ("goods", (None, NO_PRICE, False, False).__eq__)):
        gone = {name: facts for name, facts in known[what].items() if name not in fresh[what]}
        assert all(nothing(facts) for facts in gone.values())
        assert {name: facts for name, facts in known[what].items() if name in fresh[what]} == fresh[what]


def assert_changed_are_those_whose_facts_differ(trained: LiveGraph, reread: LiveGraph) -> None:
    for person in reread.customers.names(range(len(reread.customers))):
        before, after = trained.customers.position(person), reread.customers.position(person)
        same = before != UNKNOWN and what_is_learned_of(trained, before) == what_is_learned_of(reread, after)
        assert reread.changed(after) == (0 if same else 1)


def what_is_learned_of(graph: LiveGraph, at: int) -> object:
    purchases, opinions, ties = graph.purchases_of(at), graph.opinions_of(at), graph.snapshot.ties
    mine = slice(ties.starts[at], ties.starts[at + 1])
    return (
        int(graph.snapshot.birth_year[at]),
        graph.snapshot.receipts[at].tolist(),
        sorted(
            zip(
                graph.products.names(purchases.product),
                purchases.at.tolist(),
                purchases.strength.tolist(),
                purchases.order.tolist(),
                purchases.flags.tolist(),
                strict=True,
            )
        ),
        sorted(
            zip(graph.products.names(opinions.product), opinions.at.tolist(), opinions.opinion.tolist(), strict=True)
        ),
        sorted(zip(graph.customers.names(ties.friend[mine]), ties.since[mine].tolist(), strict=True)),
    )
