"""What people ask of the warehouse, as `bi_reader`, once the real steps have filled it: cookbook and dashboards."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from psycopg2 import connect, sql

from brain import steps
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.demo.load import load_demo
from brain.demo.questions import questions as closing_questions
from brain.store.browse import export_model
from brain.usecases import USE_CASES
from brain.usecases.direction.names import model_key
from brain.usecases.published import make_ready, shown_of_all
from brain.usecases.published import shown as shown_tables
from brain.warehouse.bar_writing import make_bar_tables
from brain.warehouse.read import ask
from brain.workspace import open_workspace
from local.cookbook import answered, questions, seal, shown
from tests.charts import Chart, Dataset, charts, datasets
from tests.databases import fresh_connections, fresh_models
from tests.docs.reading import ROOT
from tests.recipes import scored
from tests.usecases.segments.orders import order_lines, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brain.usecases.protocol import Run
    from brain.usecases.published import Shown
    from brain.warehouse.read import Answer
    from local.servers import Servers

PAGE = ROOT / "docs" / "sql-cookbook.md"
COOKBOOK = questions(PAGE.read_text())
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "brain.json").read_text())
ASSETS = ("GOLD", "SP500", "VIX", "O'NEIL [x]")
CATALOGUE = """
defaults: {horizons: [5, 20, 21, 161], training: {trials: 1, folds: 3}}
assets: {GOLD: {}, SP500: {}, VIX: {}, "O'NEIL [x]": {table: SP500}}
use_cases:
  recommendations: {shop: {orders: {table: orders, quantity: quantity, value: value}}}
  segments: {bootstraps: 4}
  anomalies: {feeds: [bars]}
"""
SHOPS_DAYS = (date(2024, 1, 15), date(2024, 1, 22))
DAYS = (date(2018, 6, 29), date(2018, 7, 31), date(2018, 8, 31), date(2018, 10, 31))
NUMBERS = ("Numbers", "Proven", "Stale")  # of Superset's charts
WITHOUT_COMMENT = """
SELECT relname, coalesce(attname, '') FROM pg_class AS relation
LEFT JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
    AND has_table_privilege(relation.oid, 'SELECT')
    AND (coalesce(obj_description(relation.oid, 'pg_class'), '') = '' OR NOT EXISTS (
        SELECT FROM pg_description WHERE objoid = relation.oid AND objsubid = attnum AND description <> ''))
"""
READABLE = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
    AND has_table_privilege(oid, 'SELECT') ORDER BY relname
"""

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture(scope="module")
def filled(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Models of June, numbers of four months, and what came true of them."""
    with fresh_models(servers) as models, fresh_connections(servers, models) as connections:
        home = tmp_path_factory.mktemp("answers")
        catalogue = home / "catalogue.yaml"
        catalogue.write_text(CATALOGUE)
        given = {**connections, "BRAIN_LAKE_URL": str(home / "lake"), "BRAIN_CATALOGUE": str(catalogue)}
        settings = Settings.load({"BRAIN_HOME": str(home)}, given)
        assert not told(settings, READABLE).rows
        for day in DAYS:
            load_demo(connections["BRAIN_DEMO_URL"], as_of=day, assets=ASSETS[:3])
            _work(run_of(settings, day), train=day == DAYS[0])
        steps.evaluate(run_of(settings, DAYS[-1]))
        for day in SHOPS_DAYS:
            _serve(settings, connections["BRAIN_DEMO_URL"], day)
        yield settings


def run_of(settings: Settings, day: date, use_case: str = "direction") -> Run:
    return open_workspace(settings).run(use_case, Moment(datetime(day.year, day.month, day.day, 22, tzinfo=UTC)))


def _serve(settings: Settings, url: str, day: date) -> None:
    """Every step for a shop as it was known on a day; its customers are called 1200 and so on."""
    lines = order_lines()
    lines["customer"] = (lines["customer"].str[1:].astype(int) + 1200).astype(str)
    put(url, lines[lines["time"] < pd.Timestamp(day)])
    for use_case in ("recommendations", "segments"):
        run = run_of(settings, day, use_case)
        names = [unit.name for unit in run.units]
        for step in (steps.extract, steps.train, steps.score):
            assert all(result.ok for result in step(run, names))
        steps.publish(run, [names])


def _work(run: Run, *, train: bool) -> None:
    names = [unit.name for unit in run.units]
    assert all(result.ok for result in steps.extract(run, names))
    if train:
        assert told(run.settings, "SELECT count(*) FROM probabilities_long").rows == [(0,)]
        assert not told(run.settings, WITHOUT_COMMENT).rows  # a BI tool connects before the first publication
        assert [chart.title for chart in charts() if len(told(run.settings, chart.sql()).rows) > _least(chart)] == []
        steps.train(run, names)
        steps.judge(run)
    assert all(result.ok for result in steps.score(run, names))
    steps.publish(run, [names])


def _least(chart: Chart) -> int:
    """Rows of a chart where there is nothing yet: a number that counts says 0."""
    return 0 if chart.columns else 1


def shown_by(run: Run) -> tuple[Shown, ...]:
    return shown_tables(run.use_case, run.section)


def told(settings: Settings, query: str) -> Answer:
    assert settings.reader_url is not None
    return ask(settings.reader_url, query)


def test_there_are_enough_questions() -> None:
    assert len({one.title for one in COOKBOOK}) == len(COOKBOOK) >= 20
    assert PAGE.read_text().count("```sql") == len(COOKBOOK)


@pytest.mark.parametrize("number", range(len(COOKBOOK)), ids=[one.title for one in COOKBOOK])
def test_a_question_of_the_cookbook_is_answered(filled: Settings, number: int) -> None:
    """By one statement, which `ask` makes sure of; and the page shows an answer to it."""
    answer = told(filled, COOKBOOK[number].sql)
    assert answer.rows
    assert COOKBOOK[number].answer.split("\n")[0].split() == " ".join(answer.columns).split()
    assert len(COOKBOOK[number].answer.splitlines()) > 2


def test_every_table_of_the_shop_is_asked() -> None:
    asked = [one.sql for one in COOKBOOK if re.search("recommendation|segment", one.sql)]
    assert len(asked) >= 8
    for name in ("recommendations", "recommendation_details", "customer_segments", "segment_profiles"):
        assert any(re.search(rf"\b{name}\b", query) for query in asked)


def test_the_answers_of_the_page_are_those_to_its_questions() -> None:
    assert PAGE.read_text().endswith(seal(COOKBOOK)), "run `make cookbook`"


def test_answers_are_written_below_their_questions_and_nothing_else_is_touched(filled: Settings) -> None:
    page = PAGE.read_text()
    again = answered(page, lambda query: told(filled, query))
    assert [(one.title, one.sql) for one in questions(again)] == [(one.title, one.sql) for one in COOKBOOK]
    assert [one.answer for one in questions(again)] == [shown(told(filled, one.sql)) for one in COOKBOOK]
    assert answered(again, lambda query: told(filled, query)) == again
    assert _without_answers(again) == _without_answers(page)


def _without_answers(page: str) -> str:
    for one in questions(page):
        page = page.replace(f"{one.sql}\n```\n\n```\n{one.answer}\n```\n", f"{one.sql}\n```\n")
    return page


def test_everything_that_a_reader_sees_is_commented(filled: Settings) -> None:
    make_bar_tables(filled.warehouse_url)  # no bar has come here, and nobody has watched a feed
    assert make_ready(run_of(filled, DAYS[-1], "anomalies"))
    seen = {name for (name,) in told(filled, READABLE).rows}
    assert {"probabilities", "probabilities_long", "probability_ledger", "customer_segments"} < seen
    assert not told(filled, WITHOUT_COMMENT).rows
    runs = [run_of(filled, DAYS[-1], use_case) for use_case in USE_CASES]
    assert seen == {one.identifier for run in runs for one in (*shown_by(run), *shown_of_all())}
    assert [make_ready(run) for run in runs] == [()] * len(runs)


def test_the_tidy_view_says_what_the_wide_table_says(filled: Settings) -> None:
    for horizon in (5, 20, 21, 161):
        wide = told(filled, f'SELECT AssetName, "{horizon}_Day_Probability" FROM Probabilities ORDER BY 1')
        tidy = told(filled, f"SELECT asset, probability FROM probabilities_long WHERE horizon = {horizon} ORDER BY 1")
        assert len(wide.rows) == len(ASSETS)
        assert wide.rows == tidy.rows


def test_the_closing_questions_follow_the_catalogue(filled: Settings) -> None:
    catalogue = open_workspace(filled).catalogue
    for _, query in closing_questions(catalogue):
        assert told(filled, query).rows


def _panels() -> list[Any]:
    return [
        pytest.param(target["rawSql"], id=f"{panel['title']} {target['refId']}")
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    ]


def _interpolated(query: str, asset: str) -> str:
    """As Grafana's PostgreSQL data source writes a query for a dashboard of 2018 with that asset chosen.

    https://grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax/: `:sqlstring` quotes for SQL.
    """
    quoted = "'" + asset.replace("'", "''") + "'"
    query = query.replace("${asset:sqlstring}", quoted)
    between = r"\1 BETWEEN '2018-01-01T00:00:00Z' AND '2018-12-31T00:00:00Z'"
    query = re.sub(r"\$__timeFilter\(([^()]+)\)", between, query)
    assert "$" not in query, query
    return query


@pytest.mark.parametrize("asset", ["SP500", "O'NEIL [x]", "x'; DROP TABLE probabilities; --"])
@pytest.mark.parametrize("query", _panels())
def test_a_panel_of_the_dashboard_is_answered(filled: Settings, query: str, asset: str) -> None:
    answer = told(filled, _interpolated(query, asset))
    assert answer.columns
    if asset in ASSETS:
        assert answer.rows


def test_the_dashboard_asks_for_its_assets_and_annotates_from_the_ledger(filled: Settings) -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    assert sorted(ASSETS) == [name for (name,) in told(filled, variable["query"]).rows]
    assert DASHBOARD["annotations"]["list"]
    for annotation in DASHBOARD["annotations"]["list"]:
        answer = told(filled, _interpolated(annotation["target"]["rawSql"], "SP500"))
        assert {"time", "text"} <= set(answer.columns)


@pytest.mark.parametrize("chart", charts(), ids=lambda chart: chart.title)
def test_a_chart_of_superset_is_answered(filled: Settings, chart: Chart) -> None:
    answer = told(filled, chart.sql())
    assert answer.columns == (*chart.columns, *chart.query.get("metrics", ()))
    assert len(answer.rows) > _least(chart) or chart.title in ("Where skill is proven", *NUMBERS)


@pytest.mark.parametrize("dataset", datasets(), ids=lambda dataset: dataset.table)
def test_a_dataset_of_superset_has_its_expressions_and_its_time(filled: Settings, dataset: Dataset) -> None:
    said = [f'{expression} AS "{name}"' for name, expression in dataset.metrics.items()]
    (row,) = told(filled, f"SELECT {', '.join(said)} FROM {dataset.table}").rows
    assert None not in row
    if dataset.main_time:
        assert told(filled, f'SELECT max("{dataset.main_time}"::date) FROM {dataset.table}').rows[0][0] is not None


@pytest.mark.parametrize(("asset", "horizon"), [("VIX", 5), ("GOLD", 20), ("O'NEIL [x]", 161)])
def test_an_exported_model_followed_in_javascript_says_what_was_published(
    filled: Settings, tmp_path: Path, asset: str, horizon: int
) -> None:
    run = run_of(filled, DAYS[-1])
    key = model_key(asset, horizon)
    onnx, card = export_model(run.store, key, None, tmp_path)
    stem = onnx.with_suffix("")
    cell = f"FROM probabilities_long WHERE model_version IS NOT NULL AND horizon = {horizon}"
    found = {name: rest for name, *rest in told(filled, f"SELECT asset, probability, has_skill, as_of {cell}").rows}
    published, has_skill, as_of = found[asset]
    assert json.loads(card.read_text())["usage"]["has_skill"] == has_skill
    row = _newest(filled, asset if asset in ASSETS[:3] else "SP500", as_of)
    assert scored(stem, row) == pytest.approx(published, abs=1e-9)
    claimed = json.loads(card.read_text())  # whether or not it has skill: what its model says
    claimed["usage"]["has_skill"] = True
    card.write_text(json.dumps(claimed))
    model = run.store.load(key)
    values = np.array([[row[name] for name in model.features]], float)
    (blended,) = model.head.apply(model.evaluator().outputs(model.rows(values)), True)
    assert scored(stem, row) == pytest.approx(blended, abs=1e-9)


def _newest(filled: Settings, table: str, as_of: date) -> dict[str, Any]:
    """The row of the source that the number was computed from."""
    with (
        connect(filled.source_url.get_secret_value().replace("+psycopg2", "")) as connection,
        connection.cursor() as one,
    ):
        query = sql.SQL('SELECT row_to_json(one) FROM {} AS one WHERE "Date" = %s').format(sql.Identifier(table))
        one.execute(query, (as_of,))
        ((row,),) = one.fetchall()
    found: dict[str, Any] = row
    return found
