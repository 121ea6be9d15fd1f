"""``python -m benchmarks [NAME...]``: print the figures."""

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
    for name in sys.argv[1:] or ALL:
        ALL[name]()


if __name__ == "__main__":
    main()
