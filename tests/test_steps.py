"""The pipeline without Airflow on real data and servers: a day, the same day again, another day, bad input."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from brain import steps
from brain.core.errors import BrainError, CredentialsRejected, ServerUnreachable, UnforeseenError
from brain.core.moment import Moment
from brain.demo.load import load_demo
from brain.demo.questions import FALL_ANSWER, GOLD_ANSWER
from brain.lake.manifest import Manifest
from brain.results import UnitResult
from brain.store.approval import questions
from brain.store.models import ModelStore
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key
from brain.usecases.protocol import Run
from brain.warehouse.connection import transaction
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brain.core.settings import Settings

ASSETS = ("GOLD", "SP500", "VIX")
THURSDAY = Moment(datetime(2018, 6, 28, 22, tzinfo=UTC))
FRIDAY = Moment(datetime(2018, 6, 29, 22, tzinfo=UTC))
SATURDAY = Moment(datetime(2018, 6, 30, 22, tzinfo=UTC))
CATALOGUE = """
defaults:
  horizons: [5, 20, 21, 161]
  training: {trials: 2, folds: 3}
assets: [%s]
"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def workspace(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    load_demo(demo_url, as_of=date(2018, 6, 28), assets=ASSETS)
    return _workspace(settings, tmp_path, ASSETS)


def _workspace(settings: Settings, folder: Path, assets: Sequence[str]) -> Workspace:
    path = folder / "catalogue.yaml"
    path.write_text(CATALOGUE % ", ".join(assets))
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def direction(workspace: Workspace, moment: Moment) -> tuple[Run, list[str]]:
    run = workspace.run("direction", moment)
    return run, [unit.name for unit in run.units]


def run(workspace: Workspace, moment: Moment) -> dict[str, list[UnitResult]]:
    of, names = direction(workspace, moment)
    results = {"extract": steps.extract(of, names), "train": steps.train(of, names)}
    steps.judge(of)
    results["score"] = steps.score(of, names)
    steps.publish(of, [names])
    return results


def rows(workspace: Workspace, query: str) -> list[tuple[Any, ...]]:
    assert workspace.settings.reader_url is not None
    return ask(workspace.settings.reader_url, query).rows


def test_one_day_the_same_day_again_and_the_next(workspace: Workspace, demo_url: str) -> None:
    first = run(workspace, THURSDAY)
    assert all(result.ok for told in first.values() for result in told), first
    (gold,) = rows(workspace, GOLD_ANSWER)
    assert all(0 < probability < 1 for probability in gold)
    assert [name for name, _ in rows(workspace, FALL_ANSWER)] != []
    assert rows(workspace, "SELECT AssetName, As_Of::text FROM Probabilities ORDER BY 1") == [
        ("GOLD", "2012-12-31"),
        ("SP500", "2018-06-28"),
        ("VIX", "2018-06-28"),
    ]
    added_up = (
        "SELECT count(*) FILTER (WHERE abs(told.part - ln(probability / (1 - probability))) < 1e-9), count(*)"
        " FROM probability_details LEFT JOIN (SELECT asset, horizon, sum(part) AS part FROM probability_reasons"
        " GROUP BY 1, 2) AS told USING (asset, horizon)"
    )
    assert rows(workspace, added_up) == [(12, 12)]
    untrusted = "SELECT count(*) FROM probability_details WHERE NOT has_skill AND probability <> base_rate"
    assert rows(workspace, untrusted) == [(0,)]

    before = _published(workspace)
    again = run(workspace, THURSDAY)
    assert {result.reason for result in again["train"]} == {"4 skip"}
    assert _published(workspace) == before

    load_demo(demo_url, as_of=date(2018, 6, 29), assets=ASSETS)
    following = run(workspace, FRIDAY)
    assert [result.reason for result in following["train"]] == ["4 skip", "4 refresh", "4 refresh"]
    assert rows(workspace, "SELECT DISTINCT As_Of::text FROM Probabilities ORDER BY 1") == [
        ("2012-12-31",),
        ("2018-06-29",),
    ]
    grown = "SELECT asset, count(DISTINCT as_of) FROM probability_history GROUP BY 1 ORDER BY 1"
    assert rows(workspace, grown) == [("GOLD", 1), ("SP500", 2), ("VIX", 2)]


def test_tidying_before_the_first_publication_keeps_every_model_version(workspace: Workspace) -> None:
    of = workspace.run("direction", THURSDAY)
    steps.extract(of, ["GOLD"])
    assert steps.train(of, ["GOLD"])[0].ok
    tidied = {result.unit: result for result in steps.tidy(workspace, FRIDAY)}
    assert all(result.ok for result in tidied.values())
    assert "0 model versions removed" in tidied["GOLD"].reason
    assert len(of.store.champion_summaries(["GOLD"])) == len(of.units[0].targets)


def test_what_a_run_left_in_the_lake_goes_when_it_is_old_and_can_be_made_again(workspace: Workspace) -> None:
    def left() -> list[Path]:
        lake = Path(workspace.settings.lake_url)
        return [path for kept in ("scores", "shared", "quality", "quality/docs") for path in lake.glob(f"{kept}/2018*")]

    run(workspace, THURSDAY)
    steps.document(workspace.run("direction", THURSDAY))
    published, before = _published(workspace), left()
    assert {path.parent.name for path in before} == {"scores", "shared", "quality", "docs"}
    steps.tidy(workspace, FRIDAY)
    assert left() == before
    steps.tidy(workspace, Moment(datetime(2018, 12, 31, 22, tzinfo=UTC)))
    assert left() == []
    assert _published(workspace) == published
    assert {result.reason for result in run(workspace, THURSDAY)["train"]} == {"4 skip"}
    assert _published(workspace) == published


def _published(workspace: Workspace) -> list[list[tuple[Any, ...]]]:
    tables = ("Probabilities", "probability_details", "probability_history", "probability_reasons")
    return [sorted(rows(workspace, f"SELECT t::text FROM {table} t")) for table in tables]


def test_every_number_is_traceable_to_its_model_and_data(workspace: Workspace) -> None:
    run(workspace, THURSDAY)
    details = "SELECT asset, horizon, model_version, data_sha256 FROM probability_details"
    store = ModelStore.open(workspace.settings, "direction")
    for asset, horizon, version, data in rows(workspace, details):
        document = store.load(model_key(asset, horizon), version).document
        assert document["data"]["snapshot"] == data
        assert document["name"] == f"RETURNS{horizon}"
        assert document["source_tables"] == [asset]


def test_a_champion_that_loses_its_proven_skill_is_searched_anew(workspace: Workspace, demo_url: str) -> None:
    run(workspace, THURSDAY)
    store = ModelStore.open(workspace.settings, "direction")
    keys = {key: found.version for key, found in store.champion_summaries(["SP500"]).items()}
    store.record_verdicts(Verdict(key, version, True, 0.001, THURSDAY.at) for key, version in keys.items())
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=ASSETS)
    steps.extract(workspace.run("direction", FRIDAY), ["SP500"])
    assert steps.train(workspace.run("direction", FRIDAY), ["SP500"])[0].reason == "4 refresh"
    noted = {key for key, found in store.champion_summaries(["SP500"]).items() if found.degraded}
    assert noted == {key for key in keys if store.load(key).document["metrics"]["p_value"] > 0.1}
    assert noted
    again = steps.train(workspace.run("direction", SATURDAY), ["SP500"])[0].reason
    assert f"{len(noted)} search" in again


def test_a_version_that_waits_is_trained_once_and_the_champion_is_published(
    settings: Settings, demo_url: str, tmp_path: Path
) -> None:
    load_demo(demo_url, as_of=date(2018, 6, 28), assets=["SP500"])
    path = tmp_path / "catalogue.yaml"
    training = "{trials: 1, folds: 3, approve_skill_fall: 0}"
    path.write_text(f"defaults:\n  horizons: [5, 20]\n  training: {training}\nassets: [SP500]\n")
    workspace = open_workspace(settings.model_copy(update={"catalogue_path": path}))
    assert [result.reason for result in run(workspace, THURSDAY)["train"]] == ["2 search"]
    store, near = ModelStore.open(workspace.settings, "direction"), model_key("SP500", 5)
    assert questions(store) == []
    store.record_verdicts([Verdict(near, 1, True, 0.001, THURSDAY.at)])
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=["SP500"])
    following = workspace.run("direction", FRIDAY)
    steps.extract(following, ["SP500"])
    (trained,) = steps.train(following, ["SP500"])
    assert trained.reason == "2 refresh; 1 new version waits for approval"
    assert [(one.key, one.version, one.champion) for one in questions(store)] == [(near, 2, 1)]
    assert steps.train(following, ["SP500"])[0].reason == "2 skip"
    steps.score(following, ["SP500"])
    steps.publish(following, [["SP500"]])
    assert rows(workspace, "SELECT horizon, model_version FROM probability_details ORDER BY 1") == [(5, 1), (20, 2)]
    assert all(result.ok for result in steps.tidy(workspace, SATURDAY))
    assert [one.version for one in questions(store)] == [2]


def test_what_live_outcomes_refute_is_searched_anew_and_only_once(workspace: Workspace, demo_url: str) -> None:
    run(workspace, THURSDAY)
    steps.evaluate(workspace.run("direction", THURSDAY))
    raised = (
        "INSERT INTO model_alarms (use_case, ledger, entity, target, raised_at, kind, reason)"
        " VALUES ('direction', 'probability_ledger', %s, %s, %s, 'too high', 'its numbers were too high')"
    )
    with transaction(workspace.settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(raised, ("VIX", "5", THURSDAY.at))
        cursor.execute(raised, ("", "20", THURSDAY.at))
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=ASSETS)
    following = workspace.run("direction", FRIDAY)
    steps.extract(following, list(ASSETS))
    told = {result.unit: result.reason for result in steps.train(following, list(ASSETS))}
    assert {unit: sorted(reason.split(", ")) for unit, reason in told.items()} == {
        "GOLD": ["1 search", "3 skip"],
        "SP500": ["1 search", "3 refresh"],
        "VIX": ["2 refresh", "2 search"],
    }
    store = ModelStore.open(workspace.settings, "direction")
    assert "alarm: its numbers" in str(store.load(model_key("VIX", 5)).document["decision"])
    again = workspace.run("direction", SATURDAY)
    assert {result.reason for result in steps.train(again, list(ASSETS))} == {"4 skip"}


def test_an_asset_that_leaves_the_catalogue_leaves_the_table(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(workspace, THURSDAY)
    run(_workspace(workspace.settings, tmp_path, ["GOLD"]), THURSDAY)
    told = [record.message for record in caplog.records if "were removed" in record.message]
    assert told == ["direction: the rows of SP500, VIX were removed: not in the catalogue any more"]
    assert rows(workspace, "SELECT AssetName FROM Probabilities") == [("GOLD",)]


SPOILED: dict[str, tuple[list[str], str]] = {
    "a missing table": (['DROP TABLE "SP500"'], "SP500"),
    "an empty table": (['DELETE FROM "SP500"'], "no row"),
    "no Date": (['ALTER TABLE "SP500" RENAME COLUMN "Date" TO day'], "Date"),
    "no Close": (['ALTER TABLE "SP500" RENAME COLUMN "Close" TO price'], "Close"),
    "duplicate dates": (
        ['ALTER TABLE "SP500" DROP CONSTRAINT "SP500_pkey"', 'INSERT INTO "SP500" SELECT * FROM "SP500" LIMIT 3'],
        "duplicate",
    ),
    "too few rows": (['DELETE FROM "SP500" WHERE "Date" > \'1999-02-01\''], "rows"),
    "text in a numeric column": (
        ['ALTER TABLE "SP500" ALTER COLUMN "Close" TYPE text USING \'n/a\''],
        "Close",
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_bad_table_is_named_and_the_other_assets_are_published(
    workspace: Workspace, demo_url: str, case: str
) -> None:
    statements, told = SPOILED[case]
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
    results = run(workspace, THURSDAY)
    failed = [result for result in results["extract"] if not result.ok]
    assert [result.unit for result in failed] == ["SP500"]
    assert told in failed[0].reason
    assert isinstance(failed[0].error, BrainError)
    assert failed[0].error.remedy
    wide = 'SELECT AssetName, "5_Day_Probability" IS NULL FROM Probabilities ORDER BY 1'
    assert rows(workspace, wide) == [("GOLD", False), ("VIX", False)]
    reasons = "SELECT DISTINCT stale, probability, reason <> '' FROM probability_details WHERE asset = 'SP500'"
    assert rows(workspace, reasons) == [(True, None, True)]
    explained = "SELECT DISTINCT asset FROM probability_reasons ORDER BY 1"
    assert rows(workspace, explained) == [("GOLD",), ("VIX",)]


def test_what_was_published_survives_a_table_that_breaks_later(workspace: Workspace, demo_url: str) -> None:
    run(workspace, THURSDAY)
    before = rows(workspace, "SELECT * FROM probability_details WHERE asset = 'SP500' ORDER BY horizon")
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('DROP TABLE "SP500"')
    engine.dispose()
    results = run(workspace, FRIDAY)
    assert [result.unit for result in results["extract"] if not result.ok] == ["SP500"]
    numbers = "SELECT probability FROM probability_details WHERE asset = 'SP500' ORDER BY horizon"
    assert [row[3] for row in before] == [probability for (probability,) in rows(workspace, numbers)]


def test_a_target_that_never_varies_is_one_clear_failure(workspace: Workspace, demo_url: str) -> None:
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        for statement in (
            'UPDATE "SP500" SET "Open" = 100, "High" = 100, "Low" = 100, "Close" = 100',
            *(f'UPDATE "SP500" SET "RETURNS{n}" = 0 WHERE "RETURNS{n}" IS NOT NULL' for n in (5, 20, 21, 161)),
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    results = run(workspace, THURSDAY)
    told = next(result for result in results["extract"] if result.unit == "SP500")
    assert not told.ok
    assert "RETURNS5" in told.reason
    assert rows(workspace, "SELECT count(\"5_Day_Probability\") FROM Probabilities WHERE AssetName <> 'SP500'") == [
        (2,)
    ]


def test_an_error_nobody_foresaw_is_contained_to_its_asset(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(workspace, THURSDAY)
    load = Manifest.load
    monkeypatch.setattr(Manifest, "load", lambda content, subject, *rest: _breaking_down(load, content, subject, *rest))
    results = run(workspace, FRIDAY)
    for step, told in results.items():
        failed = {result.unit: result.error for result in told if not result.ok}
        assert list(failed) == ["SP500"], step
        assert step == "score" or isinstance(failed["SP500"], UnforeseenError)
    stale = "SELECT asset, bool_and(stale), count(probability) FROM probability_details GROUP BY 1 ORDER BY 1"
    assert rows(workspace, stale) == [("GOLD", False, 4), ("SP500", True, 4), ("VIX", False, 4)]


def _breaking_down(load: Callable[..., Manifest], content: bytes, subject: str, *rest: Any) -> Manifest:
    """A reader of manifests with a mistake that strikes at one asset's."""
    if "SP500" in subject:
        raise ZeroDivisionError(subject)
    return load(content, subject, *rest)


@pytest.mark.parametrize(
    ("variable", "step"),
    [
        ("source_url", lambda run: steps.extract(run, ["GOLD"])),
        ("warehouse_url", lambda run: steps.publish(run, [])),
        ("mongo_url", lambda run: steps.train(run, ["GOLD"])),
    ],
)
@pytest.mark.parametrize("spoil", ["password", "port"])
def test_a_server_that_cannot_be_used_is_named_without_its_password(
    workspace: Workspace, variable: str, step: Callable[[Run], object], spoil: str
) -> None:
    steps.extract(workspace.run("direction", THURSDAY), ["GOLD"])
    url = make_url(getattr(workspace.settings, variable).get_secret_value())
    secret = "not-the-password" if spoil == "password" else str(url.password)
    wrong = url.set(password=secret) if spoil == "password" else url.set(port=1)
    shown = SecretStr(wrong.render_as_string(hide_password=False))
    broken = Workspace(workspace.settings.model_copy(update={variable: shown}), workspace.catalogue)
    expected = CredentialsRejected if spoil == "password" else ServerUnreachable
    errors: list[BaseException | None]
    try:
        result = step(broken.run("direction", THURSDAY))
    except BrainError as error:
        errors = [error]
    else:
        assert isinstance(result, list)
        errors = [result.error for result in result]
    assert [type(error) for error in errors] == [expected]
    assert secret not in str(errors[0])
