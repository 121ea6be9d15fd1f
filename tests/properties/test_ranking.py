"""What must hold of rankings in any world."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.records import Friendship, Record
from recommend.model import Model
from recommend.scorers.blend import Blend
from recommend.train import train
from tests.worlds import FAST, PEOPLE, ask, customer, ids, open_live, two_circles

SEEDS = st.integers(0, 2**16)
LIKELY = Blend({"taste": 1.0, "items": 0.5, "popular": 0.1}, {"popular": 1.0})


def ranked(model: Model, facts: list[Record], who: str) -> list[str]:
    return ids(ask(model, open_live(facts), who, limit=20).items)


def strangers(seed: int) -> list[Record]:
    return [fact for fact in two_circles(seed) if not isinstance(fact, Friendship)]


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_friends_without_a_say_are_as_good_as_no_friends(seed: int) -> None:
    """Kept out of the training, or given no weight after it: the ranking is that of a world without friendships."""
    apart = train(open_live(strangers(seed)), FAST)
    out = train(open_live(two_circles(seed)), replace(FAST, friends=False))
    silent = replace(train(open_live(two_circles(seed)), FAST), blend=LIKELY)
    assert out.weights == apart.weights
    for place in range(0, PEOPLE, 7):
        who = customer(place)
        assert ranked(out, two_circles(seed), who) == ranked(apart, strangers(seed), who)
        likely = replace(apart, blend=LIKELY)
        assert ranked(silent, two_circles(seed), who) == ranked(likely, strangers(seed), who)


@settings(max_examples=6, deadline=None)
@given(SEEDS, st.integers(1, PEOPLE - 1))
def test_a_friendship_between_others_far_away_changes_nothing_that_one_sees_of_ones_own(seed: int, place: int) -> None:
    """Under one model: a new friendship reaches those two, and nobody else's ranking."""
    facts = two_circles(seed)
    model = train(open_live(facts), FAST)
    more = [*facts, Friendship.between(customer(place), customer((place + 1) % PEOPLE))]
    for other in {2, 17, 41} - {place, (place + 1) % PEOPLE}:
        assert ranked(model, more, customer(other)) == ranked(model, facts, customer(other))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_facts_and_seed_give_the_same_model(seed: int) -> None:
    one, other = (train(open_live(two_circles(seed)), replace(FAST, seed=seed)) for _ in range(2))
    assert one.id == other.id
