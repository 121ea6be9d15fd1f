"""Settings of a shop: defaults < ``settings.toml`` < environment ``KITH_*`` < flags.

The only reader of environment and settings file. To add a setting is to add a field to `Settings`, then ``make docs``.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from graph.errors import Invalid, UnknownSetting
from graph.records import Purpose
from graph.stores import sqlite_path

PREFIX = "KITH_"
FILE = Path("settings.toml")
NOT_SETTINGS = frozenset({"KITH_SETTINGS", "KITH_LONG"})
"""Variables with our prefix that are no settings: where the file is, and whether the tests run long."""

JAVA_HOME = "JAVA_HOME"
"""The one variable without our prefix that is heeded: every other program that runs Java heeds it too."""

NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"


def _listed(value: object) -> object:
    """Environment and flags have only text: a list is written with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Purposes = Annotated[tuple[Purpose, ...], BeforeValidator(_listed)]


class Settings(BaseModel):
    """Every setting, with its default and what it means. Immutable; made by `Settings.load`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    store: str = Field(
        "sqlite:///kith.db",
        description="Where facts are kept: sqlite:///shop.db, neo4j://user@host:7687/database, or memory://.",
    )
    data_dir: Path | None = Field(
        None,
        description="Folder of snapshots, models, keys and spool. Unset: beside the SQLite file, its name with .d behind it.",
        examples=["/var/lib/kith"],
    )
    neo4j_password_file: Path | None = Field(
        None,
        description="File that holds the password of a Neo4j store, where its URL holds none.",
        examples=["/run/secrets/neo4j_password"],
    )
    neo4j_url: str | None = Field(
        None,
        description="An existing Neo4j server, to be used where kith neo4j would start one (demo and tests).",
        examples=["neo4j://neo4j:password@127.0.0.1:7687"],
    )
    neo4j_home: Path = Field(Path("neo4j"), description="Folder of the server that kith neo4j starts.")
    neo4j_jars: Path = Field(
        Path("~/.cache/kith/neo4j"), description="Folder that keeps the Neo4j server's jars, fetched once with Maven."
    )
    java_home: Path | None = Field(
        None,
        description="Folder of the Java that kith neo4j looks at first. Unset: what JAVA_HOME names, if it does.",
        examples=["/usr/lib/jvm/java-21"],
    )
    host: str = Field("127.0.0.1", description="Address to listen on. Beyond loopback at least one API key must exist.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 lets the system choose one.")

    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="The one currency of the shop, as an ISO 4217 code.")

    presumed_purposes: Purposes = Field(
        ("personalisation",),
        description="Purposes taken as granted by customers who have said nothing: the shop answers for each.",
    )
    sensitive_categories: Names = Field(
        (), description="Product categories that are never evidence, in addition to the built-in list."
    )
    minor_age: int = Field(16, ge=0, description="Who may be younger than this never contributes evidence, in years.")
    evidence_min_buyers: int = Field(
        3, ge=1, description="A count of friends is shown only where at least so many eligible friends bought it."
    )
    evidence_min_non_buyers: int = Field(
        3, ge=0, description="A count of friends is shown only where at least so many eligible friends did not buy it."
    )
    evidence_tie_days: float = Field(7, ge=0, description="Age at which a friendship begins to count, in days.")
    evidence_settled_days: float = Field(
        14, ge=0, description="Age at which an order that was not returned makes its customer a contributor, in days."
    )
    evidence_delay_hours: float = Field(48, ge=0, description="Time until a purchase becomes evidence, in hours.")
    evidence_epoch_hours: float = Field(
        24, ge=0, description="New evidence enters once in so many hours, all at the same time; 0 lets it in at once."
    )

    load_chunk_rows: int = Field(20_000, ge=1, description="Rows read, checked and stored at a time by a load.")
    max_events: int = Field(500, ge=1, description="Events accepted in one HTTP request.")
    max_body_bytes: int = Field(2**20, ge=1, description="Size of the largest HTTP request body accepted, in bytes.")
    poll_seconds: float = Field(
        1.0,
        gt=0,
        description="How often a server looks for a new model, and for what others wrote to Neo4j, in seconds.",
    )
    drift_seconds: float = Field(
        60.0, gt=0, description="How often a server looks for facts that were deleted by hand in Neo4j, in seconds."
    )
    neo4j_patience: float = Field(
        5.0, gt=0, description="Seconds that a server waits for Neo4j before it goes on without it."
    )

    @property
    def currency_digits(self) -> int:
        """Digits after the decimal point of the currency: prices are kept in its minor unit (ISO 4217)."""
        if self.currency in NO_DIGITS:
            return 0
        return 3 if self.currency in THREE_DIGITS else 2

    @property
    def neo4j_password(self) -> str | None:
        """What ``neo4j_password_file`` holds, without the end of its line.

        Raises
        ------
        graph.errors.Invalid
            There is no such file, or it cannot be read.
        """
        if self.neo4j_password_file is None:
            return None
        try:
            return self.neo4j_password_file.read_text(encoding="utf-8").rstrip("\r\n") or None
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            raise Invalid(
                f"cannot read the password file {self.neo4j_password_file}: {why}", field="neo4j_password_file"
            ) from None

    @property
    def folder(self) -> Path:
        """``data_dir``, or what stands for it: two stores never share a model.

        Raises
        ------
        graph.errors.Invalid
            The store has no file beside which the folder could lie.
        """
        if self.data_dir is not None:
            return self.data_dir
        if not self.store.startswith("sqlite:"):
            raise Invalid(f"{self.store} needs a folder for models: set data_dir (KITH_DATA_DIR)", field="data_dir")
        file = sqlite_path(self.store)
        return file.with_name(file.name + ".d")

    @classmethod
    def load(cls, file: Path | None = None, *, environ: Mapping[str, str] | None = None, **flags: Any) -> Self:
        """Read the settings of this process.

        Parameters
        ----------
        file
            The settings file; otherwise what ``KITH_SETTINGS`` names, otherwise ``./settings.toml`` if it exists.
        environ
            Environment; that of the process if not given.
        flags
            Values from the command line; None means "not given".

        Raises
        ------
        graph.errors.UnknownSetting
            A source has a name that is no setting; the message names the nearest one that is.
        graph.errors.Invalid
            A value does not fit, or the file cannot be read; the message says which source.
        """
        environ = os.environ if environ is None else environ
        given = _from_file(file or _named_file(environ)) | _from_environment(environ) | _from_flags(flags)
        for name, setting in given.items():
            if name not in cls.model_fields:
                raise UnknownSetting(setting.unknown(list(cls.model_fields)), field=name)
        try:
            return cls(**{name: setting.value for name, setting in given.items()})
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise Invalid(given[name].wrong(error.errors()[0]["msg"]), field=name) from None


@dataclass(frozen=True, slots=True)
class _Given:
    """A value, the name it goes by in its source, and the source."""

    value: Any
    name: str
    source: str

    def unknown(self, known: list[str]) -> str:
        plain = self.name.removeprefix(PREFIX).lstrip("-").replace("-", "_").lower()
        near = difflib.get_close_matches(plain, known, n=1, cutoff=0.5)
        hint = f"; the nearest is {near[0]}" if near else "; settings.example.toml lists them all"
        return f"{self.source}: there is no setting {self.name}{hint}"

    def wrong(self, why: str) -> str:
        return f"{self.source}: {self.name} cannot be {self.value!r}: {why[0].lower()}{why[1:]}"


def without_password(url: str) -> str:
    """A store's URL as it may be shown."""
    return re.sub(r"^([\w+.-]+://[^/:@]*):[^/@]*@", r"\1@", url)


def _named_file(environ: Mapping[str, str]) -> Path | None:
    named = environ.get("KITH_SETTINGS")
    if named:
        return Path(named)
    return FILE if FILE.exists() else None


def _from_file(file: Path | None) -> dict[str, _Given]:
    if file is None:
        return {}
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid(f"cannot read the settings file {file}: {error.strerror}", field="settings") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise Invalid(f"the settings file {file} is not TOML: {error}", field="settings") from None
    return {name: _Given(value, name, str(file)) for name, value in values.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Given]:
    ours = (name for name in environ if name.startswith(PREFIX) and name not in NOT_SETTINGS)
    given = {name.removeprefix(PREFIX).lower(): _Given(environ[name], name, "environment") for name in ours}
    java_home = environ.get(JAVA_HOME)
    return ({"java_home": _Given(java_home, JAVA_HOME, "environment")} if java_home else {}) | given


def _from_flags(flags: Mapping[str, Any]) -> dict[str, _Given]:
    given = ((name, value) for name, value in flags.items() if value is not None)
    return {name: _Given(value, "--" + name.replace("_", "-"), "command line") for name, value in given}
