"""Settings: which source wins, and what is said about a name or value that does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.settings import Settings
from graph.errors import Invalid, UnknownSetting


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text('port = 1111\ncurrency = "CHF"\nhost = "::1"\n')
    return path


def test_without_any_source_every_setting_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load(environ={})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.presumed_purposes == ("personalisation",)
    assert (settings.evidence_min_buyers, settings.evidence_min_non_buyers) == (3, 3)


def test_flags_win_over_environment_over_file_over_defaults(file: Path) -> None:
    settings = Settings.load(file, environ={"KITH_PORT": "2222", "KITH_CURRENCY": "JPY"}, port=3333)
    assert (settings.port, settings.currency, settings.host, settings.minor_age) == (3333, "JPY", "::1", 16)


def test_a_flag_that_was_not_given_changes_nothing(file: Path) -> None:
    assert Settings.load(file, environ={}, port=None).port == 1111


def test_a_flag_of_zero_is_given(file: Path) -> None:
    assert Settings.load(file, environ={}, port=0).port == 0


def test_kith_settings_names_the_file(file: Path) -> None:
    assert Settings.load(environ={"KITH_SETTINGS": str(file)}).currency == "CHF"


def test_the_file_given_wins_over_the_one_in_the_environment(file: Path, tmp_path: Path) -> None:
    assert Settings.load(file, environ={"KITH_SETTINGS": str(tmp_path / "absent.toml")}).currency == "CHF"


def test_settings_toml_is_found_in_the_current_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.rename(file.with_name("settings.toml"))
    monkeypatch.chdir(file.parent)
    assert Settings.load(environ={}).currency == "CHF"


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KITH_EVIDENCE_DELAY_HOURS", "0")
    assert Settings.load().evidence_delay_hours == 0


def test_a_list_in_the_environment_is_written_with_commas() -> None:
    settings = Settings.load(environ={"KITH_PRESUMED_PURPOSES": "personalisation, social_proof,"})
    assert settings.presumed_purposes == ("personalisation", "social_proof")


def test_a_list_in_the_environment_may_be_empty() -> None:
    assert Settings.load(environ={"KITH_PRESUMED_PURPOSES": ""}).presumed_purposes == ()


def test_the_switch_of_the_long_tests_is_no_setting() -> None:
    assert Settings.load(environ={"KITH_LONG": "1", "PATH": "/bin"}) == Settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]  # that it cannot be set is what is tested


@pytest.mark.parametrize(
    ("environ", "flags", "text", "said"),
    [
        ({"KITH_PROT": "1"}, {}, "", "environment: there is no setting KITH_PROT; the nearest is port"),
        (
            {},
            {"evidence_min_buyer": 1},
            "",
            "command line: there is no setting --evidence-min-buyer; the nearest is evi",
        ),
        ({}, {}, "curency = 'EUR'", "shop.toml: there is no setting curency; the nearest is currency"),
        ({}, {}, "[evidence]\nmin_buyers = 4", "shop.toml: there is no setting evidence; "),
        ({"KITH_XYZZY": "1"}, {}, "", "settings.example.toml lists them all"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_source_and_nearest(
    file: Path, environ: dict[str, str], flags: dict[str, int], text: str, said: str
) -> None:
    file.write_text(text)
    with pytest.raises(UnknownSetting) as caught:
        Settings.load(file, environ=environ, **flags)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "flags", "text", "said"),
    [
        ({"KITH_PORT": "http"}, {}, "", "environment: KITH_PORT cannot be 'http': "),
        ({"KITH_POLL_SECONDS": "inf"}, {}, "", "environment: KITH_POLL_SECONDS cannot be 'inf': "),
        ({}, {"port": 65536}, "", "command line: --port cannot be 65536: "),
        ({}, {}, "evidence_min_buyers = 0", "shop.toml: evidence_min_buyers cannot be 0: "),
        ({}, {}, "currency = 'Euro'", "shop.toml: currency cannot be 'Euro': "),
        (
            {"KITH_PRESUMED_PURPOSES": "personalisation,adverts"},
            {},
            "",
            "environment: KITH_PRESUMED_PURPOSES cannot be ",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_that_names_its_source(
    file: Path, environ: dict[str, str], flags: dict[str, int], text: str, said: str
) -> None:
    file.write_text(text)
    with pytest.raises(Invalid) as caught:
        Settings.load(file, environ=environ, **flags)
    assert said in str(caught.value)


def test_a_bad_value_is_blamed_on_the_source_that_won(file: Path) -> None:
    file.write_text("port = 'x'")
    assert Settings.load(file, environ={"KITH_PORT": "2222"}).port == 2222


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"cannot read the settings file .*absent\.toml: No such file"):
        Settings.load(tmp_path / "absent.toml", environ={})


@pytest.mark.parametrize("damage", [b"port = ", b"\xff\xfe", b"port = 1\nport = 2"])
def test_a_file_that_is_not_toml_is_an_error_that_names_it(file: Path, damage: bytes) -> None:
    file.write_bytes(damage)
    with pytest.raises(Invalid, match=r"settings file .*shop\.toml is not TOML"):
        Settings.load(file, environ={})


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("XOF", 0), ("USD", 2)])
def test_the_currency_says_how_many_digits_a_price_has(currency: str, digits: int) -> None:
    assert Settings(currency=currency).currency_digits == digits


def test_the_folder_lies_beside_the_sqlite_file_unless_it_is_set(tmp_path: Path) -> None:
    assert Settings(store="sqlite:///shop.db").folder == Path("shop.db.d")
    assert Settings(store=f"sqlite:///{tmp_path}/a.b/shop").folder == tmp_path / "a.b" / "shop.d"
    assert Settings(store="sqlite:///shop.db", data_dir=tmp_path).folder == tmp_path


def test_a_store_without_a_file_needs_a_folder(tmp_path: Path) -> None:
    assert Settings(store="memory://", data_dir=tmp_path).folder == tmp_path
    with pytest.raises(Invalid, match="set data_dir"):
        _ = Settings(store="memory://").folder
