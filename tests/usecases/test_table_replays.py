"""`brain replay` recomputes whole tables of customers, and names who has something else than the model gives."""

from __future__ import annotations

import os
from pathlib import Path

from typer.testing import CliRunner

from brain.core.settings import Settings
from brain.pipeline import run_all
from brain.usecases.recommendations.names import model_key
from local.command import app
from tests.usecases.recommendations.shop import CATALOGUE, NOON, change, load, orders, workspace_of

BOTH = CATALOGUE + "  segments: {}\n"


def test_lists_and_segments_come_out_again_or_say_what_changed(
    settings: Settings, connections: dict[str, str], demo_url: str, tmp_path: Path, home: Path
) -> None:
    load(demo_url, orders())
    workspace = workspace_of(settings, tmp_path, BOTH)
    environment = {
        **connections,
        "BRAIN_HOME": str(home),
        "BRAIN_CATALOGUE": str(workspace.settings.catalogue_path),
        "BRAIN_LAKE_URL": settings.lake_url,
    }

    def replay(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["replay", *words], env={**os.environ, **environment})
        return done.exit_code, done.output

    assert replay("shop", "for_you") == (1, "Nothing was published.\n")
    assert all(result.ok for result in run_all(workspace, NOON, workers=1))
    for target in ("for_you", "new_for_you", "buy_again", "segment"):
        code, told = replay("shop", target)
        assert (code, "identical, bit for bit" in told) == (0, True), told
    warehouse = settings.warehouse_url.get_secret_value()
    change(
        warehouse,
        "UPDATE recommendations SET score = score * 1.0000000001 WHERE customer = 'c001' AND list = 'for_you'",
        "DELETE FROM recommendations WHERE customer = 'c002' AND list = 'for_you' AND rank = 5",
        "UPDATE recommendations SET customer = 'nobody' WHERE customer = 'c003' AND list = 'buy_again'",
    )
    code, told = replay("shop", "for_you")
    assert (code, "2 customers have another list by version 1: c001, c002" in told) == (1, True), told
    code, told = replay("shop", "buy_again")
    assert (code, "1 customers have another list by version 1: c003" in told) == (1, True), told
    workspace.run("recommendations", NOON).store.delete(model_key("shop", "new_for_you"))
    code, told = replay("shop", "new_for_you")
    assert (code, "Traceback" in told, "new_for_you" in told) == (1, False, True), told
