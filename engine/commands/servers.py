"""``kith neo4j``: a Neo4j server on this machine, for those who have none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.console import Output
from engine.session import session
from engine.settings import Settings, without_password

if TYPE_CHECKING:
    from engine.neo4j_server import LocalServer

Home = Annotated[Path | None, typer.Option(help="Folder of the server (default: the setting neo4j_home).")]

app = typer.Typer(help="Run a Neo4j server on this machine, without Docker.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.add_typer(app, name="neo4j")


@app.command("start")
def start(
    context: typer.Context,
    home: Home = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of Bolt, which stores speak (default 7687).")
    ] = None,
    browser_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of HTTP and the Neo4j Browser (default 7474).")
    ] = None,
    memory: Annotated[
        int | None, typer.Option(metavar="MB", help="About what it may take altogether (default 512).")
    ] = None,
) -> None:
    """Start a server that goes on when this command has ended. The first time it fetches Neo4j, which takes a minute or two."""
    out, settings = Output(as_json=False), session(context).settings(neo4j_home=home)
    if settings.neo4j_url is not None:
        out.note(
            f"neo4j_url (KITH_NEO4J_URL) names an existing server, {without_password(settings.neo4j_url)}: none is started"
        )
        return
    server = local_server(settings, bolt_port=port, browser_port=browser_port, memory_mb=memory)
    with out.progress() as on_step:
        status = server.start(on_step)
    out.result(status.as_dict(), f"Neo4j {status.version} answers at {status.url}")
    out.note(f"to use it:  export KITH_STORE={status.url} KITH_NEO4J_PASSWORD_FILE={status.password_file}")
    out.note(f"to look at it:  {status.browser}, user neo4j, the password is in {status.password_file}")


@app.command("stop")
def stop(context: typer.Context, home: Home = None) -> None:
    """End the server; its data stay."""
    settings = session(context).settings(neo4j_home=home)
    ran = local_server(settings).stop()
    folder = settings.neo4j_home
    Output(as_json=False).result(
        {"stopped": ran}, f"the server in {folder} is stopped" if ran else f"no server runs in {folder}"
    )


@app.command("status")
def show(
    context: typer.Context,
    home: Home = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether the server runs, and where."""
    status = local_server(session(context).settings(neo4j_home=home)).status()
    if status.running:
        lines = [
            f"Neo4j {status.version} runs at {status.url}, process {status.pid}",
            f"Browser: {status.browser}, user neo4j, the password is in {status.password_file}",
        ]
    else:
        lines = [f"no server runs in {status.home}: kith neo4j start"]
    Output(as_json=json).result(status.as_dict(), *lines)


@app.command("project")
def project(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="Another server, empty or with an earlier projection.")],
    password_file: Annotated[
        Path | None, typer.Option(help="File that holds its password, where TARGET holds none.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy what marketers may see to a server of theirs: only people who granted profiling. What is there is replaced."""
    from engine import projecting

    out, address = Output(as_json=json), projecting.target_address(target, password_file)
    with session(context).engine() as engine, out.progress() as on_step:
        done = projecting.project(engine, address, on_step=on_step)
    counts = f"{done.people:,} people, {done.products:,} products, {done.relationships:,} relationships"
    out.result(done.as_dict(), f"{address.server}: {counts}; {done.withheld:,} people are not in it")


def local_server(
    settings: Settings,
    *,
    bolt_port: int | None = None,
    browser_port: int | None = None,
    memory_mb: int | None = None,
) -> LocalServer:
    """The server of the settings."""
    from engine.neo4j_server import LocalServer

    return LocalServer(
        settings.neo4j_home,
        jars=settings.neo4j_jars,
        bolt_port=bolt_port,
        browser_port=browser_port,
        memory_mb=memory_mb,
        java_home=settings.java_home,
    )
