"""The index of the decision records lists each of them once, with a line that says what was decided."""

from __future__ import annotations

import re

import pytest

from tests.docs.reading import ROOT

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(path.name for path in FOLDER.glob("*.md") if path.name != "README.md")
LISTED = re.findall(r"^- \[([^\]]+)\]\(([\w.-]+)\): (.+)$", (FOLDER / "README.md").read_text(), re.M)


def test_the_index_lists_every_record_once() -> None:
    assert sorted(name for _, name, _ in LISTED) == RECORDS


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_has_a_title_a_context_a_decision_and_a_consequence(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert text.startswith("# ")
    assert len(text.splitlines()) < 80
    if name not in TABLES:
        assert re.search(r"^\*\*(Context|Measured)", text, re.M)
        assert "**Decision.**" in text
        assert "**Consequence.**" in text


TABLES = {"base-rate-when-history-is-thin.md"}  # its decision is a table
