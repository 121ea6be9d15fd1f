"""``python -m benchmarks [NAME...]``: print the figures; ``quality_main``, ``quality_newcomers`` and ``quality_rewired`` are the parts
of ``quality``."""

from __future__ import annotations

import sys

from benchmarks import answers, graph_database, loading, offline_import, quality, startup

ALL = {
    "startup": startup.main,
    "loading": loading.main,
    "graph_database": graph_database.main,
    "offline_import": offline_import.main,
    "answers": answers.main,
    "quality": quality.main,
}


def main() -> None:
    """All of them, or those that are named."""
    parts = {f"quality_{name}": part for name, part in quality.PARTS.items()}
    for name in sys.argv[1:] or ALL:
        (ALL | parts)[name]()


if __name__ == "__main__":
    main()
