"""CPU time, and how it is printed."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

DATA = Path(__file__).parents[2] / "shared" / "data"
"""Public data that may not be part of the repository; a benchmark that wants it says so where it is absent."""


def cpu_seconds(work: Callable[[], object], *, runs: int = 3) -> float:
    """User and system time of this process, the median of some runs."""
    figures = []
    for _ in range(runs):
        began = time.process_time()
        work()
        figures.append(time.process_time() - began)
    return statistics.median(figures)


def side_by_side(title: str, unit: str, rows: Sequence[tuple[str, float]]) -> None:
    """Print figures with their ratio to the first one, which is the reference."""
    print(f"\n{title} ({unit}; {conditions()})")
    reference = rows[0][1]
    for name, figure in rows:
        print(f"  {name:44} {figure:12,.1f}   {figure / reference:6.2f}x")


def conditions() -> str:
    """What the figures depend on."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"
