from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.core.catalogue import Sectioned, load_catalogue, parse_catalogue
from brain.core.errors import CatalogueError
from brain.core.section import Section
from brain.usecases import USE_CASES
from brain.usecases.direction.catalogue import HORIZONS, Assets, AssetSpec, assets_of, parse_assets

ROOT = Path(__file__).parents[2]

FULL = """\
source:
  schema: market
  discover: true
defaults:
  horizons: [5, 1]
  training: {trials: 3, folds: 4}
  sources:
    - VIX
assets:
  GOLD:
    horizons: [21]
    training:
      trials: 9
    sources:
      - {table: rates, prefix: r_, lag: 1d}
  SILVER:
  SP500:
    table: spx
    leave_out: [rsi_14]
"""


def test_the_shipped_catalogue_is_valid() -> None:
    catalogue = assets_of(load_catalogue(ROOT / "catalogue.yaml", USE_CASES))
    assert len(catalogue.names) == 26
    assert catalogue.horizons == HORIZONS


def test_settings_come_from_the_asset_then_the_defaults_then_the_code() -> None:
    gold, silver, sp500 = parse_assets(FULL).assets
    assert (gold.horizons, silver.horizons) == ((21,), (1, 5))
    assert (gold.training.trials, gold.training.folds, gold.training.seed) == (9, 4, 7)
    assert (silver.training.trials, silver.training.folds) == (3, 4)
    assert (sp500.name, sp500.table, sp500.leave_out) == ("SP500", "spx", ("rsi_14",))


def test_a_list_of_an_asset_replaces_that_of_the_defaults() -> None:
    gold, silver, _ = parse_assets(FULL).assets
    assert [(source.table, source.column_prefix) for source in gold.sources] == [("rates", "r_")]
    assert [(source.table, source.column_prefix) for source in silver.sources] == [("VIX", "VIX_")]


def test_the_source_names_schema_and_discovery() -> None:
    source = parse_catalogue(FULL, USE_CASES).source
    assert (source.schema_name, source.discover) == ("market", True)


def test_a_plain_list_of_names_is_enough() -> None:
    assert parse_assets("assets: [GOLD, SILVER]").names == ("GOLD", "SILVER")


def test_discovery_needs_no_asset() -> None:
    assert parse_assets("source: {discover: true}").assets == ()


def test_discovered_tables_get_the_defaults() -> None:
    catalogue = parse_assets(FULL).with_tables(["spx", "WTI", "GOLD", "VIX"])
    assert catalogue.names == ("GOLD", "SILVER", "SP500", "VIX", "WTI")
    assert catalogue.asset("WTI").horizons == (1, 5)
    assert catalogue.asset("WTI").training.folds == 4


def test_anchors_may_share_settings() -> None:
    text = "defaults: {}\nassets:\n  A: &short {horizons: [1]}\n  B: *short\n  C: {<<: *short, leave_out: [x]}\n"
    catalogue = parse_assets(text)
    assert [asset.horizons for asset in catalogue.assets] == [(1,), (1,), (1,)]
    assert catalogue.asset("C").leave_out == ("x",)


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        pytest.param("", 1, "no asset", id="empty"),
        pytest.param("assets: []", 1, "no asset", id="no assets"),
        pytest.param("source: {}\nassets:\n", 2, "no asset", id="nothing under assets"),
        pytest.param("just words", 1, "not a mapping", id="a sentence"),
        pytest.param("- GOLD", 1, "not a mapping", id="a list"),
        pytest.param("assets: [GOLD]\nsorce: {}", 2, "unknown section 'sorce'", id="unknown section"),
        pytest.param("assets: [GOLD]\n7: x", 2, "unknown section 7", id="a number as section"),
        pytest.param("assets: [GOLD]\nassets: [WTI]", 2, "'assets' twice", id="section twice"),
        pytest.param("assets:\n  GOLD:\n  GOLD:\n", 3, "'GOLD' twice", id="asset twice"),
        pytest.param("assets:\n  - GOLD\n  - WTI\n  - GOLD\n", 4, "'GOLD' twice", id="listed twice"),
        pytest.param(
            "assets:\n  A:\n    sources:\n      - table: x\n        table: y\n", 5, "'table' twice", id="in list"
        ),
        pytest.param("assets: [GOLD\nsource: {}", 2, "malformed YAML", id="unclosed"),
        pytest.param("assets:\n\t- GOLD", 2, "malformed YAML", id="tab"),
        pytest.param("assets: [GOLD]\n---\nassets: [WTI]", 2, "malformed YAML", id="two documents"),
        pytest.param("assets: !!python/object:os.system {}", 1, "malformed YAML", id="a tag that runs code"),
        pytest.param("assets:\n  ? [a, b]\n  : {}", 2, "malformed YAML", id="a list as key"),
        pytest.param("assets: [\x00]", 1, "malformed YAML", id="a control character"),
        pytest.param("assets: &a\n  GOLD: {sources: [{table: *a}]}", 2, "at assets.GOLD.sources.0.table", id="a loop"),
        pytest.param("assets: GOLD", 1, "neither a list nor a mapping", id="a name alone"),
        pytest.param("assets:\n  - GOLD\n  - NO\n", 3, "asset name False, which is not text", id="a name YAML reads"),
        pytest.param("assets:\n  GOLD:\n  600519:\n", 3, "asset name 600519, which is not text", id="a number"),
        pytest.param("assets:\n  - GOLD:\n      horizons: [1]\n", 2, "which is not text", id="a mapping in a list"),
        pytest.param("assets:\n  GOLD: 5\n", 2, "'GOLD' without a mapping", id="a number as settings"),
        pytest.param("assets:\n  GOLD: {name: AU}\n", 2, "`name` under the asset 'GOLD'", id="renamed"),
        pytest.param("defaults: [1]\nassets: [GOLD]", 1, "`defaults` that is not a mapping", id="list of defaults"),
        pytest.param("defaults:\n  table: x\nassets: [GOLD]", 2, "`table` under `defaults`", id="default table"),
        pytest.param("source: market\nassets: [GOLD]", 1, "at source", id="source as text"),
        pytest.param("source:\n  discover: perhaps\n", 2, "at source.discover", id="discover perhaps"),
        pytest.param("source:\n  schema_name: x\n", 2, "schema_name: there is no such setting", id="Python's name"),
    ],
)
def test_a_mistake_in_the_form_is_named_with_its_line(text: str, line: int, found: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, USE_CASES, "catalogue.yaml")
    assert caught.value.subject == f"catalogue.yaml, line {line}"
    assert found in caught.value.found


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("horizons: [5, 5]", "a horizon is named twice"),
        ("horizons: [0]", "horizons.0: Input should be greater than or equal to 1"),
        ("horizons: [5, 2521]", "horizons.1: Input should be less than or equal to 2520"),
        ("horizons: [yes]", "horizons.0: Input should be a valid integer"),
        ("horizons: [1.5]", "horizons.0"),
        ("horizons: ['5']", "horizons.0"),
        ("horizons: []", "at least 1 item"),
        ("horizons: 5", "horizons: Input should be a valid tuple"),
        ("horizon: [5]", "horizon: there is no such setting; the nearest is horizons"),
        ("leave_out: rsi_14", "leave_out"),
        ("table: ''", "table"),
        (f"sources: [{'ä' * 32}]", "sources.0.table: Value error, longer than the 63 bytes"),
        ("sources: [{prefix: x}]", "sources.0.table: Field required"),
        ("sources: [{table: x, lag: soon}]", "sources.0.lag"),
        ("training: {trials: 0}", "training.trials: Input should be greater than or equal to 1 (got 0)"),
        ("training: {trails: 5}", "training.trails: there is no such setting; the nearest is trials"),
        ("sources: [{table: x, colums: [y]}]", "sources.0.colums: there is no such setting; the nearest is columns"),
        ("qqqqqq: 5", ".qqqqqq: there is no such setting"),
        ("training: 5", "training"),
        ("training: {folds: many}", "training.folds"),
        ("quality: {positive: panic}", "quality.positive: Input should be 'warn', 'fail' or 'off'"),
        ("retention: {keep: forever}", "retention.keep"),
        ("extraction: {batch_rows: 1}", "extraction.batch_rows"),
    ],
)
@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("assets:\n  SILVER:\n  GOLD:\n    ", "\n", 4),
        ("defaults:\n  ", "\nassets: [GOLD]\n", 2),
    ],
    ids=["asset", "defaults"],
)
def test_a_mistake_in_a_setting_is_named_with_its_line(
    before: str, after: str, line: int, setting: str, found: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(before + setting + after, USE_CASES)
    assert caught.value.subject == f"catalogue, line {line}"
    assert found in caught.value.found
    assert caught.value.found.count(f"{found.split(':')[0]}:") <= 1, "the path is said once"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "assets:\n  GOLD:\n    training:\n      trials: 0\ndefaults:\n  training: {folds: 4}\n", 4, id="asset"
        ),
        pytest.param("assets:\n  GOLD:\n    horizons:\n      - 5\n      - 0\n", 5, id="deep in a list"),
        pytest.param(
            "assets:\n  GOLD:\n    training: {folds: 4}\ndefaults:\n  training: {trials: 0}\n", 5, id="defaults"
        ),
    ],
)
def test_the_line_is_that_of_the_faulty_value(text: str, line: int) -> None:
    with pytest.raises(CatalogueError, match=f"line {line}:"):
        parse_catalogue(text, USE_CASES)


def test_every_mistake_of_an_asset_is_told_at_once() -> None:
    with pytest.raises(CatalogueError, match=r"horizons\.0: .*; training\.trials: .*; colour: there is no such"):
        parse_catalogue("assets:\n  GOLD: {horizons: [0], training: {trials: 0}, colour: gold}", USE_CASES)


def test_a_missing_file_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"No such file.*BRAIN_CATALOGUE"):
        load_catalogue(tmp_path / "catalogue.yaml", USE_CASES)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_bytes(b"assets: [\xff]")
    with pytest.raises(CatalogueError, match="not UTF-8 text"):
        load_catalogue(path, USE_CASES)


def test_errors_of_a_file_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text("assets: 5")
    with pytest.raises(CatalogueError, match=f"^{path}, line 1: "):
        load_catalogue(path, USE_CASES)


@given(st.text(alphabet=st.sampled_from("assets:GOLD[]{}-&*!?|>'\"#% \n\t0"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        parse_catalogue(text, USE_CASES)
    except CatalogueError as error:
        assert ", line " in error.subject


def test_an_unknown_asset_is_named_with_the_known_ones() -> None:
    with pytest.raises(CatalogueError, match=r"AU: .*GOLD, SILVER, SP500"):
        parse_assets(FULL).asset("AU")


def test_narrowing_takes_some_assets_and_horizons() -> None:
    narrowed = parse_assets(FULL).only(["SP500", "GOLD", "SP500"], [5, 21])
    assert [(asset.name, asset.horizons) for asset in narrowed.assets] == [("SP500", (5,)), ("GOLD", (21,))]


def test_narrowing_by_nothing_keeps_everything() -> None:
    catalogue = parse_assets(FULL)
    assert catalogue.only([]) == catalogue


def test_an_asset_without_the_wanted_horizon_is_left_out() -> None:
    assert parse_assets(FULL).only([], [21]).names == ("GOLD",)


def test_a_horizon_that_no_asset_has_is_refused() -> None:
    with pytest.raises(CatalogueError, match=r"horizon 7: .*one of 1, 5, 21"):
        parse_assets(FULL).only([], [5, 7])


def test_an_unknown_asset_cannot_be_chosen() -> None:
    with pytest.raises(CatalogueError, match="AU"):
        parse_assets(FULL).only(["AU"])


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse_assets(FULL).assets[0].horizons = (1,)  # type: ignore[misc]


def test_an_empty_catalogue_has_no_horizons() -> None:
    assert Assets().horizons == ()


def test_a_name_of_63_bytes_fits() -> None:
    assert AssetSpec(name="x" * 63, table="ä" * 31).table == "ä" * 31


class Shops(Section):
    shops: tuple[str, ...]


class Visits:
    section: type[Section] = Shops
    top_level: tuple[str, ...] = ()


BOTH: dict[str, Sectioned] = {**USE_CASES, "visits": Visits()}


def test_other_use_cases_stand_beside_the_assets() -> None:
    catalogue = parse_catalogue("assets: [GOLD]\nuse_cases:\n  visits: {shops: [harbour]}\n", BOTH)
    assert assets_of(catalogue).names == ("GOLD",)
    assert catalogue.sections["visits"] == Shops(shops=("harbour",))


def test_a_catalogue_may_speak_of_other_use_cases_only() -> None:
    catalogue = parse_catalogue("use_cases:\n  visits: {shops: [harbour]}\n", BOTH)
    assert list(catalogue.sections) == ["visits"]
    assert assets_of(catalogue).names == ()


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (
            "assets: [GOLD]\nuse_cases:\n  dreams: {}\n",
            3,
            "the unknown use case 'dreams'; there are: anomalies, recommendations, segments, visits",
        ),
        (
            "assets: [GOLD]\nuse_cases:\n  visits:\n    shops: [harbour]\n    shop: no\n",
            5,
            "shop: there is no such setting",
        ),
        ("assets: [GOLD]\nuse_cases:\n  direction: {}\n", 3, "whose settings stand at the top"),
        ("assets: [GOLD]\nuse_cases: [visits]\n", 2, "`use_cases` that is not a mapping"),
        ("source: {schema: market}\n", 1, "no asset and no use case"),
    ],
)
def test_a_mistake_in_a_use_case_is_named_with_its_line(text: str, line: int, told: str) -> None:
    with pytest.raises(CatalogueError) as raised:
        parse_catalogue(text, BOTH, "catalogue.yaml")
    assert f"catalogue.yaml, line {line}" in str(raised.value)
    assert told in str(raised.value)


def test_a_rule_is_switched_off_without_quotes() -> None:
    (gold,) = parse_assets("assets:\n  GOLD: {quality: {gaps: off, jumps: warn}}\n").assets
    assert (gold.quality.gaps, gold.quality.jumps) == ("off", "warn")
