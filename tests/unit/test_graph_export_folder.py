"""An export as a folder: what its manifest says, and every reason not to believe it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.errors import Damaged, Refused
from graph.export_folder import MANIFEST, ExportFolder, open_folder, write_folder
from graph.records import Customer, Product, Purchase
from graph.schema import KINDS, kind_of
from graph.stores.memory import MemoryStore
from graph.tables import EXACT
from tests.records import FACTS

COUNTS = {kind.table: 1 for kind in KINDS.values()} | {"customers": 3}


@pytest.fixture(params=EXACT)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    store = MemoryStore()
    store.write(FACTS)
    assert write_folder(store, tmp_path / "shop", request.param, digits=2) == COUNTS
    return tmp_path / "shop"


def verified(folder: Path, *, digits: int = 2) -> ExportFolder:
    found = open_folder(folder, digits=digits)
    found.verify(lambda done: None)
    return found


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The folder with another manifest."""
    said = json.loads((folder / MANIFEST).read_bytes())
    change(said)
    (folder / MANIFEST).write_text(json.dumps(said))
    return folder


def refusal(folder: Path, kind: type[Exception] = Refused, *, digits: int = 2) -> str:
    with pytest.raises(kind) as caught:
        verified(folder, digits=digits)
    assert type(caught.value) is kind
    said = str(caught.value)
    assert "\n" not in said
    assert folder.name in said
    return said


class TestWhole:
    def test_it_is_opened_with_all_that_was_written(self, folder: Path) -> None:
        found = verified(folder)
        assert (found.path, found.digits, found.records) == (folder, 2, sum(COUNTS.values()))
        assert list(found.files) == list(KINDS)
        assert {kind_of(record).table: file.records for record, file in found.files.items()} == COUNTS

    def test_each_kind_is_read_from_its_own_file(self, folder: Path) -> None:
        found, read = verified(folder), []
        for kind in KINDS.values():
            assert found.file_of(kind) == folder / f"{kind.table}.{found.format}"
            read += [record for batch in found.read(kind, 2) for record in batch.columns.records()]
        described = {record for record in read if record not in (Customer(id="b"), Customer(id="c"))}
        assert described == set(FACTS)

    def test_the_sums_are_those_of_any_other_tool(self, folder: Path) -> None:
        for record, file in verified(folder).files.items():
            path = open_folder(folder, digits=2).file_of(kind_of(record))
            assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_verifying_tells_how_far_it_is(self, folder: Path) -> None:
        told: list[float] = []
        open_folder(folder, digits=2).verify(told.append)
        assert told == sorted(told)
        assert (told[0], told[-1], len(told)) == (0.0, 1.0, len(KINDS) + 1)

    def test_notes_beside_it_do_not_matter(self, folder: Path) -> None:
        (folder / "README.txt").write_text("made on a Tuesday")
        (folder / ".hidden").write_text("")
        assert verified(folder).records == sum(COUNTS.values())

    def test_kinds_that_an_older_version_did_not_know_may_be_lacking(self, folder: Path) -> None:
        format = verified(folder).format
        edited(folder, lambda said: said["kinds"].pop("clicks"))
        (folder / f"clicks.{format}").unlink()
        assert "Click" not in {record.__name__ for record in verified(folder).files}


class TestRefused:
    def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        assert refusal(tmp_path / "nowhere") == (
            f"there is no folder {tmp_path}/nowhere: name a folder that kith export wrote with parquet or jsonl as its format"
        )

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "shop.graphml").write_text("<graphml/>")
        assert "shop.graphml is a file: name a folder" in refusal(tmp_path / "shop.graphml")

    @pytest.mark.parametrize("inside", [[], ["photo.jpg"], ["customers.csv", "purchases.parquet"]], ids=str)
    def test_a_folder_that_is_empty_or_of_somebody_else(self, tmp_path: Path, inside: list[str]) -> None:
        (tmp_path / "other").mkdir()
        for name in inside:
            (tmp_path / "other" / name).write_text("")
        said = refusal(tmp_path / "other")
        assert f"other has no {MANIFEST}" in said
        assert "--format parquet or --format jsonl" in said

    @pytest.mark.parametrize("said", [[], {}, "kith_export", {"format": "parquet", "kinds": {}}], ids=json.dumps)
    def test_a_manifest_of_another_program(self, folder: Path, said: object) -> None:
        (folder / MANIFEST).write_text(json.dumps(said))
        assert "was not written by kith export" in refusal(folder)

    @pytest.mark.parametrize("version", [0, 2, "1", None])
    def test_another_version_of_the_folder(self, folder: Path, version: object) -> None:
        edited(folder, lambda said: said.update(kith_export=version, kinds="another form"))
        assert f"export of version {version}, and 1 is read here: load it with the version that" in refusal(folder)

    def test_csv(self, tmp_path: Path) -> None:
        store = MemoryStore()
        store.write(FACTS)
        write_folder(store, tmp_path / "sheet", "csv", digits=2)
        said = refusal(tmp_path / "sheet")
        assert "made for spreadsheets" in said
        assert "--format parquet or --format jsonl" in said

    def test_a_format_that_is_not_known(self, folder: Path) -> None:
        assert "format 'avro', which is not known" in refusal(edited(folder, lambda said: said.update(format="avro")))

    @pytest.mark.parametrize("digits", [0, 3])
    def test_prices_of_another_currency(self, folder: Path, digits: int) -> None:
        said = refusal(folder, digits=digits)
        assert f"2 digits after the point, and the currency of this shop has {digits}: set currency" in said

    def test_a_kind_that_does_not_exist(self, folder: Path) -> None:
        edited(folder, lambda said: said["kinds"].update(dreams={"records": 0, "sha256": ""}))
        assert "holds dreams, which this version of Kith does not know" in refusal(folder)

    @pytest.mark.parametrize("name", ["dreams.parquet", "orders.csv", "customers.old.jsonl"])
    def test_a_table_that_the_manifest_does_not_list(self, folder: Path, name: str) -> None:
        (folder / name).write_text("")
        assert f"{name} is not listed in export.json: move it away" in refusal(folder)


class TestDamaged:
    @pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000], ids=["empty", "cut", "bytes", "deep"])
    def test_a_manifest_that_cannot_be_read(self, folder: Path, content: bytes) -> None:
        (folder / MANIFEST).write_bytes(content)
        assert "export.json is not whole" in refusal(folder, Damaged)

    @pytest.mark.parametrize(
        "change",
        [
            lambda said: said.pop("kinds"),
            lambda said: said.pop("currency_digits"),
            lambda said: said.update(kinds=[]),
            lambda said: said["kinds"].update(customers=None),
            lambda said: said["kinds"]["customers"].pop("sha256"),
            lambda said: said["kinds"]["customers"].update(records="many"),
        ],
    )
    def test_a_manifest_that_lacks_a_part(self, folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
        assert "export.json is not whole" in refusal(edited(folder, change), Damaged)

    @pytest.mark.parametrize("table", ["customers", "clicks"])
    def test_a_file_that_is_gone(self, folder: Path, table: str) -> None:
        format = verified(folder).format
        (folder / f"{table}.{format}").unlink()
        assert f"{table}.{format} is missing, though export.json lists it" in refusal(folder, Damaged)

    @pytest.mark.parametrize("table", ["customers", "purchases", "clicks"])
    @pytest.mark.parametrize(
        "change",
        [lambda data: data[:-1], lambda data: data + b"\n", lambda data: b"", lambda data: b"x" + data[1:]],
        ids=["cut", "longer", "emptied", "flipped"],
    )
    def test_a_file_that_has_changed(self, folder: Path, table: str, change: Callable[[bytes], bytes]) -> None:
        path = folder / f"{table}.{verified(folder).format}"
        path.write_bytes(change(path.read_bytes()))
        said = refusal(folder, Damaged)
        assert f"{path} has changed since it was exported: copy it again, or export again" in said

    def test_files_of_two_exports_do_not_mix(self, folder: Path, tmp_path: Path) -> None:
        store, format = MemoryStore(), verified(folder).format
        store.write([Purchase(id="other", customer="a", product="p")])
        write_folder(store, tmp_path / "later", format, digits=2)
        shutil.copy(tmp_path / "later" / f"purchases.{format}", folder)
        assert f"purchases.{format} has changed" in refusal(folder, Damaged)


def test_an_export_that_broke_off_has_no_manifest(tmp_path: Path) -> None:
    class Failing(MemoryStore):
        def read(self, kind: Any, **options: Any) -> Any:
            if kind is Purchase:
                raise OSError("no space left on device")
            return super().read(kind, **options)

    store = Failing()
    store.write([Product(id="p")])
    with pytest.raises(OSError, match="no space"):
        write_folder(store, tmp_path / "half", "jsonl", digits=2)
    assert (tmp_path / "half/products.jsonl").exists()
    assert "was interrupted: export again" in refusal(tmp_path / "half")
