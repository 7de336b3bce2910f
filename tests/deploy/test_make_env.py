from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from tests.deploy.conftest import MAKE_ENV

if TYPE_CHECKING:
    from pathlib import Path

PASSWORDS = {  # of a URL of our own servers
    "brain_source_url": "brain_source_password",
    "brain_warehouse_url": "brain_writer_password",
    "brain_reader_url": "bi_reader_password",
    "brain_feedback_url": "brain_feedback_password",
    "brain_demo_url": "market_owner_password",
    "brain_mongo_url": "mongo_brain_password",
    "brain_kafka_url": "kafka_brain_password",
    "airflow_db_url": "airflow_db_password",
    "celery_result_url": "airflow_db_password",
    "celery_broker_url": "redis_password",
}
THEIRS = "postgresql+psycopg2://reader:their-own@db.example.com:5432/market?sslmode=verify-full"


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(MAKE_ENV), "--folder", str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def _make(folder: Path) -> dict[str, str]:
    """Every secret by the name of its file; none is told."""
    folder.mkdir(exist_ok=True)
    done = _run(folder)
    assert done.returncode == 0, done.stderr
    found = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
    assert not [name for name, value in found.items() if value in done.stdout + done.stderr]
    return found


def _settings(folder: Path) -> dict[str, str]:
    lines = [line for line in (folder / ".env").read_text().splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_environment_file_holds_no_secret(tmp_path: Path) -> None:
    secrets = _make(tmp_path)
    text = (tmp_path / ".env").read_text()
    assert _settings(tmp_path) == {"SECRETS_FOLDER": "./secrets"}
    assert not [name for name, value in secrets.items() if value in text]


def test_values_are_drawn_once_and_apart(tmp_path: Path) -> None:
    first, second = _make(tmp_path / "a"), _make(tmp_path / "b")
    assert first.keys() == second.keys()
    assert len(set(first.values())) == len(first)
    assert not set(first.values()) & set(second.values())
    assert all(len(value) >= 44 for value in first.values())


def test_fernet_keys_are_valid(tmp_path: Path) -> None:
    secrets = _make(tmp_path)
    for name in ("airflow_fernet_key", "brain_encryption_keys"):
        key = Fernet(secrets[name])
        assert key.decrypt(key.encrypt(b"url")) == b"url"


def test_passwords_need_no_quoting_in_a_url(tmp_path: Path) -> None:
    assert all(value.isalnum() for name, value in _make(tmp_path).items() if name.endswith("password"))


def test_urls_carry_their_passwords(tmp_path: Path) -> None:
    secrets = _make(tmp_path)
    assert {name for name in secrets if name.endswith("_url")} == set(PASSWORDS)
    assert all(f":{secrets[password]}@" in secrets[name] for name, password in PASSWORDS.items())


def test_only_the_owner_enters_and_containers_may_read_a_mount(tmp_path: Path) -> None:
    _make(tmp_path)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o644}


def test_an_open_folder_is_closed_before_it_gets_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o755)
    _make(tmp_path)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_second_run_keeps_what_is_there_and_adds_what_is_missing(tmp_path: Path) -> None:
    first = _make(tmp_path)
    (tmp_path / "secrets" / "metabase_admin_password").unlink()
    (tmp_path / "secrets" / "mongo_member_key").write_text("\n")
    with (tmp_path / ".env").open("a") as file:
        file.write("AIRFLOW_PORT=8081\n")
    second = _make(tmp_path)
    assert {name for name in first if second[name] != first[name]} == {"metabase_admin_password", "mongo_member_key"}
    assert _settings(tmp_path) == {"SECRETS_FOLDER": "./secrets", "AIRFLOW_PORT": "8081"}
    assert _make(tmp_path) == second


def test_the_folder_may_be_elsewhere(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"SECRETS_FOLDER={tmp_path}/of-brain\n")
    assert _run(tmp_path).returncode == 0
    assert (tmp_path / "of-brain" / "redis_password").exists()
    assert not (tmp_path / "secrets").exists()


@pytest.mark.parametrize(
    "lines",
    [
        'SECRETS_FOLDER="./of brain"',
        "SECRETS_FOLDER='./of brain' # moved",
        "export SECRETS_FOLDER = ./of brain # moved",
        "SECRETS_FOLDER=./elsewhere\nSECRETS_FOLDER=./of brain",
    ],
)
def test_the_folder_is_the_one_that_compose_reads(tmp_path: Path, lines: str) -> None:
    (tmp_path / ".env").write_text(f"{lines}\n")
    assert _run(tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "of brain"]


@pytest.mark.parametrize(
    "value", ["", "''", "# none", "~/secrets", "${HOME}/secrets", "'./secrets", '"$HOME"', "$HOME"]
)
def test_a_folder_that_is_not_clear_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / ".env").write_text(f"REDIS_PASSWORD=given\nSECRETS_FOLDER={value}\n")
    done = _run(tmp_path)
    assert done.returncode == 1
    assert "SECRETS_FOLDER in .env" in done.stderr or "Line 2 of .env: a quote" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".env"]
    assert "REDIS_PASSWORD=given" in (tmp_path / ".env").read_text()


@pytest.mark.parametrize("password", sorted(set(PASSWORDS.values())))
def test_a_changed_password_enters_its_urls(tmp_path: Path, password: str) -> None:
    first = _make(tmp_path)
    (tmp_path / "secrets" / password).write_text("changed-by-hand\n")
    second = _make(tmp_path)
    changed = {name for name in first if name.endswith("_url") and second[name] != first[name]}
    assert changed == {name for name, of in PASSWORDS.items() if of == password}
    assert all(second[name] == first[name].replace(first[password], "changed-by-hand") for name in changed)


OURS = "postgresql+psycopg2://brain_source:drawn@postgres:5432/market"
OF_A_PERSON = {
    "another server": THEIRS,
    "another host": OURS.replace("@postgres", "@db.example.com"),
    "options": f"{OURS}?sslmode=verify-full",
    "another login": OURS.replace("brain_source", "reader"),
}


@pytest.mark.parametrize("case", OF_A_PERSON)
def test_a_url_of_a_person_stays_and_is_told(tmp_path: Path, case: str) -> None:
    _make(tmp_path)
    (tmp_path / "secrets" / "brain_source_url").write_text(f"{OF_A_PERSON[case]}\n")
    (tmp_path / "secrets" / "brain_source_password").write_text("changed")
    done = _run(tmp_path)
    assert (tmp_path / "secrets" / "brain_source_url").read_text() == f"{OF_A_PERSON[case]}\n"
    assert "Kept as you wrote it: brain_source_url" in done.stdout
    assert "brain_warehouse_url" not in done.stdout


def test_a_password_that_would_break_a_url_is_refused(tmp_path: Path) -> None:
    _make(tmp_path)
    (tmp_path / "secrets" / "brain_writer_password").write_text("with@sign/and:colon")
    done = _run(tmp_path)
    assert done.returncode != 0
    assert "brain_writer_password stands in a URL" in done.stderr
    assert "with@sign" not in done.stderr


OLD = f"""# PostgreSQL: the superuser, then one role for each direction (docs/deployment.md).
POSTGRES_PASSWORD=drawn-long-ago
export BI_READER_PASSWORD='given-by-hand'
BRAIN_SIGNING_KEYS = new-key-of-old,old-key-of-old # rotated
MONGO_ROOT_PASSWORD=
BRAIN_SOURCE_URL="{THEIRS}"
AIRFLOW_PORT=8081
"""


def test_secrets_of_an_older_file_are_moved(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(OLD)
    done = _run(tmp_path)
    assert done.returncode == 0, done.stderr
    secrets = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert secrets["postgres_password"] == "drawn-long-ago"
    assert secrets["bi_reader_password"] == "given-by-hand"
    assert secrets["brain_reader_url"].startswith("postgresql+psycopg2://bi_reader:given-by-hand@postgres")
    assert secrets["brain_signing_keys"] == "new-key-of-old,old-key-of-old"
    assert secrets["brain_source_url"] == THEIRS
    assert len(secrets["mongo_root_password"]) == 48
    assert _settings(tmp_path) == {"SECRETS_FOLDER": "./secrets", "AIRFLOW_PORT": "8081"}
    assert "Moved from .env into" in done.stdout
    assert "drawn-long-ago" not in done.stdout + (tmp_path / ".env").read_text()
    assert "Moved" not in _run(tmp_path).stdout


def test_a_move_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    old = "REDIS_PASSWORD=one\nPOSTGRES_PASSWORD=another\n"
    (tmp_path / ".env").write_text(old)
    first = _make(tmp_path)
    (tmp_path / ".env").write_text(old)
    assert _make(tmp_path) == first
    assert "PASSWORD" not in (tmp_path / ".env").read_text()


def test_a_url_of_an_older_file_replaces_a_derived_one(tmp_path: Path) -> None:
    _make(tmp_path)
    with (tmp_path / ".env").open("a") as file:
        file.write(f"BRAIN_SOURCE_URL={THEIRS}\n")
    assert _make(tmp_path)["brain_source_url"] == THEIRS


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("REDIS_PASSWORD=another-one", "differ"),
        ("BRAIN_SOURCE_URL=postgresql+psycopg2://another-one@db/market", "differ"),
        ('BI_READER_PASSWORD="another-one$HOME"', "BI_READER_PASSWORD in .env holds"),
    ],
)
def test_what_is_not_clear_is_left_to_a_person(tmp_path: Path, line: str, told: str) -> None:
    _make(tmp_path)
    (tmp_path / "secrets" / "brain_source_url").write_text(THEIRS)
    before = _make(tmp_path)
    with (tmp_path / ".env").open("a") as file:
        file.write(f"METABASE_ADMIN_PASSWORD=moved-too\n{line}\n")
    text = (tmp_path / ".env").read_text()
    done = _run(tmp_path)
    assert done.returncode != 0
    assert told in done.stderr
    assert "another-one" not in done.stderr
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == before
    assert (tmp_path / ".env").read_text() == text


UNCLEAR = {  # what an older file holds: what is said of it
    "yaml": (b"REDIS_PASSWORD: hidden-one\n", "Line 1 of .env names REDIS_PASSWORD"),
    "a name alone": (b"A=1\n\nREDIS_PASSWORD\n", "Line 3 of .env names REDIS_PASSWORD"),
    "a word before": (b"set REDIS_PASSWORD=hidden-one\n", "Line 1 of .env names REDIS_PASSWORD"),
    "lines": (b'REDIS_PASSWORD="hidden-one\nhidden-two"\n', "REDIS_PASSWORD in .env has a quote"),
    "within lines": (b'A="1\nREDIS_PASSWORD=hidden-one"\n', "Line 1 of .env: a quote"),
    "after a quote": (b"REDIS_PASSWORD='hidden'one\n", "REDIS_PASSWORD in .env has a quote"),
    "latin-1": ("REDIS_PASSWORD=hidden-ä\n".encode("latin-1"), "is no UTF-8 text"),
    "utf-16": ("REDIS_PASSWORD=hidden-one\n".encode("utf-16"), "is no UTF-8 text"),
    "a line break of old": (b"REDIS_PASSWORD=hidden-one\rA=1\n", "REDIS_PASSWORD in .env holds"),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_a_secret_that_is_not_understood_stops_before_one_is_drawn(tmp_path: Path, case: str) -> None:
    content, said = UNCLEAR[case]
    (tmp_path / ".env").write_bytes(content)
    done = _run(tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert "hidden" not in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / ".env").read_bytes() == content
    assert not (tmp_path / "secrets").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfREDIS_PASSWORD=given\n",
        b"REDIS_PASSWORD=given\r\nA=1\r\n",
        b'# REDIS_PASSWORD: of old\nREDIS_PASSWORD="given" # "mine"\n',
        b"REDIS_PASSWORD=of-old\nREDIS_PASSWORD=given",
    ],
)
def test_a_secret_is_read_as_compose_has_read_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    assert _make(tmp_path)["redis_password"] == "given"
    assert "REDIS_PASSWORD=" not in (tmp_path / ".env").read_text()


def test_a_secret_of_no_text_is_told(tmp_path: Path) -> None:
    _make(tmp_path)
    (tmp_path / "secrets" / "redis_password").write_bytes(b"\xe4")
    done = _run(tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        f"{tmp_path}/secrets/redis_password is no UTF-8 text: save it as UTF-8, and run this again.\n",
    )
