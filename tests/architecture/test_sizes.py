"""Limits that keep rooms liveable: a function fits on a screen, a file has one job, tests are as long as the source."""

from __future__ import annotations

import ast
import io
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
SOURCE = sorted(path for folder in (*PACKAGES, "scripts") for path in (ROOT / folder).rglob("*.py"))

FILE_LINES = 400
FUNCTION_LINES = 40
MOST_FUNCTIONS_LINES = 24  # the 90th percentile

NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(text: str) -> set[int]:
    """Numbers of the lines that hold code: neither blank nor only comment."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {line for token in tokens if token.type not in NO_CODE for line in range(token.start[0], token.end[0] + 1)}


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Every function with its number of code lines, signature and docstring left out."""
    code = code_lines(text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
            body = set(range(first.lineno, (node.end_lineno or node.lineno) + 1))
            yield f"{node.name} (line {node.lineno})", len(code & body)


def measured() -> dict[str, int]:
    return {
        f"{path.relative_to(ROOT)}: {name}": lines
        for path in SOURCE
        for name, lines in functions(path.read_text(encoding="utf-8"))
    }


def docstring_lines(text: str) -> set[int]:
    """Numbers of the lines that document: strings that stand alone as a statement."""
    alone = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    return {line for node in alone for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def code_in(folder: str) -> int:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py")]
    return sum(len(code_lines(text) - docstring_lines(text)) for text in texts)


def test_signatures_docstrings_comments_and_blank_lines_are_not_counted() -> None:
    text = 'def f(x):\n    """Two\n    lines."""\n    # why\n\n    y = """a\n    b"""\n    return (\n        y\n    )\n'
    assert dict(functions(text)) == {"f (line 1)": 5}


@pytest.mark.parametrize("path", SOURCE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_has_one_job(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES


def test_no_function_is_longer_than_a_screen() -> None:
    assert {name: lines for name, lines in measured().items() if lines > FUNCTION_LINES} == {}


def test_most_functions_are_short() -> None:
    assert np.percentile(list(measured().values()), 90) <= MOST_FUNCTIONS_LINES


def test_there_is_at_least_as_much_test_as_source() -> None:
    assert code_in("tests") >= sum(map(code_in, PACKAGES))
