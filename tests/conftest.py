"""What all tests share: how hard Hypothesis tries, the count by kind, and where real data may lie."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from engine.neo4j_server import LocalServer, free_ports
from engine.settings import Settings

ROOT = Path(__file__).parents[1]

# The same cases on every machine, so that a change is judged by the change; the long form looks for new ones.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=2000)
settings.load_profile("long" if os.environ.get("KITH_LONG") else "default")


@pytest.fixture(scope="session")
def shared_data() -> Path | None:
    """Where real data lies beside the repository; without it (None) a test uses a generated stand-in, never a skip."""
    folder = ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def neo4j_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server that all tests share, password included: the one that KITH_NEO4J_URL names, else one for this run."""
    given = os.environ.get("KITH_NEO4J_URL")
    if given:
        yield given
        return
    home = tmp_path_factory.mktemp("neo4j")
    bolt_port, browser_port = free_ports(0, 0)
    settings = Settings.load()
    server = LocalServer(
        home,
        jars=settings.neo4j_jars,
        bolt_port=bolt_port,
        browser_port=browser_port,
        memory_mb=1024,
        java_home=settings.java_home,
    )
    server.start()
    yield server.url
    server.stop()
    shutil.rmtree(home)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests of each kind passed, and of each store; the kind is the folder below tests/."""
    names = [report.nodeid for report in terminalreporter.stats.get("passed", [])]
    stores = re.findall(r"^tests/conformance/\S+\[(memory|sqlite|neo4j)\b", "\n".join(names), re.MULTILINE)
    for title, found in (("kind", (name.split("/")[1] for name in names)), ("store", stores)):
        total = ", ".join(f"{one} {count}" for one, count in sorted(Counter(found).items()))
        terminalreporter.write_line(f"passed by {title}: {total or 'none'}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that was skipped did not run: that is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
