"""Bad files: good rows load and bad lines are named, or the file is refused in one short message; no more happens."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.errors import Invalid, Refused
from graph.moments import to_moment
from graph.records import Record
from graph.schema import KINDS
from graph.stores.memory import MemoryStore
from loaders.load import LoadReport, Options, load_file, load_files
from tests.bad_files import ALL, GOOD_CUSTOMERS, GOOD_PRODUCTS, GOOD_PURCHASES, LOAD, PARTLY, REFUSE, BadFile

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data" / "poisoned"
NOW = to_moment(datetime(2026, 11, 23, tzinfo=UTC))
OPTIONS = Options(now=NOW, pause=0, shown=10_000)
SCREEN = 1_500
"""Characters of the longest message that still fits on a screen."""


def shared_files() -> list[BadFile]:
    """The rows of expected.csv, where the folder lies beside the repository."""
    if not SHARED.is_dir():
        return []
    with (SHARED / "expected.csv").open(encoding="utf-8", newline="") as stream:
        return [
            BadFile(
                row["file"],
                row["kind"],
                (SHARED / row["file"]).read_bytes(),
                row["must"],
                frozenset(int(word) for word in row["good_rows"].split() if word.isdigit()),
                tuple(map(int, row["bad_lines"].split())),
            )
            for row in csv.DictReader(stream)
        ]


CASES = [*ALL, *shared_files()]


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Path]:
    """Good files of the same ids: those beside the repository, or the generated ones."""
    generated = {"customers": GOOD_CUSTOMERS, "products": GOOD_PRODUCTS, "purchases": GOOD_PURCHASES}
    for kind, content in generated.items():
        (tmp_path / f"good-{kind}.csv").write_bytes(content)
    return {kind: tmp_path / f"good-{kind}.csv" for kind in generated}


def contents(store: MemoryStore) -> set[Record]:
    return {record for kind in KINDS for batch in store.read(kind) for record in batch.records()}


def prepared(case: BadFile, good: dict[str, Path]) -> MemoryStore:
    """The store that a file is loaded into: purchases and friends need the people and products they name."""
    store = MemoryStore()
    folder = {kind: SHARED / path.name for kind, path in good.items()} if case in CASES[len(ALL) :] else good
    if case.kind in {"purchases", "friends"}:
        load_files({kind: folder[kind] for kind in ("customers", "products")}, store, options=OPTIONS)
    return store


def load(case: BadFile, store: MemoryStore, folder: Path) -> LoadReport | Refused:
    """Whatever goes wrong must be a refusal in one short message, without a character that a terminal would obey."""
    path = folder / "bad" / case.name.replace("/", "-")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(case.content)
    try:
        report = load_file(path, case.kind, store, options=OPTIONS)
    except Refused as refusal:
        message = str(refusal)
        assert len(message) < SCREEN
        assert message.isprintable()
        return refusal
    assert report.read == report.accepted + report.rejected
    assert report.rejected == len(report.rejects)
    assert all(len(reject.value) <= 41 and reject.value.isprintable() for reject in report.rejects)
    assert all(len(reject.reason) < 200 and reject.reason.isprintable() for reject in report.rejects)
    return report


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bad_file_does_what_it_must(case: BadFile, good: dict[str, Path], tmp_path: Path) -> None:
    store = prepared(case, good)
    before = contents(store)
    result = load(case, store, tmp_path)
    allowed = case.must.split("-or-")
    assert before <= contents(store)
    if isinstance(result, Refused):
        assert REFUSE in allowed
        assert contents(store) == before
        assert all(f"line {line}" in str(result) for line in case.bad)
        return
    lines = tuple(reject.line for reject in result.rejects)
    assert LOAD in allowed or PARTLY in allowed
    if PARTLY not in allowed:
        assert lines == ()
    if case.bad:
        assert lines == case.bad
    if case.good:
        assert result.accepted in case.good


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_good_file_loads_after_a_bad_one(case: BadFile, good: dict[str, Path], tmp_path: Path) -> None:
    store = MemoryStore()
    load_files({kind: good[kind] for kind in ("customers", "products")}, store, options=OPTIONS)
    load(case, store, tmp_path)
    report = load_file(good["purchases"], "purchases", store, options=OPTIONS)
    assert (report.accepted, report.rejected) == (8, 0)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_loading_a_bad_file_twice_changes_nothing(case: BadFile, good: dict[str, Path], tmp_path: Path) -> None:
    store = prepared(case, good)
    first = load(case, store, tmp_path)
    before = contents(store)
    second = load(case, store, tmp_path)
    assert contents(store) == before
    if isinstance(first, LoadReport) and isinstance(second, LoadReport):
        assert (second.changed, second.rejects) == (0, first.rejects)


MEASURE = """
import re, sys
from pathlib import Path
import loaders.parquet_source
from graph.errors import KithError
from graph.stores.memory import MemoryStore
from loaders.load import Options, load_file

def peak():  # of this program alone: ru_maxrss would remember the parent it was forked from
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

before = peak()
for line in sys.stdin.read().splitlines():
    kind, path = line.split(" ", 1)
    try:
        load_file(Path(path), kind, MemoryStore(), options=Options(now=2 * 10**15, pause=0, create_missing=True))
    except KithError:
        pass
print(peak() - before)
"""


def test_memory_stays_bounded(tmp_path: Path) -> None:
    listed = []
    for number, case in enumerate(CASES):
        path = tmp_path / f"{number}-{Path(case.name.replace('/', '-')).name}"
        path.write_bytes(case.content)
        listed.append(f"{case.kind} {path}")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input="\n".join(listed),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert 0 < int(done.stdout) < 200


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    for path in (
        folder,
        tmp_path / "missing.csv",
        tmp_path / ("x" * 300 + ".csv"),
        Path("nul\0.csv"),
        Path("/dev/null.csv"),
        tmp_path,
    ):
        with pytest.raises(Refused) as refusal:
            load_file(path, "purchases", MemoryStore(), options=OPTIONS)
        assert str(refusal.value).isprintable()


def test_a_device_is_refused(tmp_path: Path) -> None:
    device = tmp_path / "zero.csv"
    device.symlink_to("/dev/zero")
    with pytest.raises(Refused, match="no regular file"):
        load_file(device, "purchases", MemoryStore(), options=OPTIONS)


def test_an_unknown_kind_of_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="customers, products, friends"):
        load_file(tmp_path / "x.csv", "purchase", MemoryStore(), options=OPTIONS)
