"""What `brain doctor` looks at: every setting and connection, each with what to do about it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brain.core.catalogue import load_catalogue
from brain.core.environment import brain_variables
from brain.core.errors import BrainError, SourceTableError
from brain.core.nearest import nearest
from brain.core.settings import Settings
from brain.usecases import USE_CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from brain.core.bar_settings import BarSettings
    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable
    from brain.source.connect import Sources
    from brain.usecases.protocol import Input, Trial

MOST = 50  # tables whose rows are read: a look at every setting is to take seconds
PROBE = "doctor.probe"
_REMEDY = "Create or correct it, or correct the catalogue."
_DEMO = "`brain demo` loads the demo data."
ROUNDING = """
SELECT setting FROM pg_db_role_setting, unnest(setconfig) AS setting
WHERE setrole = current_user::regrole AND setting ~ '^extra_float_digits=-'
"""


@dataclass(frozen=True)
class Check:
    """One check and what came of it."""

    subject: str
    ok: bool
    message: str


def examine(home: Path, moment: Moment) -> Iterator[Check]:
    """Check everything that can be checked; what depends on a broken part is left out."""
    yield Check("home", True, str(home))
    try:
        settings = Settings.load()
    except BrainError as error:
        yield Check("settings", False, str(error))
        return
    yield Check("settings", True, "every variable is set")
    yield _checked("encryption keys", lambda: _encryption_keys(settings))
    yield _checked("signing keys", lambda: _signing_keys(settings))
    yield from _source_and_catalogue(settings, moment)
    yield _checked("lake", lambda: _lake(settings))
    yield _checked("models (MongoDB)", lambda: _models(settings))
    yield _checked("warehouse", lambda: _warehouse(settings))
    yield _checked("reader", lambda: _reader(settings))
    yield from _topics(settings)


def _checked(subject: str, check: Callable[[], str]) -> Check:
    try:
        return Check(subject, True, check())
    except BrainError as error:
        return Check(subject, False, str(error))


def _encryption_keys(settings: Settings) -> str:
    from cryptography.fernet import Fernet

    from brain.core.errors import SettingsError

    for number, key in enumerate(settings.encryption_keys, start=1):
        try:
            Fernet(key.get_secret_value())
        except ValueError:
            raise SettingsError(
                "BRAIN_ENCRYPTION_KEYS",
                found=f"key {number} is not a Fernet key",
                expected="32 bytes in URL-safe base64",
                remedy="`brain keys new` prints one.",
            ) from None
    return f"{len(settings.encryption_keys)} for encryption"


def _signing_keys(settings: Settings) -> str:
    from brain.core.errors import SettingsError

    models, rows = settings.models_signer, settings.rows_signer
    rows.require_signing()
    if settings.staging_keys and models.shares_a_key_with(rows):
        raise SettingsError(
            "BRAIN_STAGING_KEYS",
            found="a key that is among BRAIN_SIGNING_KEYS, too",
            expected="keys for staged rows only",
            remedy="`brain keys new` prints one; who scores could sign models with the other.",
        )
    told = [f"{len(settings.signing_keys)} for models and snapshots" + ("" if models.signs else ", only to verify")]
    if settings.staging_keys:
        told.append(f"{len(settings.staging_keys)} for staged rows")
    return "; ".join(told)


def _source_and_catalogue(settings: Settings, moment: Moment) -> Iterator[Check]:
    try:
        catalogue = load_catalogue(settings.catalogue_path, USE_CASES)
    except BrainError as error:
        yield Check("catalogue", False, str(error))
        return
    told = ", ".join(f"{name} with {len(USE_CASES[name].units(s))} units" for name, s in catalogue.sections.items())
    yield Check("catalogue", True, f"{settings.catalogue_path}: {told}")
    yield _checked("source", lambda: _source(settings, moment))


def _source(settings: Settings, moment: Moment) -> str:
    from brain.source.connect import Sources
    from brain.workspace import open_workspace

    workspace = open_workspace(settings)
    sources = Sources(settings, workspace.catalogue.source.schema_name)
    inputs = [
        given for run in workspace.runs(moment) for unit in run.units for given in run.use_case.inputs(run, unit.name)
    ]
    try:
        lacking = {given.table.name: reason for given in inputs if (reason := _lacks(sources, given.table))}
        whole = [given for given in inputs if given.table.name not in lacking]
        tried = {given.table.name: _tried(sources, given, moment) for given in whole[:MOST]}
    finally:
        sources.close()
    lacking |= {name: "; ".join(trial.refused) for name, trial in tried.items() if trial.refused}
    if lacking:
        raise SourceTableError(
            "the source tables",
            found="; ".join(f"{name}: {reason}" for name, reason in lacking.items()),
            expected="a table for each unit of the catalogue, with the columns and rows it needs",
            remedy=_REMEDY if "BRAIN_SOURCE_URL" in brain_variables(os.environ) else f"{_REMEDY} {_DEMO}",
        )
    return _told(len(inputs), tried)


def _told(tables: int, tried: Mapping[str, Trial]) -> str:
    noted = [f"{name}: {'; '.join(trial.noted)}" for name, trial in tried.items() if trial.noted]
    read = "" if len(tried) == tables else f", of which the first {len(tried)} were read"
    return "; ".join([f"{tables} source tables{read}", *noted])


def _tried(sources: Sources, given: Input, moment: Moment) -> Trial:
    """What the quality gate and training will say of a table's rows, as they would be extracted now."""
    import tempfile

    from brain.extract.table import extract_table
    from brain.lake.lake import Lake
    from brain.quality.engine import judge, prepare
    from brain.usecases.protocol import Trial

    prepare()
    with tempfile.TemporaryDirectory(prefix="brain-doctor-") as folder:
        lake, source = Lake(folder), sources.of(given.table.database)
        report = extract_table(source, lake, given.table, moment, lambda f, **how: judge(given.check(f, moment, **how)))
        if report.error or report.snapshot is None:
            return Trial(refused=(report.error.found if report.error else report.reason,))
        return given.trial(lake.read(report.snapshot)) if given.trial else Trial()


def _lacks(sources: Sources, table: SourceTable) -> str:
    """What a source table lacks; empty where it can be extracted."""
    source = sources.of(table.database)
    try:
        columns = source.columns(table.table)
    except SourceTableError as error:
        near = nearest(table.table, source.discover(()))
        return f"{error.found}; the nearest is {near}" if near else error.found
    missing = [name for name in (*table.key, *table.required) if name not in columns]
    return f"no column {', '.join(missing)} in table {table.table!r}" if missing else ""


def _lake(settings: Settings) -> str:
    from brain.lake.lake import Lake

    lake = Lake(settings.lake_url)
    lake.storage.write(PROBE, b"written by brain doctor")
    lake.storage.delete(PROBE)
    return f"{settings.lake_url}: writable, {len(lake.storage.names('.'))} folders"


def _models(settings: Settings) -> str:
    from brain.store.connection import database, explained

    with explained():
        models = database(settings.mongo_url)
        told = models.client.admin.command("hello")
        version = models.client.server_info()["version"]
        count = models["models"].estimated_document_count()
    kind = f"replica set {told['setName']}" if "setName" in told else "standalone: no transactions"
    return f"MongoDB {version}, {kind}, {count} model versions"


def _warehouse(settings: Settings) -> str:
    from brain.core.errors import PublishError
    from brain.warehouse.read import ask

    query = "SELECT current_setting('server_version'), has_schema_privilege(current_schema(), 'CREATE')"
    version, may_create = ask(settings.warehouse_url, query).rows[0]
    if not may_create:
        raise PublishError(
            "BRAIN_WAREHOUSE_URL",
            found="a role that may not create tables in its schema",
            expected="a role that may create the published tables and add columns to them",
            remedy="GRANT CREATE ON SCHEMA … TO that role.",
        )
    return f"PostgreSQL {version}"


def _topics(settings: Settings) -> Iterator[Check]:
    """The broker, where the catalogue says that bars arrive by topics."""
    try:
        bars = load_catalogue(settings.catalogue_path, USE_CASES).bars
    except BrainError:  # told of already
        return
    if bars is not None:
        section = bars
        yield _checked("topics of bars", lambda: _broker(settings, section))


def _broker(settings: Settings, bars: BarSettings) -> str:
    from brain.ingestion import look

    topics, unread = look(settings, bars)
    return f"{topics} topics of bars; messages not read yet: {unread:,}"


def _reader(settings: Settings) -> str:
    from brain.core.errors import QueryRefused
    from brain.warehouse.read import ask

    if settings.reader_url is None:
        return "BRAIN_READER_URL is not set: `brain sql` uses the publisher's login"
    (found,) = ask(settings.reader_url, "SELECT count(*) > 0 FROM pg_tables WHERE schemaname = current_schema()").rows[
        0
    ]
    rows = ask(settings.reader_url, ROUNDING).rows
    if rows:
        raise QueryRefused(
            "BRAIN_READER_URL",
            found=f"a login that rounds numbers by its own default ({rows[0][0]})",
            expected="numbers as they were published",
            remedy="Somebody with this login has set it: `brain up` sets it back; elsewhere run"
            " ALTER ROLE … RESET extra_float_digits as a superuser, and change the password.",
        )
    return "can log in" + ("" if found else "; nothing is published yet")
