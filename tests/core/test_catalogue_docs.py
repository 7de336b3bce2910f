"""docs/catalogue.md names every setting of the catalogue with its default, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from brain.core.catalogue import SourceSettings
from brain.core.table_settings import ExtractionSettings, JoinedSource, RetentionSettings
from brain.core.telling import QuietHours, Route, TellingSettings
from brain.learning.settings import TrainingSettings
from brain.usecases.direction.catalogue import AssetSpec, QualitySettings, parse_assets
from brain.usecases.recommendations.catalogue import Recommendations
from brain.usecases.shop.catalogue import CustomersTable, ItemsTable, OrdersTable, ShopQuality, ShopSettings

TEXT = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text()
ROWS = {
    name: (default, meaning)
    for name, default, meaning in re.findall(r"^\| `([\w.]+)` \| (.+?) \| (.+) \|$", TEXT, re.M)
}
SECTIONS: dict[str, type[BaseModel]] = {
    "source.": SourceSettings,
    "": AssetSpec,
    "sources.": JoinedSource,
    "training.": TrainingSettings,
    "quality.": QualitySettings,
    "extraction.": ExtractionSettings,
    "retention.": RetentionSettings,
    "notices.": TellingSettings,
    "quiet_hours.": QuietHours,
    "routes.": Route,
    "shop.": ShopSettings,
    "shop.orders.": OrdersTable,
    "shop.customers.": CustomersTable,
    "shop.items.": ItemsTable,
    "shop.quality.": ShopQuality,
    "recommendations.": Recommendations,
}


def _fields() -> Iterator[tuple[str, FieldInfo]]:
    for prefix, section in SECTIONS.items():
        for name, field in section.model_fields.items():
            yield f"{prefix}{field.alias or name}", field


FIELDS = dict(_fields())


def test_every_section_of_an_asset_is_looked_at() -> None:
    nested = {t for field in AssetSpec.model_fields.values() for t in (field.annotation, *get_args(field.annotation))}
    models = {t for t in nested if isinstance(t, type) and issubclass(t, BaseModel)}
    assert models <= set(SECTIONS.values())


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_documented(name: str) -> None:
    assert name in ROWS, f"docs/catalogue.md has no row for `{name}`"


@pytest.mark.parametrize("name", ROWS)
def test_every_documented_setting_exists(name: str) -> None:
    assert name in FIELDS, f"docs/catalogue.md describes `{name}`, which does not exist"


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_has_a_description_in_the_code(name: str) -> None:
    assert FIELDS[name].description


@pytest.mark.parametrize("name", FIELDS)
def test_the_documented_default_is_the_real_one(name: str) -> None:
    documented = ROWS[name][0]
    default = FIELDS[name].default
    if documented.startswith("*"):
        assert FIELDS[name].is_required() or not default or isinstance(default, BaseModel), documented
    else:
        value = yaml.safe_load(documented.strip("`"))
        value = float(value) if isinstance(default, float) else value
        assert value == (list(default) if isinstance(default, tuple) else default)


def _choices(field: FieldInfo) -> set[str]:
    return {choice for part in get_args(field.annotation) for choice in get_args(part) if isinstance(choice, str)}


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if _choices(field)])
def test_every_choice_is_named(name: str) -> None:
    for choice in _choices(FIELDS[name]):
        assert f"`{choice}`" in ROWS[name][1]


def test_choices_are_found() -> None:
    assert _choices(FIELDS["sources.aggregates"]) == {"min", "mean", "max", "count", "stddev"}


def test_the_example_is_a_valid_catalogue() -> None:
    example, *_ = re.findall(r"```yaml\n(.+?)```", TEXT, re.S)
    catalogue = parse_assets(example)
    sp500 = catalogue.asset("SP500")
    assert catalogue.names == ("GOLD", "SP500")
    assert (sp500.table, sp500.horizons, sp500.training.trials) == ("spx_daily", (5, 21, 161), 40)
    assert catalogue.asset("GOLD").horizons == (1, 5, 21, 63)
