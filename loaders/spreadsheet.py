"""Cells that a spreadsheet would run as a formula are made harmless on the way out, and only there."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters that make Excel, LibreOffice or Sheets compute a cell (OWASP, CSV injection)."""


def defuse(cell: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would take it for a formula."""
    return "'" + cell if cell.startswith(FORMULA_STARTS) else cell
