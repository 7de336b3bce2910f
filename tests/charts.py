"""What is shown in Superset, read from its sources, and the SQL that Superset makes of a chart.

Superset's own text of each query is compared with PostgreSQL's answer by ``make superset-check``; this is the same, for
tests that have no Superset: a column, an expression of a dataset, a filter, an order, a limit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from local.one_machine import PROJECT

ASSETS = PROJECT / "deploy" / "superset" / "assets"


@dataclass(frozen=True)
class Dataset:
    """A table that Superset knows, with its expressions."""

    table: str
    uuid: str
    metrics: dict[str, str]
    main_time: str | None


@dataclass(frozen=True)
class Chart:
    """A chart on a dataset."""

    title: str
    uuid: str
    dataset: Dataset
    params: dict[str, Any]
    context: dict[str, Any]

    @cached_property
    def query(self) -> dict[str, Any]:
        (query,) = self.context["queries"]
        found: dict[str, Any] = query
        return found

    @property
    def columns(self) -> list[str]:
        return [column if isinstance(column, str) else column["sqlExpression"] for column in self.query["columns"]]

    def sql(self) -> str:
        """One statement."""
        metrics = self.query.get("metrics")
        named = [f'"{name}"' for name in self.columns]
        said = [f'{self.dataset.metrics[name]} AS "{name}"' for name in metrics or ()]
        wheres = [f'"{one["col"]}" {one["op"]}' for one in self.query["filters"]]
        groups = named if metrics else []
        orders = [f'"{name}"{"" if rising else " DESC"}' for name, rising in self.query.get("orderby", ())]
        parts = [
            f"SELECT {', '.join(named + said)} FROM public.{self.dataset.table}",
            f"WHERE {' AND '.join(wheres)}" if wheres else "",
            f"GROUP BY {', '.join(groups)}" if groups else "",
            f"ORDER BY {', '.join(orders)}" if orders else "",
            f"LIMIT {self.query['row_limit']}" if "row_limit" in self.query else "",
        ]
        return "\n".join(filter(None, parts))


def read(folder: str) -> list[dict[str, Any]]:
    """The files of a folder of the sources, in order."""
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ASSETS / folder).rglob("*.yaml"))]


def datasets() -> list[Dataset]:
    return [
        Dataset(
            one["table_name"],
            one["uuid"],
            {metric["metric_name"]: metric["expression"] for metric in one["metrics"]},
            one["main_dttm_col"],
        )
        for one in read("datasets")
    ]


def charts() -> list[Chart]:
    known = {one.uuid: one for one in datasets()}
    return [
        Chart(
            one["slice_name"], one["uuid"], known[one["dataset_uuid"]], one["params"], json.loads(one["query_context"])
        )
        for one in read("charts")
    ]
