"""Under which rules an evaluation is made, and what it says of itself."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine import evaluation, evaluation_files, evaluation_page, evaluation_text
from engine.engine import evidence_rules
from engine.settings import Settings
from graph.errors import Refused, Unavailable
from graph.evidence import UNRESTRICTED
from graph.moments import DAY, to_text
from graph.records import PURPOSES
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
    assert evaluation.unrestricted(SHOP).evidence == unrestricted.evidence == "open"
    for under in (unrestricted, strict):
        assert under.sensitive == strict.sensitive


def test_facts_are_seen_under_the_rules_of_an_evaluation_at_the_moment_of_the_facts(tmp_path: Path) -> None:
    facts = read(tmp_path, "customer,product\na,p\n", "customer,product\na,q\n").train
    for under in evaluation.conditions(SHOP, "strict", consents=True):
        live = under.live(facts)
        assert live.snapshot is facts and live.rules is under.rules
        assert live.agrees(0, "named")
        assert live.agrees(0, "marketing") is (under.evidence == "open")


def read(folder: Path, train: str, test: str) -> evaluation.Split:
    (folder / "train.csv").write_text(train)
    (folder / "test.csv").write_text(test)
    return evaluation.read_split({"purchases": folder / "train.csv"}, folder / "test.csv", SHOP, NOW)


def test_what_was_bought_later_is_the_truth_and_is_never_trained_on(tmp_path: Path) -> None:
    split = read(tmp_path, "customer,product\na,p\n", "customer,product\na,q\na,q\na,r\nb,p\n")
    assert split.truth == {"a": {"q", "r"}, "b": {"p"}}
    assert split.train.products.names(split.train.purchases.product.tolist()) == ["p"]


def test_what_somebody_had_before_is_no_truth_and_strangers_are_counted(tmp_path: Path) -> None:
    split = read(tmp_path, "customer,product\na,p\nb,q\n", "customer,product\na,p\na,q\nb,q\nc,x\nd,x\nd,p\n")
    assert split.truth == {"a": {"q"}, "c": {"x"}, "d": {"x", "p"}}
    assert split.as_dict() == {
        "split": {"by": "file", "share": None},
        "test_purchases": 4,
        "owned_before": 2,
        "unknown_customers": 2,
        "unknown_products": 1,
    }


def test_a_test_part_of_nothing_new_is_refused_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"no purchase to test on: its customers had all 1 of them before"):
        read(tmp_path, "customer,product\na,p\n", "customer,product\na,p\na,p\n")


def test_purchases_are_held_out_of_one_file(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("customer,product,at\na,p,2026-01-01\na,q,2026-01-02\nb,p,2026-01-03\n")
    files = {"purchases": tmp_path / "all.csv"}
    last = evaluation.held_out(files, "last", 0.2, seed=1, settings=SHOP, now=NOW)
    assert (last.truth, last.by, last.share, last.owned) == ({"a": {"q"}}, "last", None, 0)
    late = evaluation.held_out(files, "time", 0.4, seed=1, settings=SHOP, now=NOW)
    assert (late.truth, late.share) == ({"b": {"p"}}, 0.4)


def test_rows_of_the_future_are_rejected_on_both_sides(tmp_path: Path) -> None:
    rows = f"customer,product,at\na,p,{to_text(NOW + 400 * DAY)}\na,q,{to_text(NOW - DAY)}\n"
    split = read(tmp_path, rows.replace("a,", "b,"), rows)
    assert [report.rejected for report in split.reports] == [1, 1]
    assert split.truth == {"a": {"q"}}


def test_a_test_file_of_rejected_rows_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"test\.csv has no purchase to test on"):
        read(tmp_path, "customer,product\na,p\n", "customer,product\n,p\n")


def evaluated(split: evaluation.Split, *, ablate: bool = False, seed: int = 1) -> evaluation.Evaluation:
    (done,) = evaluation.evaluate(
        split, evaluation.conditions(SHOP, None, consents=False), (2, 5), seed=seed, ablate=ablate
    )
    return done


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("a,p\n", "a,q\n"),  # one person, one product
        ("a,p\n" * 5, "b,p\n" * 5),  # repeated rows only, and a stranger
        ("", "a,p\n"),  # nothing to learn from
        ("a,p\nb,p\nc,p\n", "a,x\nb,x\nc,x\n"),  # one product, the same for all, and another one wanted
    ],
)
def test_poor_data_gives_figures_a_page_and_no_error(train: str, test: str, tmp_path: Path) -> None:
    done = evaluated(read(tmp_path, f"customer,product\n{train}", f"customer,product\n{test}"), ablate=True)
    assert done.homophily is None
    told = json.loads(json.dumps(done.as_dict()))
    assert told["homophily"] is None
    assert all(0 <= told[f"{name}@5"] <= 1 for name in ("recall", "ndcg", "coverage", "gini", "long_tail"))
    split = read(tmp_path, f"customer,product\n{train}", f"customer,product\n{test}")
    assert "There are no friendships to look at" in evaluation_page.page(split, [done])
    assert evaluation_text.lines(split, [done])


def test_a_perfect_list_is_told_as_perfect(tmp_path: Path) -> None:
    done = evaluated(read(tmp_path, "customer,product\na,p\nb,p\nb,q\n", "customer,product\na,q\n"))
    assert (done.report.known.figures["recall@2"], done.report.known.figures["mrr@2"]) == (1, 1)


def test_everybody_wanting_the_same_leaves_intervals_without_width(tmp_path: Path) -> None:
    train = "".join(f"c{i},p\n" for i in range(9)) + "x,q\n"
    test = "".join(f"c{i},q\n" for i in range(9))
    done = evaluated(read(tmp_path, f"customer,product\n{train}", f"customer,product\n{test}"))
    assert done.report.known.intervals(1)["recall@2"] == (1, 1)


def test_people_are_written_with_a_row_for_each_model(tmp_path: Path) -> None:
    done = evaluated(read(tmp_path, "customer,product\na,p\nb,p\nb,q\n", "customer,product\na,q\nc,p\n"), ablate=True)
    evaluation_files.write_people(tmp_path / "made" / "people.parquet", [done])
    rows = pq.read_table(tmp_path / "made" / "people.parquet").to_pylist()
    assert len(rows) == 2 * (1 + len(done.ablations))
    first = rows[0]
    assert (first["evidence"], first["model"], first["customer"], first["slice"]) == ("open", "model", "a", "1-5")
    assert (first["history"], first["recall@2"], rows[1]["slice"]) == (1, 1.0, "newcomers")
    assert {row["model"] for row in rows} == {"model", *done.ablations}
    with pytest.raises(Unavailable, match="cannot write"):
        evaluation_files.write_people(tmp_path, [done])


def test_after_a_split_by_time_nothing_later_is_known(tmp_path: Path) -> None:
    """The friendship was made after the moment of the split: it is no reason for anything that is asked at that moment."""
    rows = "".join(f"c{i},p{j},2026-01-{1 + 2 * i + j:02}\n" for i in range(4) for j in range(5))
    (tmp_path / "all.csv").write_text(f"customer,product,at\n{rows}")
    found = []
    for since in ("2025-12-01", "2026-09-01"):
        (tmp_path / "friends.csv").write_text(f"customer,friend,since\nc0,c1,{since}\nc2,c3,{since}\n")
        files = {"purchases": tmp_path / "all.csv", "friends": tmp_path / "friends.csv"}
        split = evaluation.held_out(files, "time", 0.3, seed=1, settings=SHOP, now=NOW)
        found.append(evaluated(split, ablate=True).homophily)
    early, late = found
    assert early is not None and early.share > 0
    assert late is None


def test_ids_with_commas_and_quotes_come_back_from_the_lists(tmp_path: Path) -> None:
    evaluation_files.write_recommendations(tmp_path / "x.csv", {'a,"b"': ("p\n1", "p 2"), "nobody": ()})
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [*csv.reader(file)] == [
            ["customer", "rank", "product"],
            ['a,"b"', "1", "p\n1"],
            ['a,"b"', "2", "p 2"],
        ]
    with pytest.raises(Unavailable, match="cannot write"):
        evaluation_files.write_recommendations(tmp_path / "x.csv" / "y.csv", {})
