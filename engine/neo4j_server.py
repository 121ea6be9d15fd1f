"""A Neo4j server of one's own, without Docker: it outlives the command that starts it, and another command ends it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import neo4j_process as process
from engine.console import OnStep, silent
from engine.neo4j_home import LOOPBACK, Home
from engine.neo4j_java import fetch_jars, find_java
from graph.errors import Conflict, Refused, Unavailable

SERVER = "org.neo4j.server.Neo4jCommunity"
TOOL = "org.neo4j.cli.AdminTool"
RELEASE_SECONDS = 10
"""How long the ports of a server that was killed may still be taken."""


@dataclass(frozen=True, slots=True)
class Status:
    """What can be said of a server without its password."""

    running: bool
    pid: int | None
    url: str
    browser: str
    version: str
    home: Path
    password_file: Path

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


class LocalServer:
    """A Neo4j Community server on this machine, in a folder of its own. Safe for several processes.

    Parameters
    ----------
    home
        Folder of its data, logs, configuration and password; made at the first start.
    jars
        Folder that keeps the server's jars, fetched at the first start.
    bolt_port, browser_port
        Ports on loopback. None: as at the last start, at first 7687 and 7474.
    memory_mb
        About what the whole process may take, in MiB. None: as at the last start, at first 512.
    java_home
        Where Java is looked for first.
    """

    def __init__(
        self,
        home: Path,
        *,
        jars: Path,
        bolt_port: int | None = None,
        browser_port: int | None = None,
        memory_mb: int | None = None,
        java_home: Path | None = None,
    ) -> None:
        self._home = Home(home)
        self._jars = jars
        self._java_home = java_home
        asked = {"bolt_port": bolt_port, "browser_port": browser_port, "memory_mb": memory_mb}
        self._asked = {name: value for name, value in asked.items() if value is not None}

    @property
    def url(self) -> str:
        """What a store on this server is opened with, the password included.

        Raises
        ------
        graph.errors.NotFound
            The server was never started, or its password has been removed.
        """
        return f"neo4j://neo4j:{self._home.password()}@{LOOPBACK}:{self._home.shape().bolt_port}"

    def start(self, on_step: OnStep = silent, *, patience: float = 300) -> Status:
        """Start the server, unless it runs; when this returns, Bolt and HTTP answer. The first time its jars are fetched.

        Raises
        ------
        graph.errors.Conflict
            The folder holds something else, or the data of another version.
        graph.errors.Invalid
            Ports or memory make no sense.
        graph.errors.NotFound
            Java, Maven or the password is missing.
        graph.errors.Refused
            The password could not be set.
        graph.errors.Unavailable
            A port is taken, the jars cannot be fetched, or the server ended or did not answer within ``patience`` seconds.
        """
        with self._home.alone(), ExitStack() as undo:
            pid = self._pid()
            if pid is None:
                pid = self._launch(on_step, undo)
            self._await_answers(pid, patience)
            undo.pop_all()
        on_step("starting Neo4j", 1.0)
        return self.status()

    def stop(self) -> bool:
        """End the server and wait until it has ended; False if none ran."""
        if not self._home.made:
            return False
        with self._home.alone():
            return self._end_left_over()

    def status(self) -> Status:
        """How things are now."""
        shape, pid = self._home.shape(), self._pid()
        return Status(
            running=pid is not None,
            pid=pid,
            url=f"neo4j://neo4j@{LOOPBACK}:{shape.bolt_port}",
            browser=f"http://{LOOPBACK}:{shape.browser_port}/browser/",
            version=shape.version,
            home=self._home.folder,
            password_file=self._home.password_file,
        )

    def admin(self, *arguments: str) -> None:
        """Run Neo4j's administration tool while the server is stopped: ``admin("database", "import", "full", ...)``.

        What it says is kept in ``logs/admin.log``.

        Raises
        ------
        graph.errors.Conflict
            The server is running.
        graph.errors.Refused
            The tool failed; the message has the last that it said.
        """
        with self._home.alone():
            if self._pid() is not None:
                raise Conflict(f"the Neo4j server in {self._home.folder} is running: stop it first (kith neo4j stop)")
            shape = self._home.wanted(self._asked)
            java, jars = find_java(self._java_home), fetch_jars(self._jars)
            self._home.prepare(shape)
            self._tool(process.java_command(java, shape.heap_mb, [jars], TOOL), *arguments)

    def _launch(self, on_step: OnStep, undo: ExitStack) -> int:
        shape = self._home.wanted(self._asked)
        for port, flag in ((shape.bolt_port, "--port"), (shape.browser_port, "--browser-port")):
            _check_free(port, flag, patience=RELEASE_SECONDS if self._home.pid_file.exists() else 0)
        java, jars = find_java(self._java_home), fetch_jars(self._jars, on_step)
        on_step("starting Neo4j", 0.0)
        undo.callback(self._home.remember, self._home.shape())  # the next start does not repeat what failed
        self._home.prepare(shape)
        if not self._home.has_data:  # the tool reads its arguments from a file: the password is in no list of processes
            tool = process.java_command(java, shape.heap_mb, [jars], TOOL)
            self._tool(tool, "dbms", "set-initial-password", f"@{self._home.password_file}")
        self._home.password()
        command = process.java_command(java, shape.heap_mb, [self._home.folder / "plugins", jars], SERVER)
        undo.callback(self._end_left_over)  # also at Ctrl-C: nobody would know that it runs
        return process.launch([*command, *self._home.flags, "--console-mode"], self._home.console, self._home.pid_file)

    def _tool(self, command: list[str], *arguments: str) -> None:
        folder = self._home.folder
        log = folder / "logs/admin.log"
        places = ("env", f"NEO4J_HOME={folder}", f"NEO4J_CONF={folder / 'conf'}")
        with log.open("wb") as said:
            done = subprocess.run(  # noqa: S603  # all ours, but the arguments, which the tool checks
                [*places, *command, *arguments], stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False
            )
        if done.returncode:
            what = " ".join(arguments[:3])
            raise Refused(f"neo4j-admin {what} failed (see {log}); it said last: {process.last_lines(log)}")

    def _pid(self) -> int | None:
        """The process of the server; None if it has ended, even if another program has its number now."""
        try:
            pid = int(self._home.pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if self._runs(pid) else None

    def _runs(self, pid: int) -> bool:
        return self._home.flags[0] in process.command_line(pid)

    def _await_answers(self, pid: int, patience: float) -> None:
        shape, log = self._home.shape(), self._home.console
        until = time.monotonic() + patience
        while not (
            process.speaks_bolt(LOOPBACK, shape.bolt_port) and process.speaks_http(LOOPBACK, shape.browser_port)
        ):
            if process.has_ended(pid):
                last = process.last_lines(log)
                raise Unavailable(f"the Neo4j server ended while it started (see {log}); it said last: {last}")
            if time.monotonic() > until:
                raise Unavailable(f"the Neo4j server did not answer within {patience:g} s: {log} may tell why")
            time.sleep(process.PAUSE_SECONDS)

    def _end_left_over(self) -> bool:
        pid = self._pid()
        if pid is not None:
            process.end(pid)
            self._home.pid_file.unlink(missing_ok=True)
        return pid is not None


def free_ports(*wanted: int) -> list[int]:
    """For each wanted port that port, if nothing listens there, else another that is free; 0 wants any."""
    with ExitStack() as held:
        ports = []
        for port in wanted:
            try:
                taken = socket.create_server((LOOPBACK, port))
            except OSError:
                taken = socket.create_server((LOOPBACK, 0))
            ports.append(held.enter_context(taken).getsockname()[1])
        return ports


def _check_free(port: int, flag: str, *, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            return socket.create_server((LOOPBACK, port)).close()
        except OSError as error:
            if time.monotonic() >= until:
                raise Unavailable(
                    f"the Neo4j server cannot listen on {LOOPBACK}:{port} ({os.strerror(error.errno or 0)}): "
                    f"choose another port with {flag}, or stop what uses it"
                ) from None
        time.sleep(process.PAUSE_SECONDS)
