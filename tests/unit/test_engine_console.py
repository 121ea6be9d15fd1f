"""What a person or a script sees, and that nothing of it steers a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.console import Output, printable, silent


class Terminal(io.StringIO):
    """A stream behind which somebody sits."""

    def isatty(self) -> bool:
        return True


def steers(text: str) -> bool:
    return any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in text)


@given(st.text())
def test_printable_text_steers_no_terminal_and_keeps_every_other_letter(text: str) -> None:
    shown = printable(text)
    assert not steers(shown)
    assert len(shown) == len(text)
    assert all(new in (old, "\ufffd") for old, new in zip(text, shown, strict=True))
    assert printable(shown) == shown


def test_names_of_the_world_are_printed_as_they_are() -> None:
    for name in ("Żółw 7″", "東京の本", "Καφές", "naïve “quoted”", "👟 run"):
        assert printable(name) == name
    assert printable("a\tb\nc\x1b[31m\x7f\x85") == "a�b�c�[31m��"
    assert printable(ValueError("x")) == "x"


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_is_one_line_that_reads_back_as_the_data_and_steers_no_terminal(data: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", written := io.StringIO())
        Output(as_json=True).result(data, "not shown")
    text = written.getvalue()
    assert text.endswith("\n")
    assert not steers(text[:-1])
    assert json.loads(text) == data


def test_without_json_the_words_are_shown_and_markup_in_them_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).result({"data": 1}, "[bold]one[/bold] :smile:", "two\x07")
    assert capsys.readouterr().out == "[bold]one[/bold] :smile:\ntwo�\n"


def test_a_long_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).result({}, "word " * 100)
    assert capsys.readouterr().out.count("\n") == 1


def test_a_table_shows_every_cell_as_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("[red]p1[/red]", "La\x9bmp", None), ("p2", "x", 3)]
    Output(as_json=False).table([], ("product", "name", "count"), rows)
    header, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header == ["product", "name", "count"]
    assert (first, second) == (["[red]p1[/red]", "La�mp"], ["p2", "x", "3"])


def test_a_table_is_a_list_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).table([{"id": "é"}], ("shown",), [["other"]])
    assert capsys.readouterr().out == '[{"id": "é"}]\n'


def test_remarks_never_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (True, False):
        Output(as_json=as_json).note("serving \x1b]0;x\x07")
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", "serving �]0;x�\n")


def run_steps(out: Output) -> None:
    with out.progress() as on_step:
        on_step("loading\x1b[2J", 0.0)
        on_step("loading\x1b[2J", 0.5)
        on_step("training", 1.0)


def test_progress_is_silent_where_nobody_watches(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_steps(Output(as_json=False))
    monkeypatch.setenv("FORCE_COLOR", "1")  # what a log of a build server often sets
    run_steps(Output(as_json=False))
    assert capsys.readouterr() == ("", "")


def test_progress_is_silent_with_json_even_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    run_steps(Output(as_json=True))
    assert terminal.getvalue() == ""


def test_progress_shows_every_step_to_who_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", buffering=0) as screen, os.fdopen(follower, "w") as terminal:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", terminal)
        run_steps(Output(as_json=False))
        terminal.flush()
        seen = screen.read(65_536).decode()
    assert "loading" in seen
    assert "training" in seen
    assert "100%" in seen
    assert "\x1b[2J" not in seen


def test_silence_is_a_watcher_too() -> None:
    assert silent("anything", 0.5) is None
