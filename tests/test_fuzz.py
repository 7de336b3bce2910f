"""A few hundred of what `make bench NAME=tamper` does some thousand times: altered documents, files and names."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from benchmarks.tampering import documents, files, names
from brain.store.models import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

    from brain.core.settings import Settings

HARMLESS = {"refused", "refused by MongoDB", "no effect on what is published", "no effect on what is read", "used"}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Each refusal is a warning in the log."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def harmless(outcomes: Counter[str]) -> bool:
    """Nothing altered, nothing uncaught, nothing spread; and it was no empty exercise."""
    assert set(outcomes) <= HARMLESS, outcomes
    return outcomes["refused"] > outcomes.total() / 4


def test_altered_documents_change_no_number_and_stop_no_other_model(settings: Settings) -> None:
    store = ModelStore.open(settings, "direction")
    documents.fill(store)
    assert harmless(documents.fuzz(store, 100, seed=1))


def test_altered_files_of_the_lake_change_no_row_and_stop_no_other_table(tmp_path: Path) -> None:
    assert harmless(files.fuzz_lake(tmp_path, 150, seed=1))


def test_altered_staged_rows_are_not_published_and_stop_no_other_chunk(tmp_path: Path) -> None:
    assert harmless(files.fuzz_staged(tmp_path, 100, seed=1))


def test_any_name_is_refused_or_found_again(settings: Settings, tmp_path: Path) -> None:
    store = ModelStore.open(settings, "direction")
    assert harmless(names.fuzz(store, tmp_path, 100, seed=1))
