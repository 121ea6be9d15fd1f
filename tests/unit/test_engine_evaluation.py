"""Under which rules an evaluation is made, and what it says of itself."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from engine import evaluation
from engine.engine import evidence_rules
from engine.settings import Settings
from graph.errors import Refused, Unavailable
from graph.evidence import UNRESTRICTED
from graph.moments import DAY, to_text
from graph.records import PURPOSES, Purchase
from tests.unit.conftest import NOW

SHOP = Settings.load(
    environ={}, evidence_min_buyers=7, presumed_purposes=("personalisation", "named"), sensitive_categories=("wine",)
)


@pytest.mark.parametrize(
    ("evidence", "consents", "expected"),
    [
        (None, False, ["open"]),
        (None, True, ["strict"]),
        ("open", False, ["open"]),
        ("open", True, ["open"]),
        ("strict", False, ["open", "strict"]),
        ("strict", True, ["open", "strict"]),
    ],
)
def test_the_rules_follow_from_what_is_given(evidence: str | None, consents: bool, expected: list[str]) -> None:
    assert [under.evidence for under in evaluation.conditions(SHOP, evidence, consents=consents)] == expected


def test_open_presumes_everything_and_strict_is_what_the_shop_serves_by() -> None:
    unrestricted, strict = evaluation.conditions(SHOP, "strict", consents=True)
    assert (unrestricted.rules, unrestricted.presumed) == (UNRESTRICTED, PURPOSES)
    assert (strict.rules, strict.presumed) == (evidence_rules(SHOP), ("personalisation", "named"))
    assert strict.rules.min_buyers == 7
    for under in (unrestricted, strict):
        assert under.sensitive == strict.sensitive


def read(folder: Path, train: str, test: str) -> evaluation.Split:
    (folder / "train.csv").write_text(train)
    (folder / "test.csv").write_text(test)
    return evaluation.read_split({"purchases": folder / "train.csv"}, folder / "test.csv", SHOP, NOW)


def test_what_was_bought_later_is_the_truth_and_is_never_trained_on(tmp_path: Path) -> None:
    split = read(tmp_path, "customer,product\na,p\n", "customer,product\na,q\na,q\na,r\nb,p\n")
    assert split.truth == {"a": {"q", "r"}, "b": {"p"}}
    assert [purchase.product for batch in split.store.read(Purchase) for purchase in batch.records()] == ["p"]


def test_rows_of_the_future_are_rejected_on_both_sides(tmp_path: Path) -> None:
    rows = f"customer,product,at\na,p,{to_text(NOW + 400 * DAY)}\na,q,{to_text(NOW - DAY)}\n"
    split = read(tmp_path, rows, rows)
    assert [report.rejected for report in split.reports] == [1, 1]
    assert split.truth == {"a": {"q"}}


def test_a_test_file_of_rejected_rows_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"test\.csv has no purchase to test on"):
        read(tmp_path, "customer,product\na,p\n", "customer,product\n,p\n")


def test_ids_with_commas_and_quotes_come_back_from_the_lists(tmp_path: Path) -> None:
    evaluation.write_recommendations(tmp_path / "x.csv", {'a,"b"': ("p\n1", "p 2"), "nobody": ()})
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [*csv.reader(file)] == [
            ["customer", "rank", "product"],
            ['a,"b"', "1", "p\n1"],
            ['a,"b"', "2", "p 2"],
        ]
    with pytest.raises(Unavailable, match="cannot write"):
        evaluation.write_recommendations(tmp_path / "x.csv" / "y.csv", {})
