"""What is in the repository: no machine's paths, no registry's address, no data, no binary; and what must be there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from scripts.write_docs import documents

ROOT = Path(__file__).parents[2]

LARGEST = 400_000
PICTURES = {".png", ".svg", ".ico", ".woff2"}
DATA = {".csv", ".gz", ".parquet", ".npy", ".npz", ".pkl", ".db", ".whl", ".zip", ".so", ".jar", ".bin"}
MACHINE = re.compile(r"/(?:home|Users)/(?!you\b)\w+|(?<![\w.])/(?:root|work)/\w|[A-Z]:\\Users")
REGISTRY = re.compile(
    r"index[-_]url[\"'=:\s]+\w+://|--find-links[= ]\S|\"resolved\":\s*\"http|://[\w.]+/(?:simple|packages)/"
)


def files() -> list[str]:
    """Tracked files, and new ones that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted(name for name in listed if name and (ROOT / name).is_file())


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    texts = ((name, (ROOT / name).read_bytes()) for name in files() if Path(name).suffix not in PICTURES)
    return [
        f"{name}: {line.strip()}"
        for name, text in texts
        for line in text.decode(errors="replace").splitlines()
        if pattern.search(line)
    ]


def test_no_data_and_no_binary() -> None:
    for name in files():
        path = ROOT / name
        assert path.suffix not in DATA, name
        assert path.stat().st_size <= LARGEST, name
        assert path.suffix in PICTURES or b"\0" not in path.read_bytes(), name


def test_no_path_of_a_machine() -> None:
    assert lines_with(MACHINE) == []


def test_no_address_of_a_registry() -> None:
    assert lines_with(REGISTRY) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE, "cd |home|someone|kith"),
        (MACHINE, 'open("|root|x")'),
        (REGISTRY, "index_url = https:||example.org|x"),
        (REGISTRY, "https:||example.org|packages|x"),
    ],
)
def test_the_patterns_find_what_they_look_for(pattern: re.Pattern[str], line: str) -> None:
    """The examples have bars for slashes, as this file is searched as well."""
    assert not pattern.search(line)
    assert pattern.search(line.replace("|", "/"))


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_a_newcomer_finds(name: str) -> None:
    assert len((ROOT / name).read_text()) > 300


def test_the_changelog_has_a_place_for_what_is_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    unreleased = text.partition("## [Unreleased]\n")[2].partition("\n## ")[0]
    assert re.search(r"^### (Added|Changed|Fixed|Removed|Security)\n\n- ", unreleased, re.MULTILINE)


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(path.name[:4] for path in (ROOT / "docs/decisions").glob("*.md"))
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("name", sorted(documents()))
def test_a_generated_document_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == documents()[name], "run make docs"


def test_every_relative_link_leads_somewhere() -> None:
    broken = [
        f"{name}: {link}"
        for name in files()
        if name.endswith(".md")
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / name).read_text(encoding="utf-8"))
        if "://" not in link and not link.startswith("mailto:") and not ((ROOT / name).parent / link).exists()
    ]
    assert broken == []
