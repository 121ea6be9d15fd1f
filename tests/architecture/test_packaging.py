"""What is installed: locks that pin and hash everything, and a wheel that holds our packages, whole and alone."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from engine.settings import Settings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"]
WANTED = {"run": RUN, "dev": RUN + PROJECT["dependency-groups"]["dev"]}


def locked(name: str) -> dict[str, set[str]]:
    """Package -> versions: more than one where Python versions differ."""
    text = (ROOT / f"requirements/{name}.lock.txt").read_text()
    pins: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE):
        pins.setdefault(canonicalize_name(package), set()).add(version)
    return pins


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_names_no_address(name: str) -> None:
    assert "://" not in (ROOT / f"requirements/{name}.lock.txt").read_text()


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_pins_and_hashes_every_line(name: str) -> None:
    text = (ROOT / f"requirements/{name}.lock.txt").read_text().replace("\\\n", " ")
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(pins) > 20
    assert [pin for pin in pins if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", pin)] == []


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_satisfies_the_project(name: str) -> None:
    pins = locked(name)
    for requirement in map(Requirement, WANTED[name]):
        versions = pins.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in {name}.lock.txt: run make lock"
        assert all(map(requirement.specifier.contains, versions)), f"{requirement} against {versions}: run make lock"


def test_what_is_tested_is_what_runs() -> None:
    run, dev = locked("run"), locked("dev")
    assert {name: dev.get(name) for name in run} == run


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for requirement in WANTED["dev"]:
        line = next(line for line in text.splitlines() if line.strip().startswith(f'"{requirement}"'))
        assert re.search(r'", +# \S+ \S+', line), line


def test_this_interpreter_is_one_that_the_project_names() -> None:
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(".".join(map(str, sys.version_info[:3])))


def test_the_wheel_holds_our_packages_whole_and_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in (ROOT / package).rglob("*")
        if path.is_file()
    }
    assert held == {name for name in ours if "__pycache__" not in name}


def test_the_settings_example_is_the_defaults() -> None:
    lines = (ROOT / "settings.example.toml").read_text().splitlines()
    keys = tomllib.loads("\n".join(line[2:] for line in lines if re.match(r"# \w+ = ", line)))
    assert set(keys) == set(Settings.model_fields)
    unset = {name: None for name, field in Settings.model_fields.items() if field.default is None}
    assert Settings(**{**keys, **unset}) == Settings()
