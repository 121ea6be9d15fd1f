"""``kith demo``, ``kith serve`` and ``kith doctor``."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

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
) -> None:
    """Make a sample shop, train on it, and serve it on this machine until Ctrl-C."""
    from engine.jobs import clear_demo, prepare_demo
    from engine.serve import listen

    out = Output(as_json=False)
    chosen = session(context)
    flags: dict[str, object] = {"port": port}
    if chosen.settings().store == Settings.model_fields["store"].default:
        flags["store"] = DEMO_STORE
    own = "store" in flags and chosen.settings().data_dir is None  # what a person has named is never removed
    if fresh and not own:
        raise Invalid("--fresh removes only the sample shop's own files: name a store that does not exist yet instead")
    if instant_evidence:
        flags |= {"evidence_delay_hours": 0, "evidence_epoch_hours": 0}
        out.note("evidence delay and epoch are zero: friends see a purchase at once (not what a real shop should do)")
    settings = chosen.settings(**flags)
    with listen(settings) as listening:
        if own:  # and nobody serves it on this port
            clear_demo(settings, fresh=fresh or now is not None or seed != DEMO_SEED)
        with chosen.engine(**flags) as engine:
            with out.progress() as on_step:
                end = None if now is None else to_moment(now.replace(tzinfo=UTC))
                made = prepare_demo(engine, seed=seed, now=end, on_step=on_step)
            out.note(made)
            _serve(engine, listening, out)


def serve_command(context: typer.Context, port: Port = None, host: Host = None) -> None:
    """Serve the published model over HTTP until Ctrl-C."""
    from engine.serve import listen

    out = Output(as_json=False)
    with session(context).engine(port=port, host=host) as engine, listen(engine.settings) as listening:
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
