"""Arrays on disk: whole or not at all, and never changed without notice."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from graph.artefact import Shelf, load_arrays, read_manifest, save_arrays, write_whole
from graph.errors import Damaged, NotFound, Unavailable


def artefact(folder: Path) -> Path:
    save_arrays(folder, {"a": np.arange(5), "b": np.zeros((0, 3), np.float32)}, {"made": "now"})
    return folder


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    arrays, meta = load_arrays(artefact(tmp_path / "x"))
    assert meta == {"made": "now"}
    assert arrays["a"].tolist() == [0, 1, 2, 3, 4]
    assert (arrays["b"].shape, arrays["b"].dtype) == ((0, 3), np.float32)


def test_arrays_are_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    loaded, _ = load_arrays(artefact(tmp_path / "x"))
    assert isinstance(loaded["a"].base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded["a"][0] = 7


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = artefact(tmp_path / "x") / "a.npy"
    whole = path.read_bytes()
    for bit in range(0, 8 * len(whole), 37):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(flipped))
        with pytest.raises(Damaged, match="changed"):
            load_arrays(tmp_path / "x")


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])], ids=["missing", "cut short"]
)
@pytest.mark.parametrize("name", ["a.npy", "manifest.json"])
def test_a_missing_or_short_file_is_damage(tmp_path: Path, name: str, spoil: object) -> None:
    spoil(artefact(tmp_path / "x") / name)
    with pytest.raises(Damaged, match="train again"):
        load_arrays(tmp_path / "x")


def test_a_manifest_is_read_without_the_arrays(tmp_path: Path) -> None:
    folder = artefact(tmp_path / "x")
    sums, meta = read_manifest(folder)
    assert (set(sums), meta) == (set(load_arrays(folder)[0]), load_arrays(folder)[1])
    (folder / "a.npy").unlink()
    assert read_manifest(folder) == (sums, meta)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(Damaged, match="train again"):
        read_manifest(folder)


def test_objects_are_never_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        save_arrays(tmp_path / "x", {"a": np.array([{}], object)}, {})


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot write"):
        save_arrays(tmp_path / "file" / "x", {}, {})


@given(
    arrays(
        st.sampled_from([np.int64, np.float32, np.uint8, np.bool_]),
        array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4),
    )
)
def test_any_array_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    folder = tmp_path_factory.mktemp("any") / "x"
    save_arrays(folder, {"a": array}, {})
    assert np.array_equal(load_arrays(folder)[0]["a"], array, equal_nan=array.dtype == np.float32)


def test_a_file_is_replaced_whole_and_private_when_asked(tmp_path: Path) -> None:
    write_whole(tmp_path / "k", b"old")
    write_whole(tmp_path / "k", b"new", mode=0o600)
    assert (tmp_path / "k").read_bytes() == b"new"
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


class TestShelf:
    def put(self, shelf: Shelf, text: str) -> str:
        def write(folder: Path) -> None:
            folder.mkdir()
            (folder / "t").write_text(text)

        return shelf.publish(write)

    def test_the_newest_is_current_and_older_ones_stay(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path / "s", keep=2)
        assert shelf.current() is None
        names = [self.put(shelf, text) for text in "abc"]
        assert names == ["000001", "000002", "000003"]
        assert (shelf.current(), shelf.names()) == ("000003", ["000002", "000003"])
        assert (shelf.path("000003") / "t").read_text() == "c"

    def test_an_earlier_one_can_be_made_current_and_is_never_dropped(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path / "s", keep=2)
        for text in "ab":
            self.put(shelf, text)
        shelf.make_current("000001")
        assert shelf.current() == "000001"
        with pytest.raises(NotFound, match="it has 000001, 000002"):
            shelf.make_current("000009")

    def test_a_write_that_fails_leaves_the_earlier_one_in_force(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path / "s")
        self.put(shelf, "a")

        def fail(folder: Path) -> None:
            folder.mkdir()
            raise RuntimeError

        with pytest.raises(RuntimeError):
            shelf.publish(fail)
        assert (shelf.current(), shelf.names()) == ("000001", ["000001"])
        assert not list((tmp_path / "s").glob(".fresh-*"))

    def test_what_a_killed_publisher_left_is_removed_by_the_next(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path / "s")
        (tmp_path / "s" / ".fresh-000001").mkdir(parents=True)
        self.put(shelf, "a")
        assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [".lock", "000001", "current"]
