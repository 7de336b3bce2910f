"""The sources of what is shown in Superset hold together; tests/test_answers.py asks PostgreSQL what the charts ask.

Superset itself takes a minute to install: ``make superset-check`` does that, logs in, asks and looks.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from brain.core.errors import EmbeddedServerError
from local import superset
from local.dashboards import DATABASE, bundled
from local.one_machine import PROJECT
from local.state import State
from local.superset import Superset
from tests.charts import ASSETS, Chart, charts, datasets, read

if TYPE_CHECKING:
    from collections.abc import Iterator

READER = "postgresql+psycopg2://bi_reader:very%40secret@db.example.com:5433/warehouse?sslmode=require"
(DASHBOARD,) = read("dashboards")
CHARTS = charts()


def _uuids(folder: str) -> list[str]:
    return [one["uuid"] for one in read(folder)]


def test_everything_has_a_name_of_its_own() -> None:
    found = [uuid for folder in ("databases", "datasets", "charts", "dashboards") for uuid in _uuids(folder)]
    assert len(set(found)) == len(found)
    assert len({one.title for one in CHARTS}) == len(CHARTS)
    assert {one["database_uuid"] for one in read("datasets")} == set(_uuids("databases"))
    assert {one["version"] for folder in ("databases", "datasets", "charts", "dashboards") for one in read(folder)} == {
        "1.0.0"
    }
    assert yaml.safe_load((ASSETS / "metadata.yaml").read_text())["type"] == "assets"


def test_the_dashboard_shows_every_chart_once_in_rows_of_twelve() -> None:
    position = DASHBOARD["position"]
    shown = {key: one["meta"] for key, one in position.items() if isinstance(one, dict) and one["type"] == "CHART"}
    assert sorted((one["uuid"], one["sliceName"]) for one in shown.values()) == sorted(
        (one.uuid, one.title) for one in CHARTS
    )
    rows = [position[row]["children"] for row in position["GRID_ID"]["children"]]
    assert sorted(name for row in rows for name in row) == sorted(shown)
    assert {sum(shown[name]["width"] for name in row) for row in rows} == {12}


def test_the_filters_ask_for_what_is_there() -> None:
    for one in DASHBOARD["metadata"]["native_filter_configuration"]:
        (target,) = one["targets"]
        assert target["datasetUuid"] in _uuids("datasets")
        assert target["column"]["name"] in {"asset", "horizon"}


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.title)
def test_a_chart_draws_what_its_query_asks_for(chart: Chart) -> None:
    """The picture is drawn from `params`, the API asks by `query_context`: two places that must say the same."""
    params, query = chart.params, chart.query
    metrics = [*params.get("metrics", []), *([params["metric"]] if "metric" in params else [])]
    assert metrics == list(query.get("metrics", []))
    assert set(metrics) <= chart.dataset.metrics.keys()
    groups = params.get("groupby", [])
    drawn = [params.get("x_axis"), *([groups] if isinstance(groups, str) else groups), *params.get("all_columns", [])]
    assert [name for name in drawn if name] == chart.columns
    assert [(one["subject"], one["operator"]) for one in params["adhoc_filters"]] == [
        (one["col"], one["op"]) for one in query["filters"]
    ]
    assert [json.loads(one) for one in params.get("order_by_cols", [])] in ([], query.get("orderby"))


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.title)
def test_no_chart_draws_markup_or_names_a_horizon(chart: Chart) -> None:
    """An asset may be named as it likes, and a catalogue may have any horizons."""
    assert chart.params.get("allow_render_html", False) is False
    assert (chart.params["viz_type"] == "table") == ("allow_render_html" in chart.params)
    assert "Day_Probability" not in json.dumps([chart.params, chart.context])


def test_the_datasets_are_those_that_people_ask_for() -> None:
    tables = {one.table for one in datasets()}
    assert {"probabilities", "probabilities_long", "horizon_scorecard", "model_scorecard"} <= tables


def _opened(bundle: bytes) -> Iterator[tuple[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        for name in archive.namelist():
            yield name.removeprefix("brain/"), yaml.safe_load(archive.read(name))


def test_the_bundle_has_the_warehouse_and_no_password() -> None:
    bundle = bundled(ASSETS, READER)
    found = dict(_opened(bundle))
    assert found[DATABASE]["sqlalchemy_uri"] == READER.replace(":very%40secret", "")
    assert {name for name in found if name != DATABASE} == {
        str(path.relative_to(ASSETS)) for path in ASSETS.rglob("*.yaml") if path.name != Path(DATABASE).name
    } | {"dashboards/brain.yaml"}
    assert b"secret" not in bundle
    assert bundled(ASSETS, READER) == bundle  # it says whether anything has to be imported


def test_the_lock_pins_every_package_and_what_superset_forgets() -> None:
    lines = (PROJECT / "deploy" / "superset" / "requirements.txt").read_text().splitlines()
    pins = dict(line.split(" ;")[0].split("==") for line in lines if not line.startswith("#"))
    assert pins["apache-superset"].startswith("6.1.")
    assert {"rich", "cachetools", "psycopg2-binary", "gunicorn"} <= pins.keys()
    assert pins["flask-caching"] == "2.3.1"


@pytest.mark.slow  # makes an environment
def test_what_cannot_be_installed_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superset, "PYTHONS", sys.executable)  # whichever Python runs the tests
    (tmp_path / "requirements.txt").write_text("--no-index\nno-such-package-of-brain==1\n")
    made = Superset(tmp_path / ".brain", tmp_path)
    with pytest.raises(EmbeddedServerError, match="its step `install` ended with") as told:
        made.install(State())
    assert str(made.log("install")) in str(told.value)
    assert "no-such-package-of-brain" in str(told.value)
    assert not made.stop(State())
