"""docs/segments.md says what is there: a valid catalogue, the settings of the code, questions with answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
import yaml

from brain.core.catalogue import parse_catalogue
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.pipeline import run_all
from brain.usecases import USE_CASES
from brain.usecases.segments.catalogue import SegmentsSection
from brain.warehouse.read import ask
from brain.workspace import open_workspace
from local.servers import Servers
from tests.databases import fresh_connections, fresh_models
from tests.usecases.segments.orders import at, order_lines, put

TEXT = (Path(__file__).parents[3] / "docs" / "segments.md").read_text()
CATALOGUE = re.findall(r"```yaml\n(.+?)```", TEXT, re.S)[0]
QUESTIONS = re.findall(r"^### (.+?)\n+```sql\n(.+?)```", TEXT, re.S | re.M)
ROWS = {
    name: (default, meaning) for name, default, meaning in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", TEXT, re.M)
}
DAY = date(2024, 1, 15)
LINES = order_lines()


def test_the_catalogue_is_valid() -> None:
    section = parse_catalogue(CATALOGUE, USE_CASES).sections["segments"]
    assert isinstance(section, SegmentsSection)
    assert section.shop.customers is not None


def test_every_setting_is_documented_with_its_default() -> None:
    assert list(ROWS) == list(SegmentsSection.model_fields)
    for name, field in SegmentsSection.model_fields.items():
        default, meaning = ROWS[name]
        assert meaning == field.description
        assert field.is_required() if default.startswith("*") else yaml.safe_load(default.strip("`")) == field.default


@pytest.fixture(scope="module")
def filled(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two days of the shop in the catalogue of the page."""
    home = tmp_path_factory.mktemp("segments")
    (home / "catalogue.yaml").write_text(f"{CATALOGUE}    bootstraps: 4\n")
    with fresh_models(servers) as models, fresh_connections(servers, models) as connections:
        given = {**connections, "BRAIN_LAKE_URL": str(home / "lake"), "BRAIN_CATALOGUE": str(home / "catalogue.yaml")}
        settings, source = Settings.load({"BRAIN_HOME": str(home)}, given), connections["BRAIN_DEMO_URL"]
        put(source, pd.DataFrame({"customer": ["c0001", "never came"]}), "people")
        for day in (DAY, DAY + timedelta(days=7)):
            put(source, LINES[LINES["time"] < pd.Timestamp(day)])
            assert all(result.ok for result in run_all(open_workspace(settings), Moment(at(day)), workers=1))
        yield settings


@pytest.mark.parametrize(("question", "query"), QUESTIONS, ids=[question for question, _ in QUESTIONS])
def test_every_question_has_an_answer(filled: Settings, question: str, query: str) -> None:
    assert filled.reader_url is not None
    assert ask(filled.reader_url, query).rows, question
