"""API keys: shown once, stored hashed, told to running servers by the file they lie in.

A key reads ``kith_<id>_<secret><checksum>``: 8, 64 and 8 hexadecimal digits. The secret has 256 random bits, which is
why a plain SHA-256 is enough to store it by; the checksum (CRC-32) tells a mistyped key from an unknown one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from graph.artefact import write_whole
from graph.errors import Damaged, Invalid, KeyMissing, NotFound
from graph.moments import Clock, Moment, utcnow

if sys.platform != "win32":
    import fcntl

Scope = Literal["storefront", "marketer", "analyst", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_FORM = re.compile(r"(kith_([0-9a-f]{8})_[0-9a-f]{64})([0-9a-f]{8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key.

    Attributes
    ----------
    id
        The public part, by which a key is listed and revoked.
    name
        Whose key it is.
    scopes
        What it opens.
    created, revoked
        Moments; ``revoked`` is None while the key is good.
    digest
        SHA-256 of the whole key, hexadecimal.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created: Moment
    digest: str
    revoked: Moment | None = None


class KeyRing:
    """The keys of one data folder, in ``keys.json``. Safe for several threads and processes.

    Every method sees what any process has written: the file is read again whenever it has been replaced.
    """

    def __init__(self, folder: Path, *, clock: Clock = utcnow) -> None:
        self._file = folder / "keys.json"
        self._clock = clock
        self._read: tuple[object, dict[str, ApiKey]] = (None, {})

    @property
    def required(self) -> bool:
        """Whether callers must show a key: from the first key on, and still after the last one was revoked."""
        return bool(self._keys())

    def all(self) -> tuple[ApiKey, ...]:
        """Every key ever made, oldest first, the revoked ones too."""
        return tuple(self._keys().values())

    def create(self, name: str, scopes: Iterable[Scope]) -> tuple[str, ApiKey]:
        """Make a key. The first value is the key itself: it is kept nowhere and cannot be shown again.

        Raises
        ------
        graph.errors.Invalid
            The name is empty, a scope is unknown, or there is none.
        """
        wanted = tuple(scope for scope in SCOPES if scope in (asked := set(scopes)))
        if not name.strip():
            raise Invalid("a key needs a name that says whose it is", field="name")
        if not wanted or set(wanted) != asked:
            raise Invalid(f"a key needs one or more of the scopes {', '.join(SCOPES)}", field="scopes")
        id = secrets.token_hex(4)
        text = f"kith_{id}_{secrets.token_hex(32)}"
        text += _checksum(text)
        key = ApiKey(id, name.strip(), wanted, self._clock(), _digest(text))
        with self._alone() as keys:
            self._replace(keys | {id: key})
        return text, key

    def revoke(self, id: str) -> ApiKey:
        """End a key; running servers refuse it from their next request on. Revoking twice changes nothing.

        Raises
        ------
        graph.errors.NotFound
            There is no key with this id.
        """
        with self._alone() as keys:
            if id not in keys:
                raise NotFound(f"no key has the id {id!r}; kith keys list shows them")
            if keys[id].revoked is None:
                self._replace(keys | {id: replace(keys[id], revoked=self._clock())})
            return self._keys()[id]

    def verify(self, text: str) -> ApiKey:
        """The key that a caller has shown.

        Raises
        ------
        graph.errors.KeyMissing
            It is mistyped, unknown, or revoked; the message tells the first from the others.
        """
        form = _FORM.fullmatch(text)
        if form is None or not hmac.compare_digest(_checksum(form[1]), form[3]):
            raise KeyMissing("this is not a complete API key: copy it again, from kith_ to the last character")
        key = self._keys().get(form[2])
        if key is None or not hmac.compare_digest(key.digest, _digest(text)) or key.revoked is not None:
            raise KeyMissing("this API key is not known here or was revoked: ask for a new one (kith keys create)")
        return key

    def _keys(self) -> dict[str, ApiKey]:
        try:
            state = self._file.stat()
        except FileNotFoundError:
            return {}
        version = (state.st_ino, state.st_mtime_ns, state.st_size)
        if self._read[0] != version:
            self._read = version, self._parse()
        return self._read[1]

    def _parse(self) -> dict[str, ApiKey]:
        try:
            stored = json.loads(self._file.read_bytes())["keys"]
            keys = [ApiKey(**{**entry, "scopes": tuple(entry["scopes"])}) for entry in stored]
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(
                f"{self._file} cannot be read ({type(error).__name__}: {error}): restore it from a backup, "
                "or delete it and make new keys with kith keys create"
            ) from None
        return {key.id: key for key in keys}

    @contextmanager
    def _alone(self) -> Iterator[dict[str, ApiKey]]:
        """One writer at a time, over all processes; the lock falls when its process does."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("a") as lock:
            if sys.platform != "win32":
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._keys()

    def _replace(self, keys: dict[str, ApiKey]) -> None:
        listed = {"keys": [asdict(key) for key in keys.values()]}
        write_whole(self._file, json.dumps(listed, indent=1).encode(), mode=0o600)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
