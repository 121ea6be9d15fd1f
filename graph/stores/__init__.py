"""Where facts are kept. A URL chooses the store; its module is imported only then."""

from __future__ import annotations

import difflib
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from graph.errors import Invalid
from graph.store import GraphStore
from graph.stores import neo4j_address

SCHEMES = ("sqlite", "memory", *neo4j_address.SCHEMES)


def open_store(url: str, *, password: str | None = None) -> GraphStore:
    """Open the store that a URL names.

    Parameters
    ----------
    url
        ``sqlite:///shop.db`` (relative), ``sqlite:////var/lib/kith/shop.db``, ``neo4j://user@host:7687/database``, ``memory://``.
    password
        Of a Neo4j server, where the URL holds none.

    Raises
    ------
    graph.errors.Invalid
        The URL has an unknown scheme, or lacks a part.
    graph.errors.Unavailable
        The store cannot be opened. Neo4j is asked only when it is first used.
    """
    scheme = urlsplit(url).scheme
    if scheme in neo4j_address.SCHEMES:
        from graph.stores.neo4j_store import Neo4jStore

        return Neo4jStore(neo4j_address.Address.parse(url, password))
    if scheme == "memory":
        from graph.stores.memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from graph.stores.sqlite import SqliteStore

        return SqliteStore(sqlite_path(url))
    near = difflib.get_close_matches(scheme, SCHEMES, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise Invalid(
        f"no store for {url!r}: known are {', '.join(SCHEMES)}{hint} (example: sqlite:///shop.db)", field="store"
    )


def sqlite_path(url: str) -> Path:
    """The file that a ``sqlite:///`` URL names: three slashes for a relative path, four for an absolute one."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or len(url) == len(prefix):
        raise Invalid(f"{url!r} names no file; write sqlite:///shop.db, or sqlite:////absolute/path.db", field="store")
    return Path(url[len(prefix) :])


def stand_by(store: GraphStore, spool: Path, *, patience: float, poll: float) -> GraphStore:
    """The same store for a process that must go on while it is away: events wait in a file meanwhile, and follow.

    Parameters
    ----------
    store
        A store behind a network. Closed with the one returned.
    spool
        The file.
    patience
        Seconds that a call may take before the store counts as away.
    poll
        Seconds between two looks at the store.
    """
    from graph.stores.neo4j_forms import checked
    from graph.stores.spool import Spool
    from graph.stores.spooled import SpooledStore

    return SpooledStore(store, Spool(spool), patience=patience, poll=poll, check=checked)


def waiting_in(spool: Path) -> tuple[int, int]:
    """How many facts wait in a spool, and how many of it the store refused for good; none where there is no such file."""
    if not spool.exists():
        return 0, 0
    from graph.stores.spool import Spool

    with closing(Spool(spool)) as found:
        return found.waiting(), len(found.refused())
