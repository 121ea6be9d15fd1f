"""How long a command takes before it does anything."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks.measure import side_by_side

MAIN = "from engine.cli import main; main()"


def main() -> None:
    """Beside importing numpy, which most commands need."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            ("import numpy", _child("-c", "import numpy")),
            ("kith --help", _child("-c", MAIN, "--help")),
            ("kith keys list", _child("-c", MAIN, "--data-dir", folder, "keys", "list")),
        ]
    side_by_side("Start of a command", "CPU ms", rows)


def _child(*arguments: str) -> float:
    def once() -> float:
        before = os.times()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return 1e3 * statistics.median(once() for _ in range(5))
