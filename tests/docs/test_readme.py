"""The README and the how-to pages work as printed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.moments import to_moment
from loaders.demo import sample_shop, write_files
from tests.docs.conftest import ROOT, Page, Shell

README, RUNNING = Page(ROOT / "README.md"), Page(ROOT / "docs/howto/run-a-shop.md")
PAGES = sorted([README.path, *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")])
PRINTED = "http://127.0.0.1:8000"


def stop(server: subprocess.Popen[str]) -> None:
    """Ctrl-C ends a server cleanly."""
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=20)
    assert server.returncode == 0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, bin: Path) -> Iterator[tuple[Shell, str]]:
    """The sample shop as ``make demo`` serves it, and its address."""
    shell = Shell(tmp_path_factory.mktemp("demo"), bin)
    server, address = shell.serve("kith demo")
    yield shell, address
    stop(server)


def curls(address: str) -> list[str]:
    """The calls of the README, to this address."""
    found = [command for command in README.commands() if command.startswith("curl")]
    return [call.replace("curl", "curl -sS --fail-with-body", 1).replace(PRINTED, address) for call in found]


def test_the_first_curl_gives_ten_named_products_with_reasons(demo: tuple[Shell, str]) -> None:
    shell, address = demo
    answer = json.loads(shell.run(curls(address)[0]))
    assert len(answer["items"]) == 10
    assert all(item["name"] and item["reasons"] for item in answer["items"])
    assert any(reason["type"] == "friends_bought" for item in answer["items"] for reason in item["reasons"])


def test_the_printed_answer_has_the_shape_of_the_real_one(demo: tuple[Shell, str]) -> None:
    shell, address = demo
    printed, real = json.loads(README.blocks("json")[0]), json.loads(shell.run(curls(address)[0]))
    assert printed.keys() == real.keys()
    assert printed["items"][0].keys() == real["items"][0].keys()
    shapes = {reason["type"]: reason.keys() for item in real["items"] for reason in item["reasons"]}
    for reason in printed["items"][0]["reasons"]:
        assert reason.keys() == shapes[reason["type"]]


def test_what_the_readme_buys_leaves_the_next_answer(demo: tuple[Shell, str]) -> None:
    shell, address = demo
    ask, buy = curls(address)
    bought = json.loads(buy[buy.index("{") : buy.rindex("}") + 1])["product"]
    shell.run(buy)
    assert bought not in [item["product"] for item in json.loads(shell.run(ask))["items"]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, bin: Path) -> Shell:
    """A folder with the files of a small shop."""
    folder = tmp_path_factory.mktemp("shop")
    now = to_moment(datetime(2026, 11, 23, tzinfo=UTC))
    write_files(sample_shop(now=now, customers=300, products=150), folder)
    return Shell(folder, bin)


@pytest.mark.parametrize("page", [README, RUNNING], ids=lambda page: page.path.name)
def test_the_commands_for_ones_own_data_work_as_printed(page: Page, shop: Shell) -> None:
    shop.run("rm -rf shop.db*")
    commands = [command for command in page.commands() if command.startswith(".venv/bin/kith")]
    assert len(commands) >= 4
    for command in commands:
        if " serve" in command:
            stop(shop.serve(command)[0])
        else:
            shop.run(command)


def test_the_drill_of_the_how_to_page_restores_the_same_shop(shop: Shell) -> None:
    named = re.findall(r"`(kith [^`]+)`", RUNNING.path.read_text(encoding="utf-8"))
    drill = [command for command in named if re.search(r"backup|restore|doctor", command)]
    assert len(drill) >= 4
    for command in drill:
        shop.run(command if "--store" in command else command.replace("kith", "kith --store sqlite:///shop.db", 1))
    asked = [shop.run(f"kith --store sqlite:///{name}.db recommend c1 --json") for name in ("shop", "drill")]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_command_that_a_page_names_exists() -> None:
    reference = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^## (kith .+)$", reference, re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for words in re.findall(r"`(?:\.venv/bin/)?kith(?: --store \S+)? ([a-z][a-z0-9-]*(?: [a-z-]+)?)", text):
            first, *second = words.split()
            group = any(command.startswith(f"kith {first} ") for command in known)
            assert f"kith {words}" in known if group and second else group or f"kith {first}" in known, words
