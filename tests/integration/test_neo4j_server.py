"""A real Neo4j server, started and ended by ``kith neo4j``: what it keeps, and that it neither dies unnoticed nor stays behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import neo4j
import pytest

from engine.neo4j_process import command_line, has_ended
from engine.neo4j_server import LocalServer, free_ports
from engine.settings import Settings
from graph.errors import Conflict, Refused, Unavailable

ROOT = Path(__file__).parents[2]
PATIENCE = 120


def local_server(home: Path, **more: Any) -> LocalServer:
    """What a later command would make: it knows the home and nothing else."""
    settings = Settings.load()
    return LocalServer(home, jars=settings.neo4j_jars, java_home=settings.java_home, **more)


def local_ports() -> dict[str, int]:
    return dict(zip(("bolt_port", "browser_port"), free_ports(0, 0), strict=True))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a server that the tests of this file start, stop and kill; its ports are remembered in it."""
    folder = tmp_path_factory.mktemp("neo4j") / "a folder"
    local_server(folder, **local_ports(), memory_mb=400).start(patience=PATIENCE)
    yield folder
    local_server(folder).stop()


@pytest.fixture
def running(home: Path) -> LocalServer:
    """The server of the home, started if a test before has ended it."""
    server = local_server(home)
    server.start(patience=PATIENCE)
    return server


@pytest.fixture
def stopped(home: Path) -> LocalServer:
    """The same server, ended if a test before has started it."""
    server = local_server(home)
    server.stop()
    return server


def ask(server: LocalServer, cypher: str, **parameters: Any) -> list[list[Any]]:
    scheme, _, rest = server.url.partition("://")
    login, _, place = rest.partition("@")
    user, _, password = login.partition(":")
    with neo4j.GraphDatabase.driver(f"{scheme}://{place}", auth=(user, password)) as driver:
        return [record.values() for record in driver.execute_query(cypher, parameters).records]


# As under a terminal, also where the tests run in the background: there Ctrl-C is ignored by whoever inherits that.
CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
KITH = "from engine.cli import main; main()"


def kith(folder: Path, *arguments: str, program: str = KITH) -> subprocess.Popen[str]:
    """The command as a process of its own, in a session of its own as under a terminal."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KITH_NEO4J_URL")}
    return subprocess.Popen(
        [sys.executable, "-c", CTRL_C + program, *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    with kith(folder, *arguments) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return json.load(answer)


def ends(pid: int) -> bool:
    """Whether a process has ended, or soon does."""
    until = time.monotonic() + 30
    while not has_ended(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return has_ended(pid)


def processes_of(home: Path) -> list[int]:
    """Every process that was started for a home."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            if f"--home-dir={home}".encode() in line.read_bytes().split(b"\0"):
                found.append(int(line.parent.name))
    return found


def a_process_of(home: Path) -> bool:
    """Whether one comes to be."""
    until = time.monotonic() + PATIENCE
    while not processes_of(home) and time.monotonic() < until:
        time.sleep(0.05)
    return processes_of(home) != []


class TestRunning:
    def test_bolt_and_the_browser_answer_when_the_start_returns(self, running: LocalServer) -> None:
        status = running.status()
        assert ask(running, "RETURN 1") == [[1]]
        connection = http.client.HTTPConnection(status.browser.split("/")[2], timeout=10)
        connection.request("GET", "/browser/")
        answer = connection.getresponse()
        assert (answer.status, b"<html" in answer.read().lower()) == (200, True)
        connection.close()

    def test_the_version_is_the_one_that_was_fetched(self, running: LocalServer) -> None:
        assert ask(
            running,
            "CALL dbms.components() YIELD name, versions, edition WHERE name = 'Neo4j Kernel' RETURN versions, edition",
        ) == [[[running.status().version], "community"]]

    def test_the_settings_of_the_home_hold(self, running: LocalServer) -> None:
        rows = ask(running, "SHOW SETTINGS YIELD name, value")
        found = dict(rows)
        assert found["server.default_listen_address"] == "127.0.0.1"
        assert found["db.tx_log.rotation.retention_policy"] == "keep_none"
        assert found["server.bolt.connection_keep_alive"] == "5s"
        assert found["server.directories.import"].endswith("/a folder/import")

    def test_without_the_password_nobody_gets_in(self, running: LocalServer) -> None:
        server = running.status().url.replace("neo4j@", "")
        login = ("neo4j", "neo4j")
        with neo4j.GraphDatabase.driver(server, auth=login) as driver, pytest.raises(neo4j.exceptions.AuthError):
            driver.execute_query("RETURN 1")

    def test_the_password_is_in_no_list_of_processes_and_in_no_log(self, running: LocalServer, home: Path) -> None:
        password = (home / "password").read_text()
        pid = running.status().pid
        assert pid is not None
        assert password not in " ".join(command_line(pid))
        assert [log.name for log in (home / "logs").iterdir() if password in log.read_text(errors="replace")] == []

    def test_it_lives_in_a_session_of_its_own(self, running: LocalServer) -> None:
        pid = running.status().pid
        assert pid is not None
        assert os.getsid(pid) != os.getsid(0)

    def test_an_empty_home_takes_little_of_the_disk(self, running: LocalServer, home: Path) -> None:
        assert sum(path.stat().st_size for path in (home / "data").rglob("*") if path.is_file()) < 30_000_000

    def test_a_second_start_is_the_same_server_whatever_ports_it_asks_for(
        self, running: LocalServer, home: Path
    ) -> None:
        before = running.status()
        assert local_server(home, bolt_port=1, memory_mb=9999).start() == before
        assert local_server(home).status() == before

    def test_the_tool_is_refused_while_it_runs(self, running: LocalServer) -> None:
        with pytest.raises(Conflict, match=r"is running: stop it first \(kith neo4j stop\)"):
            running.admin("database", "info")
        assert running.status().running


class TestEnding:
    def test_data_password_and_ports_outlast_a_stop(self, running: LocalServer, home: Path) -> None:
        before, url = running.status(), running.url
        ask(running, "CREATE (:Kept {id: $id})", id="stop")
        assert (running.stop(), running.stop()) == (True, False)
        assert before.pid is not None and ends(before.pid)
        assert not local_server(home).status().running
        again = local_server(home).start(patience=PATIENCE)
        assert (again.url, again.browser, running.url) == (before.url, before.browser, url)
        assert ask(running, "MATCH (k:Kept {id: 'stop'}) RETURN count(k)") == [[1]]

    def test_a_server_that_was_killed_is_seen_as_such_and_has_lost_nothing(
        self, running: LocalServer, home: Path
    ) -> None:
        ask(running, "CREATE (:Kept {id: $id})", id="kill")
        pid = running.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert ends(pid)
        assert not running.status().running
        assert local_server(home).start(patience=PATIENCE).pid != pid
        assert ask(running, "MATCH (k:Kept {id: 'kill'}) RETURN count(k)") == [[1]]

    def test_of_many_starts_at_once_one_server_comes(self, stopped: LocalServer, home: Path) -> None:
        with ThreadPoolExecutor(3) as threads:
            made = list(threads.map(lambda _: local_server(home).start(patience=PATIENCE), range(3)))
        assert len({status.pid for status in made}) == 1
        assert processes_of(home) == [made[0].pid]

    def test_one_that_dies_at_its_start_says_why_and_the_next_start_does_not_repeat_it(
        self, stopped: LocalServer, home: Path
    ) -> None:
        remembered = (home / "kith.json").read_text()
        too_big = local_server(home, memory_mb=1_000_000_000)
        with pytest.raises(
            Unavailable, match=r"ended while it started \(see .*console\.log\); it said last: .*(memory|heap)"
        ):
            too_big.start(patience=PATIENCE)
        assert processes_of(home) == []
        assert (home / "kith.json").read_text() == remembered

    def test_one_that_does_not_answer_in_time_is_not_left_behind(self, stopped: LocalServer, home: Path) -> None:
        with pytest.raises(Unavailable, match=r"did not answer within 0\.2 s: .*console\.log may tell why"):
            stopped.start(patience=0.2)
        assert processes_of(home) == []


class TestTool:
    def test_an_import_into_a_new_home_is_there_when_its_server_starts(self, tmp_path: Path) -> None:
        (tmp_path / "people.csv").write_text("id:ID,name\np1,Mina\np2,Żółw\n", encoding="utf-8")
        server = local_server(tmp_path / "home", **local_ports())
        server.admin("database", "import", "full", "neo4j", f"--nodes=Person={tmp_path}/people.csv")
        try:
            server.start(patience=PATIENCE)
            assert ask(server, "MATCH (p:Person) RETURN p.name ORDER BY p.id") == [["Mina"], ["Żółw"]]
        finally:
            server.stop()

    def test_what_it_refuses_is_told_in_its_own_words(self, tmp_path: Path) -> None:
        server = local_server(tmp_path / "home", **local_ports())
        with pytest.raises(
            Refused, match=r"database import full failed \(see .*admin\.log\); it said last: .*nowhere\.csv"
        ):
            server.admin("database", "import", "full", "neo4j", f"--nodes=Person={tmp_path}/nowhere.csv")


class TestCommand:
    def test_from_start_to_stop(self, stopped: LocalServer, home: Path) -> None:
        code, out, err = run(home.parent, "neo4j", "start", "--home", str(home))
        status = stopped.status()
        assert (code, out) == (0, f"Neo4j {status.version} answers at {status.url}\n")
        assert f"KITH_STORE={status.url} KITH_NEO4J_PASSWORD_FILE={status.password_file}" in err
        assert status.browser in err
        code, out, _ = run(home.parent, "neo4j", "status", "--home", str(home), "--json")
        assert (code, json.loads(out)["pid"]) == (0, status.pid)
        assert run(home.parent, "neo4j", "stop", "--home", str(home))[:2] == (0, f"the server in {home} is stopped\n")
        assert status.pid is not None and ends(status.pid)

    def test_a_start_that_is_interrupted_leaves_no_server(self, stopped: LocalServer, home: Path) -> None:
        with kith(home.parent, "neo4j", "start", "--home", str(home)) as process:
            assert a_process_of(home)
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=PATIENCE)
        assert process.returncode != 0
        assert processes_of(home) == []
        assert not local_server(home).status().running


SMALL_DEMO = """
from engine import jobs
from engine.cli import main
whole = jobs.prepare_demo
jobs.prepare_demo = lambda engine, **more: whole(engine, **more, customers=60, products=80)
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the demos of this file keep their shop."""
    folder = tmp_path_factory.mktemp("shop")
    yield folder
    local_server(folder / "demo/neo4j").stop()


class TestDemo:
    """``kith demo --neo4j`` with a small shop; each test ends it in another way."""

    def serve(self, folder: Path, *flags: str) -> tuple[subprocess.Popen[str], list[str], str]:
        """The process, what it said until it served, and the address."""
        process = kith(folder, "demo", "--neo4j", "--port", "0", *flags, program=SMALL_DEMO)
        said = []
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if line.startswith("serving at"):
                return process, said, line.split()[2]
        raise AssertionError("".join(said))

    def ended(self, process: subprocess.Popen[str], sign: signal.Signals) -> int:
        os.killpg(process.pid, sign)
        process.communicate(timeout=PATIENCE)
        return process.returncode

    def test_it_serves_from_neo4j_and_what_a_killed_one_left_is_used_and_ended_by_the_next(self, folder: Path) -> None:
        home = folder / "demo/neo4j"
        process, said, address = self.serve(folder)
        status = local_server(home).status()
        assert any(status.browser in line and str(status.password_file) in line for line in said)
        assert fetch(f"{address}/readyz")["store"] == "neo4j"
        assert fetch(f"{address}/v1/customers/c1/recommendations")["items"]
        assert ask(local_server(home), "MATCH (p:Product) RETURN count(p)") == [[80]]
        self.ended(process, signal.SIGKILL)
        assert processes_of(home) == [status.pid]
        process, said, _ = self.serve(folder)
        assert processes_of(home) == [status.pid]
        assert any("using the shop made earlier in neo4j://neo4j@127.0.0.1" in line for line in said)
        assert self.ended(process, signal.SIGINT) == 0
        assert processes_of(home) == []
        assert sorted(path.name for path in (folder / "demo").iterdir()) == ["neo4j", "neo4j.d"]

    def test_a_port_that_is_taken_costs_no_shop_and_starts_no_server(self, folder: Path) -> None:
        before = sorted((folder / "demo").rglob("*"))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            code, _, err = run(folder, "demo", "--neo4j", "--fresh", "--port", str(taken.getsockname()[1]))
        assert (code, "choose another port with --port" in err) == (75, True)
        assert sorted((folder / "demo").rglob("*")) == before

    def test_a_fresh_one_is_another_server_and_a_failure_leaves_no_process(self, folder: Path) -> None:
        before = (folder / "demo/neo4j/password").read_text()
        failing = SMALL_DEMO.replace("main()", "jobs.train = lambda *_, **__: 1 / 0\nmain()")
        with kith(folder, "demo", "--neo4j", "--fresh", "--port", "0", program=failing) as process:
            _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, "ZeroDivisionError" in err) == (1, True)
        assert (folder / "demo/neo4j/password").read_text() != before
        assert processes_of(folder / "demo/neo4j") == []

    def test_one_that_is_told_to_end_while_its_server_starts_leaves_none(self, folder: Path) -> None:
        home = folder / "demo/neo4j"
        with kith(folder, "demo", "--neo4j", "--port", "0") as process:
            assert a_process_of(home)
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + signal.SIGTERM
        assert processes_of(home) == []
