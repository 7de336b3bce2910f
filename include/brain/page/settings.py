"""Where the page reads. A server that only shows needs less than one that works: each part may be missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from brain.core.errors import SettingsError
from brain.core.settings import MongoUrl, PostgresUrl, SigningKeys, read_settings
from brain.core.signing_keys import public_half

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.signing import Signer


class PageSettings(BaseModel):
    """The settings of `brain.core.settings.Settings` that reading takes, each optional."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    home: Path
    given_warehouse: PostgresUrl | None = Field(default=None, alias="BRAIN_WAREHOUSE_URL")
    given_reader: PostgresUrl | None = Field(default=None, alias="BRAIN_READER_URL")
    feedback_url: PostgresUrl | None = Field(default=None, alias="BRAIN_FEEDBACK_URL")
    given_mongo: MongoUrl | None = Field(default=None, alias="BRAIN_MONGO_URL")
    given_keys: SigningKeys | None = Field(default=None, alias="BRAIN_SIGNING_KEYS")
    lake_url: str = Field(alias="BRAIN_LAKE_URL")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None) -> PageSettings:
        """As `Settings.load`, but nothing is required.

        Raises:
            SettingsError: A value is malformed or given twice.
        """
        return read_settings(cls, environ, overrides)

    @property
    def warehouse_url(self) -> SecretStr:
        """The read-only login where one is set, else the publisher's own.

        Raises:
            SettingsError: Neither is set.
        """
        if (url := self.given_reader or self.given_warehouse) is None:
            raise _missing("BRAIN_READER_URL", "the read-only URL of the published tables")
        return url

    @property
    def mongo_url(self) -> SecretStr:
        """Where the models are.

        Raises:
            SettingsError: It is not set.
        """
        if self.given_mongo is None:
            raise _missing("BRAIN_MONGO_URL", "the URL of the model store, best of a user that only reads")
        return self.given_mongo

    @property
    def verifier(self) -> Signer:
        """Who verifies what is shown: of a pair the public half only, so that nothing could be signed.

        Raises:
            SettingsError: No key is set.
        """
        from brain.core.signing import Signer

        if self.given_keys is None:
            raise _missing("BRAIN_SIGNING_KEYS", "a key that verifies, best the public half of a pair")
        halves = ((key, public_half(key.get_secret_value())) for key in self.given_keys)
        return Signer(tuple(SecretStr(half) if half else key for key, half in halves))


def _missing(name: str, expected: str) -> SettingsError:
    return SettingsError(
        name,
        found="nothing where Airflow's API server runs",
        expected=expected,
        remedy="Set it for the API server; docs/page.md says what the page needs.",
    )
