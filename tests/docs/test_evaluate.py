"""The page on evaluation works as printed, and the reference names every metric."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from graph.moments import to_moment
from loaders.demo import sample_shop, write_files
from tests.docs.conftest import ROOT, Page, Shell

PAGE = Page(ROOT / "docs/howto/evaluate.md")
METRICS = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, bin: Path) -> Shell:
    """A folder with the files of a small shop, and its purchases in two parts."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_files(sample_shop(now=to_moment(datetime(2026, 11, 1, tzinfo=UTC)), customers=200, products=100), folder)
    with (folder / "purchases.csv").open() as file:
        rows = list(csv.reader(file))
    for name, part in (("train", [*rows[:1], *rows[1::2]]), ("test", [*rows[:1], *rows[2::2]])):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(part)
    return Shell(folder, bin)


@pytest.fixture(scope="module")
def said(shell: Shell) -> list[str]:
    return [shell.run(command) for command in PAGE.commands()]


def test_every_command_gives_what_the_page_promises(said: list[str], shell: Shell) -> None:
    held_out, filed, parts, rules = said
    assert "newcomers" in held_out and "1-5 products" in held_out
    assert filed == ""
    assert "rewired friends" in parts and "friends had" in parts
    assert "these rules cost all test customers" in rules
    assert (shell.folder / "evaluation.html").read_text().count("<svg") == 4
    assert {"customer", "slice", "model", "ndcg@20"} <= set(pq.read_schema(shell.folder / "people.parquet").names)


def test_the_printed_figures_have_the_form_of_the_real_ones(said: list[str]) -> None:
    printed = PAGE.blocks("text")[0].splitlines()
    real = {line.split()[0]: line for line in said[0].splitlines()}
    assert printed[0] == said[0].splitlines()[0].rstrip()
    for line in printed[1:-1]:
        assert len(line) == len(real[line.split()[0]].rstrip())


def test_the_reference_names_everything_that_is_told(said: list[str], shell: Shell) -> None:
    told = json.loads((shell.folder / "figures.json").read_text())
    names = {name.partition("@")[0] for name in told if "@20" in name}
    assert len(names) == 11
    for name in (*names, "newcomers", "intervals", "model_gains", "cost", "p_value", "homophily"):
        assert f"`{name}" in METRICS, name
