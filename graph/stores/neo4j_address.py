"""Where a Neo4j database is, read from the URL of a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from graph.errors import Invalid

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
"""``+s``: encrypted, as Aura asks for; ``+ssc``: encrypted, any certificate; ``neo4j`` routes within a cluster, ``bolt`` does not."""

EXAMPLE = "neo4j://neo4j@127.0.0.1:7687/neo4j"


@dataclass(frozen=True, slots=True)
class Address:
    """Server, database and login. ``server`` holds no password and may be shown."""

    server: str
    database: str
    user: str
    password: str = field(repr=False)

    @classmethod
    def parse(cls, url: str, password: str | None = None) -> Self:
        """Read ``neo4j://user:password@host:port/database``; what is left out is ``neo4j``, 7687 and ``neo4j``.

        Parameters
        ----------
        url
            Scheme one of `SCHEMES`. User and password are percent-encoded where they hold ``@``, ``:`` or ``/``.
        password
            Used where the URL holds none.

        Raises
        ------
        graph.errors.Invalid
            There is no host or no password, or the URL has parts that mean nothing.
        """
        shown = _without_password(url)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 7687
        except ValueError as error:
            raise Invalid(
                f"{shown!r} is no address of a Neo4j server: {error}; write {EXAMPLE}", field="store"
            ) from None
        if not host or parts.query or parts.fragment or parts.path.count("/") > 1:
            raise Invalid(f"{shown!r} is no address of a Neo4j server; write {EXAMPLE}", field="store")
        known = unquote(parts.password) if parts.password else password
        if not known:
            raise Invalid(
                f"{shown} needs a password: set neo4j_password_file (KITH_NEO4J_PASSWORD_FILE) to the file that holds it",
                field="store",
            )
        server = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        return cls(server, parts.path.strip("/") or "neo4j", unquote(parts.username or "neo4j"), known)


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}{at}{place}"
