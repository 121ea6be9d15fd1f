"""The walk through real data works as printed; where the data are absent, on a small stand-in of the same form."""

from __future__ import annotations

import csv
import json
import re
import signal
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.moments import to_moment
from loaders.demo import SampleShop, sample_shop
from tests.docs.conftest import ROOT, Page, Shell

PAGE = Page(ROOT / "docs/howto/lastfm.md")


def write(path: Path, header: str, rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)


@pytest.fixture(scope="module")
def shop() -> SampleShop:
    return sample_shop(now=to_moment(datetime(2026, 11, 23, tzinfo=UTC)), customers=300, products=150)


@pytest.fixture(scope="module")
def data(shared_data: Path | None, shop: SampleShop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real files, or files like them."""
    if shared_data is not None:
        return shared_data / "lastfm"
    folder = tmp_path_factory.mktemp("lastfm")
    pairs = list(zip(shop.friendships["customer"], shop.friendships["friend"], strict=True))
    listens = sorted(set(zip(shop.purchases["customer"], shop.purchases["product"], strict=True)))
    write(folder / "artists.csv", "id,name", list(zip(shop.products["id"], shop.products["name"], strict=True)))
    write(folder / "friends.csv", "customer,friend", [*pairs, *((b, a) for a, b in pairs)])
    write(folder / "listens.csv", "customer,product,weight", [(*pair, 1 + i % 900) for i, pair in enumerate(listens)])
    return folder


@pytest.fixture(scope="module")
def split(shop: SampleShop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small split: the real one takes too long for every run, ``make bench`` measures it."""
    folder = tmp_path_factory.mktemp("split")
    pairs = sorted(set(zip(shop.purchases["customer"], shop.purchases["product"], strict=True)))
    friends = list(zip(shop.friendships["customer"], shop.friendships["friend"], strict=True))
    write(folder / "train.csv", "customer,product", [pair for i, pair in enumerate(pairs) if i % 5])
    write(folder / "test.csv", "customer,product", [pair for i, pair in enumerate(pairs) if not i % 5])
    write(folder / "friends.csv", "customer,friend", friends)
    return folder


@pytest.fixture(scope="module")
def said(data: Path, split: Path, tmp_path_factory: pytest.TempPathFactory, bin: Path) -> dict[str, str]:
    """What each command of the page printed; of the server, what it answered."""
    shell = Shell(tmp_path_factory.mktemp("walk"), bin)
    shell.environment |= {"DATA": str(data), "SPLIT": str(split)}
    found = {}
    for command in PAGE.commands():
        if " serve" in command:
            found["serve"] = asked(shell, command)
        elif not command.startswith(("DATA=", "SPLIT=")):
            found[next(word for word in ("load", "train", "recommend", "evaluate") if f" {word} " in f"{command} ")] = (
                shell.run(command)
            )
    return found


def asked(shell: Shell, command: str) -> str:
    server, address = shell.serve(command)
    try:
        with urllib.request.urlopen(f"{address}/v1/customers/2/recommendations?limit=10", timeout=20) as answer:
            return answer.read().decode()
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=20)


def test_everything_is_loaded(said: dict[str, str]) -> None:
    assert " 0 rejected" in said["load"]
    assert "customers that only these rows name" in said["load"]
    assert "peak memory" in said["load"]


def test_the_model_is_published_with_its_weights(said: dict[str, str]) -> None:
    assert "published m-" in said["train"]
    assert "weights learned on validation: " in said["train"]


def test_the_answers_have_names_and_reasons(said: dict[str, str]) -> None:
    assert len(said["recommend"].splitlines()) > 10
    answer = json.loads(said["serve"])
    assert len(answer["items"]) == 10
    assert all(item["name"] and item["reasons"] for item in answer["items"])


def test_the_evaluation_says_under_which_rules_it_was_made(said: dict[str, str]) -> None:
    assert "ndcg@20" in said["evaluate"]
    assert "every purpose is presumed" in said["evaluate"]


def without_figures(text: str) -> set[str]:
    """The lines of a report with # for what differs from run to run."""
    return {re.sub(r"m-[0-9a-f]+|[0-9][0-9.,]*", "#", line) for line in text.splitlines()}


def test_the_printed_reports_have_the_form_of_the_real_ones(said: dict[str, str]) -> None:
    printed = without_figures("\n".join(PAGE.blocks("text")))
    assert without_figures(said["load"]) <= printed
    assert len(without_figures(said["train"]) & printed) >= 2
