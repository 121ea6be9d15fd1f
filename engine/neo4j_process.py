"""The process of a Neo4j server: how it is started, told from others, asked whether it answers, and ended."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.neo4j_java import Java

PROC = Path("/proc/self")
"""Tells a system that shows its processes as files from one that has to be asked with ``ps``."""

LOOKS = 3
"""While a process turns into another program, it seems to have been started with nothing."""

STOP_SECONDS = 60
PAUSE_SECONDS = 0.1
ANSWER_SECONDS = 5
LAST_LINES = 3
LONGEST_LINE = 400
SUBLINES = ("\t", "   ")
"""How Java begins the lines that say where an error was."""

HELLO = bytes.fromhex("6060b01700080805000004040000000000000000")
"""How a Bolt client begins: the mark of the protocol, and the versions that it speaks."""

SMALL_HEAP_MB = 512
"""Up to here Java gives up speed for memory: one collector thread, and the quick compiler alone."""

JVM = (
    "--enable-native-access=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
)
JVM_SINCE_23 = ("--sun-misc-unsafe-memory-access=allow",)
JVM_SMALL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# The shell goes at once and leaves the server to itself: nobody's child, in a session of its own, away from Ctrl-C.
LAUNCH = 'umask 077; log=$1; pid=$2; shift 2; : >"$log"; "$@" </dev/null >"$log" 2>&1 & echo $! >"$pid"'


def java_command(java: Java, heap_mb: int, folders: Sequence[Path], main: str) -> list[str]:
    """The command that runs a class of the jars in these folders."""
    since = JVM_SINCE_23 if java.release >= 23 else ()
    small = JVM_SMALL if heap_mb <= SMALL_HEAP_MB else ()
    classes = ":".join(f"{folder}/*" for folder in folders)
    return [str(java.program), *JVM, *since, *small, f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", "-cp", classes, main]


def launch(command: Sequence[str], log: Path, pid_file: Path) -> int:
    """Start a process that lives on without this one; what it says goes to the log, its number to the file."""
    shell = ("sh", "-c", LAUNCH, "sh", str(log), str(pid_file))
    process = subprocess.Popen(  # noqa: S603  # all ours; what Java leaves behind when it crashes goes to the folder of the log
        [*shell, *command], cwd=log.parent, start_new_session=True
    )
    try:
        process.wait()
    finally:  # also at Ctrl-C, so that the number is known; the shell has not heard of it and is done at once
        process.wait()
    return int(pid_file.read_text())


def command_line(pid: int) -> list[str]:
    """What a process was started with; nothing if it is ending, or has ended."""
    if not PROC.exists():
        return _listed(pid, "args=").split()
    for _ in range(LOOKS):
        with suppress(OSError):
            found = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
            if found:
                return found.split("\0")
        if has_ended(pid):
            break
        time.sleep(PAUSE_SECONDS)
    return []


def has_ended(pid: int) -> bool:
    """Whether a process has given back all that it held. It may wait for somebody to ask how it ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        state = "" if PROC.exists() else _listed(pid, "stat=").strip()
    return not state or state[0] in "ZX"


def _listed(pid: int, what: str) -> str:
    command = ["ps", "-ww", "-o", what, "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603  # a number


def end(pid: int) -> None:
    """Ask a process to end; after a while, force it to. Returns when it has ended."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + STOP_SECONDS
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
        while not has_ended(pid) and time.monotonic() < until:
            time.sleep(PAUSE_SECONDS)
        if has_ended(pid):
            return


def speaks_bolt(host: str, port: int) -> bool:
    """Whether a Bolt server agrees on a version there."""
    try:
        with socket.create_connection((host, port), ANSWER_SECONDS) as connection:
            connection.sendall(HELLO)
            return any(connection.recv(4))
    except OSError:
        return False


def speaks_http(host: str, port: int) -> bool:
    """Whether a web server says that all is well there."""
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def last_lines(log: Path) -> str:
    """The end of a log in one line: of an error of Java its first cause, else the last few lines."""
    lines = [line.strip("# ") for line in log.read_text(errors="replace").splitlines() if not line.startswith(SUBLINES)]
    told = [line for line in lines if any(map(str.isalnum, line))]
    causes = [line for line in told if line.startswith("Caused by: ")]
    return " / ".join(line[:LONGEST_LINE] for line in causes[-1:] or told[-LAST_LINES:]) or "nothing"
