"""The page of an evaluation: whole, of one piece, readable by machines that read to people, the same for the same seed."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine import evaluation, evaluation_page
from engine.settings import Settings
from tests.unit.conftest import NOW

SETTINGS = Settings.load(environ={})
Found = tuple[evaluation.Split, list[evaluation.Evaluation]]


@pytest.fixture(scope="module")
def found(files: Path) -> Found:
    """A split by time, under open and strict rules."""
    given = {kind: files / f"{kind}.csv" for kind in ("purchases", "friends", "consents")}
    split = evaluation.held_out(given, "time", 0.2, seed=1, settings=SETTINGS, now=NOW)
    return split, run(split)


def run(split: evaluation.Split) -> list[evaluation.Evaluation]:
    conditions = evaluation.conditions(SETTINGS, "strict", consents=True)
    return evaluation.evaluate(split, conditions, (10, 20), seed=1, ablate=True)


@pytest.fixture(scope="module")
def page(found: Found) -> str:
    return evaluation_page.page(*found)


class Tags(HTMLParser):
    """Checks that what is opened is closed, and remembers what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "line", "path", "circle"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_what_is_opened_is_closed(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []


def test_nothing_comes_from_elsewhere_and_nothing_runs(page: str) -> None:
    assert not re.search(r"https?:|<script|<link|<img|<iframe|url\(|@import|\bon\w+=|src=", page)


def test_every_drawing_says_what_it_shows(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 4
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.attrib["role"] == "img"
        assert len(root.attrib["aria-label"]) > 40
    assert "popularity" in drawings[2] and "+0." in drawings[2]


def test_light_and_dark(page: str) -> None:
    assert "prefers-color-scheme: dark" in page
    assert 'content="light dark"' in page
    assert not re.search(r'(fill|stroke)="', page)


def test_it_tells_the_protocol_the_figures_and_what_was_not_measured(page: str, found: Found) -> None:
    split, (first, strict) = found
    text = " ".join(re.sub("<[^>]+>", " ", page).split())
    for said in (
        "leaves a share of 0.2 of all purchases later was held out",
        "Evidence rules open: every purpose is presumed",
        "Evidence rules strict: friends' purchases count",
        "What was not measured",
        "Only an experiment tells",
        "Seed of everything random: 1",
        "cannot tell (Shalizi and Thomas 2011)",
        "What the privacy rules cost",
        f"It holds {split.as_dict()['test_purchases']:,} purchases",
        f"NDCG@20 {first.report.known.figures['ndcg@20']:.4f} for",
        f"{first.gains['no_friends']['ndcg@20'].mean:+.4f}",
        f"{strict.cost['ndcg@20'].mean:+.4f}",
    ):
        assert said in text, said
    for name in first.ablations:
        assert name.replace("_", " ") in text


def test_ids_and_names_cannot_become_markup(found: Found) -> None:
    split, done = found
    poisoned = [replace(done[0], weights={"<b>taste</b>": 1.0})]
    assert "&lt;b&gt;taste" in evaluation_page.page(split, poisoned)


def test_the_same_seed_gives_the_same_bytes(found: Found, page: str) -> None:
    split, done = found
    again = [replace(one, cpu_seconds=done[place].cpu_seconds) for place, one in enumerate(run(split))]
    assert evaluation_page.page(split, again) == page


def test_metrics_in_words() -> None:
    assert [evaluation_page.in_words(name) for name in ("ndcg@20", "long_tail@5", "customers")] == [
        "NDCG@20",
        "Long tail@5",
        "Customers",
    ]
