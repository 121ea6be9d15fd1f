"""Files into a store: every chunk is read, judged and written whole; a load that was killed is simply run again."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from graph.columns import Columns
from graph.errors import Invalid, Refused
from graph.moments import Moment
from graph.records import PURPOSES, Purpose
from graph.store import GraphStore
from loaders.files import open_source
from loaders.header import Header, check_mapping, match_header, shape_of
from loaders.references import References
from loaders.report import LoadReport, RejectsFile
from loaders.rules import Context
from loaders.shapes import FILES, PERSONAL, Shape
from loaders.source import Chunk, Rejected, Source, quote
from loaders.validate import ColumnReader, Rows, has_id

Progress = Callable[[int, int, int], None]
"""Called with bytes read, bytes in all, and rows read, over all files of the load."""

REMEMBERED = 250_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How files are loaded.

    Attributes
    ----------
    now
        The present; later times are rejected.
    create_missing
        Make bare records for customers and products that nothing describes; otherwise rows that name them are rejected.
    assume_consent
        Purposes that every customer whom the files name is taken to have consented to.
    mapping
        Our name (``price``, or ``products.price`` for one file of several) -> column of the file.
    rejects
        Where all rejected rows are written as CSV.
    digits
        Digits of the currency after the point.
    key
        Key of the hashes that personal data are kept as.
    chunk_rows
        Rows per transaction.
    pause
        Seconds between two transactions, so that live traffic gets its turn.
    shown
        How many rejects the report holds.
    """

    now: Moment
    create_missing: bool = False
    assume_consent: tuple[Purpose, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    rejects: Path | None = None
    digits: int = 2
    key: bytes | None = None
    chunk_rows: int = 5_000
    pause: float = 0.005
    shown: int = 20


def load_file(
    path: Path, kind: str, store: GraphStore, *, options: Options, on_progress: Progress | None = None
) -> LoadReport:
    """Load one file of a kind of `loaders.shapes.FILES`. See `load_files`."""
    return load_files({kind: path}, store, options=options, on_progress=on_progress)[0]


def load_files(
    paths: Mapping[str, Path], store: GraphStore, *, options: Options, on_progress: Progress | None = None
) -> list[LoadReport]:
    """Load files in the order customers, products, friends, consents, purchases, likes.

    All are opened and checked before a row is written. Loading them again changes nothing; a load that broke off leaves
    whole chunks, which the next run recognises.

    Raises
    ------
    graph.errors.Refused
        A file cannot be loaded as a whole.
    graph.errors.Invalid
        An option is wrong.
    graph.errors.Unavailable
        The store failed.
    """
    shapes = {name: shape_of(name) for name in paths}
    _check_options(options)
    with ExitStack() as stack:
        files = [
            (shape, stack.enter_context(closing(open_source(Path(paths[name])))))
            for name, shape in FILES.items()
            if name in shapes
        ]
        check_mapping(options.mapping, files)
        inputs = [_input(shape, source, options) for shape, source in files]
        job = _Job(
            store,
            options,
            References(store, create_missing=options.create_missing, assume_consent=options.assume_consent),
            stack.enter_context(RejectsFile(options.rejects)) if options.rejects else None,
            _Total(on_progress, sum(source.size for _, source in files)),
        )
        return [_Load(job, each).run() for each in inputs]


def _check_options(options: Options) -> None:
    for purpose in options.assume_consent:
        if purpose not in PURPOSES:
            raise Invalid(f"{quote(purpose)} is no purpose; known are {', '.join(PURPOSES)}", field="assume_consent")
    if options.chunk_rows < 1:
        raise Invalid("a transaction takes at least one row", field="chunk_rows")


@dataclass(frozen=True, slots=True)
class _Input:
    """A file that has passed all checks."""

    shape: Shape
    source: Source
    header: Header
    chunks: Iterator[Chunk]


def _input(shape: Shape, source: Source, options: Options) -> _Input:
    header = match_header(source, shape, options.mapping)
    personal = [name for name in PERSONAL if name in header.wanted and source.columns is not None]
    if personal and options.key is None:
        listed = ", ".join(personal)
        raise Invalid(f"{source.name}: {listed} are only kept as keyed hashes, and no hash key is set", field="key")
    return _Input(shape, source, header, source.chunks(header.wanted))


class _Total:
    """Progress over several files."""

    def __init__(self, report: Progress | None, size: int) -> None:
        self._report, self._size = report, size
        self._bytes = self._rows = 0

    def show(self, position: int, rows: int) -> None:
        if self._report:
            self._report(self._bytes + position, self._size, self._rows + rows)

    def finish(self, size: int, rows: int) -> None:
        self._bytes, self._rows = self._bytes + size, self._rows + rows
        self.show(0, 0)


class _Repeats:
    """Counts rows seen before among the last few hundred thousand, in bounded memory."""

    def __init__(self) -> None:
        self._newer: set[int] = set()
        self._older: set[int] = set()

    def count(self, rows: Rows, *, by_id: bool) -> int:
        marks = map(hash, rows.values["id"] if by_id else zip(*rows.values.values(), strict=True))
        fresh = set(marks).difference(self._older, self._newer)
        self._newer |= fresh
        if len(self._newer) > REMEMBERED:
            self._newer, self._older = set(), self._newer
        return len(rows) - len(fresh)


@dataclass(frozen=True, slots=True)
class _Job:
    """What the files of one load share."""

    store: GraphStore
    options: Options
    references: References
    rejects: RejectsFile | None
    progress: _Total


class _Load:
    """One file on its way into a store."""

    def __init__(self, job: _Job, input: _Input) -> None:
        self._job, self._input = job, input
        self._kind = input.shape.kind
        options = job.options
        self._reader = ColumnReader(input.shape, Context(options.now, options.digits, options.key))
        self._repeats = _Repeats()
        self._report = LoadReport(input.source.name, input.shape.name)

    def run(self) -> LoadReport:
        report, source, began = self._report, self._input.source, time.perf_counter()
        report.note_unknown(self._input.header.unknown)
        before = dict(self._job.references.created)
        try:
            for chunk in self._input.chunks:
                self._take(chunk)
                self._job.progress.show(chunk.position, report.read)
        except Refused as error:
            done = f"; {report.accepted:,} rows before it are stored" if report.accepted else ""
            raise Refused(f"{error}{done}") from None
        except (OSError, EOFError, zlib.error) as error:
            raise Refused(f"{source.name} could not be read to its end: {error}") from None
        made = {table: count - before.get(table, 0) for table, count in self._job.references.created.items()}
        report.created = {table: count for table, count in made.items() if count}
        report.seconds = time.perf_counter() - began
        self._job.progress.finish(source.size, report.read)
        return report

    def _take(self, chunk: Chunk) -> None:
        rows, rejects = self._reader.read(chunk)
        rejects = [*chunk.rejects, *rejects]
        for part in _parts(rows, self._job.options.chunk_rows):
            good, unknown = self._job.references.check(self._kind, part)
            rejects += unknown
            if good:
                self._write(good)
        self._report.note_unknown(sorted(chunk.unknown))
        self._reject(rejects)

    def _write(self, rows: Rows) -> None:
        report, job = self._report, self._job
        job.references.learn(self._kind, rows)
        changed = job.store.write(Columns(self._kind, rows.values)).changed
        repeated = self._repeats.count(rows, by_id=has_id(self._kind))
        report.read += len(rows)
        report.accepted += len(rows)
        report.changed += changed
        report.repeated += repeated
        report.unchanged += max(0, len(rows) - changed - repeated)
        if job.options.pause:
            time.sleep(job.options.pause)

    def _reject(self, rejects: list[Rejected]) -> None:
        if not rejects:
            return
        rejects.sort(key=lambda row: row.line)
        self._report.note_rejected(rejects, self._job.options.shown)
        if self._job.rejects:
            self._job.rejects.write(self._input.source.name, rejects)


def _parts(rows: Rows, size: int) -> Iterator[Rows]:
    """Slices of at most ``size`` rows."""
    for start in range(0, len(rows), size):
        cut = slice(start, start + size)
        yield Rows(rows.lines[cut], {field: column[cut] for field, column in rows.values.items()})
