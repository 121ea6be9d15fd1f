"""Training must not depend on the environment it is started from."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SCRIPT = """
import warnings
warnings.simplefilter("error")
from graph.freeze import freeze
from graph.live import LiveGraph
from graph.moments import DAY
from graph.stores.memory import MemoryStore
from loaders.demo import sample_shop
from recommend.train import train
store = MemoryStore()
for facts in sample_shop(now=20_780 * DAY, customers=120, products=66).facts():
    store.write(facts)
print(train(LiveGraph(freeze(store, now=20_780 * DAY), now=20_780 * DAY)).id)
"""


def trained(**environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_threads_of_the_environment_neither_warn_nor_change_the_model() -> None:
    assert trained() == trained(OPENBLAS_NUM_THREADS="2") == trained(OPENBLAS_NUM_THREADS="1")
