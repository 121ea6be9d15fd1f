"""``kith load``, ``export``, ``forget``, ``backup`` and ``restore``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.servers import local_server
from engine.console import PARTIAL, OnStep, Output
from engine.session import Session, session
from graph.errors import Invalid
from graph.exchange import FORMATS
from graph.exchange import export as export_graph
from graph.records import PURPOSES
from loaders.report import LoadReport

if TYPE_CHECKING:
    from engine.engine import Engine

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = typer.Option(help="CSV, JSON Lines or Parquet, plain or gzip.")


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.command("load")(load)
    parent.command("export")(export)
    parent.command("forget")(forget)
    parent.command("backup")(backup)
    parent.command("restore")(restore)


def load(
    context: typer.Context,
    customers: Annotated[Path | None, File] = None,
    products: Annotated[Path | None, File] = None,
    friends: Annotated[Path | None, File] = None,
    purchases: Annotated[Path | None, File] = None,
    likes: Annotated[Path | None, File] = None,
    consents: Annotated[Path | None, File] = None,
    graph: Annotated[
        Path | None,
        typer.Option(help="A whole graph as it is, instead of files: a folder of kith export (jsonl, parquet)."),
    ] = None,
    create_missing: Annotated[
        bool, typer.Option("--create-missing", help="Make customers and products that only these rows name.")
    ] = False,
    assume_consent: Annotated[
        list[str] | None,
        typer.Option(help=f"State that every customer named here agreed to a purpose: {', '.join(PURPOSES)}."),
    ] = None,
    map: Annotated[list[str] | None, typer.Option(help="name=column, where a file calls a column otherwise.")] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Write every rejected row, with line and reason, to this CSV.")
    ] = None,
    offline_import: Annotated[
        bool,
        typer.Option(
            "--offline-import",
            help="For a big first load into an empty Neo4j of kith neo4j: its own importer, while the server is stopped.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Load files into the store. Good rows are kept, bad rows reported; loading the same file twice changes nothing."""
    given = {
        "customers": customers,
        "products": products,
        "friends": friends,
        "purchases": purchases,
        "likes": likes,
        "consents": consents,
    }
    from engine import jobs

    files = {kind: file for kind, file in given.items() if file is not None}
    shop = {**files, "create-missing": create_missing, "assume-consent": assume_consent, "map": map}
    _check_chosen(graph, files, [name for name, value in shop.items() if value])
    out = Output(as_json=json)
    with out.progress() as on_step:

        def work(engine: Engine) -> list[LoadReport]:
            if graph is not None:
                return jobs.load_graph(engine, graph, rejects=rejects, on_step=on_step)
            return jobs.load(
                engine,
                files,
                create_missing=create_missing,
                assume_consent=assume_consent or (),  # type: ignore[arg-type]  # load refuses unknown purposes
                mapping=_mapping(map or []),
                rejects=rejects,
                on_step=on_step,
            )

        if offline_import:
            reports = _load_offline(session(context), work, on_step)
        else:
            with session(context).engine() as engine:
                reports = work(engine)
    _tell(out, reports, rejects, whole_graph=graph is not None)


def _tell(out: Output, reports: list[LoadReport], rejects: Path | None, *, whole_graph: bool) -> None:
    from engine import jobs

    memory = round(jobs.peak_memory_mb())
    out.result(
        {"files": [report.as_dict() for report in reports], "peak_memory_mb": memory},
        *(line for report in reports if report.read or not whole_graph for line in _lines(report, rejects)),
        f"peak memory {memory} MiB; next: kith train",
    )
    if any(report.rejected for report in reports):
        raise typer.Exit(PARTIAL)


def _load_offline(session: Session, work: Callable[[Engine], list[LoadReport]], on_step: OnStep) -> list[LoadReport]:
    from engine.offline_import import load_offline

    settings = session.settings()
    return load_offline(settings, local_server(settings), work, clock=session.clock, on_step=on_step)


def _check_chosen(graph: Path | None, files: Mapping[str, Path], shop: Sequence[str]) -> None:
    if graph is None and not files:
        raise Invalid("nothing to load: name at least one file, for example --purchases purchases.csv")
    if graph is not None and shop:
        with_it = ", ".join(f"--{name}" for name in shop)
        raise Invalid(f"--graph takes a whole graph as it is: leave out {with_it}, or load that by itself afterwards")


def _mapping(pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise Invalid(f"--map {pair!r} is not of the form name=column", field="map")
        found[name] = column
    return found


def _lines(report: LoadReport, rejects: Path | None) -> list[str]:
    counts = f"{report.changed:,} new or changed, {report.unchanged:,} known, {report.repeated:,} repeated"
    speed = f"{report.seconds:.1f} s, {report.rows_per_second:,.0f} rows/s"
    accepted = f"{report.accepted:,} of {report.read:,} rows accepted ({counts})"
    lines = [f"{report.kind}: {accepted}, {report.rejected:,} rejected, {speed}"]
    lines += [f"  made {count:,} {table} that only these rows name" for table, count in report.created.items()]
    if report.unknown_columns:
        lines.append(f"  columns that nothing reads: {', '.join(report.unknown_columns)}")
    lines += [f"  line {row.line}: {row.field or 'row'} {row.reason} ({row.value})" for row in report.rejects]
    more = report.rejected - len(report.rejects)
    if more:
        lines.append(f"  and {more:,} more" + (f", all in {rejects}" if rejects else "; --rejects FILE keeps them all"))
    return lines


def export(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="A new folder (csv, jsonl, parquet) or file (graphml, gexf).")],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(FORMATS)}.")] = "csv",
    json: Json = False,
) -> None:
    """Write everything the store knows, for other programs."""
    with session(context).engine() as engine:
        counts = export_graph(engine.store, target, format, digits=engine.settings.currency_digits)
    known = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    Output(as_json=json).result(counts, f"{target}: {known or 'nothing to export'}")


def forget(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="Id of the person.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase a customer and every record that names them. Train again afterwards, so that no model remembers them."""
    if not yes:
        typer.confirm(f"Erase {customer} for good?", abort=True, err=True)
    with session(context).engine() as engine:
        removed = dict(engine.forget(customer).removed)
    said = ", ".join(f"{count:,} {table}" for table, count in removed.items())
    line = f"erased {customer}: {said}; next: kith train" if removed else f"nothing was known of {customer}"
    Output(as_json=json).result({"customer": customer, "removed": removed}, line)


def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="A file that does not exist yet.")],
    json: Json = False,
) -> None:
    """Write store, model and keys to one file, while the shop goes on."""
    from engine import backup as backups

    with session(context).engine() as engine:
        done = backups.backup(engine, target)
    Output(as_json=json).result(
        done, f"{target}: {done['files']} files, {done['bytes']:,} bytes, each with its checksum"
    )


def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="A file that kith backup wrote.")],
    json: Json = False,
) -> None:
    """Put a backup where the settings say the store is. Nothing that exists is replaced."""
    from engine import backup as backups

    settings = session(context).settings()
    done = backups.restore(source, settings)
    Output(as_json=json).result(done, f"restored to {settings.store}; next: kith doctor")
