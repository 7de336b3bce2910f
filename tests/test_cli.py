"""The `brain` command as a person types it, on real servers and real data."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
import typer
from pydantic import SecretStr
from typer.testing import CliRunner

from brain.core.errors import CatalogueError, SettingsError
from brain.core.settings import Settings
from brain.core.signing_keys import new_pair
from brain.demo.load import load_demo
from brain.store.provenance import describe_source, read_source
from brain.warehouse.connection import transaction
from local.command import app, main

if TYPE_CHECKING:
    from typer.testing import Result

PRIVATE, PUBLIC = new_pair()
DOCUMENTS = Path(__file__).parents[1]
CATALOGUE = """
defaults:
  horizons: [5, 21]
  training: {trials: 1, folds: 3}
assets: [SP500, VIX]
"""


@pytest.fixture
def environment(connections: dict[str, str], demo_url: str, home: Path) -> dict[str, str]:
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=["SP500", "VIX"])
    catalogue = home / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)
    return {**connections, "BRAIN_HOME": str(home), "BRAIN_CATALOGUE": str(catalogue)}


def brain(environment: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(app, list(words), env=environment)


def test_every_command_is_explained_to_a_reader() -> None:
    told = "\n".join(path.read_text() for path in (DOCUMENTS / "README.md", *(DOCUMENTS / "docs").glob("*.md")))
    group = typer.main.get_command(app)
    assert [name for name in group.commands if f"brain {name}" not in told] == []  # type: ignore[attr-defined]


def test_fresh_keys_are_printed_that_the_settings_accept(environment: dict[str, str]) -> None:
    printed = [CliRunner().invoke(app, ["keys", "new"]).output for _ in range(2)]
    drawn = [dict(line.split("=", 1) for line in text.split()) for text in printed]
    for keys in drawn:
        settings = Settings.load({**environment, **keys})
        assert read_source(describe_source("sqlite:///x.db", settings.encryption_keys), settings.encryption_keys)
    assert drawn[0]["BRAIN_SIGNING_KEYS"] != drawn[1]["BRAIN_SIGNING_KEYS"]


def test_a_fresh_pair_is_printed_with_what_a_scorer_is_to_have(environment: dict[str, str]) -> None:
    drawn = CliRunner().invoke(app, ["keys", "new", "--ed25519"]).output
    own = dict(line.split("=", 1) for line in drawn.splitlines() if not line.startswith("#"))
    scorers = dict(line.removeprefix("# ").split("=", 1) for line in drawn.splitlines() if line.startswith("# BRAIN"))
    owner, scorer = (Settings.load({**environment, **keys}) for keys in (own, scorers))
    assert owner.models_signer.signs
    assert not scorer.models_signer.signs
    assert scorer.models_signer.shares_a_key_with(owner.models_signer)
    assert scorer.rows_signer.signs
    assert not scorer.rows_signer.shares_a_key_with(owner.models_signer)
    told = brain({**environment, **own}, "keys", "public").output
    assert told == f"BRAIN_SIGNING_KEYS={scorers['BRAIN_SIGNING_KEYS']}\n"


def test_a_shared_secret_has_no_public_half(environment: dict[str, str]) -> None:
    asked = brain(environment, "keys", "public")
    assert isinstance(asked.exception, SettingsError)
    assert environment["BRAIN_SIGNING_KEYS"] not in str(asked.exception)


def test_the_shell_takes_what_is_printed(environment: dict[str, str]) -> None:
    """As the README does."""
    drawn = CliRunner().invoke(app, ["keys", "new", "--ed25519"]).output
    command = ["bash", "-euc", 'set -a; eval "$1"; set +a; env', "bash", drawn]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}).stdout
    assert [line for line in drawn.splitlines() if not line.startswith("#")] == sorted(
        (line for line in shown.splitlines() if line.startswith("BRAIN_")), reverse=True
    )


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"BRAIN_STAGING_KEYS": "a staging key of the tests"}, "1 for models and snapshots; 1 for staged rows"),
        ({"BRAIN_SIGNING_KEYS": PUBLIC}, "verifies and cannot sign"),
        ({"BRAIN_SIGNING_KEYS": PRIVATE, "BRAIN_STAGING_KEYS": PUBLIC}, "verifies and cannot sign"),
        ({"BRAIN_SIGNING_KEYS": PUBLIC, "BRAIN_STAGING_KEYS": PRIVATE}, "among BRAIN_SIGNING_KEYS, too"),
        (
            {"BRAIN_SIGNING_KEYS": PUBLIC, "BRAIN_STAGING_KEYS": "a staging key of the tests"},
            "1 for models and snapshots, only to verify; 1 for staged rows",
        ),
    ],
)
def test_doctor_tells_which_keys_sign(environment: dict[str, str], keys: dict[str, str], found: str) -> None:
    told = brain({**environment, **keys}, "doctor").output
    assert found in " ".join(told.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())


def test_a_run_fills_the_table_that_sql_shows_and_replay_confirms(environment: dict[str, str]) -> None:
    run = brain(environment, "run", "--until", "2018-06-29T22:00:00")
    assert run.exit_code == 0, run.output
    assert "SP500" in brain(environment, "sql").output
    asked = brain(environment, "sql", "SELECT count(*) AS cells FROM probability_details WHERE NOT stale")
    assert asked.output.split()[-1] == "4"
    replayed = brain(environment, "replay", "VIX", "5", "--as-of", "2018-06-29")
    assert replayed.exit_code == 0, replayed.output
    assert "identical, bit for bit" in replayed.output
    explained = brain(environment, "explain", "VIX", "5")
    assert explained.exit_code == 0, explained.output
    lines = explained.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert re.match(r"VIX, 5: 0\.\d{4} as of 2018-06-29, by model version 1", lines[0])
    assert "Close was not lower 5 rows later after" in " ".join(explained.output.split())
    assert lines[-1] == "Recompute it: brain replay VIX 5 --as-of 2018-06-29"
    (total,) = (line for line in lines if line.endswith("published"))
    numbers = [re.match(r" +([+-]\d\.\d{4}) +([+-]\d+\.\d\d) ", line) for line in lines]
    parts = [float(found.group(1)) for found in numbers if found]
    points = [float(found.group(2)) for found in numbers if found]
    assert float(total.split()[0]) == pytest.approx(sum(parts), abs=1e-3)
    assert float(total.split()[1]) == pytest.approx(50 + sum(points), abs=0.1)
    same = brain(environment, "explain", "VIX", "RETURNS5", "--as-of", "2018-06-29")
    assert same.output.splitlines()[1:-1] == lines[1:-1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("VIXX", "5"), "did you mean VIX?"),
        (("VIX", "6"), "did you mean RETURNS5?"),
        (("VIX", "soon"), "VIX has no target soon"),
        (("VIX", "21", "--as-of", "1999-01-04"), "nothing was published for VIX, 21 as of 1999-01-04 yet"),
        (("nothing like it", "5"), "no unit nothing like it is known; there are SP500, VIX"),
    ],
)
def test_what_was_never_published_cannot_be_explained(
    environment: dict[str, str], words: tuple[str, ...], told: str
) -> None:
    assert brain(environment, "run", "--until", "2018-06-29T22:00:00", "--workers", "1").exit_code == 0
    asked = brain(environment, "explain", *words)
    assert asked.exit_code == 2
    assert told in " ".join(asked.output.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())


def test_before_anything_was_published_nothing_can_be_explained(environment: dict[str, str]) -> None:
    asked = brain(environment, "explain", "VIX", "5")
    assert asked.exit_code == 2
    assert "nothing was published for VIX, 5 yet" in " ".join(asked.output.replace("│", " ").split())


def test_what_has_come_true_is_scored_and_shown(environment: dict[str, str], demo_url: str) -> None:
    assert brain(environment, "run", "--until", "2018-06-29T22:00:00", "--workers", "1").exit_code == 0
    assert "0 numbers resolved" in brain(environment, "outcomes").output
    early = brain(environment, "evaluate", "--until", "2018-06-29T22:00:00").output
    assert "numbers wait for their outcome; the first is known 5 rows of data later." in early
    load_demo(demo_url, as_of=date(2018, 7, 13), assets=["SP500", "VIX"])
    assert brain(environment, "extract", "--until", "2018-07-13T22:00:00").exit_code == 0
    for words in (["evaluate"], ["evaluate", "--full", "--use-case", "direction"]):
        done = brain(environment, *words, "--until", "2018-07-13T22:00:00")
        assert done.exit_code == 0, done.output
        assert "probability_ledger: 2 due, 2 scored, 2 open" in done.output
        assert "accuracy" in done.output
    nothing_due = brain(environment, "evaluate", "--until", "2018-07-13T22:30:00").output
    assert "0 scored" in nothing_due
    assert "hit rate" in nothing_due, "what is known is told where nothing is new"
    shown = brain(environment, "outcomes", "--last", "1").output
    assert "2 numbers resolved: 2 live, 0 hindcast" in shown
    assert "The newest 1 of 2" in shown
    assert shown.count("2018-06-29") == 1
    with transaction(SecretStr(environment["BRAIN_WAREHOUSE_URL"])) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE probability_ledger SET hindcast = true WHERE asset = 'VIX'")
    shown = brain(environment, "outcomes").output
    assert "2 numbers resolved: 1 live, 1 hindcast" in shown
    assert [line.split()[0::7] for line in shown.splitlines()[-2:]] == [["SP500", "live"], ["VIX", "hindcast"]]
    assert max(map(len, shown.splitlines())) <= 80
    card = brain(environment, "sql", "SELECT count(*) FROM model_scorecard")
    assert card.output.split()[-1] == "2"


@pytest.mark.parametrize("command", ["evaluate", "outcomes"])
def test_a_use_case_that_is_not_there_is_refused_with_those_that_are(environment: dict[str, str], command: str) -> None:
    done = brain(environment, command, "--use-case", "nope")
    assert done.exit_code != 0
    assert isinstance(done.exception, CatalogueError)
    assert (done.exception.subject, done.exception.expected) == ("nope", "one of direction")


def test_a_second_run_skips_every_model(environment: dict[str, str]) -> None:
    for step in (["extract"], ["train"], ["publish"], ["tidy"]):
        done = brain(environment, *step, "--until", "2018-06-29T22:00:00")
        assert done.exit_code == 0, done.output
    again = brain(environment, "train", "--until", "2018-06-29T22:00:00")
    assert again.output.count("2 skip") == 1  # said once, of both
    assert "SP500, VIX" in again.output


def test_doctor_finds_nothing_wrong_on_working_servers(environment: dict[str, str]) -> None:
    found = brain(environment, "doctor")
    assert found.exit_code == 0, found.output
    assert "2 source tables" in found.output


def test_doctor_finds_tables_that_cannot_be_trained(environment: dict[str, str], demo_url: str) -> None:
    Path(environment["BRAIN_CATALOGUE"]).write_text(
        "defaults: {horizons: [5, 21]}\n"
        "assets: {SP500: {}, VIX: {training: {min_rows: 5000}}, "
        "SHORT: {table: VIX, quality: {min_rows: 5000}}, EMPTY: {}, TYPO: {table: VIXX}}\n"
    )
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        connection.execute(sa.text('CREATE TABLE "EMPTY" AS SELECT * FROM "SP500"'))
        connection.execute(sa.text('UPDATE "EMPTY" SET "RETURNS21" = NULL'))
    engine.dispose()
    found = brain(environment, "doctor")
    told = " ".join(found.output.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())
    assert found.exit_code == 1
    assert "SP500: " not in told
    assert "VIX: RETURNS5: found" in told
    assert "labelled rows; expected at least 5000" in told
    assert "rows; expected at least 5000" in told.partition("SHORT: ")[2]
    assert "RETURNS21: found" in told.partition("EMPTY: ")[2]
    assert "RETURNS5" not in told.partition("EMPTY: ")[2]
    assert "TYPO: no such table or view" in told
    assert "the nearest is VIX" in told
    assert "brain demo" not in told, "the source is not the embedded one"


def test_the_variables_of_the_readme_are_all_that_is_needed(environment: dict[str, str]) -> None:
    section = (DOCUMENTS / "README.md").read_text().partition("## Your own data")[2].partition("\n## ")[0]
    named = dict.fromkeys(re.findall(r"BRAIN_[A-Z_]+(?<!_FILE)\b", section))
    assert len(named) == 5
    assert "five variables" in section
    assert "brain keys new" in section
    assert Settings.load({name: environment[name] for name in named})


def test_doctor_says_what_to_do_about_a_broken_catalogue(environment: dict[str, str]) -> None:
    Path(environment["BRAIN_CATALOGUE"]).write_text("assets: [SP500]\ndefaults:\n  horizons: [0]\n")
    found = brain(environment, "doctor")
    assert found.exit_code == 1
    assert "line 3" in found.output.replace("\n", " ")


def test_an_unknown_asset_is_an_error_that_lists_the_known_ones(environment: dict[str, str]) -> None:
    asked = brain(environment, "extract", "TIN")
    assert isinstance(asked.exception, CatalogueError)
    assert "SP500, VIX" in str(asked.exception)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["extract", "vixx"], "The nearest name is VIX."),
        (["train", "--target", "6"], "The nearest name is RETURNS5."),
        (["evaluate", "--use-case", "directions"], "The nearest name is direction."),
        (["demo", "golds"], "The nearest name is GOLD."),
        (["sql", "SELECT * FROM probabilites"], "The nearest name is probabilities."),
        (["sql", "SELECT assett FROM probabilities_long"], "probabilities_long.asset"),
        (["models", "show", "VIXX", "5"], "the nearest name is VIX"),
        (["models", "show", "VIX", "6"], "the nearest is RETURNS5"),
        (["replay", "VIX", "6", "--as-of", "2018-06-29"], "the nearest is RETURNS5"),
        (["trian"], "Did you mean 'train'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_name_that_is_not_there_is_told_with_the_nearest(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: str,
) -> None:
    for name, value in {**environment, "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    if words[0] == "sql":
        assert brain(environment, "tables").exit_code == 0
    with pytest.raises(SystemExit) as ended:
        main_of(monkeypatch, *words)
    assert ended.value.code == 2
    assert told in " ".join(capsys.readouterr().err.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())


def test_a_failing_asset_makes_the_command_fail(environment: dict[str, str]) -> None:
    catalogue = Path(environment["BRAIN_CATALOGUE"])
    catalogue.write_text(CATALOGUE.replace("VIX", "VIX, TIN"))
    done = brain(environment, "extract", "--until", "2018-06-29T22:00:00")
    assert done.exit_code == 1
    assert "TIN" in done.output


def test_a_target_that_is_none_is_a_wrong_option(environment: dict[str, str]) -> None:
    for target in ("[/x]", "RETURNS2521", "9" * 5000):
        asked = brain(environment, "replay", "VIX", target, "--as-of", "2018-06-29")
        assert (asked.exit_code, "no use case has a target" in asked.output) == (2, True), asked.output


def test_tidying_for_the_first_day_of_the_calendar_removes_nothing(environment: dict[str, str]) -> None:
    assert brain(environment, "run", "--until", "2018-06-29T22:00:00", "--workers", "1").exit_code == 0
    for day in ("0001-01-01", "0999-06-01"):
        tidied = brain(environment, "tidy", "--until", day)
        assert tidied.exit_code == 0, tidied.output
        assert "0 folders of scores, shares and results" in " ".join(tidied.output.split())


def main_of(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["brain", *words])
    main()


def test_words_that_are_no_text_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main_of(monkeypatch, "models", "show", "\udcff", "5")
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "SettingsError the command line: found '\\udcff', which is no UTF-8; expected text. Type the name as `brain"
        " models list` prints it.\n"
    )


def test_an_error_that_nobody_foresaw_is_one_line_that_says_where_its_traceback_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken() -> None:
        raise RuntimeError("half a \udcff\nand a second line")

    monkeypatch.setattr("brain.cli._home", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main_of(monkeypatch, "doctor")
    assert ended.value.code == 1
    (kept,) = tmp_path.glob("brain-error-*.log")
    assert f"the traceback in {kept}" in (told := capsys.readouterr().err)
    assert told.startswith("UnforeseenError the command: found RuntimeError: half a \\udcff;")
    assert told.count("\n") == 1
    assert "Traceback" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("BRAIN_DEBUG", "1")
    with pytest.raises(RuntimeError):
        main_of(monkeypatch, "doctor")
