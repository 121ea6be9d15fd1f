"""The command in this process, on a small shop that is loaded and trained once."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine import jobs
from engine.cli import main
from engine.engine import Engine
from engine.settings import Settings
from graph.moments import to_moment
from loaders.demo import sample_shop, write_files

NOW = to_moment(datetime(2026, 11, 1, tzinfo=UTC))
KINDS = ("customers", "products", "friends", "consents", "purchases", "likes")


@dataclass(frozen=True)
class Done:
    """What a run of the command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Kith = Callable[..., Done]


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KITH_") and name != "KITH_LONG"]:
        monkeypatch.delenv(name)


@pytest.fixture
def kith(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kith:
    """Runs ``kith`` in an empty folder; a Python traceback is an error of the test itself."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["kith", *map(str, arguments)])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return Done(code or 0, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CSV files of a small shop."""
    folder = tmp_path_factory.mktemp("files")
    write_files(sample_shop(now=NOW, customers=200, products=100), folder)
    return folder


@pytest.fixture(scope="session")
def _trained_shop(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    engine = Engine.open(Settings.load(environ={}, store=f"sqlite:///{folder}/shop.db"))
    jobs.load(engine, {kind: files / f"{kind}.csv" for kind in KINDS})
    jobs.train(engine)
    engine.close()
    return folder


@pytest.fixture
def shop(_trained_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the trained shop, named by the environment: commands need no ``--store``."""
    copy = shutil.copytree(_trained_shop, tmp_path / "its")
    monkeypatch.setenv("KITH_STORE", f"sqlite:///{copy}/shop.db")
    return copy
