"""Consent: what a heap of receipts comes to."""

import numpy as np
import pytest

from graph.consent import BIT, NO_RECEIPT, granted, mask, receipt
from graph.records import PURPOSES


def state(**receipts: int) -> np.ndarray:
    return np.array([receipts.get(purpose, NO_RECEIPT) for purpose in PURPOSES], np.int64)


@pytest.mark.parametrize(
    ("receipts", "agreed"),
    [
        ([], False),
        ([(True, 5)], True),
        ([(True, 5), (False, 6)], False),
        ([(False, 6), (True, 5)], False),
        ([(True, 6), (False, 5)], True),
        ([(True, 5), (False, 5)], False),
        ([(False, 5), (True, 5)], False),
        ([(True, None)], True),
        ([(True, None), (False, None)], False),
        ([(False, None), (True, 0)], True),
    ],
)
def test_the_newest_receipt_counts_and_a_refusal_wins_a_tie(
    receipts: list[tuple[bool, int | None]], agreed: bool
) -> None:
    newest = max((receipt(*one) for one in receipts), default=NO_RECEIPT)
    assert bool(granted(state(named=newest), 0) & BIT["named"]) is agreed


def test_a_presumed_purpose_holds_until_a_receipt_says_otherwise() -> None:
    presumed = mask(["personalisation"])
    assert granted(state(), presumed) == presumed
    assert granted(state(personalisation=receipt(False, None)), presumed) == 0


def test_purposes_do_not_imply_one_another() -> None:
    assert granted(state(named=receipt(True, 1)), 0) == BIT["named"]


def test_many_people_are_decided_at_once() -> None:
    people = np.stack([state(), state(marketing=receipt(True, 3))])
    assert granted(people, BIT["profiling"]).tolist() == [BIT["profiling"], BIT["profiling"] | BIT["marketing"]]


def test_a_purpose_named_twice_counts_once() -> None:
    assert mask(["named", "named"]) == BIT["named"]
