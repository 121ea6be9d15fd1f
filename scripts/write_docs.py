"""The documents that are generated from the code. ``make docs`` writes them, a test compares them."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from pydantic.fields import FieldInfo

from engine.settings import Settings
from scripts import describe

ROOT = Path(__file__).parents[1]

EXAMPLE_HEAD = """\
# Settings of Kith. Copy to settings.toml and take the # away from what you want to change.
# Each can also be an environment variable (KITH_PORT=8080), which wins over this file; the flags of a command
# (--port 8080) win over both. A name that is no setting is an error.
"""

REFERENCE_HEAD = """\
# Settings

A setting comes from, the later winning over the earlier: its default, the settings file, the environment, a flag of the
command. The file is the one that `KITH_SETTINGS` names, or else `settings.toml` in the current folder. In the
environment a setting is written in capitals behind `KITH_`, a list with commas:
`KITH_PRESUMED_PURPOSES=personalisation,named`. A name that is no setting, and a value that does not fit, are errors
that name their source.

| setting | default | meaning |
|---|---|---|
"""


def documents() -> dict[str, str]:
    """Path below the root of the repository -> text."""
    return {
        "settings.example.toml": settings_example(),
        "docs/reference/settings.md": settings_reference(),
        "docs/reference/commands.md": describe.commands(),
        "docs/reference/files.md": describe.files(),
        "docs/reference/graph.md": describe.graph(),
    }


def settings_example() -> str:
    """A settings file that changes nothing: every key at its default, explained."""
    parts = [EXAMPLE_HEAD]
    for name, field in Settings.model_fields.items():
        meaning = textwrap.fill(_meaning(name), 118, initial_indent="# ", subsequent_indent="# ")
        parts.append(f"{meaning}\n# {name} = {_toml(_shown(field))}\n")
    return "\n".join(parts)


def settings_reference() -> str:
    """The table of all settings."""
    rows = [
        f"| `{name}` | {'' if field.default is None else f'`{_toml(field.default)}`'} | {_meaning(name)} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return REFERENCE_HEAD + "".join(rows)


def _shown(field: FieldInfo) -> object:
    """The default, or an example where it is "not set"."""
    return field.examples[0] if field.default is None and field.examples else field.default


def _toml(value: object) -> str:
    """What settings hold is written alike in JSON and TOML."""
    return json.dumps(value, default=str)


def _meaning(name: str) -> str:
    schema = Settings.model_json_schema()["properties"][name]
    one, several = schema.get("enum"), schema.get("items", {}).get("enum")
    choices = f" One of: {', '.join(one)}." if one else f" Any of: {', '.join(several)}." if several else ""
    return str(schema["description"]) + choices


def main() -> None:
    """Write all of them."""
    for path, text in documents().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
