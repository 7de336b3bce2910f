"""docs/dbt/sources.yml, made from the declarations: ``python -m brain.usecases.dbt_sources docs/dbt/sources.yml``.

What dbt calls sources are the tables that it reads and does not make: https://docs.getdbt.com/reference/source-properties
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from brain.usecases import USE_CASES
from brain.usecases.published import shown, shown_of_all
from brain.warehouse.tables import PUBLISHED_AT, spelled

if TYPE_CHECKING:
    from brain.usecases.published import Shown
    from brain.warehouse.tables import Column

HEAD = """\
# The published tables as dbt's sources. Made by `make docs` from the declarations; change those, not this file.
# Copy it below the models of a dbt project; {{ source('brain', 'probabilities_long') }} then is the tidy view.
# BRAIN_SCHEMA names the schema of the warehouse, where it is not public.
"""
SCHEMA = "{{ env_var('BRAIN_SCHEMA', 'public') }}"


def render() -> str:
    """The file: YAML that dbt and any YAML reader takes."""
    tables = [_table(table) for use_case in USE_CASES.values() for table in shown(use_case, use_case.example)]
    tables += [_table(table) for table in shown_of_all()]
    source = {
        "name": "brain",
        "description": "What Brain publishes, replaced in one transaction a run; see docs/tables.md.",
        "schema": SCHEMA,
        "tables": tables,
    }
    text: str = yaml.safe_dump({"version": 2, "sources": [source]}, sort_keys=False, allow_unicode=True, width=118)
    return HEAD + text


def _table(table: Shown) -> dict[str, Any]:
    described: dict[str, Any] = {"name": table.identifier, "description": table.meaning}
    names = {column.name for column in table.columns}
    if PUBLISHED_AT in names:
        described["loaded_at_field"] = PUBLISHED_AT
    described["columns"] = [_column(table, column) for column in table.columns]
    return described


def _column(table: Shown, column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": column.identifier,
        "description": column.meaning,
        "data_type": column.type,
    }
    if spelled(column.name).startswith('"'):
        described["quote"] = True
    if column.name in table.key:
        described["data_tests"] = ["not_null"]
    return described


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(render(), encoding="utf-8")
