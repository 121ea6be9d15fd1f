"""The examples run from top to bottom, and what they print is what they say."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.docs.conftest import ROOT, Page, Shell

EXAMPLES = ROOT / "examples"
SHOP, FRIENDS = (
    Page(EXAMPLES / f"{name}.md")
    for name in ("from-shop-data-to-a-tuned-model", "does-friendship-carry-taste-in-your-shop")
)

DECIMAL = re.compile(r"[-+]?\d+\.\d+")
NEAR, SHARE = 0.05, 0.25
"""Learned figures may differ so far from those printed: the last digits of a sum depend on the processor."""


class Example:
    """What the blocks of a page print, those of Python in one namespace, commands in the same folder."""

    def __init__(self, page: Page, shell: Shell) -> None:
        self.names: dict[str, Any] = {"__name__": "example"}
        self.python: list[tuple[str, str]] = []
        self.commands: list[tuple[str, str]] = []
        for language, code, said in cells(page):
            if language == "python":
                self.python.append((said, self.executed(code, page.path.name)))
            else:
                lines = code.replace("\\\n", " ").splitlines()
                self.commands.append((said, "".join(shell.run(line) for line in lines)))

    def executed(self, code: str, name: str) -> str:
        said = StringIO()
        with redirect_stdout(said):
            exec(compile(code, name, "exec", dont_inherit=True), self.names)
        return said.getvalue()


def cells(page: Page) -> list[tuple[str, str, str]]:
    """Language, code, and the text printed below, of each block."""
    text = page.path.read_text(encoding="utf-8")
    form = r"^```(python|sh)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?"
    return re.findall(form, text, re.MULTILINE | re.DOTALL)


def run(page: Page, bin: Path, folder: Path) -> Example:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return Example(page, Shell(folder, bin))


@pytest.fixture(scope="module")
def shop(bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Example:
    return run(SHOP, bin, tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def friends(bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Example:
    return run(FRIENDS, bin, tmp_path_factory.mktemp("friends"))


@pytest.fixture(params=["shop", "friends"])
def example(request: pytest.FixtureRequest) -> Example:
    found: Example = request.getfixturevalue(request.param)
    return found


def test_python_prints_what_the_page_shows(example: Example) -> None:
    """Counts and words to the letter, learned figures nearly."""
    assert example.python
    for printed, real in example.python:
        assert DECIMAL.sub("#", printed) == DECIMAL.sub("#", real)
        for one, other in zip(DECIMAL.findall(printed), DECIMAL.findall(real), strict=True):
            assert float(one) == pytest.approx(float(other), abs=NEAR, rel=SHARE), real
