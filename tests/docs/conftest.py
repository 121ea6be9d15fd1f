"""What tests of documents share: reading their commands, and running them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Page:
    """A document whose commands are run as printed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def blocks(self, language: str) -> list[str]:
        """The fenced blocks of a language."""
        text = self.path.read_text(encoding="utf-8")
        return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)

    def commands(self) -> list[str]:
        """Shell commands, continued lines joined, remarks left out."""
        text = "".join(self.blocks("sh")).replace("\\\n", " ")
        return [line.split("   # ")[0].strip() for line in text.splitlines() if line.strip()]


class Shell:
    """A folder, and an environment in which ``.venv/bin/kith`` is this very Kith."""

    def __init__(self, folder: Path, bin: Path) -> None:
        self.folder = folder
        path = f"{bin}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, "OPENBLAS_NUM_THREADS": "1"}

    def run(self, command: str) -> str:
        """What a command prints; it has to succeed."""
        command = command.replace(".venv/bin/kith", "kith")
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def serve(self, command: str) -> tuple[subprocess.Popen[str], str]:
        """A server on a free port, and its address."""
        words = [*shlex.split(command.replace(".venv/bin/kith", "kith")), "--port", "0"]
        server = subprocess.Popen(words, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True)
        assert server.stderr is not None
        said = []
        for line in server.stderr:
            said.append(line)
            if found := re.search(r"serving at (http://\S+)", line):
                return server, found[1]
        raise AssertionError("".join(said))


@pytest.fixture(scope="session")
def bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a command ``kith``."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "kith").write_text(
        f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c 'from engine.cli import main; main()' \"$@\"\n"
    )
    (folder / "kith").chmod(0o755)
    return folder
