"""``kith keys``: who may call the API."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.console import Output
from engine.keys import SCOPES, ApiKey, KeyRing
from engine.session import session
from graph.moments import to_text

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.add_typer(app, name="keys")


@app.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    scope: Annotated[list[str], typer.Option(help=f"What it opens: {', '.join(SCOPES)}. May be given again.")],
    json: Json = False,
) -> None:
    """Make a key. It is shown once and kept only as a hash."""
    text, key = _keys(context).create(name, scope)  # type: ignore[arg-type]  # create refuses unknown scopes
    Output(as_json=json).result(
        {"key": text, **_public(key)},
        text,
        f"Keep it now: it cannot be shown again. To end it: kith keys revoke {key.id}",
    )


@app.command("list")
def list_keys(context: typer.Context, json: Json = False) -> None:
    """Show every key ever made, without its secret."""
    keys = [_public(key) for key in _keys(context).all()]
    Output(as_json=json).table(keys, ("id", "name", "scopes", "created", "revoked"), [list(k.values()) for k in keys])


@app.command("revoke")
def revoke(
    context: typer.Context, id: Annotated[str, typer.Argument(help="The id that list shows.")], json: Json = False
) -> None:
    """End a key; running servers refuse it from the next request on."""
    key = _keys(context).revoke(id)
    Output(as_json=json).result(_public(key), f"key {key.id} ({key.name}) is revoked")


def _keys(context: typer.Context) -> KeyRing:
    chosen = session(context)
    return KeyRing(chosen.settings().folder, clock=chosen.clock)


def _public(key: ApiKey) -> dict[str, str | None]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": ",".join(key.scopes),
        "created": to_text(key.created),
        "revoked": None if key.revoked is None else to_text(key.revoked),
    }
