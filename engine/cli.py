"""The command ``kith``: reads flags, calls a job, shows the result, and turns errors into exit codes."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from engine.commands import data, epochs, evaluation, keys, models, servers, serving, tuning
from engine.console import FAILED, TRY_LATER, USAGE, printable
from engine.session import Session
from graph import errors

EXIT_CODES: dict[type[errors.KithError], int] = {
    errors.Invalid: USAGE,
    errors.UnknownSetting: USAGE,
    errors.Refused: FAILED,
    errors.NotFound: FAILED,
    errors.Conflict: FAILED,
    errors.NotAllowed: FAILED,
    errors.KeyMissing: FAILED,
    errors.TooLarge: FAILED,
    errors.NotReady: TRY_LATER,
    errors.Unavailable: TRY_LATER,
    errors.Damaged: FAILED,
}

app = typer.Typer(
    name="kith",
    help="Recommendations and referrals from a social graph.",
    epilog="Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 some rows were rejected, 75 try again later.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for commands in (serving, data, models, evaluation, tuning, epochs, keys, servers):
    commands.register(app)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"kith {version('kith')}\n")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    store: Annotated[str | None, typer.Option(help="Where facts are kept, e.g. sqlite:///shop.db.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of models and keys.")] = None,
    settings: Annotated[
        Path | None, typer.Option(help="Settings file (default: settings.toml, if there is one).")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("neo4j").setLevel(logging.INFO if verbose else logging.CRITICAL)  # what fails is told by us
    context.obj = Session(settings, {"store": store, "data_dir": data_dir})


def main() -> None:
    """Run ``kith``; the entry point of the command."""
    try:
        app(prog_name="kith")
    except errors.KithError as error:
        _fail(str(error), exit_code(type(error)))
    except UnicodeEncodeError as error:
        _fail(f"{error.object!r} is not text in UTF-8", USAGE)
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror}", FAILED)


def exit_code(error: type[errors.KithError]) -> int:
    """That of the error, or of what it is a case of."""
    return next(EXIT_CODES[cls] for cls in error.__mro__ if cls in EXIT_CODES)


def _fail(why: str, code: int) -> NoReturn:
    sys.stderr.write(f"kith: {printable(why)}\n")
    sys.exit(code)
