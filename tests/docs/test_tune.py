"""The page about tuning works as printed, on a small shop and for a short time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.moments import to_moment
from loaders.demo import sample_shop, write_files
from recommend.space import RECENCIES, SPANS, TIMED
from tests.docs.conftest import ROOT, Page, Shell

PAGE = Page(ROOT / "docs/howto/tune.md")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, bin: Path) -> dict[str, str]:
    """What each command of the page printed, by its first word."""
    shell = Shell(tmp_path_factory.mktemp("shop"), bin)
    write_files(
        sample_shop(now=to_moment(datetime(2026, 11, 23, tzinfo=UTC)), customers=200, products=100), shell.folder
    )
    kinds = ("customers", "products", "friends", "purchases", "consents")
    shell.run("kith --store sqlite:///shop.db load " + " ".join(f"--{kind} {kind}.csv" for kind in kinds))
    shell.run("kith --store sqlite:///shop.db train")
    assert "--minutes 10" in PAGE.commands()[0]
    commands = [command.replace("--minutes 10", "--trials 8") for command in PAGE.commands()]
    return {command.split("shop.db ")[1].split(" --")[0]: shell.run(command) for command in commands}


def without_figures(text: str) -> set[str]:
    """The lines of a report with # for what differs from run to run."""
    return {re.sub(r"m-[0-9a-f]+|[+-]?[0-9][0-9.,]*", "#", line) for line in text.splitlines()}


def test_the_study_ends_with_what_was_published(said: dict[str, str]) -> None:
    assert said["tune"].startswith("best of 8 trials: NDCG@20 0.")
    assert "epoch 2; kith train takes these options from now on" in said["tune"]


def test_the_printed_report_has_the_form_of_the_real_one(said: dict[str, str]) -> None:
    printed = without_figures(PAGE.blocks("text")[0])
    assert len(without_figures(said["tune"]) & printed) >= 2


def test_both_models_are_listed_and_compared_person_by_person(said: dict[str, str]) -> None:
    assert "epoch 1: facts of" in said["models list"]
    assert "epoch 2: facts of" in said["models list"]
    assert "NDCG@20 of epoch 2 over 1, person by person: " in said["models compare 1 2"]


def test_training_takes_what_was_found(said: dict[str, str]) -> None:
    assert "options: those of the last kith tune: " in said["train"]


def test_the_table_names_the_ranges_that_are_tried() -> None:
    rows = re.findall(
        r"^\| `(\w+)`[^|]* \| ([\d.]+)[^|]* \| ([\d.]+)", PAGE.path.read_text(encoding="utf-8"), re.MULTILINE
    )
    named = {name: (float(low), float(high)) for name, low, high in rows}
    spans = {**SPANS, **TIMED}
    assert named.pop("regularization") == spans.pop("regularization per alpha")
    assert named.pop("half_life") == spans.pop("half-life in days")
    assert named.pop("recency") == (RECENCIES[1], RECENCIES[-1] // 365)
    assert named == spans
