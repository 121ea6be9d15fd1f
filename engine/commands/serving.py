"""``kith demo``, ``kith serve`` and ``kith doctor``."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.servers import local_server
from engine.console import FAILED, Output
from engine.session import session
from engine.settings import Settings
from graph.errors import Invalid
from graph.moments import to_moment

if TYPE_CHECKING:
    from engine.engine import Engine

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on (default 8000; 0: any free one).")]
Host = Annotated[str | None, typer.Option(help="Address to listen on; beyond loopback an API key must exist.")]

DEMO_STORE = "sqlite:///demo/shop.db"
DEMO_SEED = 7
DEMO_MEMORY_MB = 1024


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.command("demo")(demo)
    parent.command("serve")(serve_command)
    parent.command("doctor")(doctor)


def demo(
    context: typer.Context,
    port: Port = None,
    instant_evidence: Annotated[
        bool,
        typer.Option(
            "--instant-evidence",
            help="Let a purchase count for friends at once: evidence delay and epoch are set to zero.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives another shop.")] = DEMO_SEED,
    now: Annotated[datetime | None, typer.Option(help="When the shop's story ends, in UTC (default: now).")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make the shop anew, even if an earlier one is there.")
    ] = False,
    neo4j: Annotated[
        bool, typer.Option("--neo4j", help="Keep it in a Neo4j server, which is started and stopped with it.")
    ] = False,
) -> None:
    """Make a sample shop, train on it, and serve it on this machine until Ctrl-C."""
    from engine.jobs import prepare_demo
    from engine.serve import listen

    out = Output(as_json=False)
    chosen = session(context)
    given = chosen.settings(port=port)
    flags = {"port": port, **(_neo4j_demo(given) if neo4j else _sqlite_demo(given))}
    own = given.data_dir is None and (given.neo4j_url is None if neo4j else "store" in flags)
    if fresh and not own:  # what a person has named is never removed
        raise Invalid("--fresh removes only the sample shop's own files: name a store that does not exist yet instead")
    if instant_evidence:
        flags |= {"evidence_delay_hours": 0, "evidence_epoch_hours": 0}
        out.note("evidence delay and epoch are zero: friends see a purchase at once (not what a real shop should do)")
    settings = chosen.settings(**flags)
    anew = None if not own else fresh or now is not None or seed != DEMO_SEED
    demo_store = _neo4j_store if neo4j and settings.neo4j_url is None else _other_store
    with listen(settings) as listening, demo_store(settings, out, anew=anew) as place:
        with chosen.engine(**flags | place) as engine, out.progress() as on_step:
            end = None if now is None else to_moment(now.replace(tzinfo=UTC))
            made = prepare_demo(engine, seed=seed, now=end, on_step=on_step)
        out.note(made)
        with chosen.engine(serving=True, **flags | place) as engine:
            _serve(engine, listening, out)


def _sqlite_demo(given: Settings) -> dict[str, Any]:
    return {"store": DEMO_STORE} if given.store == Settings.model_fields["store"].default else {}


def _neo4j_demo(given: Settings) -> dict[str, Any]:
    if given.store != Settings.model_fields["store"].default:
        raise Invalid("--neo4j brings a store of its own: leave out --store (KITH_STORE), or leave out --neo4j")
    home = Path("demo/neo4j")
    return {
        "store": given.neo4j_url or "neo4j://neo4j@127.0.0.1",
        "data_dir": given.data_dir or home.with_suffix(".d"),
        "neo4j_home": home,
    }


@contextmanager
def _other_store(settings: Settings, _out: Output, *, anew: bool | None) -> Iterator[dict[str, Any]]:
    """As `_neo4j_store`, for a store that is there by itself."""
    from engine.jobs import clear_demo

    if anew is not None:
        clear_demo(settings, fresh=anew)
    yield {}


@contextmanager
def _neo4j_store(settings: Settings, out: Output, *, anew: bool | None) -> Iterator[dict[str, Any]]:
    """Settings of the sample shop's store while its server runs. ``anew`` is None where nothing may be removed."""
    from engine.jobs import clear_demo
    from engine.neo4j_server import free_ports

    bolt_port, browser_port = free_ports(7687, 7474)
    server = local_server(settings, bolt_port=bolt_port, browser_port=browser_port, memory_mb=DEMO_MEMORY_MB)
    with _leaving_when_told_to(), ExitStack() as at_end:
        if anew is not None:
            clear_demo(settings, fresh=anew, server=server)
        at_end.callback(server.stop)
        with out.progress() as on_step:
            status = server.start(on_step)
        out.note(f"Neo4j Browser: {status.browser}, user neo4j, the password is in {status.password_file}")
        yield {"store": status.url, "neo4j_password_file": status.password_file}


@contextmanager
def _leaving_when_told_to() -> Iterator[None]:
    """A signal that would end this process at once ends it in order: nothing that it started stays behind."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {sign: signal.signal(sign, leave) for sign in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def serve_command(context: typer.Context, port: Port = None, host: Host = None) -> None:
    """Serve the published model over HTTP until Ctrl-C."""
    from engine.serve import listen

    out = Output(as_json=False)
    with session(context).engine(serving=True, port=port, host=host) as engine, listen(engine.settings) as listening:
        if not engine.readiness().ready:
            out.note("no model has been published yet: events are taken in, recommendations wait for kith train")
        _serve(engine, listening, out)


def doctor(context: typer.Context, json: Json = False) -> None:
    """Look for what would go wrong, and say what to do about it."""
    from engine.doctor import examine

    with session(context).engine() as engine:
        findings = examine(engine)
    data = [{"state": f.state, "what": f.what, "detail": f.detail} for f in findings]
    Output(as_json=json).table(data, ("state", "what", "detail"), [list(row.values()) for row in data])
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(FAILED)


def _serve(engine: Engine, listening: socket.socket, out: Output) -> None:
    from engine.serve import serve

    def on_ready(address: str) -> None:
        out.note(f"serving at {address} until Ctrl-C; try it: {address}/docs")
        out.note(f"curl '{address}/v1/customers/c1/recommendations?limit=10'")

    serve(engine, listening, on_ready)
    out.note("stopped")
