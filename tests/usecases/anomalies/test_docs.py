"""docs/anomalies.md says what is there: a valid catalogue, the settings of the code, questions with answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from brain.core.catalogue import parse_catalogue
from brain.core.settings import Settings
from brain.pipeline import run_all
from brain.usecases import USE_CASES
from brain.usecases.anomalies.catalogue import AnomaliesSection, Feed
from brain.usecases.anomalies.detectors import DETECTORS
from brain.usecases.anomalies.names import DETECTORS as NAMES
from tests.usecases.anomalies.bars import FEEDBACK, NOON, change, frame, load, series, spoiled, told, workspace_of

TEXT = (Path(__file__).parents[3] / "docs" / "anomalies.md").read_text()
QUESTIONS = re.findall(r"^### (.+?)\n+```sql\n(.+?)```", TEXT, re.S | re.M)
SETTINGS = dict(re.findall(r"^\| `([\w.]+)` \| (.+?) \| .+ \|$", TEXT.split("## How it decides")[0], re.M))


def test_the_catalogue_is_valid() -> None:
    section = parse_catalogue(re.findall(r"```yaml\n(.+?)```", TEXT, re.S)[0], USE_CASES).sections["anomalies"]
    assert isinstance(section, AnomaliesSection)
    assert [feed.name for feed in section.feeds] == ["bars", "readings"]


def test_every_setting_is_documented_with_its_default() -> None:
    fields = {**AnomaliesSection.model_fields, **{f"feeds.{name}": one for name, one in Feed.model_fields.items()}}
    assert set(SETTINGS) == set(fields)
    for name, field in fields.items():
        if isinstance(field.default, str | float | int) and field.default != "":
            assert SETTINGS[name] == f"`{field.default}`", name


def test_every_detector_is_named() -> None:
    assert tuple(DETECTORS) == NAMES
    assert all(f"| `{name}` |" in TEXT for name in DETECTORS)


def test_the_questions_have_answers(settings: Settings, demo_url: str, tmp_path: Path) -> None:
    load(settings.warehouse_url.get_secret_value(), frame(spoiled(series("GOLD")), series("SILVER", seed=2)))
    change(demo_url, FEEDBACK)
    workspace = workspace_of(settings, tmp_path)
    assert all(result.ok for result in run_all(workspace, NOON, workers=1))
    assert len(QUESTIONS) == 11
    empty = [question for question, query in QUESTIONS if not told(workspace, query)]
    assert set(empty) <= {"What still goes on?", "What was taken back, and why?", "Does the LSTM add anything?"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("{feeds: [bars], detectors: [magic]}", "no detector magic"),
        ("{feeds: [{table: bars, zone: Mars}]}", "no time zone 'Mars'"),
        ("{feeds: [bars, bars]}", "two feeds of one name"),
        ("{feeds: []}", "at least 1 item"),
        ("{feeds: [bars], watch_days: 400}", "watch_days has to be less"),
        ("{feeds: [bars], alert_per_week: 1}", "the nearest is alerts_per_week"),
    ],
)
def test_a_wrong_catalogue_is_told_by_line(given: str, found: str) -> None:
    with pytest.raises(Exception, match=re.escape(found)):
        parse_catalogue(f"use_cases:\n  anomalies: {given}\n", USE_CASES)
