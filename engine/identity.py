"""The key that personal data are hashed with: made once per shop, and part of its backup."""

from __future__ import annotations

import fcntl
import secrets
from pathlib import Path

from graph.artefact import write_whole
from graph.errors import Damaged, Unavailable

SIZE = 32


def hash_key(folder: Path) -> bytes:
    """The key of a data folder, made at the first call.

    Raises
    ------
    graph.errors.Damaged
        The file is not a key.
    graph.errors.Unavailable
        The folder cannot be written.
    """
    file = folder / "identity.key"
    try:
        if not file.exists():
            _make(file)
        key = file.read_bytes()
    except OSError as error:
        raise Unavailable(f"cannot keep the hash key in {file}: {error.strerror}") from error
    if len(key) != SIZE:
        raise Damaged(f"{file} is no hash key: restore it from a backup, or hashed e-mail and phone no longer match")
    return key


def _make(file: Path) -> None:
    """One at a time, over all processes: a load and a server that begin together must not hash with different keys."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            write_whole(file, secrets.token_bytes(SIZE), mode=0o600)
