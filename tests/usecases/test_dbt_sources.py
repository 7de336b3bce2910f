"""docs/dbt/sources.yml is what the declarations say, and what dbt takes for sources."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from brain.usecases import USE_CASES
from brain.usecases.dbt_sources import render
from brain.usecases.published import shown, shown_of_all
from tests.docs.reading import ROOT

PAGE = ROOT / "docs" / "dbt" / "sources.yml"
TEXT = {"type": "string", "minLength": 1, "pattern": r"^(?!.*\{[{%#])[\s\S]*$"}  # dbt renders what is in braces
# The part that we use of https://docs.getdbt.com/reference/source-properties, with nothing else allowed.
COLUMN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "description", "data_type"],
    "properties": {
        "name": TEXT,
        "description": TEXT,
        "data_type": {
            "enum": ["text", "integer", "bigint", "double precision", "boolean", "date", "timestamptz"],
        },
        "quote": {"type": "boolean"},
        "data_tests": {"type": "array", "items": {"enum": ["not_null", "unique"]}},
    },
}
TABLE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "description", "columns"],
    "properties": {
        "name": TEXT,
        "description": TEXT,
        "loaded_at_field": TEXT,
        "columns": {"type": "array", "minItems": 1, "items": COLUMN},
    },
}
SOURCE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "schema", "tables"],
    "properties": {
        "name": TEXT,
        "description": TEXT,
        "schema": {"type": "string"},
        "tables": {"type": "array", "minItems": 1, "items": TABLE},
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "sources"],
    "properties": {"version": {"const": 2}, "sources": {"type": "array", "minItems": 1, "items": SOURCE}},
}


def described() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(PAGE.read_text(encoding="utf-8"))
    return found


def test_the_file_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make docs`"


def test_it_is_what_dbt_takes() -> None:
    assert list(Draft7Validator(SCHEMA).iter_errors(described())) == []


@pytest.mark.parametrize("key", ["columms", "meta"])
def test_the_check_can_fail(key: str) -> None:
    broken = described()
    broken["sources"][0]["tables"][0][key] = []
    assert list(Draft7Validator(SCHEMA).iter_errors(broken))


def test_every_published_table_and_column_is_in_it() -> None:
    (source,) = described()["sources"]
    declared = [*(one for use_case in USE_CASES.values() for one in shown(use_case, use_case.example)), *shown_of_all()]
    assert {table["name"]: [column["name"] for column in table["columns"]] for table in source["tables"]} == {
        table.identifier: [column.identifier for column in table.columns] for table in declared
    }


def test_names_that_have_to_be_quoted_are() -> None:
    (source,) = described()["sources"]
    (wide,) = [table for table in source["tables"] if table["name"] == "probabilities"]
    assert [column["name"] for column in wide["columns"] if not column.get("quote")] == [
        "assetname",
        "as_of",
        "published_at",
    ]
