"""``brain models`` on a store with two versions."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from brain.cli_models import app
from brain.core.errors import ModelNotFound, SettingsError
from brain.display import PlainConsole
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key
from tests.conftest import CATALOGUE
from tests.store.conftest import END, MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]

GOLD = model_key("GOLD", 25)


@pytest.fixture
def connections(all_connections: dict[str, str]) -> dict[str, str]:
    """With a warehouse of its own, which remembers counters."""
    return all_connections


@pytest.fixture(autouse=True)
def environment(
    connections: dict[str, str],
    home: Path,
    store: ModelStore,
    make_candidate: MakeCandidate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in connections.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BRAIN_HOME", str(home))
    monkeypatch.setenv("BRAIN_CATALOGUE", str(CATALOGUE))
    monkeypatch.delenv("COLUMNS", raising=False)  # a console keeps the width that this says when it is made
    monkeypatch.setattr("brain.cli_models.console", PlainConsole(soft_wrap=True))
    monkeypatch.setenv("COLUMNS", "200")
    store.save([make_candidate(), make_candidate(seed=1)], MOMENT)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list"], ["GOLD", "RETURNS25", "logistic", "+0.0200"]),
        (["list", "SILVER"], ["unit"]),
        (["show", "GOLD", "25"], ["direction/GOLD/RETURNS25, version 2, the champion", "+2.00%"]),
        (["show", "GOLD", "25", "--version", "1"], ["version 1, not the champion"]),
        (["show", "GOLD", "25", "--json"], ['"version": 2', '"is_champion": true']),
        (["history", "GOLD", "25"], ["2 *", "2024-01-05", "no champion"]),
        (["diff", "GOLD", "25", "1", "2"], ["seed"]),
        (["decisions", "GOLD"], ["GOLD", "RETURNS25", "2024-01-05 00:00", "search", "no champion"]),
        (["verify"], ["2 versions verified, 0 refused"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_shown(arguments: list[str], told: list[str]) -> None:
    output = run(*arguments)
    assert all(part in output for part in told), output


def test_more_than_a_screen_of_models_is_summed_by_unit_unless_asked(
    monkeypatch: pytest.MonkeyPatch, store: ModelStore, make_candidate: MakeCandidate
) -> None:
    monkeypatch.setattr("brain.cli_models.SCREEN", 2)
    monkeypatch.setenv("COLUMNS", "80")
    store.save([make_candidate(*names) for names in (("GOLD", 5), ("VIX", 5), ("VIX", 161))], MOMENT)
    store.record_verdicts([Verdict(model_key("VIX", 161), 1, True, 0.01, MOMENT.at)])
    summed = run("list")
    lines = [line.split() for line in summed.splitlines() if line.strip()]
    assert [line[:2] for line in lines[2:4]] == [["GOLD", "2"], ["VIX", "2"]]
    assert lines[3][2:5] == ["1", "RETURNS161", "+0.0200"]
    assert lines[-1][:2] == ["4", "models."]
    assert max(map(len, summed.splitlines())) <= 80
    assert run("list", "--all").count("RETURNS") == 4
    assert run("list", "VIX").count("RETURNS") == 2


def test_a_unit_that_left_the_catalogue_is_listed_as_such(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.save([make_candidate("TIN")], MOMENT)
    store.mark_revised("TIN", "corrected 2 rows", MOMENT.at)
    told = [" ".join(line.split()) for line in run("list").splitlines()]
    (tin,) = [line for line in told if line.startswith("TIN")]
    assert tin.endswith("no longer in the catalogue; corrected 2 rows")
    assert sum("no longer" in line for line in told) == 1


def test_rollback_moves_the_champion(store: ModelStore) -> None:
    assert "in place of v2" in run("rollback", "GOLD", "25", "1", "--reason", "v2 is worse")
    assert store.champion_version(GOLD) == 1


def test_what_waits_is_shown_and_answered(store: ModelStore, make_candidate: MakeCandidate) -> None:
    later, why = END + timedelta(days=1), "v2 has proven skill; the new version has none"
    store.add([make_candidate(seed=2, trained_at=later, metrics={"skill": 0.001}, approval=why)])
    told = run("waiting")
    assert all(part in told for part in ("GOLD", "RETURNS25", "v3", "+0.0010", "v2", "+0.0200", why)), told
    assert "v3 waits for approval" in run("list")
    assert "v3 is rejected; v2 stays the champion" in run("reject", "GOLD", "25")
    assert "No version waits for approval." in run("waiting")
    with pytest.raises(ModelNotFound):
        run("approve", "GOLD", "25")
    assert "v3 is the champion" in run("approve", "GOLD", "25", "--version", "3")
    assert store.champion_version(GOLD) == 3


def test_export_writes_model_and_card(tmp_path: Path) -> None:
    run("export", "GOLD", "25", "--to", str(tmp_path / "out"))
    card = json.loads((tmp_path / "out" / "GOLD_RETURNS25_v2.json").read_text())
    assert card["name"] == "RETURNS25"
    assert (tmp_path / "out" / "GOLD_RETURNS25_v2.onnx").stat().st_size == card["artifact"]["size"]


def test_verify_fails_when_a_version_was_altered(store: ModelStore) -> None:
    store.backend.models.update_one({"version": 1}, {"$set": {"seed": 7}})
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == 1
    assert "direction/GOLD/RETURNS25/v1" in result.output


HUGE = "99999999999999999999"


@pytest.mark.parametrize(
    "words",
    [
        ["show", "GOLD", "25", "-v", HUGE],
        ["show", "GOLD", "25", "-v", "0"],
        ["export", "GOLD", "25", "-v", "2147483647"],
        ["delete", "GOLD", "25", "-v", "9223372036854775808"],
        ["delete", "GOLD", "25", "-v", "0"],
        ["rollback", "GOLD", "25", "9223372036854775808"],
        ["rollback", "GOLD", "25", "0"],
        ["diff", "GOLD", "25", "1", HUGE],
        ["diff", "GOLD", "25", "0", "1"],
        ["backcast", "GOLD", "25", "--last", "0"],
        ["backcast", "GOLD", "25", "--last", "-3"],
    ],
    ids=" ".join,
)
def test_a_number_that_no_version_has_is_a_wrong_option(words: list[str], store: ModelStore) -> None:
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, "Input should be" in result.output) == (2, True), result.output
    assert store.champion_version(GOLD) == 2


def test_version_0_is_not_the_champion(store: ModelStore) -> None:
    with pytest.raises(ModelNotFound):
        store.load(GOLD, 0)


@pytest.mark.parametrize(
    "words", [["history", "GOLDE", "25"], ["list", "GOLDE"], ["decisions", "GOLDE"], ["verify", "GOLDE"]]
)
def test_an_unknown_unit_is_a_wrong_option_that_names_the_nearest(words: list[str]) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    told = " ".join(result.output.replace("│", " ").split())
    assert "nothing is stored of a unit GOLDE, nor is it in the catalogue; the nearest name is GOLD" in told


def test_a_unit_of_which_models_are_left_is_known_without_a_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAIN_CATALOGUE", "/nowhere/catalogue.yaml")
    assert "RETURNS25" in run("list", "GOLD")
    assert CliRunner().invoke(app, ["list", "SILVER"]).exit_code == 2


def test_the_history_of_a_model_that_was_never_stored_is_not_empty_words() -> None:
    result = CliRunner().invoke(app, ["history", "GOLD", "5"])
    assert (result.exit_code, result.output) == (1, "direction/GOLD/RETURNS5: no version is stored.\n")


def test_a_model_is_shown_on_one_screen_with_the_verdict_on_it(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And so are the document and the exported card: what the table goes by, not what the version said before."""
    monkeypatch.setenv("COLUMNS", "80")
    assert "nobody has judged it" in run("show", "GOLD", "25")
    store.record_verdicts([Verdict(GOLD, 2, False, 0.5, MOMENT.at)])
    assert re.search(r"no, so the base rate is\s+published", unproven := run("show", "GOLD", "25"))
    assert "\nwould publish " in unproven
    assert "\npublished " not in unproven
    store.record_verdicts([Verdict(GOLD, 2, True, 0.001, MOMENT.at)])
    lines = run("show", "GOLD", "25").splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("proven     yes, judged for 2024-01-05") for line in lines)
    assert any(line.startswith("published  ") for line in lines)
    assert not [line for line in lines if "None" in line or "datetime" in line or "{'" in line]
    assert json.loads(run("show", "GOLD", "25", "--json"))["judged"] == {
        "is_champion": True,
        "has_skill": True,
        "decided_for": MOMENT.at.isoformat(),
    }
    run("export", "GOLD", "25", "--to", str(tmp_path))
    card = json.loads((tmp_path / "GOLD_RETURNS25_v2.json").read_text())
    assert (card["usage"]["has_skill"], card["judged"]["has_skill"]) == (True, True)


@pytest.mark.parametrize("place", ["/dev/null", "a file", "/proc/x"])
def test_an_export_to_what_is_no_folder_says_so(place: str, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    result = CliRunner().invoke(app, ["export", "GOLD", "25", "--to", str(tmp_path / place)])
    assert isinstance(result.exception, SettingsError)
    assert "expected a folder that can be made and written" in str(result.exception)
