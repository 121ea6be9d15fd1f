"""What a person, or a script, sees: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

OK, FAILED, USAGE, PARTIAL, TRY_LATER = 0, 1, 2, 3, 75
"""Exit codes: done; failed; called wrongly; done, but some rows were rejected; not now, try again."""


class OnStep(Protocol):
    """Told the name of a step, the fraction of it that is done, and what else a person may want to see."""

    def __call__(self, step: str, done: float, detail: str = "") -> None: ...


def printable(value: object) -> str:
    """Text without characters that would steer a terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value))


def _one_line(text: str) -> str:
    """JSON in which what would steer a terminal is escaped, as JSON itself does only below U+0020."""
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def silent(step: str, done: float, detail: str = "") -> None:
    """Nobody is watching."""


class Output:
    """Writes results: JSON with ``--json``, else lines and tables."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._err = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def result(self, data: Any, *lines: str) -> None:
        """The result of a command, as data and in words."""
        if self.as_json:
            sys.stdout.write(_one_line(json.dumps(data, ensure_ascii=False)) + "\n")
        else:
            for line in lines:
                self._out.print(Text(printable(line)))

    def table(self, data: Sequence[Any], columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Rows for people, a JSON list for scripts."""
        if self.as_json:
            self.result(data)
            return
        table = Table(box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable("" if cell is None else cell)) for cell in row))
        self._out.print(table)

    def note(self, line: str) -> None:
        """A remark for a person who is watching."""
        self._err.print(Text(printable(line)))

    @contextmanager
    def progress(self) -> Iterator[OnStep]:
        """A bar per step with the time that is left; silent unless a person is watching."""
        bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=self._err,
            disable=self.as_json or not sys.stderr.isatty(),
        )
        steps: dict[str, Any] = {}

        def on_step(step: str, done: float, detail: str = "") -> None:
            if step not in steps:
                steps[step] = bars.add_task(printable(step), total=1.0, detail="")
            bars.update(steps[step], completed=done, detail=printable(detail))

        with bars:
            yield on_step
