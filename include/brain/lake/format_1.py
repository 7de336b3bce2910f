"""Manifests of format 1, from when the lake held the tables of assets and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from brain.lake.columns import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

_RETURNS = re.compile(r"RETURNS([1-9][0-9]*)")


def upgraded(body: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest of format 1 in format 2.

    Format 1 does not say what it holds: one row a ``Date``, float64 columns, and columns called ``RETURNSn`` whose
    values become known n rows later. Its hashes stay as they are.
    """
    return {
        **body,
        "format": 2,
        "space": "assets",
        "name": body["asset"],
        "kind": "day",
        "key": ["Date"],
        "schemas": [[_column(name).to_json() for name in schema] for schema in body["schemas"]],
        "versions": [_version(version) for version in body["versions"]],
    }


def _version(value: Mapping[str, Any]) -> dict[str, Any]:
    return {**value, "data_sha256": value["sha256"], "moment": value["interval_end"], "status": value["verdict"]}


def _column(name: str) -> Column:
    match = _RETURNS.fullmatch(name)
    return Column(name, rows_ahead=int(match.group(1)) if match else 0)
