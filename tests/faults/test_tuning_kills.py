"""``kill -9`` of a tuning at random moments: the trials that were done are kept, and nothing goes on by itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from random import Random

from engine.engine import Engine
from engine.settings import Settings
from tests.worlds import NOW, two_circles

ROOT = Path(__file__).parents[2]
KITH = [sys.executable, "-c", "from engine.cli import main; main()"]
KILLS = 20 if os.environ.get("KITH_LONG") else 4


def start(store: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [*KITH, "--store", store, "tune", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def completed(journal: Path) -> int:
    """How many trials the journal calls done, half a line at its end left out."""
    lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    return sum(line["op_code"] == 6 and line["state"] == 1 for line in whole)


def test_a_tuning_that_is_killed_goes_on_with_the_trials_that_were_done(tmp_path: Path) -> None:
    store, random = f"sqlite:///{tmp_path}/shop.db", Random(7)
    engine = Engine.open(Settings.load(environ={}, store=store), clock=lambda: NOW)
    engine.write(two_circles())
    engine.close()
    journal = tmp_path / "shop.db.d/tuning/journal.log"
    for _ in range(KILLS):
        before, running = completed(journal), start(store, "--minutes", "5")
        until = time.monotonic() + 60
        while completed(journal) <= before and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(random.uniform(0, 0.5))
        running.kill()
        said = running.communicate(timeout=60)[1]  # returns when the processes that it had started are gone as well
        found = [int(count) for count in re.findall(r"going on with (\d+) trials", said)]
        assert found == ([before] if before else [])
        assert completed(journal) > before
    done, kept = start(store, "--trials", "1", "--json"), completed(journal)
    result = json.loads(done.communicate(timeout=60)[0])
    assert (done.returncode, result["trials"], result["epoch"]) == (0, kept, 1)
    assert not (tmp_path / "shop.db.d/tuning/.facts").exists()
