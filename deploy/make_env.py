"""Write what docker compose needs: a folder of secrets, a file each, and `.env` with settings. Needs Python only.

    python deploy/make_env.py

Run again after an update or a changed password: what is there stays as it is, what is missing is added, and URLs that
this script has derived from a password are derived anew. Secrets that an older `.env` holds are moved into files.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = "SECRETS_FOLDER"
FERNET = ("airflow_fernet_key", "brain_encryption_keys")
DRAWN = (
    *("postgres_password", "market_owner_password", "brain_source_password", "brain_writer_password"),
    *("brain_feedback_password", "bi_reader_password", "airflow_db_password", "metabase_db_password"),
    *("mongo_root_password", "mongo_brain_password", "mongo_member_key", "redis_password"),
    *("kafka_brain_password", "kafka_producer_password"),
    *("airflow_admin_password", "airflow_fernet_key", "airflow_jwt_secret", "airflow_secret_key"),
    *("brain_signing_keys", "brain_encryption_keys", "metabase_encryption_key", "metabase_admin_password"),
)
# Name of a URL's file: the password in it, and the URL of a server of the compose file.
DERIVED = {
    "brain_source_url": ("brain_source_password", "postgresql+psycopg2://brain_source:{}@postgres:5432/market"),
    "brain_warehouse_url": ("brain_writer_password", "postgresql+psycopg2://brain_writer:{}@postgres:5432/warehouse"),
    "brain_reader_url": ("bi_reader_password", "postgresql+psycopg2://bi_reader:{}@postgres:5432/warehouse"),
    "brain_feedback_url": ("brain_feedback_password", "postgresql+psycopg2://brain_feedback:{}@postgres:5432/market"),
    "brain_demo_url": ("market_owner_password", "postgresql+psycopg2://market_owner:{}@postgres:5432/market"),
    "brain_mongo_url": (
        "mongo_brain_password",
        "mongodb://brain:{}@mongo:27017/brain?authSource=admin&replicaSet=brain",
    ),
    "brain_kafka_url": ("kafka_brain_password", "kafka://brain:{}@kafka:19092/?mechanism=PLAIN"),
    "airflow_db_url": ("airflow_db_password", "postgresql+psycopg2://airflow:{}@postgres:5432/airflow"),
    "celery_result_url": ("airflow_db_password", "db+postgresql+psycopg2://airflow:{}@postgres:5432/airflow"),
    "celery_broker_url": ("redis_password", "redis://:{}@redis:6379/0"),
}
PLAIN = re.compile(r"[A-Za-z0-9._~-]+")  # what needs no quoting in a URL
LINE = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*(.*?)[ \t]*\n?$")
IGNORED = re.compile(r"\s*(?:#.*)?\s*")
QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")(?:[ \t]+#.*)?""")
NAMED = re.compile(rf"(?<!\w)(?:{'|'.join((*DRAWN, *DERIVED)).upper()})(?!\w)")


def main() -> None:
    """Complete folder and file, and say what was done."""
    parser = argparse.ArgumentParser(description="Write .env and the folder of secrets for docker compose.")
    parser.add_argument("--folder", type=Path, default=ROOT, help="where .env stands: beside docker-compose.yaml")
    env: Path = parser.parse_args().folder / ".env"
    found, rest = divide(decoded(env).lstrip("\ufeff").replace("\r\n", "\n") if env.exists() else "")
    text = settings((ROOT / ".env.example").read_text(), rest)
    files = env.parent / folder(text)
    told = [*move(found, files), *draw_missing(files), *derive(files)]
    write(env, text, 0o600)
    told.append(f"{env} and {files} are ready. Keep a copy: without the keys no model can be verified or read.")
    sys.stdout.write("".join(f"{line}\n" for line in told))


def divide(text: str) -> tuple[dict[str, str], str]:
    """What an `.env` holds of secrets, by the names of their files, and its text without them."""
    found, rest = {}, []
    for number, line in enumerate(re.findall(r"[^\n]*\n|[^\n]+$", text), 1):
        match = LINE.match(line)
        if match and match[1] == match[1].upper() and match[1].lower() in (*DRAWN, *DERIVED):
            if value := _unquoted(
                match[1], match[2], f"write its value into secrets/{match[1].lower()} and remove the line"
            ):
                found[match[1].lower()] = value
            continue
        if match and match[2][:1] in ("'", '"') and not QUOTED.fullmatch(match[2]):
            sys.exit(f"Line {number} of .env: a quote that is not closed in it. Nothing changed.")
        if not match and not IGNORED.fullmatch(line) and (named := NAMED.search(line)):
            sys.exit(f"Line {number} of .env names {named[0]} otherwise than as NAME=value. Nothing changed.")
        rest.append(line)
    return found, "".join(rest)


def _unquoted(name: str, value: str, otherwise: str) -> str:
    """The value as compose reads it; what it would interpolate is left to a person, who is told what to do."""
    quoted = QUOTED.fullmatch(value)
    if value[:1] in ("'", '"') and not quoted:
        sys.exit(f"{name} in .env has a quote that is not closed at the end: {otherwise}.")
    plain = (quoted[1] or quoted[2] or "") if quoted else re.sub(r"(?:^|\s+)#.*$", "", value)
    literal = bool(quoted) and value.startswith("'")
    if "\r" in plain or (not literal and re.search(r"[$\\]", plain)):
        sys.exit(f"{name} in .env holds $, \\ or a line break: {otherwise}.")
    return plain


def folder(text: str) -> str:
    """Where the text of an `.env` says that the secrets are, as compose reads it: the last line that says so counts."""
    given = [match[2] for line in text.splitlines() if (match := LINE.match(line)) and match[1] == FOLDER]
    value = _unquoted(FOLDER, given[-1], "write the path itself")
    if not value or value.startswith("~"):
        sys.exit(f"{FOLDER} in .env is {'empty' if not value else 'a path with ~'}: write the path, such as ./secrets.")
    return value


def move(found: dict[str, str], files: Path) -> list[str]:
    """Write secrets of an older `.env` into files; one that is there must agree, or be a URL that was derived."""
    moved = {name: value for name, value in found.items() if read(files / name) != value}
    for name in moved:
        present = read(files / name)
        if present is not None and not is_derived(name, present):
            sys.exit(
                f"{name.upper()} in .env and {files / name} differ: remove the line, or the file. Nothing changed."
            )
    for name, value in moved.items():
        keep(files / name, value)
    return [f"Moved from .env into {files}: {', '.join(moved)}."] if moved else []


def draw_missing(files: Path) -> list[str]:
    """Draw every secret that has no file; passwords are hexadecimal because they stand in URLs."""
    missing = [name for name in DRAWN if read(files / name) is None]
    for name in missing:
        fernet = base64.urlsafe_b64encode(os.urandom(32)).decode()
        keep(files / name, fernet if name in FERNET else secrets.token_hex(24))
    return [f"Drawn: {', '.join(missing)}."] if missing else []


def derive(files: Path) -> list[str]:
    """Put passwords into the URLs of our own servers; one that a person has pointed elsewhere stays."""
    told = []
    for name, (password, url) in DERIVED.items():
        present, value = read(files / name), read(files / password) or ""
        if present is not None and not is_derived(name, present):
            told.append(f"Kept as you wrote it: {name}. A changed {password} is not put into it.")
            continue
        if not PLAIN.fullmatch(value):
            sys.exit(f"{files / password} stands in a URL: use letters, digits and . _ ~ - only.")
        if present != url.format(value):
            keep(files / name, url.format(value))
            told += [f"Derived anew: {name}."] if present is not None else []
    return told


def is_derived(name: str, value: str) -> bool:
    """Whether a file holds a URL as this script derives it, with whatever password."""
    before, after = map(re.escape, DERIVED[name][1].split("{}")) if name in DERIVED else ("", "")
    return name in DERIVED and bool(re.fullmatch(f"{before}[^@/]*{after}", value))


def read(path: Path) -> str | None:
    """What a file holds; an empty one counts as missing."""
    return (decoded(path).rstrip("\r\n") or None) if path.exists() else None


def decoded(path: Path) -> str:
    """The text of a file."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}.")
    except UnicodeDecodeError:
        sys.exit(f"{path} is no UTF-8 text: save it as UTF-8, and run this again.")


def settings(example: str, present: str) -> str:
    """The text of `.env`: `present`, and every setting of `example` with a value that it does not have."""
    if not present.strip():
        return example
    known = {match[1] for line in present.splitlines() if (match := LINE.match(line))}
    given = [line for line in example.splitlines() if (match := LINE.match(line)) and match[1] not in known]
    return present.rstrip("\n") + "\n" + "".join(f"{line}\n" for line in given)


def keep(path: Path, value: str) -> None:
    """Write a secret. Only the owner enters the folder, so that a container's account may read the mounted file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    write(path, value, 0o644)


def write(path: Path, text: str, mode: int) -> None:
    """Write whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


if __name__ == "__main__":
    main()
