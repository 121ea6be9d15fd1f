"""The examples run from top to bottom, and what they print is what they say."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from recommend.model import Model
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


def test_friends_who_share_taste_pass_every_question_and_strangers_none(friends: Example) -> None:
    alike, models, named = friends.names["alike"], friends.names["models"], friends.names
    assert alike["real"].share > alike["real"].upper and alike["real"].p_value == 0.02
    assert alike["strangers"].lower < alike["strangers"].share < alike["strangers"].upper
    assert trust(models["real"]) > 1.2 > trust(models["strangers"])
    assert not {"friends", "friends_taste"} & {*models["strangers"].blend.known, *models["strangers"].blend.new}
    assert named["found"].share > named["found"].upper and trust(named["model"]) > 1.2, "nobody moved anybody"


def trust(model: Model) -> float:
    return model.metrics["trust in friends"]


def test_what_the_brackets_are_said_to_hold_they_hold(shop: Example, friends: Example) -> None:
    over_no_friends, over_few_factors = gains(shop, "over no friends")
    (over_tuned,) = gains(shop, "defaults over tuned")
    assert over_no_friends > 0 and over_few_factors > 0 > over_tuned
    assert [lower > 0 for lower in gains(friends, "above")] == [True, True, False, False]
    assert [lower > 0 for lower in gains(friends, "newcomers")] == [True, False]


def gains(example: Example, words: str) -> list[float]:
    """The lower ends of the gains that a block printed."""
    said = next(real for _, real in example.python if words in real and "+" in real)
    return [float(lower) for lower in re.findall(r"\[([-+]\d\.\d+), ", said)]


def test_the_commands_go_on_with_the_shop_that_python_made(shop: Example) -> None:
    (said,) = (real for _, real in shop.commands)
    assert "purchases: 7,966 of 7,966 rows accepted (0 new or changed, 7,966 known" in said
    assert "options: those of the last kith tune" in said
    assert "best of 7 trials" in said
    assert re.search(r"^3 +\* +m-", said, re.MULTILINE)
    assert "ndcg@20" in said
