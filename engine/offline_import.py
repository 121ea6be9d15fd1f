"""A first load through Neo4j's own importer, for an empty database of a server that ``kith neo4j`` runs on this machine.

The server goes on while the rows are read and judged. It is stopped for the import, which makes a new database beside the empty one;
the new one then takes the other's place. Whatever fails, the empty database is there and the server runs.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from engine.console import OnStep, silent
from engine.engine import Engine
from engine.neo4j_server import LocalServer
from engine.settings import Settings, without_password
from graph.errors import Conflict, Damaged, Invalid, Unavailable
from graph.moments import Clock
from graph.store import GraphStore
from graph.stores.neo4j_address import SCHEMES, Address
from graph.stores.neo4j_import import ImportFiles
from graph.stores.neo4j_onlooker import Onlooker
from graph.stores.neo4j_store import Neo4jStore
from loaders.report import LoadReport

DATABASE = "neo4j"
INCOMING = "kith-incoming"
"""Name of the new database while the importer makes it."""

PARTS = ("databases", "transactions")
"""Folders of a server's data in which every database has one of its own."""

GROWTH = 4
"""Bytes on disk per byte of the importer's files, with something to spare: about three were measured."""

LEAST_FREE = 2**27
LOOPBACK = ("127.0.0.1", "localhost")

Load = Callable[[Engine], Sequence[LoadReport]]
"""Loads something into the store of an engine."""


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder."""
    return shutil.disk_usage(folder).free


def load_offline(
    settings: Settings,
    server: LocalServer,
    load: Load,
    *,
    clock: Clock,
    on_step: OnStep = silent,
    free: Callable[[Path], int] = free_bytes,
) -> list[LoadReport]:
    """What ``load`` reports; afterwards the database is as if it had been loaded through the running server.

    Parameters
    ----------
    settings
        Of the shop; its store is the server's database.
    server
        The server, running.
    load
        What is to be loaded: it gets an engine whose store takes facts and tells ids, and nothing else.
    clock
        Gives the present moment.
    on_step
        Told how far it is.
    free
        Tells the room on the disk of a folder.

    Raises
    ------
    graph.errors.Invalid
        The store is none of a server that runs on this machine.
    graph.errors.Conflict
        The database is not empty, or another import is on its way.
    graph.errors.Refused
        A file cannot be loaded as a whole, or the importer failed.
    graph.errors.Unavailable
        The disk is full, or the server does not start.
    graph.errors.Damaged
        The new database does not hold what the files held.
    """
    home = _home(settings, server)
    with _workplace(home) as folder:
        _check_empty(settings, server)
        files = ImportFiles(folder)
        with closing(Engine.open(settings, store=cast(GraphStore, files), clock=clock)) as engine:
            reports = list(load(engine))  # a load only writes, and asks which customers and products there are
            files.finish()
        if any(files.counts.values()):
            _check_room(home, files.size, free)
            _check_empty(settings, server)  # somebody may have written while the rows were read
            _replace(server, home, files, on_step)
    return reports


def _home(settings: Settings, server: LocalServer) -> Path:
    """The folder of the server, if it runs and its database is the store."""
    store, status = without_password(settings.store), server.status()
    there = f"the importer works only in a database that kith neo4j runs on this machine; load {store} without --offline-import"
    if urlsplit(settings.store).scheme not in SCHEMES:
        raise Invalid(f"{store} is no Neo4j store: load into it without --offline-import", field="store")
    if settings.neo4j_url is not None:
        raise Invalid(f"neo4j_url names a server that is not ours to stop, and {there}", field="neo4j_url")
    address = Address.parse(settings.store, password="unused")  # noqa: S106  # only the place counts
    named, own = urlsplit(address.server), urlsplit(status.url)
    if named.hostname not in LOOPBACK or named.port != own.port or address.database != DATABASE:
        raise Invalid(f"{store} is not the server in {status.home}, and {there}", field="store")
    if not status.running:
        raise Invalid(f"the Neo4j server in {status.home} is not running: kith neo4j start, then load", field="store")
    return status.home


@contextmanager
def _workplace(home: Path) -> Iterator[Path]:
    """A folder for the files, emptied before and afterwards: they hold what is told of people."""
    with (home / ".import.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(f"another import into {home} is on its way: wait until it has ended") from None
        folder = home / "import/kith"
        with ExitStack() as clean:
            clean.callback(_clear, home, folder)
            _clear(home, folder)
            folder.mkdir(mode=0o700)
            yield folder


def _clear(home: Path, folder: Path) -> None:
    for path in (folder, *(home / "data" / part / INCOMING for part in PARTS)):
        if path.exists():
            shutil.rmtree(path)


def _check_empty(settings: Settings, server: LocalServer) -> None:
    with closing(Onlooker(Address.parse(server.url))) as database:
        unused = database.is_unused()
    if not unused:
        raise Conflict(
            f"{without_password(settings.store)} is not empty, or has been in use, and the importer makes only new databases: "
            "load without --offline-import"
        )


def _check_room(home: Path, size: int, free: Callable[[Path], int]) -> None:
    needed, left = GROWTH * size + LEAST_FREE, free(home)
    if left < needed:
        raise Unavailable(
            f"the disk of {home} has {left / 2**20:,.0f} MiB left and the import may take {needed / 2**20:,.0f} MiB: "
            "make room and load again"
        )


def _replace(server: LocalServer, home: Path, files: ImportFiles, on_step: OnStep) -> None:
    """Import the files, put the new database in the place of the empty one, and look whether it holds what it should."""
    with ExitStack() as undo:
        on_step("importing", 0.0)
        undo.callback(server.start)
        server.stop()
        server.admin("database", "import", "full", INCOMING, "--overwrite-destination", *files.arguments)
        for part in PARTS:
            _swap(home / "data" / part, home / "import/kith" / part, undo)
        undo.callback(server.stop)
        on_step("importing", 1.0)
        server.start(on_step)
        on_step("making indexes", 0.0)
        _check_counts(server, files)
        undo.pop_all()
    on_step("making indexes", 1.0)


def _swap(folder: Path, aside: Path, undo: ExitStack) -> None:
    """Put one part of the empty database aside and the new one in its place."""
    place, incoming = folder / DATABASE, folder / INCOMING
    if place.exists():
        place.rename(aside)
        undo.callback(aside.rename, place)
    incoming.rename(place)
    undo.callback(place.rename, incoming)


def _check_counts(server: LocalServer, files: ImportFiles) -> None:
    with closing(Neo4jStore(Address.parse(server.url))) as store:
        found = store.check().counts  # the first question makes constraints and indexes
    wrong = [f"{found[table]:,} of {count:,} {table}" for table, count in files.counts.items() if found[table] != count]
    if wrong:
        raise Damaged(f"the importer brought in {', '.join(wrong)}: nothing was kept, load without --offline-import")
