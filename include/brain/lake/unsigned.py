"""What a manifest that nobody has signed must look like before a word of it is believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_File = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-][0-9A-Za-z._-]*$")]
_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Segment = tuple[_File, _Count, str, str, _Hash, _Hash, _Count, None]
_Column = tuple[str, str, Annotated[int, Field(ge=0, lt=2**31)]]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Revision(_Strict):
    first: str
    last: str
    rows: _Count
    columns: tuple[str, ...]


class _Version(_Strict):
    version: Annotated[int, Field(ge=1, lt=2**31)]
    watermark: str
    rows: _Count
    data_sha256: _Hash
    schema_: _Count = Field(alias="schema")
    tables: _Count
    moment: str
    status: str
    warnings: _Count
    revision: _Revision | None
    segments: Annotated[tuple[str, ...], Field(min_length=1)]


class UnsignedManifest(_Strict):
    """A manifest in the fields of the present format."""

    format: Literal[3]
    counter: Literal[0]
    space: str
    name: str
    kind: str
    key: Annotated[tuple[str, ...], Field(min_length=1)]
    last_version: Annotated[int, Field(ge=1, lt=2**31)]
    checked_in_full: str
    schemas: tuple[tuple[_Column, ...], ...]
    tables: tuple[tuple[str, ...], ...]
    segments: dict[str, _Segment]
    versions: Annotated[tuple[_Version, ...], Field(min_length=1)]


def require_whole(body: Mapping[str, Any]) -> None:
    """Refuse a manifest with a field of another type.

    Raises:
        ValueError: There is one.
    """
    UnsignedManifest.model_validate_json(json.dumps(body))
