"""The folder of a Neo4j server that Kith runs: its shape, its configuration, its password, and one who works in it at a time."""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.neo4j_java import server_version
from graph.artefact import write_whole
from graph.errors import Conflict, Damaged, Invalid, NotFound

LOOPBACK = "127.0.0.1"
LEAST_MEMORY_MB = 256
BESIDE_HEAP_MB = 192
"""What Java takes beside heap and page cache."""

FOLDERS = ("conf", "data", "import", "logs", "plugins", "run")

CONFIGURATION = """\
# Written by kith neo4j at every start: what is changed here is lost.
server.default_listen_address={host}
server.default_advertised_address={host}
server.bolt.listen_address={host}:{bolt_port}
server.bolt.advertised_address={host}:{bolt_port}
server.http.listen_address={host}:{browser_port}
server.http.advertised_address={host}:{browser_port}
server.https.enabled=false
server.http.x_forward.enabled=false
server.directories.import=import
dbms.security.auth_enabled=true

# It tells nobody that it is there.
client.allow_telemetry=false
dbms.fleet_manager.enabled=false
dbms.usage_report.enabled=false
server.fleet_discovery.enabled=false

# A client learns that its connection is dead: a server at work says so every 5 seconds.
server.bolt.connection_keep_alive=5s
server.bolt.connection_keep_alive_for_requests=ALL
server.bolt.connection_keep_alive_probes=2

# By then the databases are closed already: it would wait twice 5 seconds for connections that might come.
internal.dbms.bolt.netty_server_shutdown_quiet_period_duration=0s

server.memory.heap.initial_size={heap_mb}m
server.memory.heap.max_size={heap_mb}m
server.memory.pagecache.size={page_cache_mb}m

# What was erased must not live on in logs: they hold what a recovery needs, and nothing older.
db.logs.query.enabled=OFF
db.checkpoint.interval.time=1m
db.tx_log.preallocate=false
db.tx_log.rotation.retention_policy=keep_none
db.tx_log.rotation.size=1m
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a home remembers of its server. ``memory_mb`` is about what the whole process takes."""

    version: str
    bolt_port: int = 7687
    browser_port: int = 7474
    memory_mb: int = 512

    @property
    def page_cache_mb(self) -> int:
        """Memory for the pages of its files."""
        return (self.memory_mb - BESIDE_HEAP_MB) // 5

    @property
    def heap_mb(self) -> int:
        """Memory for everything else that it computes with."""
        return self.memory_mb - BESIDE_HEAP_MB - self.page_cache_mb

    def check(self) -> None:
        """Refuse what no server could run with.

        Raises
        ------
        graph.errors.Invalid
            The memory is too little, or one port is to serve for both.
        """
        if self.memory_mb < LEAST_MEMORY_MB:
            raise Invalid(
                f"{self.memory_mb} MB are too few for a Neo4j server: give it {LEAST_MEMORY_MB} or more with --memory",
                field="memory",
            )
        if self.bolt_port == self.browser_port:
            raise Invalid(
                f"port {self.bolt_port} cannot serve Bolt and the Browser: choose two with --port and --browser-port",
                field="port",
            )


class Home:
    """A folder that holds one server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        self.password_file = self.folder / "password"
        self.console = self.folder / "logs/console.log"
        self.pid_file = self.folder / "run/pid"
        self.flags = (f"--home-dir={self.folder}", f"--config-dir={self.folder / 'conf'}")
        self._marker = self.folder / "kith.json"

    @property
    def made(self) -> bool:
        """Whether a server was ever prepared here."""
        return self._marker.exists()

    @property
    def has_data(self) -> bool:
        """Whether a server has run here, and keeps the password that it has."""
        return (self.folder / "data/databases/system").exists()

    def shape(self) -> Shape:
        """What was remembered, else the defaults.

        Raises
        ------
        graph.errors.Damaged
            What was remembered cannot be read.
        """
        if not self.made:
            return Shape(server_version())
        try:
            return Shape(**json.loads(self._marker.read_bytes()))
        except (ValueError, TypeError) as error:
            raise Damaged(
                f"{self._marker} cannot be read ({error}): restore it, or use another folder (--home)"
            ) from None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One at a time, over all processes; the lock falls when its process does.

        Raises
        ------
        graph.errors.Conflict
            The folder holds something else.
        """
        lock = self.folder / ".lock"
        if not self.made and self.folder.is_dir() and any(path != lock for path in self.folder.iterdir()):
            raise Conflict(
                f"{self.folder} holds something other than a Neo4j server of Kith: name a new folder (--home)"
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with lock.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def wanted(self, asked: Mapping[str, int]) -> Shape:
        """The shape of the next server: the ports and the memory that are asked for, the others as remembered.

        Raises
        ------
        graph.errors.Conflict
            The data are those of another version.
        graph.errors.Invalid
            What is asked for makes no sense.
        """
        shape = Shape(**{**asdict(self.shape()), **asked})
        shape.check()
        if shape.version != server_version():
            raise Conflict(
                f"the data in {self.folder} are of Neo4j {shape.version} and this is {server_version()}: "
                "start in a new folder (--home) and load again, or use the Kith that made them"
            )
        return shape

    def remember(self, shape: Shape) -> None:
        """Keep the shape, for those who know only the folder."""
        write_whole(self._marker, json.dumps(asdict(shape)).encode())

    def prepare(self, shape: Shape) -> None:
        """Make what is missing, and the configuration anew; the password is chosen here."""
        self.remember(shape)
        for name in FOLDERS:
            (self.folder / name).mkdir(exist_ok=True)
        numbers = asdict(shape) | {"heap_mb": shape.heap_mb, "page_cache_mb": shape.page_cache_mb}
        write_whole(self.folder / "conf/neo4j.conf", CONFIGURATION.format(host=LOOPBACK, **numbers).encode())
        if not self.has_data and not self.password_file.exists():
            write_whole(self.password_file, secrets.token_hex(16).encode(), mode=0o600)

    def password(self) -> str:
        """The password of the user ``neo4j``.

        Raises
        ------
        graph.errors.NotFound
            The server was never started, or the file has been removed.
        """
        try:
            return self.password_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise NotFound(
                f"{self.password_file} is missing: put it back, or if there never was one, run kith neo4j start first"
            ) from None
