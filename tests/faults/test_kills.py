"""``kill -9`` of loader and server at random moments: what was acknowledged is found, nothing twice, no repair by hand."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from random import Random

import pytest

from graph.records import Customer, Purchase
from graph.stores import open_store

ROOT = Path(__file__).parents[2]
KITH = [sys.executable, "-c", "from engine.cli import main; main()"]
KILLS = 100 if os.environ.get("KITH_LONG") else 20
ROWS = 30_000


def start(store: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [*KITH, "--store", f"sqlite:///{store}", *arguments]
    return subprocess.Popen(
        command, env=environment, cwd=store.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def contents(store: Path) -> dict[str, int]:
    opened = open_store(f"sqlite:///{store}")
    try:
        return dict(opened.check().counts)
    finally:
        opened.close()


@pytest.fixture
def purchases(tmp_path: Path) -> Path:
    file = tmp_path / "purchases.csv"
    rows = (
        f"c{i % 977},p{i % 331},{1 + i % 5},{i % 90}.50,2026-01-{1 + i % 28:02d}T{i % 24:02d}:00:{i % 60:02d}Z,o{i}\n"
        for i in range(ROWS)
    )
    file.write_text("customer,product,quantity,price,at,order\n" + "".join(rows))
    return file


def test_a_load_that_is_killed_is_finished_by_running_it_again(tmp_path: Path, purchases: Path) -> None:
    random, arguments = Random(7), ("load", "--purchases", str(purchases), "--create-missing", "--json")
    began = time.monotonic()
    whole = start(tmp_path / "whole.db", *arguments)
    assert whole.communicate(timeout=120)[1] == ""
    assert whole.returncode == 0
    duration, expected = time.monotonic() - began, contents(tmp_path / "whole.db")
    assert expected["purchases"] == ROWS

    store, interrupted = tmp_path / "shop.db", 0
    while interrupted < KILLS:
        began = time.monotonic()
        load = start(store, *arguments)
        try:
            load.communicate(timeout=random.uniform(0.3, 1.0) * duration)
            duration = time.monotonic() - began  # the machine may have become faster
        except subprocess.TimeoutExpired:
            load.kill()
            load.communicate()
            interrupted += 1
        if store.exists():
            found = contents(store)
            assert found["purchases"] <= ROWS
            assert found["purchases"] in (0, ROWS) or found["customers"] > 0
            if found["purchases"] == ROWS:
                for left in (store, *tmp_path.glob("shop.db-*")):
                    left.unlink(missing_ok=True)
    again = start(store, *arguments)
    _, err = again.communicate(timeout=120)
    assert (again.returncode, err) == (0, "")
    assert contents(store) == expected
    third = start(store, *arguments)
    report = json.loads(third.communicate(timeout=120)[0])["files"][0]
    assert (report["changed"], report["unchanged"]) == (0, ROWS)


class Server:
    """``kith serve`` in a process of its own."""

    def __init__(self, store: Path) -> None:
        self.process = start(store, "serve", "--port", "0")
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"serving at (\S+)", line):
                self.address = found[1]
                return
        raise AssertionError(f"the server did not start: exit code {self.process.wait()}")

    def buy(self, id: str, customer: str) -> bool:
        """Whether the purchase was acknowledged."""
        event = {"id": id, "type": "purchase", "customer": customer, "product": "p1"}
        request = urllib.request.Request(
            f"{self.address}/v1/events", json.dumps(event).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return 200 <= answer.status < 300
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def kill(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        self.process.communicate(timeout=20)
        return self.process.returncode


def test_a_server_that_is_killed_keeps_every_event_it_acknowledged(tmp_path: Path) -> None:
    random, store = Random(11), tmp_path / "shop.db"
    acknowledged: set[str] = set()
    sent = 0
    for _ in range(KILLS):
        server = Server(store)
        end = time.monotonic() + random.uniform(0.05, 0.4)
        while time.monotonic() < end:
            id = f"e{sent}"
            if server.buy(id, f"c{sent % 50}"):
                acknowledged.add(id)
            sent += 1
        assert server.kill(signal.SIGKILL) == -signal.SIGKILL
    found = [id for batch in read(store, Purchase) for id in batch["id"]]
    assert len(found) == len(set(found))
    assert acknowledged <= set(found)
    assert len(acknowledged) > KILLS
    assert {id for batch in read(store, Customer) for id in batch["id"]} == {f"c{i}" for i in range(min(sent, 50))}


def read(store: Path, kind: type) -> list:
    opened = open_store(f"sqlite:///{store}")
    try:
        return list(opened.read(kind))
    finally:
        opened.close()


def test_ctrl_c_ends_a_server_cleanly(tmp_path: Path) -> None:
    for how in (signal.SIGINT, signal.SIGTERM):
        server = Server(tmp_path / "shop.db")
        assert server.buy(f"e-{how}", "c1")
        assert server.kill(how) in (0, -how)
