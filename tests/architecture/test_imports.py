"""To import a module is to do nothing: no file is written, no socket opened, no clock and no environment read."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]

# All modules are imported once, which brings in the libraries, then ours again with the doors locked: what libraries do
# when they are imported is theirs to answer for.
LOCKED = """
import importlib, os, sys, threading, time
modules = sys.argv[1:]
for name in modules:
    importlib.import_module(name)
ours = {name.partition(".")[0] for name in modules}
for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
    del sys.modules[name]

def locked(*_):
    raise AssertionError("done while importing")

def check_reader():
    reader = sys._getframe(2)
    while reader.f_globals["__name__"] == "os":
        reader = reader.f_back
    if reader.f_globals["__name__"].partition(".")[0] in ours:
        locked()

class Environment(dict):  # libraries may read it, also when one of our classes is made
    def __getitem__(self, key):
        check_reader()
        return super().__getitem__(key)
    def __contains__(self, key):
        check_reader()
        return super().__contains__(key)
    def get(self, key, default=None):
        check_reader()
        return super().get(key, default)

def door(event, args):
    writing = event == "open" and (set("wax+") & set(str(args[1])) or (args[2] or 0) & (os.O_WRONLY | os.O_RDWR))
    if writing or event.startswith(("socket.", "subprocess.", "os.mkdir", "os.remove", "os.rename")):
        raise AssertionError(f"{event} {args[:1]} while importing")

import graph.moments
os.environ = Environment(os.environ)
time.time = time.time_ns = graph.moments.utcnow = threading.Thread.start = locked
sys.dont_write_bytecode = True
sys.addaudithook(door)
for name in modules:
    importlib.import_module(name)
print("imported", len(modules))
"""


def module_names(root: Path) -> list[str]:
    files = sorted(path.relative_to(root) for package in PACKAGES for path in (root / package).rglob("*.py"))
    return [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]


def imported(root: Path, modules: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LOCKED, *modules]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)


def test_every_module_imports_without_doing_anything() -> None:
    modules = module_names(ROOT)
    done = imported(ROOT, modules)
    assert done.stdout == f"imported {len(modules)}\n", done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "import os; HOME = os.environ['HOME']",
        "import os; HOME = os.getenv('HOME')",
        "import os; HOME = 'HOME' in os.environ",
        "import time; START = time.time()",
        "from graph.moments import utcnow; START = utcnow()",
        "import socket; HOST = socket.socket()",
        "LOG = open('log.txt', 'w')",
        "from pathlib import Path; Path('cache').mkdir()",
        "import threading; threading.Thread(target=print).start()",
    ],
)
def test_a_module_that_does_something_is_caught(line: str, tmp_path: Path) -> None:
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "__init__.py").write_text("")
    (tmp_path / "graph" / "moments.py").write_text("def utcnow(): return 0\n")
    (tmp_path / "graph" / "busy.py").write_text(
        f"import sys\nif 'second' in sys.argv:\n    {line}\nsys.argv.append('second')\n"
    )
    done = imported(tmp_path, ["graph.busy"])
    assert "while importing" in done.stderr
    assert "imported" not in done.stdout
