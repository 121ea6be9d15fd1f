"""Figures, never verdicts: each is printed beside a reference that was measured in the same run on the same machine."""
