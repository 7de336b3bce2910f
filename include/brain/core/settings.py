"""Where the servers, the lake and the keys are: validated once, at the edge."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from brain.core.environment import brain_variables
from brain.core.errors import SettingsError
from brain.core.kafka_url import client_settings
from brain.core.signing_keys import read_key

if TYPE_CHECKING:
    from brain.core.signing import Signer

ModelT = TypeVar("ModelT", bound=BaseModel)
HOME_VARIABLE = "BRAIN_HOME"
CATALOGUE_VARIABLE = "BRAIN_CATALOGUE"
CONNECTIONS_FILE = "connections.json"
_SET_ELSEWHERE = {"host", "port", "user", "password", "dbname", "database", "dsn", "connect_timeout", "options"}


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _sql_url(value: SecretStr) -> SecretStr:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):  # the latter quotes what it takes for a port: it may be part of a password
        raise ValueError("not a SQLAlchemy URL (postgresql+psycopg2://user:password@host:5432/database)") from None
    if url.host and "@" in f"{url.host}{url.database}":  # host and database are named in errors
        raise ValueError(
            "a URL with a second @: in a password, @ is written %40, / is written %2F and : is written %3A"
        )
    return value


def _postgres_url(value: SecretStr) -> SecretStr:
    from sqlalchemy.engine import make_url

    url = make_url(_sql_url(value).get_secret_value())
    backend = url.get_backend_name()
    if backend != "postgresql":
        raise ValueError(f"a URL of {backend}; the tables are published in PostgreSQL")
    _require_options(url.query)
    return value


def _require_options(query: Mapping[str, str | tuple[str, ...]]) -> None:
    """Options of libpq, once each, which neither the rest of the URL nor the session sets."""
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import make_dsn

    if set_elsewhere := sorted(_SET_ELSEWHERE & query.keys()):
        raise ValueError(f"{', '.join(set_elsewhere)} after the question mark: it belongs before it, or Brain sets it")
    if twice := sorted(name for name, given in query.items() if not isinstance(given, str)):
        raise ValueError(f"{', '.join(twice)} more than once after the question mark")
    try:
        make_dsn(**query)
    except ProgrammingError as error:
        raise ValueError(f"something after the question mark that libpq does not know ({error})") from None


def _mongo_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("not a MongoDB URL such as mongodb://user:password@host:27017/brain")
    return value


def _kafka_url(value: SecretStr) -> SecretStr:
    client_settings(value.get_secret_value())
    return value


def _signing_key(value: SecretStr) -> SecretStr:
    read_key(value.get_secret_value())
    return value


SqlUrl = Annotated[SecretStr, AfterValidator(_sql_url)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
MongoUrl = Annotated[SecretStr, AfterValidator(_mongo_url)]
KafkaUrl = Annotated[SecretStr, AfterValidator(_kafka_url)]
SigningKey = Annotated[SecretStr, AfterValidator(_signing_key)]
SigningKeys = Annotated[tuple[SigningKey, ...], BeforeValidator(_split), Field(min_length=1)]
Keys = Annotated[tuple[SecretStr, ...], BeforeValidator(_split), Field(min_length=1)]


class Settings(BaseModel):
    """Everything a step needs to reach the outside world.

    Secrets are `SecretStr`: they do not show in a repr, a log line or a traceback.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    home: Path = Field(description="Folder for local state (`.brain`); logs and reports go below it.")
    source_url: SqlUrl = Field(alias="BRAIN_SOURCE_URL", description="SQLAlchemy URL of the source tables.")
    warehouse_url: PostgresUrl = Field(alias="BRAIN_WAREHOUSE_URL", description="PostgreSQL URL to publish into.")
    reader_url: PostgresUrl | None = Field(
        default=None, alias="BRAIN_READER_URL", description="Read-only PostgreSQL URL for `brain sql` and BI tools."
    )
    mongo_url: MongoUrl = Field(alias="BRAIN_MONGO_URL", description="MongoDB URL, database name in the path.")
    kafka_url: KafkaUrl | None = Field(
        default=None, alias="BRAIN_KAFKA_URL", description="URL of the broker that bars arrive by."
    )
    lake_url: str = Field(alias="BRAIN_LAKE_URL", description="Folder or fsspec URL for snapshots.")
    catalogue_path: Path = Field(alias="BRAIN_CATALOGUE", description="The YAML catalogue.")
    signing_keys: SigningKeys = Field(
        alias="BRAIN_SIGNING_KEYS",
        description="Comma-separated secrets of 16 bytes or more, or halves of Ed25519 pairs; the first signs models, "
        "snapshots and staged rows, all of them verify (rotation). `brain keys new` prints one.",
    )
    staging_keys: SigningKeys | None = Field(
        default=None,
        alias="BRAIN_STAGING_KEYS",
        description="The same for staged rows alone, where scoring has only the public half of the signing key.",
    )
    encryption_keys: Keys = Field(
        alias="BRAIN_ENCRYPTION_KEYS",
        description="Comma-separated Fernet keys; the first encrypts stored URLs, all of them decrypt.",
    )
    source_ref: str = Field(
        default="brain_source",
        alias="BRAIN_SOURCE_REF",
        description="The name under which model documents refer to the source connection.",
    )

    @property
    def models_signer(self) -> Signer:
        """Who signs and verifies models and snapshots."""
        from brain.core.signing import Signer

        return Signer(self.signing_keys)

    @property
    def rows_signer(self) -> Signer:
        """Who signs and verifies staged rows: keys of their own, or those of the models."""
        from brain.core.signing import Signer

        return Signer(self.staging_keys, "BRAIN_STAGING_KEYS") if self.staging_keys else self.models_signer

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None) -> Settings:
        """Settings from `overrides`, then the environment, then the embedded servers of this checkout.

        Args:
            environ: Environment variables; the process environment by default. A URL or keys may also stand in a
                file: `BRAIN_SOURCE_URL_FILE` names it.
            overrides: Values by variable name that win over both (Airflow Connections).

        Raises:
            SettingsError: A value is missing, malformed or given twice; the message names the variable.
        """
        return read_settings(cls, environ, overrides)


def read_settings(
    model: type[ModelT], environ: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None
) -> ModelT:
    """A model of settings, filled as `Settings.load` says.

    Raises:
        SettingsError: A value is missing, malformed or given twice; the message names the variable.
    """
    environ = os.environ if environ is None else environ
    home = find_home(environ)
    values: dict[str, object] = {"home": home, **read_connections(home)}
    values |= brain_variables(environ)
    values |= overrides or {}
    values.setdefault("BRAIN_LAKE_URL", str(home / "lake"))
    values.setdefault(CATALOGUE_VARIABLE, str(beside(home)))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explain(error, home) from None


def find_home(environ: Mapping[str, str]) -> Path:
    """`BRAIN_HOME`, or the nearest `.brain` at or above the working folder, or `.brain` here."""
    if named := environ.get(HOME_VARIABLE):
        return Path(named).absolute()
    here = Path.cwd()
    found = next((folder for folder in (here, *here.parents) if (folder / ".brain").is_dir()), here)
    return found / ".brain"


def find_catalogue(environ: Mapping[str, str], home: Path) -> Path:
    """`BRAIN_CATALOGUE`, else what the last start of the embedded servers was given, else the one beside `home`."""
    named = environ.get(CATALOGUE_VARIABLE) or read_connections(home).get(CATALOGUE_VARIABLE)
    return Path(named).absolute() if named else beside(home)


def beside(home: Path) -> Path:
    """Where the catalogue is when nothing names it."""
    return home.parent / "catalogue.yaml"


def read_connections(home: Path) -> dict[str, str]:
    """What the embedded servers wrote down for later commands: values by variable name."""
    path = home / CONNECTIONS_FILE
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise _unusable(path, error.strerror or "an unreadable file") from None
    except ValueError as error:
        raise _unusable(path, f"malformed JSON ({type(error).__name__})") from None
    if not isinstance(content, dict):
        raise _unusable(path, f"a JSON {type(content).__name__}")
    return {str(name): str(value) for name, value in content.items()}


def _unusable(path: Path, found: str) -> SettingsError:
    return SettingsError(str(path), found=found, expected="what `brain up` writes", remedy="Run `brain up`.")


def _explain(error: ValidationError, home: Path) -> SettingsError:
    details = error.errors(include_input=False, include_url=False)
    names = ", ".join(str(detail["loc"][0]) for detail in details if detail["loc"])
    reasons = "; ".join(f"{detail['loc'][0] if detail['loc'] else ''}: {detail['msg']}" for detail in details)
    return SettingsError(
        names,
        found=reasons,
        expected="a value from the environment, an Airflow Connection or the embedded servers",
        remedy=f"Set the variable, or start the embedded servers with `brain up` (looked in {home}).",
    )
