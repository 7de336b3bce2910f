from __future__ import annotations

import json
import os
import pickle
import traceback
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from brain.core.environment import brain_variables
from brain.core.errors import SettingsError
from brain.core.settings import Settings, find_home, read_connections

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {
    "BRAIN_SOURCE_URL": "postgresql+psycopg2://reader:hidden-source@localhost:5432/market",
    "BRAIN_WAREHOUSE_URL": "postgresql+psycopg2://writer:hidden-warehouse@localhost:5432/warehouse",
    "BRAIN_READER_URL": "postgresql+psycopg2://bi_reader:hidden-reader@localhost:5432/warehouse",
    "BRAIN_MONGO_URL": "mongodb://brain:hidden-mongo@localhost:27017/brain",
    "BRAIN_SIGNING_KEYS": "hidden-new-signing-key, hidden-old-signing-key",
    "BRAIN_ENCRYPTION_KEYS": "hidden-fernet",
}
REQUIRED = [name for name in ENVIRONMENT if name != "BRAIN_READER_URL"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**ENVIRONMENT, "BRAIN_HOME": str(tmp_path / ".brain")}


def test_everything_comes_from_the_environment(environ: dict[str, str], tmp_path: Path) -> None:
    settings = Settings.load({**environ, "BRAIN_LAKE_URL": "s3://lake", "BRAIN_SOURCE_REF": "prices"})
    assert settings.source_url.get_secret_value() == ENVIRONMENT["BRAIN_SOURCE_URL"]
    assert (settings.lake_url, settings.source_ref) == ("s3://lake", "prices")
    assert settings.home == tmp_path / ".brain"


def test_defaults_lie_beside_the_home(environ: dict[str, str], tmp_path: Path) -> None:
    settings = Settings.load(environ)
    assert settings.lake_url == str(tmp_path / ".brain" / "lake")
    assert settings.catalogue_path == tmp_path / "catalogue.yaml"
    assert settings.source_ref == "brain_source"


def test_keys_are_split_in_order(environ: dict[str, str]) -> None:
    keys = Settings.load(environ).signing_keys
    assert [key.get_secret_value() for key in keys] == ["hidden-new-signing-key", "hidden-old-signing-key"]


def test_the_environment_wins_over_the_embedded_servers(environ: dict[str, str], tmp_path: Path) -> None:
    home = tmp_path / ".brain"
    home.mkdir()
    written = {**ENVIRONMENT, "BRAIN_MONGO_URL": "mongodb://embedded/brain", "BRAIN_SOURCE_REF": "embedded"}
    (home / "connections.json").write_text(json.dumps(written))
    settings = Settings.load({"BRAIN_HOME": str(home), "BRAIN_MONGO_URL": "mongodb://team/brain"})
    assert settings.mongo_url.get_secret_value() == "mongodb://team/brain"
    assert settings.source_ref == "embedded"


def test_overrides_win_over_the_environment(environ: dict[str, str]) -> None:
    settings = Settings.load(environ, {"BRAIN_MONGO_URL": "mongodb://connection/brain"})
    assert settings.mongo_url.get_secret_value() == "mongodb://connection/brain"


def test_an_empty_variable_counts_as_unset(environ: dict[str, str], tmp_path: Path) -> None:
    settings = Settings.load({**environ, "BRAIN_LAKE_URL": ""})
    assert settings.lake_url == str(tmp_path / ".brain" / "lake")


def test_unknown_brain_variables_are_ignored(environ: dict[str, str]) -> None:
    assert not hasattr(Settings.load({**environ, "BRAIN_PYTHON": "python3.12"}), "BRAIN_PYTHON")


FILED = [*ENVIRONMENT, "BRAIN_LAKE_URL", "BRAIN_STAGING_KEYS", "BRAIN_DEMO_URL"]


@pytest.mark.parametrize("name", FILED)
@pytest.mark.parametrize("beginning", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_may_stand_in_a_file(
    environ: dict[str, str], tmp_path: Path, name: str, ending: str, beginning: str
) -> None:
    value = environ.pop(name, "s3://key:hidden@bucket/lake")
    path = tmp_path / "secret"
    path.write_text(beginning + value + ending, newline="", encoding="utf-8")
    given = {**environ, f"{name}_FILE": str(path)}
    assert brain_variables(given)[name] == value
    assert f"{name}_FILE" not in brain_variables(given)
    assert Settings.load(given) == Settings.load({**environ, name: value})


def test_a_file_wins_over_the_embedded_servers_and_a_connection_over_it(
    environ: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / ".brain"
    home.mkdir()
    (home / "connections.json").write_text(json.dumps(ENVIRONMENT))
    (tmp_path / "url").write_text("mongodb://team/brain")
    given = {"BRAIN_HOME": str(home), "BRAIN_MONGO_URL": "", "BRAIN_MONGO_URL_FILE": str(tmp_path / "url")}
    assert Settings.load(given).mongo_url.get_secret_value() == "mongodb://team/brain"
    overridden = Settings.load(given, {"BRAIN_MONGO_URL": "mongodb://connection/brain"})
    assert overridden.mongo_url.get_secret_value() == "mongodb://connection/brain"


def test_a_secret_that_is_given_twice_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "url").write_text(ENVIRONMENT["BRAIN_MONGO_URL"])
    with pytest.raises(SettingsError, match="BRAIN_MONGO_URL_FILE: found BRAIN_MONGO_URL beside it") as caught:
        Settings.load({**environ, "BRAIN_MONGO_URL_FILE": str(tmp_path / "url")})
    assert "hidden" not in str(caught.value)


USELESS = {  # what the file holds: what is said of it
    "missing": (None, "No such file"),
    "a folder": ("folder", "Is a directory"),
    "empty": (b"\n", "0 lines"),
    "lines": (b"hidden-one\nhidden-two\n", "2 lines"),
    "no text": (b"hidden-\xff\xfe", "no text"),
    "too much": (b"hidden-" * 150_000, "more than 1,048,576 bytes"),
    "malformed": (b"hidden-url", "not a MongoDB URL"),
}


@pytest.mark.parametrize("case", USELESS)
def test_a_file_of_no_use_is_named_and_not_shown(environ: dict[str, str], tmp_path: Path, case: str) -> None:
    content, told = USELESS[case]
    path = tmp_path / "secret"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    given = {**environ, "BRAIN_MONGO_URL": "", "BRAIN_MONGO_URL_FILE": str(path)}
    with pytest.raises(SettingsError, match=told) as caught:
        Settings.load(given)
    shown = "".join(traceback.format_exception(caught.value))
    assert "BRAIN_MONGO_URL" in str(caught.value)
    assert "hidden-" not in shown


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_what_may_never_end_is_not_read(environ: dict[str, str], tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "pipe" if kind == "a pipe" else "/dev/zero"
    given = {**environ, "BRAIN_MONGO_URL": "", "BRAIN_MONGO_URL_FILE": str(path)}
    with pytest.raises(SettingsError, match=f"{path}: a pipe or a device"):
        Settings.load(given)


def test_a_secret_in_place_of_a_path_is_not_shown(environ: dict[str, str]) -> None:
    given = {**environ, "BRAIN_MONGO_URL": "", "BRAIN_MONGO_URL_FILE": ENVIRONMENT["BRAIN_MONGO_URL"]}
    with pytest.raises(SettingsError, match="expected the absolute path") as caught:
        Settings.load(given)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named_with_the_remedy(environ: dict[str, str], name: str) -> None:
    del environ[name]
    with pytest.raises(SettingsError, match=rf"^{name}: .*`brain up`") as caught:
        Settings.load(environ)
    assert caught.value.subject == name


def test_every_missing_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"BRAIN_HOME": str(tmp_path)})
    assert caught.value.subject.split(", ") == REQUIRED


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("BRAIN_SOURCE_URL", "hidden", "not a SQLAlchemy URL"),
        ("BRAIN_WAREHOUSE_URL", "hidden", "not a SQLAlchemy URL"),
        ("BRAIN_SOURCE_URL", "mysql://u:p@hidden@h/db", "a URL with a second @.* written %40"),
        ("BRAIN_SOURCE_URL", "postgresql://u:p@s/hidden@h/db", "a URL with a second @"),
        ("BRAIN_WAREHOUSE_URL", "postgresql://u:p@s:hidden@h/db", "not a SQLAlchemy URL"),
        ("BRAIN_READER_URL", "postgresql://u:p@hidden@h:5432/db", "a URL with a second @"),
        ("BRAIN_WAREHOUSE_URL", "sqlite:///hidden.db", "a URL of sqlite; the tables are published in PostgreSQL"),
        ("BRAIN_READER_URL", "mysql://u:hidden@h/db", "a URL of mysql"),
        ("BRAIN_MONGO_URL", "postgresql://u:hidden@h/db", "not a MongoDB URL"),
        ("BRAIN_SIGNING_KEYS", " , ", "at least 1 item"),
        ("BRAIN_SIGNING_KEYS", "h", "a key that can be guessed"),
        ("BRAIN_SIGNING_KEYS", "hidden-15-bytes", "a key that can be guessed.* `brain keys new` prints one"),
        ("BRAIN_SIGNING_KEYS", "hhhhhhhhhhhhhhhhiddenhidden", "fewer than 8 different ones"),
        ("BRAIN_SIGNING_KEYS", "hidden-new-signing-key, hidden", "a key that can be guessed"),
        ("BRAIN_ENCRYPTION_KEYS", ",", "at least 1 item"),
    ],
)
def test_a_malformed_setting_is_named_and_not_shown(
    environ: dict[str, str], name: str, value: str, reason: str
) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        Settings.load({**environ, name: value})
    shown = "".join(traceback.format_exception(caught.value))
    assert caught.value.subject == name
    assert "hidden" not in shown


@pytest.mark.parametrize("name", ["BRAIN_WAREHOUSE_URL", "BRAIN_READER_URL"])
@pytest.mark.parametrize(
    ("query", "reason"),
    [
        *((f"{name}=hidden", f"{name} after the question mark") for name in ("options", "password", "host", "dsn")),
        ("foo=hidden", 'libpq does not know .*"foo"'),
        ("connection_factory=hidden", "libpq does not know"),
        ("async=hidden", "libpq does not know"),
        ("sslmode=hidden&sslmode=hidden2", "sslmode more than once"),
    ],
)
def test_options_that_cannot_be_used_are_named(environ: dict[str, str], name: str, query: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        Settings.load({**environ, name: f"postgresql://u:p@h/db?{query}"})
    assert caught.value.subject == name
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["postgresql://u:p@h/db", "postgresql+psycopg2://u:p@h:5433/db?sslmode=require"])
def test_a_postgresql_url_may_name_its_driver_or_not(environ: dict[str, str], url: str) -> None:
    assert Settings.load({**environ, "BRAIN_WAREHOUSE_URL": url}).warehouse_url.get_secret_value() == url


def test_the_source_may_be_another_database(environ: dict[str, str]) -> None:
    assert Settings.load({**environ, "BRAIN_SOURCE_URL": "duckdb:///prices.db"})


@pytest.mark.parametrize("shown", [repr, str, lambda s: s.model_dump_json(), lambda s: str(s.model_dump())])
def test_secrets_do_not_show(environ: dict[str, str], shown: object) -> None:
    assert callable(shown)
    text = shown(Settings.load(environ))
    assert "hidden" not in text
    assert "**********" in text


def test_every_setting_with_a_secret_is_a_secret(environ: dict[str, str]) -> None:
    settings = Settings.load(environ)
    for name, field in Settings.model_fields.items():
        if field.alias in ENVIRONMENT:
            value = getattr(settings, name)
            assert all(isinstance(part, SecretStr) for part in (value if isinstance(value, tuple) else (value,))), name


def test_settings_cannot_be_changed(environ: dict[str, str]) -> None:
    settings = Settings.load(environ)
    with pytest.raises(ValueError, match="frozen"):
        settings.lake_url = "elsewhere"  # type: ignore[misc]


def test_settings_reach_another_process(environ: dict[str, str]) -> None:
    settings = Settings.load(environ)
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_home_is_found_from_a_folder_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".brain").mkdir()
    below = tmp_path / "dags" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_home({}) == tmp_path / ".brain"


def test_without_a_home_there_would_be_one_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_home({}) == tmp_path / ".brain"


def test_a_named_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_home({"BRAIN_HOME": "state"}) == tmp_path / "state"


@pytest.mark.parametrize(
    ("content", "found"), [("{", "malformed JSON"), ("[1]", "a JSON list"), ('"hidden"', "a JSON str"), ("\ufffe{", "")]
)
def test_a_broken_connections_file_names_itself(tmp_path: Path, content: str, found: str) -> None:
    path = tmp_path / "connections.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match="Run `brain up`") as caught:
        read_connections(tmp_path)
    assert caught.value.subject == str(path)
    assert found in caught.value.found
    assert "hidden" not in str(caught.value)


def test_an_unreadable_connections_file_names_itself(tmp_path: Path) -> None:
    (tmp_path / "connections.json").mkdir()
    with pytest.raises(SettingsError, match="Is a directory"):
        read_connections(tmp_path)


def test_no_connections_file_means_no_values(tmp_path: Path) -> None:
    assert read_connections(tmp_path) == {}
