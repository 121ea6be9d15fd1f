"""Files into a store: every chunk is read, judged, and written whole, so that a load that was killed is resumed by running it again."""

from __future__ import annotations

import time
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
from loaders.shapes import FILES, Shape
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
        Make bare records for customers and products that nothing describes, in place of rejecting the rows that name them.
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
    """Load files in the order customers, products, friends, consents, purchases, likes; all are opened and checked before a row is written.

    Loading the same files again changes nothing. A store that fails midway leaves whole chunks, which the next run recognises.

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
    _check_options(options, shapes)
    with ExitStack() as stack:
        opened: list[tuple[Shape, Source, Header]] = []
        for shape in (shapes[name] for name in FILES if name in shapes):
            source = stack.enter_context(closing(open_source(Path(paths[shape.name]))))
            header = match_header(source, shape, options.mapping)
            _check_key(header, source, options)
            opened.append((shape, source, header))
        rejects = stack.enter_context(RejectsFile(options.rejects)) if options.rejects else None
        progress = _Total(on_progress, sum(source.size for _, source, _ in opened))
        references = References(store, create_missing=options.create_missing, assume_consent=options.assume_consent)
        return [_Load(store, options, references, rejects, progress, *one).run() for one in opened]


def _check_options(options: Options, shapes: Mapping[str, Shape]) -> None:
    check_mapping(options.mapping, shapes.values())
    for purpose in options.assume_consent:
        if purpose not in PURPOSES:
            raise Invalid(f"{quote(purpose)} is no purpose; known are {', '.join(PURPOSES)}", field="assume_consent")
    if options.chunk_rows < 1:
        raise Invalid("a transaction takes at least one row", field="chunk_rows")


_HASHED = ("email", "phone", "address", "device", "payment")


def _check_key(header: Header, source: Source, options: Options) -> None:
    personal = [name for name in _HASHED if name in header.wanted and source.columns is not None]
    if personal and options.key is None:
        raise Invalid(f"{source.name}: {', '.join(personal)} are only kept as keyed hashes, and no hash key is set", field="key")


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
        fresh = set(marks) - self._older - self._newer
        self._newer |= fresh
        if len(self._newer) > REMEMBERED:
            self._newer, self._older = set(), self._newer
        return len(rows) - len(fresh)


class _Load:
    """One file on its way into a store."""

    def __init__(
        self,
        store: GraphStore,
        options: Options,
        references: References,
        rejects: RejectsFile | None,
        progress: _Total,
        shape: Shape,
        source: Source,
        header: Header,
    ) -> None:
        self._store, self._options, self._references = store, options, references
        self._rejects, self._progress = rejects, progress
        self._shape, self._source, self._header = shape, source, header
        self._reader = ColumnReader(shape, Context(options.now, options.digits, options.key))
        self._repeats = _Repeats()
        self._report = LoadReport(source.name, shape.name)

    def run(self) -> LoadReport:
        report, began = self._report, time.perf_counter()
        report.note_unknown(self._header.unknown)
        before = dict(self._references.created)
        try:
            for chunk in self._source.chunks(self._header.wanted):
                self._take(chunk)
                self._progress.show(chunk.position, report.read)
        except Refused as error:
            done = f"; {report.accepted:,} rows before it are stored" if report.accepted else ""
            raise Refused(f"{error}{done}") from None
        except OSError as error:
            raise Refused(f"{self._source.name} could not be read to its end: {error}") from None
        made = {table: count - before.get(table, 0) for table, count in self._references.created.items()}
        report.created = {table: count for table, count in made.items() if count}
        report.seconds = time.perf_counter() - began
        self._progress.finish(self._source.size, report.read)
        return report

    def _take(self, chunk: Chunk) -> None:
        rows, rejects = self._reader.read(chunk)
        rejects = [*chunk.rejects, *rejects]
        for part in _parts(rows, self._options.chunk_rows):
            good, unknown = self._references.check(self._shape.kind, part)
            rejects += unknown
            if good:
                self._write(good)
        self._report.note_unknown(sorted(chunk.unknown))
        self._reject(rejects)

    def _write(self, rows: Rows) -> None:
        report, kind = self._report, self._shape.kind
        self._references.learn(kind, rows)
        changed = self._store.write(Columns(kind, rows.values)).changed
        repeated = self._repeats.count(rows, by_id=has_id(kind))
        report.read += len(rows)
        report.accepted += len(rows)
        report.changed += changed
        report.repeated += repeated
        report.unchanged += max(0, len(rows) - changed - repeated)
        if self._options.pause:
            time.sleep(self._options.pause)

    def _reject(self, rejects: list[Rejected]) -> None:
        if not rejects:
            return
        rejects.sort(key=lambda row: row.line)
        self._report.read += len(rejects)
        self._report.rejected += len(rejects)
        self._report.rejects += rejects[: max(0, self._options.shown - len(self._report.rejects))]
        if self._rejects:
            self._rejects.write(self._source.name, rejects)


def _parts(rows: Rows, size: int) -> Iterator[Rows]:
    """Slices of at most ``size`` rows."""
    for start in range(0, len(rows), size):
        cut = slice(start, start + size)
        yield Rows(rows.lines[cut], {field: column[cut] for field, column in rows.values.items()})
