"""How long a command takes before it does anything, as a ratio to importing numpy, which most commands need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def cpu_seconds(*arguments: str) -> float:
    """User and system time of a run of Python, the least of three."""

    def once() -> float:
        before = os.times()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return min(once() for _ in range(3))


def test_help_comes_at_once() -> None:
    numpy, kith = cpu_seconds("-c", "import numpy"), cpu_seconds("-c", "from engine.cli import main; main()", "--help")
    print(f"\nkith --help: {kith:.2f} s CPU, {kith / numpy:.1f} times import numpy ({numpy:.2f} s)")
    assert kith < 5 * numpy
