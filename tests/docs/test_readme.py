"""The README and the how-to pages work as printed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.moments import to_moment
from loaders.demo import sample_shop, write_files

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PRINTED = "http://127.0.0.1:8000"


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def lines(page: Path) -> list[str]:
    """Shell commands of a page, continued lines joined."""
    text = "".join(blocks(page, "sh")).replace("\\\n", " ")
    return [line.split("   # ")[0].strip() for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which ``.venv/bin/kith`` is this very Kith."""
    bin = tmp_path_factory.mktemp("bin")
    (bin / "kith").write_text(
        f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c 'from engine.cli import main; main()' \"$@\"\n"
    )
    (bin / "kith").chmod(0o755)
    return {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{bin}:{os.environ['PATH']}", "OPENBLAS_NUM_THREADS": "1"}


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command.replace(".venv/bin/kith", "kith"),
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def started(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    """A server and its address."""
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"serving at (http://\S+)", line):
            return process, found[1]
    raise AssertionError("".join(said))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[str]:
    """The sample shop as ``make demo`` serves it; Ctrl-C ends it cleanly."""
    process, address = started(["kith", "demo", "--port", "0"], tmp_path_factory.mktemp("demo"), environment)
    yield address
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0


def curls() -> list[str]:
    return [line for line in lines(ROOT / "README.md") if line.startswith("curl")]


def test_the_first_curl_gives_ten_named_products_with_reasons(
    demo: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    answer = json.loads(run(curls()[0].replace("curl", "curl -sS", 1).replace(PRINTED, demo), tmp_path, environment))
    assert len(answer["items"]) == 10
    assert all(item["name"] and item["reasons"] for item in answer["items"])
    assert any(reason["type"] == "friends_bought" for item in answer["items"] for reason in item["reasons"])


def test_the_printed_answer_has_the_shape_of_the_real_one(
    demo: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    printed = json.loads(blocks(ROOT / "README.md", "json")[0].replace("...", ""))
    real = json.loads(run(curls()[0].replace("curl", "curl -sS", 1).replace(PRINTED, demo), tmp_path, environment))
    assert printed.keys() == real.keys()
    assert printed["items"][0].keys() == real["items"][0].keys()


def test_what_the_readme_buys_leaves_the_next_answer(demo: str, tmp_path: Path, environment: dict[str, str]) -> None:
    ask, buy = curls()
    ask, buy = (line.replace("curl", "curl -sS --fail-with-body", 1).replace(PRINTED, demo) for line in (ask, buy))
    bought = json.loads(buy[buy.index("{") : buy.rindex("}") + 1])["product"]
    run(buy, tmp_path, environment)
    assert bought not in [item["product"] for item in json.loads(run(ask, tmp_path, environment))["items"]]


def test_the_pages_of_the_api_need_nobody_else(demo: str, tmp_path: Path, environment: dict[str, str]) -> None:
    assert "https://" not in run(f"curl -sS {demo}/docs", tmp_path, environment)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of a small shop."""
    folder = tmp_path_factory.mktemp("shop")
    write_files(sample_shop(now=to_moment(datetime(2026, 11, 23, tzinfo=UTC)), customers=300, products=150), folder)
    return folder


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs/howto/run-a-shop.md"], ids=lambda page: page.name)
def test_the_commands_for_ones_own_data_work_as_printed(page: Path, shop: Path, environment: dict[str, str]) -> None:
    for file in shop.glob("shop.db*"):
        run(f"rm -rf {file}", shop, environment)
    commands = [line for line in lines(page) if line.startswith(".venv/bin/kith")]
    assert commands
    for command in commands:
        if " serve" in command:
            process, _ = started([*shlex.split(command.replace(".venv/bin/", "")), "--port", "0"], shop, environment)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
            assert process.returncode == 0
        else:
            run(command, shop, environment)


def test_the_drill_of_the_how_to_page_restores_the_same_shop(shop: Path, environment: dict[str, str]) -> None:
    text = (ROOT / "docs/howto/run-a-shop.md").read_text()
    drill = [command for command in re.findall(r"`(kith [^`]+)`", text) if re.search("backup|restore|doctor", command)]
    assert len(drill) >= 4
    for command in drill:
        explicit = command if "--store" in command else command.replace("kith", "kith --store sqlite:///shop.db", 1)
        run(explicit, shop, environment)
    asked = [
        run(f"kith --store sqlite:///{name}.db recommend c1 --json", shop, environment) for name in ("shop", "drill")
    ]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_command_that_a_page_names_exists(environment: dict[str, str], tmp_path: Path) -> None:
    known = set(re.findall(r"^## (kith .+)$", (ROOT / "docs/reference/commands.md").read_text(), re.MULTILINE))
    for page in PAGES:
        for words in re.findall(r"`(?:\.venv/bin/)?kith(?: --store \S+)? ([a-z-]+(?: [a-z-]+)?)", page.read_text()):
            first, *second = words.split()
            assert f"kith {first}" in known or f"kith {first} {''.join(second)}" in known, words
