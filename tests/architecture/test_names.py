"""No module of ours hides another one, and no other one hides ours."""

from __future__ import annotations

import importlib
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
MODULES = sorted({path.stem for package in PACKAGES for path in (ROOT / package).rglob("*.py")} - {"__init__"})
INSTALLED = {name: owners for name, owners in packages_distributions().items() if set(owners) != {"kith"}}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_named_like_no_other(name: str) -> None:
    assert name not in sys.stdlib_module_names
    assert name not in INSTALLED


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_that_is_installed_brings_a_package_of_our_name(package: str) -> None:
    assert package not in INSTALLED
    assert package not in sys.stdlib_module_names


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_imported_is_ours(package: str) -> None:
    assert Path(str(importlib.import_module(package).__file__)) == ROOT / package / "__init__.py"


def test_no_folder_of_tests_hides_a_package() -> None:
    folders = {path.name for path in (ROOT / "tests").rglob("*") if path.is_dir()}
    assert not folders & set(PACKAGES)
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_every_package_is_listed_wherever_packages_are_listed() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == set(PACKAGES)
    assert found == set(tool["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert found <= set(tool["mypy"]["files"])
