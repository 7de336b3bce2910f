"""The views that people ask: their figures, as computed by hand from the ledger, and by independent judges."""

from __future__ import annotations

import math
import re
import subprocess
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import xarray
from scipy.stats import t
from scores.probability import brier_score
from sklearn.metrics import log_loss

from brain.core.errors import PublishError
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.usecases.direction.ledger import PROBABILITY_LEDGER
from brain.usecases.direction.tables import PROBABILITY_DETAILS, probabilities
from brain.usecases.direction.views import STUDENT, VIEWS
from brain.warehouse.connection import transaction
from brain.warehouse.evaluation import evaluate
from brain.warehouse.grid import complete
from brain.warehouse.ledger_statements import EPOCH
from brain.warehouse.publish import TableRows, publish
from brain.warehouse.read import ask
from brain.warehouse.taking_back import take_back
from brain.warehouse.views import MARK, hide, show
from tests.conftest import CATALOGUE
from tests.databases import fresh_connections, fresh_models
from tests.docs.reading import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brain.warehouse.ledger import Ledger
    from local.servers import Servers

ASSETS, HORIZONS, DAYS = ("GOLD", "OIL"), (1, 5), 60
FIRST = date(2024, 1, 1)


def moment(number: int) -> Moment:
    return Moment(datetime(2024, 1, 1, 22, tzinfo=UTC) + timedelta(days=number))


def said(number: int) -> pd.DataFrame:
    random = np.random.default_rng(number)
    cells = [(asset, horizon) for asset in ASSETS for horizon in HORIZONS]
    frame = pd.DataFrame(cells, columns=["asset", "horizon"])
    frame["has_skill"] = frame["asset"] == "GOLD"
    frame["base_rate"] = 0.55
    frame["probability"] = np.where(frame["has_skill"], random.uniform(0.3, 0.8, len(frame)), 0.55)
    values: dict[str, Any] = {"as_of": FIRST + timedelta(days=number), "model_version": 1, "data_sha256": "0" * 64}
    return frame.assign(**values, skill=0.01, trained_at=moment(0).at.isoformat(), left_out=None, reason=None)


def outcomes(until: int) -> pd.DataFrame:
    random = np.random.default_rng(99)
    closes = {asset: 100 * np.exp(np.cumsum(random.normal(0, 0.01, DAYS + 10))) for asset in ASSETS}
    found = [
        (
            asset,
            horizon,
            FIRST + timedelta(days=n),
            int(path[n + horizon] >= path[n]),
            n + horizon,
            path[n + horizon] / path[n] - 1,
        )
        for asset, path in closes.items()
        for horizon in HORIZONS
        for n in range(DAYS)
    ]
    frame = pd.DataFrame(found, columns=[*PROBABILITY_LEDGER.key, "outcome", "known_at", "realised_return"])
    frame = frame[frame["known_at"] <= until]
    return frame.assign(known_at=[FIRST + timedelta(days=int(n)) for n in frame["known_at"]])


@pytest.fixture(scope="module")
def filled(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A ledger of sixty days; the tests that change it come last."""
    with fresh_models(servers) as models, fresh_connections(servers, models) as connections:
        home = tmp_path_factory.mktemp("views")
        given = {**connections, "BRAIN_LAKE_URL": str(home / "lake"), "BRAIN_CATALOGUE": str(CATALOGUE)}
        settings = Settings.load({"BRAIN_HOME": str(home)}, given)
        fill(settings)
        yield settings


def fill(settings: Settings) -> None:
    for number in range(DAYS):
        rows = complete(PROBABILITY_DETAILS, said(number), None)
        publish(
            settings.warehouse_url,
            "direction",
            [TableRows(PROBABILITY_DETAILS, rows)],
            [probabilities(HORIZONS)],
            moment(number),
            [PROBABILITY_LEDGER],
        )
    score(settings, DAYS)


def score(settings: Settings, number: int) -> None:
    def known(ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        return outcomes(number)

    evaluate(settings.warehouse_url, "direction", [PROBABILITY_LEDGER], known, moment(number), views=VIEWS)


def told(settings: Settings, query: str) -> pd.DataFrame:
    assert settings.reader_url is not None
    answer = ask(settings.reader_url, query)
    return pd.DataFrame(answer.rows, columns=list(answer.columns))


def ledger(settings: Settings) -> pd.DataFrame:
    return told(settings, "SELECT * FROM probability_ledger WHERE outcome IS NOT NULL ORDER BY asset, horizon, as_of")


def test_scores_are_what_independent_judges_say(filled: Settings) -> None:
    rows = ledger(filled)
    assert len(rows) == len(ASSETS) * (60 + 56)
    for column, of in (("brier", "probability"), ("base_brier", "base_rate")):
        judge = brier_score(
            xarray.DataArray(rows[of].to_numpy()),
            xarray.DataArray(rows["outcome"].to_numpy(float)),
            preserve_dims="all",
        )
        assert np.abs(judge.to_numpy() - rows[column]).max() < 1e-12
    for column, of in (("log_loss", "probability"), ("base_log_loss", "base_rate")):
        assert rows[column].mean() == pytest.approx(log_loss(rows["outcome"], rows[of]), abs=1e-12)


def test_the_scorecard_is_what_the_ledger_says(filled: Settings) -> None:
    rows = ledger(filled)
    card = told(filled, "SELECT * FROM model_scorecard ORDER BY asset, horizon")
    assert len(card) == len(ASSETS) * len(HORIZONS)
    for line in card.to_dict("records"):
        own = rows[(rows["asset"] == line["asset"]) & (rows["horizon"] == line["horizon"])]
        assert line["resolved"] == len(own)
        assert line["hit_rate"] == pytest.approx(((own["probability"] >= 0.5) == (own["outcome"] == 1)).mean())
        assert line["skill"] == pytest.approx(1 - own["log_loss"].sum() / own["base_log_loss"].sum(), abs=1e-12)
        assert line["came_true"] == pytest.approx(own["outcome"].mean())
        assert (line["first_as_of"], line["last_outcome"]) == (own["as_of"].min(), own["known_at"].max())


def test_the_interval_of_skill_is_that_of_blocks(filled: Settings) -> None:
    own = ledger(filled).query("asset == 'GOLD' and horizon == 1")
    epoch = date.fromisoformat(EPOCH.split("'")[1])
    blocks = own.assign(block=[(day - epoch).days // 28 for day in own["as_of"]]).groupby("block")
    loss, base = blocks["log_loss"].sum().to_numpy(), blocks["base_log_loss"].sum().to_numpy()
    skill = 1 - loss.sum() / base.sum()
    gain = base - loss - skill * base
    spread = (gain @ gain + max(0.0, 2 * float(gain[1:] @ gain[:-1]))) * len(gain) / (len(gain) - 1)
    half = t.ppf(0.95, len(gain) - 1) * math.sqrt(spread) / base.sum()
    card = told(filled, "SELECT skill_low, skill_high FROM model_scorecard WHERE asset = 'GOLD' AND horizon = 1")
    assert card.iloc[0].tolist() == pytest.approx([skill - half, skill + half], rel=1e-4)
    assert pytest.approx([t.ppf(0.95, n) for n in range(1, len(STUDENT) + 1)], abs=5e-5) == STUDENT


def test_the_scorecard_of_a_horizon_counts_a_block_of_days_once(filled: Settings) -> None:
    own = ledger(filled).query("horizon == 1")
    epoch = date.fromisoformat(EPOCH.split("'")[1])
    blocks = own.assign(block=[(day - epoch).days // 28 for day in own["as_of"]]).groupby("block")
    loss, base = blocks["log_loss"].sum().to_numpy(), blocks["base_log_loss"].sum().to_numpy()
    skill = 1 - loss.sum() / base.sum()
    gain = base - loss - skill * base
    spread = (gain @ gain + max(0.0, 2 * float(gain[1:] @ gain[:-1]))) * len(gain) / (len(gain) - 1)
    half = t.ppf(0.95, len(gain) - 1) * math.sqrt(spread) / base.sum()
    columns = "resolved, hindcast, skill, skill_low, skill_high, hit_rate, mean_probability, came_true"
    card = told(filled, f"SELECT {columns} FROM horizon_scorecard WHERE horizon = 1").iloc[0]
    assert (card["resolved"], card["hindcast"]) == (len(own), False)
    assert card[["skill", "skill_low", "skill_high"]].tolist() == pytest.approx(
        [skill, skill - half, skill + half], rel=1e-4
    )
    hits = ((own["probability"] >= 0.5) == (own["outcome"] == 1)).mean()
    means = [hits, own["probability"].mean(), own["outcome"].mean()]
    assert card[["hit_rate", "mean_probability", "came_true"]].tolist() == pytest.approx(means)


def test_claims_skill_over_time_and_coverage(filled: Settings) -> None:
    claims = told(filled, "SELECT asset, horizon, claimed, resolved, became FROM claims ORDER BY horizon")
    assert claims[["asset", "horizon", "claimed", "resolved"]].to_numpy().tolist() == [
        ["GOLD", 1, 60, 60],
        ["GOLD", 5, 60, 56],
    ]
    assert set(claims["became"]) <= {"held", "failed", "open"}
    rows = ledger(filled)
    last = told(
        filled, "SELECT DISTINCT ON (horizon) horizon, skill_so_far FROM skill_over_time ORDER BY horizon, since DESC"
    )
    for horizon, so_far in last.itertuples(index=False):
        own = rows[rows["horizon"] == horizon]
        assert so_far == pytest.approx(1 - own["log_loss"].sum() / own["base_log_loss"].sum())
    covered = told(filled, "SELECT asset, cells, fresh, stale, with_skill, no_skill, failed FROM coverage ORDER BY 1")
    assert covered.to_numpy().tolist() == [["GOLD", 2, 2, 0, 2, 0, 0], ["OIL", 2, 2, 0, 0, 2, 0]]


def test_best_and_worst_calls_come_with_the_command_that_replays_them(filled: Settings) -> None:
    calls = told(filled, "SELECT * FROM best_and_worst_calls")
    rows = ledger(filled)
    gain = rows["base_log_loss"] - rows["log_loss"]
    assert calls["gain"].max() == pytest.approx(gain.max())
    assert calls["gain"].min() == pytest.approx(gain.min())
    assert calls.groupby("call").size().to_dict() == {"best": 20, "worst": 20}
    best = rows.iloc[int(gain.to_numpy().argmax())]
    assert f"brain replay 'GOLD' {best['horizon']} --as-of {best['as_of']}" in set(calls["replay"])


def test_the_command_names_the_asset_in_one_word_of_a_shell_whatever_it_is_called(filled: Settings) -> None:
    name = "$(touch x) `id` \"it's\" \\ ''; rm *"
    with pytest.raises(_Undone), transaction(filled.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE probability_ledger SET asset = %s WHERE asset = 'GOLD'", (name,))
        cursor.execute("SELECT DISTINCT split_part(replay, ' --as-of', 1) FROM best_and_worst_calls WHERE asset = %s"
                       " AND horizon = 1", (name,))  # fmt: skip
        ((command,),) = cursor.fetchall()
        words = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True)
        assert words.stdout.splitlines() == ["brain", "replay", name, "1"]
        raise _Undone


class _Undone(Exception):
    """Takes back what a test has written."""


def test_reliability_is_shown_by_horizon_and_over_all(filled: Settings) -> None:
    found = told(filled, "SELECT horizon, hindcast, pool, forecasts, brier FROM reliability ORDER BY horizon, pool")
    assert found.groupby("horizon", dropna=False)["forecasts"].sum().tolist() == [120, 112, 232]
    rows = ledger(filled)
    assert found[found["horizon"].isna()]["brier"].iloc[0] == pytest.approx(rows["brier"].mean(), abs=1e-12)


QUESTIONS = re.findall(r"^-- (.+)\n((?:(?!-- |```).+\n)+)", (ROOT / "docs" / "ledger.md").read_text(), re.M)


@pytest.mark.parametrize(("question", "query"), QUESTIONS, ids=[question for question, _ in QUESTIONS])
def test_a_question_of_the_docs_can_be_asked(filled: Settings, question: str, query: str) -> None:
    answer = told(filled, query.strip().rstrip(";"))
    assert question.endswith("?")
    assert len(answer) > 0 or question.startswith(("Which are", "Which models", "Which numbers", "Which outcomes"))


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == 10


def test_every_view_is_commented(filled: Settings) -> None:
    bare = (
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relkind = 'v' AND attnum > 0"
        " AND relnamespace = 'public'::regnamespace AND (col_description(attrelid, attnum) IS NULL"
        " OR obj_description(pg_class.oid) IS NULL)"
    )
    assert ask(filled.warehouse_url, bare).rows == []


def test_a_view_that_is_the_same_is_not_made_again_and_one_that_changed_is(filled: Settings) -> None:
    def made() -> list[tuple[str, int]]:
        query = (
            "SELECT relname, oid::bigint FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
        )
        return ask(filled.warehouse_url, f"{query} ORDER BY 1").rows

    before = made()
    assert [name for name, _ in before] == sorted({view.name for view in VIEWS} - {"drift"}), "nothing was trained here"
    with transaction(filled.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE VIEW coverage_of AS SELECT 1 AS one; DROP VIEW coverage")
        cursor.execute("CREATE VIEW coverage AS SELECT 2 AS two")
        cursor.execute("COMMENT ON VIEW coverage IS %s", (f"As an older release made it. {MARK}",))
    score(filled, DAYS)
    after = [line for line in made() if line[0] != "coverage_of"]
    assert [name for (name, old), (_, new) in zip(before, after, strict=True) if old != new] == ["coverage"]
    assert "cells" in told(filled, "SELECT * FROM coverage")


OF_OTHERS = {  # what is there: what is said of it
    "a view": ("CREATE VIEW claims AS SELECT 1 AS mine", "view claims: found a view of that name"),
    "a table": ("CREATE TABLE claims AS SELECT 1 AS mine", "view claims: found a table or the like"),
    "a view on ours": (
        f"CREATE VIEW claims AS SELECT 1 AS mine; COMMENT ON VIEW claims IS '{MARK}';"
        " CREATE VIEW of_mine AS SELECT * FROM claims",
        "view of_mine depends on view claims",
    ),
}


@pytest.mark.parametrize("case", OF_OTHERS)
def test_what_somebody_else_made_is_never_dropped(filled: Settings, case: str) -> None:
    made, said_of_it = OF_OTHERS[case]
    with transaction(filled.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP VIEW claims; {made}")
    try:
        for drop in (show, hide):
            with pytest.raises(PublishError, match=said_of_it), transaction(filled.warehouse_url) as connection:
                drop(connection.cursor(), VIEWS)
        assert ask(filled.warehouse_url, "SELECT * FROM claims").rows == [(1,)]
    finally:
        kind = "TABLE" if case == "a table" else "VIEW"
        with transaction(filled.warehouse_url) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP {kind} claims CASCADE")
            show(cursor, VIEWS)


def test_scores_stay_where_a_view_cannot_be_made(filled: Settings) -> None:
    with transaction(filled.warehouse_url) as connection:
        connection.cursor().execute("DROP VIEW claims; CREATE VIEW claims AS SELECT 1 AS mine")
    try:
        with pytest.raises(PublishError, match="view claims"):
            score(filled, DAYS + 1)
        (last,) = ask(filled.warehouse_url, "SELECT max(interval_end) FROM evaluation_runs").rows
        assert last == (moment(DAYS + 1).at,)
    finally:
        with transaction(filled.warehouse_url) as connection:
            connection.cursor().execute("DROP VIEW claims")
            show(connection.cursor(), VIEWS)


def test_repair_does_not_stumble_over_the_views(filled: Settings) -> None:
    derived = [probabilities(HORIZONS)]
    take_back(filled.warehouse_url, "direction", [PROBABILITY_DETAILS], derived, moment(30), [PROBABILITY_LEDGER])
    assert told(filled, "SELECT max(as_of) FROM probability_ledger").iloc[0, 0] == FIRST + timedelta(days=30)
    assert told(filled, "SELECT count(*) FROM model_scorecard").iloc[0, 0] == 0
    score(filled, 31)
    assert told(filled, "SELECT sum(resolved) FROM model_scorecard").iloc[0, 0] == 2 * (31 + 27)
