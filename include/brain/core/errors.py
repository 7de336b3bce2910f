"""Every error Brain raises on purpose, in one tree.

::

    BrainError
    ├── Transient                 a retry may help
    │   ├── ServerUnreachable       nothing answers at the address, or the connection was cut
    │   ├── StorageUnavailable      the lake cannot be read or written just now
    │   └── TableBusy               another session holds a lock on a published table
    └── Terminal                  a retry cannot help; somebody has to act
        ├── SettingsError           a setting is missing or malformed
        ├── ExtraNotInstalled       an optional part of Brain is not installed
        ├── MomentRefused           a run is asked for a moment that lies beyond the clock, or is none
        ├── CredentialsRejected     the server answers but refuses the login
        ├── ServerNotTrusted        the server answers but its certificate is not one that the settings accept
        ├── CatalogueError          the YAML catalogue is wrong; the message names the line
        │   └── UnknownName           a person names what is not there; the message says what comes nearest
        ├── SourceTableError        a source table is missing, empty or of the wrong shape
        ├── TopicError              a topic is missing, was made anew, or has lost messages that were not read
        ├── QualityError            rows failed the quality gate and were quarantined
        ├── EmbeddedServerError     a server of this machine cannot be started, set up or stopped
        ├── LakeError               a snapshot or manifest is missing, unreadable or does not match its hash
        │   └── DamagedFile           what lies there is nothing that the lake wrote, or a part of it
        ├── TrainingError           no honest model can be trained for a cell
        │   └── LeakageError          a target looks backward, or a feature forward
        ├── StoreError              the model store refuses a document
        │   ├── ModelNotFound         no version under this key
        │   └── ArtifactRejected      an artifact failed verification and was not loaded
        ├── ScoringError            a champion cannot score the newest row
        ├── WorkerDied              the process that worked on a unit died each time; the others went on
        ├── UnforeseenError         an error of the program itself, contained to one unit
        ├── QueryRefused            PostgreSQL refuses a question to the published tables
        │   └── UnknownTable          a question asks a table that is not there
        │       └── UnknownColumn   a question asks a column that is not there
        ├── BackupError             a backup is damaged or foreign, or there is something where it is to be restored
        └── PublishError            the rows about to be published failed a check; nothing was published

Orchestration maps the two branches onto Airflow's retry rules, once.
"""

from __future__ import annotations

from typing import Any


class BrainError(Exception):
    """What was found, what was expected, and what to do next.

    Args:
        subject: What the error is about: a unit, a model key, a file, a server (never a secret).
        found: What was found.
        expected: What was expected instead.
        remedy: The next thing for a person to do, as a sentence.
    """

    def __init__(self, subject: str, *, found: str, expected: str, remedy: str) -> None:
        self.subject = subject
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(f"{subject}: found {found}; expected {expected}. {remedy}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.subject, self.found, self.expected, self.remedy)


def _rebuild(kind: type[BrainError], subject: str, found: str, expected: str, remedy: str) -> BrainError:
    return kind(subject, found=found, expected=expected, remedy=remedy)


class Transient(BrainError):
    """A retry may help."""


class ServerUnreachable(Transient):
    """Nothing answers at the address, or the connection was cut."""


class StorageUnavailable(Transient):
    """The lake cannot be read or written just now."""


class TableBusy(Transient):
    """Another session holds a lock on a published table."""


class Terminal(BrainError):
    """A retry cannot help; somebody has to act."""


class SettingsError(Terminal):
    """A setting is missing or malformed."""


class ExtraNotInstalled(Terminal):
    """An optional part of Brain is not installed."""


class MomentRefused(Terminal):
    """A run is asked for a moment that lies beyond the clock, or is none."""


class CredentialsRejected(Terminal):
    """The server answers but refuses the login."""


class ServerNotTrusted(Terminal):
    """The server answers but its certificate is not one that the settings accept."""


class CatalogueError(Terminal):
    """The YAML catalogue is wrong; the message names the line."""


class UnknownName(CatalogueError):
    """A person names what is not there; the message says what comes nearest."""


class SourceTableError(Terminal):
    """A source table is missing, empty or of the wrong shape."""


class TopicError(Terminal):
    """A topic is missing, was made anew, or has lost messages that were not read."""


class QualityError(Terminal):
    """Rows failed the quality gate and were quarantined."""


class EmbeddedServerError(Terminal):
    """A server of this machine cannot be started, set up or stopped."""


class LakeError(Terminal):
    """A snapshot or manifest is missing, unreadable or does not match its hash."""


class DamagedFile(LakeError):
    """What lies there is nothing that the lake wrote, or a part of it: no attempt will read it, and it may go."""


class TrainingError(Terminal):
    """No honest model can be trained for a cell."""


class LeakageError(TrainingError):
    """A target looks backward, or a feature forward."""


class StoreError(Terminal):
    """The model store refuses a document."""


class ModelNotFound(StoreError):
    """No version under this key."""


class ArtifactRejected(StoreError):
    """An artifact failed verification and was not loaded."""


class ScoringError(Terminal):
    """A champion cannot score the newest row."""


class QueryRefused(Terminal):
    """PostgreSQL refuses a question to the published tables."""


class UnknownTable(QueryRefused):
    """A question asks a table that is not there."""


class UnknownColumn(UnknownTable):
    """A question asks a column that is not there."""


class PublishError(Terminal):
    """The rows about to be published failed a check; nothing was published."""


class BackupError(Terminal):
    """A backup is damaged or foreign, or there is something where it is to be restored."""


class WorkerDied(Terminal):
    """The process that worked on a unit died each time; the others went on."""


class UnforeseenError(Terminal):
    """An error of the program itself, contained to one unit; the log has the traceback."""

    @classmethod
    def during(cls, step: str, unit: str, error: Exception) -> UnforeseenError:
        """What `error` looks like to a person, when it struck in `step` of `unit`."""
        first = next(iter(str(error).splitlines()), "")
        return cls(
            unit,
            found=f"{type(error).__name__} during {step}: {first}",
            expected="every case to be handled",
            remedy="Report it with the traceback from the log; the others went on.",
        )
