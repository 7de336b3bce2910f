"""What people see of an anomaly: Grafana's panels, asked of a real PostgreSQL, and a mail with its picture."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest

from brain.pipeline import run_all
from brain.usecases.anomalies.picture import picture
from brain.warehouse.notices import Place
from local.inbox import html_of, pictures_of, running_inbox, text_of
from orchestration.delivery import deliver
from tests.usecases.anomalies.bars import FEEDBACK, NOON, change, frame, load, series, spoiled, told, workspace_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brain.core.settings import Settings
    from brain.workspace import Workspace

DASHBOARD = json.loads((Path(__file__).parents[3] / "deploy" / "grafana" / "dashboards" / "anomalies.json").read_text())
ODD = 'O\'Hara "2" $x$'
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def workspace(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    """Two symbols with faults, watched once."""
    load(settings.warehouse_url.get_secret_value(), frame(spoiled(series("GOLD")), spoiled(series(ODD, seed=2))))
    change(demo_url, FEEDBACK)
    found = workspace_of(settings, tmp_path)
    assert all(result.ok for result in run_all(found, NOON, workers=1))
    return found


def interpolated(query: str, symbol: str) -> str:
    """As Grafana's PostgreSQL data source writes a query for that symbol: a dashboard of the month before noon."""
    start, end = "'2024-05-04T00:00:00Z'", "'2024-06-03T12:00:00Z'"
    query = query.replace("$__timeFrom()", start).replace("$__timeTo()", end)
    query = re.sub(r"\$__timeFilter\(([^()]+)\)", rf"\1 BETWEEN {start} AND {end}", query)
    for name, value in (("feed", "bars"), ("symbol", symbol)):
        query = query.replace(f"${{{name}:sqlstring}}", "'" + value.replace("'", "''") + "'")
    return query


def queries() -> Iterator[tuple[str, str]]:
    """By title."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["rawSql"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["target"]["rawSql"]


def test_every_panel_of_grafana_is_answered_and_a_mail_shows_what_was_found(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title, query in queries():
        assert "LIMIT" not in query, title
        assert "$" not in interpolated(query, "GOLD"), title
        for symbol in ("GOLD", ODD):
            assert told(workspace, interpolated(query, symbol)), f"{title} of {symbol}"
        assert told(workspace, interpolated(query, "x'; DROP TABLE anomalies; --")) == [] or title == "All feeds"
    choices = {one["name"]: told(workspace, interpolated(one["query"], "")) for one in DASHBOARD["templating"]["list"]}
    assert choices == {"feed": [("bars",)], "symbol": [("GOLD",), (ODD,)]}
    _every_anomaly_has_a_picture(workspace)
    _a_mail_shows_them(workspace, monkeypatch)


def _every_anomaly_has_a_picture(workspace: Workspace) -> None:
    url = workspace.settings.warehouse_url
    keys = [key for (key,) in told(workspace, "SELECT anomaly FROM anomalies")]
    assert len(keys) >= 2
    drawn = [picture(url, Place("anomalies", "publish", key)) for key in keys]
    assert all(one is not None and one.startswith(PNG) and len(one) > 5_000 for one in drawn)
    assert len(set(drawn)) == len(drawn)
    assert picture(url, Place("anomalies", "publish", "none of ours")) is None


def _a_mail_shows_them(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_inbox() as inbox:
        monkeypatch.setenv("AIRFLOW_CONN_BRAIN_SMTP", json.dumps(inbox.connection))
        for _ in range(2):
            deliver(workspace.settings, NOON)
    ((_, mail),) = inbox.mails
    attached = pictures_of(mail)
    assert attached
    assert all(picture.startswith(PNG) for picture in attached.values())
    assert "stuck value" in html_of(mail)
    assert "stuck value" in text_of(mail)
    assert "<" not in text_of(mail)
    found = told(workspace, "SELECT count(*), count(mailed_at) FROM notices WHERE kind = 'found'")
    assert found[0][0] == found[0][1] > 0
