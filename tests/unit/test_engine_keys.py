"""API keys: what is kept of them, who is let in, and what other processes see."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.keys import SCOPES, KeyRing
from graph.errors import Damaged, Invalid, KeyMissing, NotFound

NOON = 1_700_000_000_000_000


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "shop.db.d", clock=lambda: NOON)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.db.d" / "keys.json"


def test_a_new_key_is_verified_with_its_name_and_scopes(ring: KeyRing) -> None:
    text, made = ring.create(" web shop ", ["analyst", "storefront"])
    assert ring.verify(text) == made
    assert (made.name, made.scopes, made.created, made.revoked) == ("web shop", ("storefront", "analyst"), NOON, None)


def test_a_key_has_256_bits_of_its_own(ring: KeyRing) -> None:
    texts = [ring.create("web", ["storefront"])[0] for _ in range(20)]
    assert all(re.fullmatch(r"kith_[0-9a-f]{8}_[0-9a-f]{72}", text) for text in texts)
    assert len({text[14:78] for text in texts}) == 20


def test_the_secret_is_kept_nowhere(ring: KeyRing, file: Path) -> None:
    text, made = ring.create("web", ["admin"])
    secret = text.split("_")[2]
    assert made.id in file.read_text()
    for path in file.parent.iterdir():
        assert secret[:16] not in path.read_text()
    assert secret[:16] not in repr(made)


def test_the_file_is_readable_by_its_owner_alone(ring: KeyRing, file: Path) -> None:
    for _ in range(2):
        ring.create("web", ["admin"])
        assert file.stat().st_mode & 0o777 == 0o600


def test_keys_are_listed_oldest_first(ring: KeyRing) -> None:
    made = [ring.create(name, ["admin"])[1] for name in ("one", "two", "three")]
    assert ring.all() == tuple(made)


def test_no_key_is_required_until_there_is_one(ring: KeyRing) -> None:
    assert not ring.required
    ring.create("web", ["admin"])
    assert ring.required


def test_revoking_the_last_key_does_not_open_the_server(ring: KeyRing) -> None:
    text, made = ring.create("web", ["admin"])
    ring.revoke(made.id)
    assert ring.required
    with pytest.raises(KeyMissing, match="revoked"):
        ring.verify(text)


def test_revoking_twice_is_revoking_once(ring: KeyRing, tmp_path: Path) -> None:
    _, made = ring.create("web", ["admin"])
    first = ring.revoke(made.id)
    later = KeyRing(tmp_path / "shop.db.d", clock=lambda: NOON + 1)
    assert later.revoke(made.id) == first
    assert first.revoked == NOON


def test_revoking_one_key_leaves_the_others(ring: KeyRing) -> None:
    (_, one), (text, two) = ring.create("one", ["admin"]), ring.create("two", ["admin"])
    ring.revoke(one.id)
    assert ring.verify(text) == two


def test_an_unknown_id_cannot_be_revoked(ring: KeyRing) -> None:
    with pytest.raises(NotFound, match="kith keys list"):
        ring.revoke("00000000")


@given(place=st.integers(0, 85), letter=st.sampled_from("0123456789abcdef_xK"))
def test_one_wrong_character_is_called_a_typing_error(place: int, letter: str) -> None:
    whole = "kith_1a2b3c4d_" + "5e" * 32
    text = f"{whole}{zlib.crc32(whole.encode()):08x}"
    typed = text[:place] + letter + text[place + 1 :]
    with pytest.raises(KeyMissing) as caught:
        KeyRing(Path("absent")).verify(typed)
    assert ("not a complete API key" in str(caught.value)) == (typed != text)


@pytest.mark.parametrize(
    "text", ["", "kith_", "Bearer x", "kith_1a2b3c4d_" + "0" * 72 + "\n", "kith_\u0661a2b3c4d_" + "0" * 72]
)
def test_what_is_no_key_is_refused(ring: KeyRing, text: str) -> None:
    ring.create("web", ["admin"])
    with pytest.raises(KeyMissing, match="not a complete API key"):
        ring.verify(text)


def test_a_key_of_another_shop_is_refused(ring: KeyRing, tmp_path: Path) -> None:
    ring.create("web", ["admin"])
    text, _ = KeyRing(tmp_path / "other").create("web", ["admin"])
    with pytest.raises(KeyMissing, match="not known here"):
        ring.verify(text)


def test_the_same_id_with_another_secret_is_refused(ring: KeyRing, file: Path) -> None:
    text, made = ring.create("web", ["admin"])
    stored = json.loads(file.read_text())
    stored["keys"][0]["digest"] = "0" * 64
    file.write_text(json.dumps(stored, indent=2))
    with pytest.raises(KeyMissing, match="not known here"):
        ring.verify(text)
    assert ring.all()[0].id == made.id


def test_a_running_server_sees_new_and_revoked_keys_at_once(ring: KeyRing, tmp_path: Path) -> None:
    server = KeyRing(tmp_path / "shop.db.d")
    assert server.all() == ()
    text, made = ring.create("web", ["admin"])
    assert server.verify(text) == made
    ring.revoke(made.id)
    with pytest.raises(KeyMissing):
        server.verify(text)


def test_processes_that_create_keys_together_lose_none(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.keys import KeyRing\n"
        "for _ in range(10): KeyRing(Path(sys.argv[1])).create(sys.argv[2], ['admin'])"
    )
    root = Path(__file__).parents[2]
    workers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=root) for name in "abc"]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert sorted(key.name for key in KeyRing(tmp_path).all()) == sorted("abc" * 10)


@pytest.mark.parametrize("scopes", [[], ["root"], ["admin", "root"]])
def test_a_key_needs_scopes_that_exist(ring: KeyRing, scopes: list[str], file: Path) -> None:
    with pytest.raises(Invalid, match=", ".join(SCOPES)):
        ring.create("web", scopes)  # type: ignore[arg-type]  # wrong scopes are what is tested
    assert not file.exists()


def test_a_key_needs_a_name(ring: KeyRing) -> None:
    with pytest.raises(Invalid, match="whose it is"):
        ring.create("  ", ["admin"])


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"keys": [{}]}', b'{"keys": 1}', b'{"keys": [[]]}', b"\xff"])
def test_a_damaged_file_lets_nobody_in_and_says_what_to_do(ring: KeyRing, file: Path, damage: bytes) -> None:
    text, _ = ring.create("web", ["admin"])
    file.write_bytes(damage)
    for use in (lambda: ring.verify(text), lambda: ring.required, lambda: ring.create("web", ["admin"])):
        with pytest.raises(Damaged, match="restore it from a backup"):
            use()
    assert file.read_bytes() == damage
