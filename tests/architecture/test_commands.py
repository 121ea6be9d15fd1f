"""The commands of a clean clone: each is listed, and says what is missing where something is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEM = {"PATH": "/usr/bin:/bin"}


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=SYSTEM | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of a clean clone as the set-up reads."""
    for folder in ("scripts", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "bin").mkdir()  # the tools that the set-up uses, and no uv
    for tool in ("cat", "cksum", "dirname"):
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def test_make_alone_lists_every_command() -> None:
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    listed = re.findall(r"^  make (\S+) +\S", run("make").stdout, re.MULTILINE)
    assert sorted(listed) == sorted(targets)
    assert {"setup", "demo", "test", "test-long", "bench", "lock", "clean", "help"} <= set(listed)


def test_a_store_that_does_not_exist_is_refused_before_anything_starts() -> None:
    done = run("make", "--assume-old=setup", "demo", "STORE=oracle")
    assert done.returncode == 2
    assert "STORE=oracle is not known; this version has: sqlite" in done.stderr


def test_without_a_fitting_python_the_message_says_which_and_how(clone: Path) -> None:
    (clone / "python2").write_text("#!/bin/sh\nexit 1\n")
    (clone / "python2").chmod(0o755)
    done = run("scripts/setup", "run", cwd=clone, PYTHON=str(clone / "python2"))
    assert done.returncode == 1
    assert "Kith needs Python 3.11, 3.12, 3.13 or 3.14" in done.stderr
    assert "make setup PYTHON=" in done.stderr
    assert not (clone / ".venv").exists()


def made(clone: Path) -> list[str]:
    """Run the set-up with a pip that only notes what it is asked for; returns what it was asked for."""
    log = clone / "asked"
    log.write_text("")
    fake = clone / "python"
    fake.write_text(f"""#!{sys.executable}
import os, pathlib, sys
arguments = sys.argv[1:]
if arguments[:2] == ["-m", "venv"]:
    folder = pathlib.Path(arguments[-1]) / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "python").unlink(missing_ok=True)
    (folder / "python").symlink_to("{fake}")
elif arguments == ["-V"]:
    print("Python 3.x")
if "-m" in arguments:
    with open("{log}", "a") as log:
        log.write(" ".join(arguments[1:]) + "\\n")
""")
    fake.chmod(0o755)
    done = run("scripts/setup", "run", cwd=clone, PYTHON=str(fake), PATH=str(clone / "bin"))
    assert done.returncode == 0, done.stderr
    return log.read_text().splitlines()


def test_a_fresh_environment_is_made_and_filled_from_the_lock_alone(clone: Path) -> None:
    venv, locked, ours = made(clone)
    assert venv == "venv --clear .venv"
    assert "--require-hashes -r requirements/run.lock.txt" in locked
    assert "--no-deps --no-build-isolation --editable ." in ours


def test_setting_up_twice_is_setting_up_once(clone: Path) -> None:
    made(clone)
    assert made(clone) == []


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements/run.lock.txt"])
def test_a_stale_environment_is_refreshed(clone: Path, name: str) -> None:
    made(clone)
    with (clone / name).open("a") as file:
        file.write("# changed\n")
    assert [line.split()[0] for line in made(clone)] == ["pip", "pip"]


def test_an_environment_that_was_moved_is_made_anew(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    made(clone)
    moved = tmp_path_factory.mktemp("elsewhere") / "clone"
    clone.rename(moved)
    assert made(moved)[0] == "venv --clear .venv"


def test_ci_runs_make_test_and_nothing_else() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1:] == ["set -e", 'cd "$(dirname "$0")/.."', "exec make test"]
