"""One file of one asset is spoiled: the others are published fresh, and the next run heals what a run can heal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from brain import steps
from tests.lake.test_storage import NO_FILES, put_in_place
from tests.test_tampering import (
    ASSETS,
    DAYS,
    TUESDAY,
    gold_is_kept_and_wti_is_fresh,
    of,
    publish,
    published,
    run_to_score,
    workspace,
)

if TYPE_CHECKING:
    from brain.workspace import Workspace

__all__ = ["workspace"]

pytestmark = pytest.mark.timeout(300)


def manifests(workspace: Workspace) -> list[Path]:
    folder = Path(workspace.settings.lake_url) / "assets" / "GOLD"
    return [folder / name for name in ("manifest.json", "manifest.previous.json")]


def all_fresh(workspace: Workspace) -> bool:
    return all(not row[3] and row[1] == DAYS[-1].date() for rows in published(workspace).values() for row in rows)


@pytest.mark.parametrize("what", [*NO_FILES, "a link to what cannot be read"])
def test_a_manifest_that_cannot_be_read_stops_its_asset_only_and_the_next_run_heals_it(
    workspace: Workspace, what: str
) -> None:
    before = published(workspace)
    steps.extract(of(workspace, TUESDAY), ASSETS)
    for path in manifests(workspace):
        put_in_place(path, what)
    steps.train(of(workspace, TUESDAY), ASSETS)
    steps.judge(of(workspace, TUESDAY))
    steps.score(of(workspace, TUESDAY), ASSETS)  # one chunk
    steps.publish(of(workspace, TUESDAY), [ASSETS])
    gold_is_kept_and_wti_is_fresh(workspace, before, "manifest.json")
    if what == "a link to what cannot be read":  # it may be whole: somebody has to look
        assert [result.ok for result in steps.extract(of(workspace, TUESDAY), ASSETS)] == [False, True]
        return
    assert all(result.ok for result in run_to_score(workspace, TUESDAY))
    publish(workspace, TUESDAY)
    assert all_fresh(workspace)


def test_a_lost_file_of_rows_is_made_anew_by_the_next_run(workspace: Workspace) -> None:
    (oldest, *_) = sorted((Path(workspace.settings.lake_url) / "assets" / "GOLD" / "segments").iterdir())
    oldest.unlink()
    assert [result.ok for result in steps.train(of(workspace, TUESDAY), ASSETS, force=True)] == [False, True]
    assert all(result.ok for result in run_to_score(workspace, TUESDAY))
    publish(workspace, TUESDAY)
    assert all_fresh(workspace)


def test_reports_of_the_gate_that_cannot_be_written_stop_nothing(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    lake = of(workspace, TUESDAY).lake
    lake.storage.delete_folder("quality")
    (Path(workspace.settings.lake_url) / "quality").write_text("x")
    assert all(result.ok for result in run_to_score(workspace, TUESDAY))
    assert steps.document(of(workspace, TUESDAY)).startswith("none (")
    publish(workspace, TUESDAY)
    assert all_fresh(workspace)
    assert "the gate's result on GOLD is not kept" in caplog.text


def test_a_result_of_the_gate_that_is_junk_has_no_page(workspace: Workspace) -> None:
    run = of(workspace, TUESDAY)
    steps.extract(run, ASSETS)
    run.lake.storage.write(f"quality/{TUESDAY.slug}/direction.GOLD.json", b"{")
    index = Path(steps.document(run)).read_text()
    assert "WTI" in index
    assert "GOLD" not in index
