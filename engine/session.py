"""What one run of the command works on: settings from flags, and the engine when a command needs it.

The engine, and what only some commands need, is imported when a command runs: that takes longer than ``--help`` may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from engine.settings import Settings
from graph.moments import Clock, utcnow

if TYPE_CHECKING:
    from engine.engine import Engine


class Session:
    """Settings and engine of one command.

    Parameters
    ----------
    file
        Settings file named by a flag.
    flags
        Settings given by flags; None means "not given".
    clock
        Gives the present moment.
    """

    def __init__(self, file: Path | None, flags: Mapping[str, Any], clock: Clock = utcnow) -> None:
        self._file = file
        self._flags = flags
        self.clock = clock

    def settings(self, **flags: Any) -> Settings:
        """The settings, those of the command's own flags included."""
        return Settings.load(self._file, **{**self._flags, **flags})

    @contextmanager
    def engine(self, *, serving: bool = False, **flags: Any) -> Iterator[Engine]:
        """An engine that is closed when the command is done; one that is ``serving`` goes on while its store is away."""
        from engine.engine import Engine

        opened = Engine.open_for_server if serving else Engine.open
        engine = opened(self.settings(**flags), clock=self.clock)
        try:
            yield engine
        finally:
            engine.close()


def session(context: typer.Context) -> Session:
    """The session of a command."""
    found = context.find_object(Session)
    assert found is not None, "the options of kith come before every command"
    return found
