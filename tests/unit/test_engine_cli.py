"""The command as a whole: what it offers, how it fails, and that scripts can read it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from engine import cli, console
from engine.settings import Settings
from graph import errors
from graph.records import Product
from graph.stores import open_store
from graph.stores.group_commit import Interrupted
from tests.unit.conftest import Kith

ROOT = Path(__file__).parents[2]
PINNED = {
    "demo": {"--instant-evidence", "--seed", "--now", "--port", "--neo4j"},
    "load": {
        *("--customers", "--products", "--friends", "--purchases", "--likes", "--consents", "--graph"),
        *("--create-missing", "--assume-consent", "--map", "--rejects", "--offline-import", "--json"),
    },
    "train": {"--defaults", "--json"},
    "tune": {"--minutes", "--trials", "--seed", "--jobs", "--publish", "--fresh", "--json"},
    "evaluate": {
        *("--purchases", "--friends", "--test", "--split", "--share", "--consents", "--k", "--evidence"),
        *("--ablations", "--recommendations", "--parquet", "--report", "--json"),
    },
    "recommend": {"customer", "-n", "--json"},
    "serve": {"--port"},
    "keys create": {"name", "--scope", "--json"},
    "keys list": {"--json"},
    "keys revoke": {"id", "--json"},
    "models list": {"--json"},
    "models compare": {"first", "second", "--json"},
    "models promote": {"epoch", "--json"},
    "models roll-back": {"--to", "--json"},
    "export": {"target", "--format", "--json"},
    "forget": {"customer", "--yes", "--json"},
    "backup": {"target", "--json"},
    "restore": {"source", "--json"},
    "doctor": {"--json"},
    "neo4j start": {"--home", "--port", "--browser-port", "--memory"},
    "neo4j stop": {"--home"},
    "neo4j status": {"--home", "--json"},
    "neo4j project": {"target", "--password-file", "--json"},
}
"""Names that scripts of users rely on: changing one breaks them."""


def commands(group: typer.core.TyperGroup, *above: str) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, *above, name)
        else:
            yield " ".join((*above, name)), command


COMMANDS = dict(commands(typer.main.get_command(cli.app)))


def one_sentence(err: str) -> str:
    """The error of a run, which is one line for a person."""
    assert re.fullmatch(r"kith: [^\n]+\n", err), err
    return err


class TestSurface:
    def test_every_command_is_pinned(self) -> None:
        assert set(COMMANDS) == set(PINNED)

    @pytest.mark.parametrize("name", PINNED)
    def test_names_that_scripts_rely_on_exist(self, name: str) -> None:
        found = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert found >= PINNED[name]

    @pytest.mark.parametrize("name", ["", *PINNED])
    @pytest.mark.parametrize("flag", ["-h", "--help"])
    def test_every_command_explains_itself(self, kith: Kith, name: str, flag: str) -> None:
        done = kith(*name.split(), flag)
        assert (done.code, done.err) == (0, "")
        assert "Usage: kith" in done.out
        assert name == "" or COMMANDS[name].help.split(".")[0][:40] in " ".join(done.out.split())

    @pytest.mark.parametrize("name", PINNED)
    def test_every_option_is_described(self, name: str) -> None:
        assert [p.name for p in COMMANDS[name].params if p.name != "help" and not p.help] == []

    def test_help_lists_every_exit_code(self, kith: Kith) -> None:
        said = " ".join(kith("--help").out.split())
        for code in (console.FAILED, console.USAGE, console.PARTIAL, console.TRY_LATER):
            assert f"{code} " in said[said.index("Exit codes") :]


def tree(error: type[errors.KithError]) -> Iterator[type[errors.KithError]]:
    for below in error.__subclasses__():
        if below.__module__ == errors.__name__:
            yield below
            yield from tree(below)


class TestExitCodes:
    def test_every_error_has_one(self) -> None:
        assert set(cli.EXIT_CODES) == set(tree(errors.KithError))

    def test_a_case_of_an_error_has_that_of_the_error(self) -> None:
        assert cli.exit_code(Interrupted) == cli.exit_code(errors.Unavailable) == console.TRY_LATER

    def test_they_are_those_that_the_tree_of_errors_draws(self) -> None:
        drawn = re.findall(r"── (\w+) .* exit (\d+)$", errors.__doc__ or "", re.MULTILINE)
        assert {error.__name__: code for error, code in cli.EXIT_CODES.items()} == {n: int(c) for n, c in drawn}

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--frobnicate"],
            ["frobnicate"],
            ["load", "--purchase-file", "x.csv"],
            ["recommend"],
            ["recommend", "c1", "-n", "0"],
            ["recommend", "c1", "-n", "101"],
            ["recommend", "c1", "-n", "many"],
            ["train", "--seed", "-1"],
            ["demo", "--seed", "-1"],
            ["demo", "--now", "yesterday"],
            ["evaluate", "--purchases", "a.csv"],
            ["evaluate", "--purchases", "a.csv", "--test", "b.csv", "--k", "0"],
            ["evaluate", "--purchases", "a.csv", "--test", "b.csv", "--evidence", "lax"],
            ["keys", "create", "web"],
        ],
        ids=" ".join,
    )
    def test_wrong_usage_is_2_and_touches_nothing(self, kith: Kith, tmp_path: Path, arguments: list[str]) -> None:
        done = kith(*arguments)
        assert (done.code, done.out) == (2, "")
        assert "Usage:" in done.err
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("oracle://x", "known are sqlite, memory"),
            ("sqlit:///x.db", "did you mean sqlite"),
            ("sqlite://x.db", "sqlite:///shop.db"),
            ("shop.db", "known are sqlite, memory"),
        ],
    )
    def test_a_wrong_store_is_2_and_the_known_ones_are_named(self, kith: Kith, url: str, said: str) -> None:
        done = kith("--store", url, "train")
        assert done.code == 2
        assert said in one_sentence(done.err)

    def test_an_unknown_setting_is_2_and_the_nearest_is_named(
        self, kith: Kith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "other.toml").write_text("pollseconds = 3\n")
        done = kith("--settings", "other.toml", "doctor")
        assert done.code == 2
        assert re.search(r"other\.toml.*pollseconds.*nearest is poll_seconds", one_sentence(done.err))
        monkeypatch.setenv("KITH_STOER", "x")
        done = kith("doctor")
        assert done.code == 2
        assert re.search("environment.*KITH_STOER.*nearest is store", one_sentence(done.err))

    def test_a_settings_file_that_is_not_there_is_2(self, kith: Kith) -> None:
        done = kith("--settings", "nowhere.toml", "doctor")
        assert (done.code, "nowhere.toml" in one_sentence(done.err)) == (2, True)

    @pytest.mark.parametrize("arguments", [["recommend", "c1"], ["recommend", "c1", "--json"]], ids=" ".join)
    def test_without_a_model_it_is_75_and_says_what_to_run(self, kith: Kith, arguments: list[str]) -> None:
        done = kith("--store", "sqlite:///new.db", *arguments)
        assert (done.code, done.out) == (75, "")
        assert "kith train" in one_sentence(done.err)

    @pytest.mark.parametrize("bytes_kept", [0, 3000])
    @pytest.mark.parametrize(
        "command", ["train", "doctor --json", "recommend c1", "models list", "forget c1 --yes", "serve --port 0"]
    )
    def test_a_damaged_database_is_1(self, kith: Kith, shop: Path, command: str, bytes_kept: int) -> None:
        file = shop / "shop.db"
        file.write_bytes(file.read_bytes()[:bytes_kept] + b"\xa5" * 50_000)
        done = kith(*command.split())
        assert (done.code, done.out) == (1, "")
        assert re.search(r"shop\.db.*restore a backup", one_sentence(done.err))

    def test_a_folder_that_is_a_file_is_said_in_one_sentence(self, kith: Kith, shop: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for arguments in (
            ["export", "file/x"],
            ["--data-dir", "file", "train"],
            ["--data-dir", "file", "keys", "list"],
        ):
            done = kith(*arguments)
            assert (done.code, done.out) == (1, ""), arguments
            assert "file" in one_sentence(done.err)

    @pytest.mark.parametrize("command", ["forget --yes", "export --format", "keys revoke"])
    def test_bytes_that_are_no_text_are_refused_or_unknown_without_a_traceback(
        self, kith: Kith, shop: Path, command: str
    ) -> None:
        done = kith(*command.split(), "\udcff", *(["x"] if "export" in command else []))
        assert done.code in (1, 2)
        assert one_sentence(done.err)

    def test_control_characters_in_an_argument_do_not_come_back(self, kith: Kith, shop: Path) -> None:
        done = kith("--store", "no\x1b[2Jsuch://x", "train")
        assert done.code == 2
        assert "\x1b" not in done.err


JSON_COMMANDS = {
    "load": "load --customers {files}/customers.csv --json",
    "train": "train --json",
    "tune": "tune --trials 2 --json",
    "evaluate": "evaluate --purchases {files}/purchases.csv --split last --json",
    "recommend": "recommend c1 -n 20 --json",
    "keys create": "keys create web --scope storefront --json",
    "keys list": "keys list --json",
    "keys revoke": "",
    "models list": "models list --json",
    "models compare": "models compare 1 1 --json",
    "models promote": "models promote 1 --json",
    "models roll-back": "",
    "export": "export out --json",
    "forget": "forget c3 --yes --json",
    "backup": "backup shop.tar --json",
    "restore": "",
    "doctor": "doctor --json",
    "neo4j status": "neo4j status --json",
    "neo4j project": "",
}


class TestJson:
    def test_every_command_that_has_it_is_run_below_or_elsewhere(self) -> None:
        having = {name for name, command in COMMANDS.items() if any("--json" in p.opts for p in command.params)}
        assert having == set(JSON_COMMANDS)

    @pytest.mark.parametrize("name", [name for name, line in JSON_COMMANDS.items() if line])
    def test_it_is_one_document_on_one_line_and_nothing_else(
        self, kith: Kith, shop: Path, files: Path, name: str
    ) -> None:
        done = kith(*JSON_COMMANDS[name].format(files=files).split())
        assert (done.code, done.err) == (0, "")
        assert done.out.count("\n") == 1
        assert isinstance(done.json, dict | list)

    def test_names_reach_neither_terminal_nor_json_with_what_steers_a_terminal(self, kith: Kith, shop: Path) -> None:
        name = "Lamp \x1b[31m\x9b2J \u202egnp.exe żółw"
        store = open_store(f"sqlite:///{shop}/shop.db")
        products = [id for batch in store.read(Product, columns=("id",)) for id in batch["id"]]
        store.write([Product(id=id, name=name, price=1) for id in products])
        store.close()
        shown, data = kith("recommend", "c1", "-n", "5"), kith("recommend", "c1", "-n", "5", "--json")
        for said in (shown.out, data.out):
            assert not [letter for letter in said.replace("\n", "") if not letter.isprintable()]
            assert "żółw" in said
        assert {item["name"] for item in data.json["items"]} == {name}


def run(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", "from engine.cli import main; main()", *arguments],
        check=False,
        **{"cwd": folder, "env": environment, "capture_output": True, "text": True, "timeout": 60, **options},
    )


class TestProcess:
    def test_to_start_takes_no_library_that_only_some_commands_need(self, tmp_path: Path) -> None:
        heavy = ("optuna", "sqlite3", "apsw", "scipy", "implicit", "pyarrow", "fastapi", "neo4j")
        code = f"import sys, engine.cli; print([name for name in {heavy} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"

    def test_a_shop_from_files_to_an_answer(self, tmp_path: Path, files: Path) -> None:
        store = ("--store", "sqlite:///shop.db")
        given = [
            part for kind in ("customers", "products", "purchases") for part in (f"--{kind}", f"{files}/{kind}.csv")
        ]
        for arguments in (("load", *given), ("train",)):
            done = run(tmp_path, *store, *arguments)
            assert (done.returncode, done.stderr) == (0, "")
        done = run(tmp_path, *store, "recommend", "c1", "-n", "7", "--json")
        assert (done.returncode, done.stderr, len(json.loads(done.stdout)["items"])) == (0, "", 7)

    def test_errors_leave_stdout_alone_and_carry_their_code(self, tmp_path: Path) -> None:
        done = run(tmp_path, "recommend", "c1", "--json")
        assert (done.returncode, done.stdout) == (75, "")
        assert one_sentence(done.stderr)

    def test_a_full_disk_behind_stdout_is_an_error_without_a_traceback(self, tmp_path: Path) -> None:
        with Path("/dev/full").open("w") as full:
            done = run(tmp_path, "models", "list", capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode not in (0, console.USAGE, console.PARTIAL, console.TRY_LATER)
        assert "No space left" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_reader_that_goes_away_is_no_traceback(self, tmp_path: Path) -> None:
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "w") as closed:
            done = run(tmp_path, "models", "list", capture_output=False, stdout=closed, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (1, "")

    def test_a_taken_port_is_75_before_any_model_is_opened(self, kith: Kith) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for command in ("serve", "demo"):
                done = kith(command, "--port", port)
                assert (done.code, done.out) == (75, "")
                assert re.search(rf"127\.0\.0\.1:{port} .*--port", one_sentence(done.err))
        assert not Path("demo").exists()

    def test_beyond_loopback_without_a_key_is_2(self, kith: Kith, shop: Path) -> None:
        done = kith("serve", "--host", "0.0.0.0", "--port", "0")
        assert done.code == 2
        assert re.search(r"0\.0\.0\.0.*kith keys create", one_sentence(done.err))


def test_the_default_store_is_what_a_bare_command_uses(kith: Kith, tmp_path: Path) -> None:
    assert kith("models", "list", "--json").json == []
    assert Settings.model_fields["store"].default == "sqlite:///kith.db"
    assert (tmp_path / "kith.db").exists()
