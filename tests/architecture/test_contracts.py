"""The contracts of pyproject.toml bite: each kind of breach is caught."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]


def lint(root: Path) -> str:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False).stdout


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_the_house_keeps_its_contracts(house: Path) -> None:
    assert " 0 broken." in lint(house)


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("graph/ids.py", "import recommend.query", "Rooms point one way"),
        ("loaders/source.py", "import recommend.query", "Rooms point one way"),
        ("influence/rewire.py", "import recommend.query", "Rooms point one way"),
        ("influence/rewire.py", "import influence.homophily", "Inside influence"),
        ("graph/misc.py", "", "Inside graph"),
        ("graph/snapshot.py", "import graph.evidence", "Inside graph"),
        ("engine/settings.py", "import engine.engine", "Inside engine"),
        ("graph/stores/memory.py", "import graph.stores.sqlite", "Stores do not know each other"),
        ("recommend/query.py", "import graph.stores", "Only the engine opens stores"),
        ("engine/settings.py", "import apsw", "The SQLite library lives in the stores"),
        ("engine/settings.py", "import jinja2", "Templates live in the page of an evaluation"),
        ("engine/settings.py", "import starlette", "Only the edge speaks HTTP"),
        ("recommend/query.py", "import pydantic", "The core knows no Pydantic"),
    ],
)
def test_a_breach_is_caught(house: Path, file: str, line: str, contract: str) -> None:
    path = house / file
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        assert f"{contract} BROKEN" in lint(house)
    finally:
        path.unlink() if before is None else path.write_text(before)
