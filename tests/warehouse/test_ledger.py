"""The ledger holds what was said first, once, and scores it when its day has come: whatever happens in between."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from brain.core.errors import PublishError
from brain.warehouse.evaluation import scored_after
from brain.warehouse.evaluation_runs import EVALUATION_RUNS
from brain.warehouse.ledger_statements import CORRECTED, LOST
from brain.warehouse.taking_back import publications_after, take_back
from tests.warehouse.ledgers import LEDGER, OPENINGS, World, day, execute, judge, moment, rows, say, told

if TYPE_CHECKING:
    from brain.core.settings import Settings

ALL = "SELECT shop, ahead, as_of, probability, outcome, known_at FROM openings_ledger ORDER BY 1, 2, 3"
EVERYTHING = [
    "SELECT t::text FROM openings_ledger t",
    "SELECT t::text FROM openings_ledger_blocks t",
    "SELECT t::text FROM evaluation_runs t",
]


def everything(settings: Settings) -> list[list[tuple[Any, ...]]]:
    return [sorted(told(settings, query)) for query in EVERYTHING]


def world(*takings: float, shop: str = "Bern", first: int = 1) -> World:
    return World({shop: {day(first + number): taken for number, taken in enumerate(takings)}})


def test_what_was_said_is_noted_and_scored_when_its_day_has_come(settings: Settings) -> None:
    known = world(10, 11, 9)
    assert say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7, ("Bern", 2): 0.8}, base=0.6)).noted == 2
    assert judge(settings, known, moment(1)).total.pending == 2
    found = judge(settings, known, moment(2))
    assert (found.total.due, found.total.resolved, found.total.pending) == (1, 1, 1)
    assert told(settings, ALL) == [("Bern", 1, day(1), 0.7, 1, day(2)), ("Bern", 2, day(1), 0.8, None, None)]
    judge(settings, known, moment(3))
    scores = "SELECT outcome, log_loss, base_log_loss, brier, base_brier, takings FROM openings_ledger ORDER BY ahead"
    expected = [
        (1, -math.log(0.7), -math.log(0.6), 0.09, 0.16, 11),
        (0, -math.log(0.2), -math.log(0.4), 0.64, 0.36, 9),
    ]
    assert told(settings, scores) == [pytest.approx(line, abs=1e-15) for line in expected]


def test_what_was_said_first_stays_whatever_is_said_later_of_the_same_day(settings: Settings) -> None:
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7}))
    assert say(settings, moment(1), rows(day(1), {("Bern", 1): 0.8})).noted == 0
    assert say(settings, moment(2), rows(day(1), {("Bern", 1): 0.9})).noted == 0
    assert told(settings, "SELECT probability, published_at, hindcast FROM openings_ledger") == [
        (0.7, moment(1).at, False)
    ]


def test_a_rerun_changes_nothing(settings: Settings) -> None:
    known = world(10, 11, 9, 12)
    for number in (1, 2, 3):
        say(settings, moment(number), rows(day(number), {("Bern", 1): 0.7, ("Bern", 2): 0.8}))
        judge(settings, known, moment(number))
    before = everything(settings)
    for number in (3, 1, 2, 3):
        say(settings, moment(number), rows(day(number), {("Bern", 1): 0.7, ("Bern", 2): 0.8}))
        judge(settings, known, moment(number))
    assert everything(settings) == before


def test_a_clock_that_jumps_back_unlearns_nothing(settings: Settings) -> None:
    known = world(10, 11, 9, 12)
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7}))
    say(settings, moment(4), rows(day(4), {("Bern", 1): 0.7}))
    judge(settings, known, moment(4))
    before = everything(settings)
    behind = judge(settings, World(), moment(2))
    assert behind.behind == moment(4).at
    assert str(moment(4).at) in behind.line()
    assert everything(settings) == before


def test_a_jump_ahead_scores_all_that_has_come_true_at_once(settings: Settings) -> None:
    known = world(*range(40))
    for number in range(1, 21):
        say(settings, moment(number), rows(day(number), {("Bern", 1): 0.7, ("Bern", 2): 0.8}))
    found = judge(settings, known, moment(40))
    assert [(line.target, line.due, line.resolved, line.pending) for line in found.lines] == [
        *(("1", 20, 20, 0), ("2", 20, 20, 0), ("all", 40, 40, 0))
    ]


def test_an_evaluation_ahead_of_the_publications_keeps_no_later_day_from_being_scored(settings: Settings) -> None:
    known = world(10, 11, 9, 12)
    judge(settings, known, moment(300))
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7}))
    assert judge(settings, World(), moment(300)).behind is None
    say(settings, moment(2), rows(day(2), {("Bern", 1): 0.7}))
    found = judge(settings, known, moment(3))
    assert (found.behind, found.total.resolved) == (None, 2)
    say(settings, moment(3), rows(day(3), {("Bern", 1): 0.7}))
    execute(settings, "UPDATE writer_fences SET newest = %s WHERE work LIKE 'evaluation of %%'", moment(300).at)
    assert judge(settings, known, moment(4)).total.resolved == 1, "one that an earlier release has frozen goes on, too"


def test_scores_ahead_of_the_publications_are_found_and_taken_back(settings: Settings) -> None:
    known = world(10, 11, 9, 12)
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7, ("Bern", 2): 0.8}))
    judge(settings, known, moment(1))
    before = everything(settings)
    judge(settings, known, moment(300))
    assert not publications_after(settings.warehouse_url, "shops", [OPENINGS], moment(2))
    assert scored_after(settings.warehouse_url, "shops", [LEDGER], moment(2))
    take_back(settings.warehouse_url, "shops", [OPENINGS], [], moment(2), [LEDGER])
    assert everything(settings) == before
    assert not scored_after(settings.warehouse_url, "shops", [LEDGER], moment(2))


def test_a_correction_scores_again_what_it_touches_and_says_so(settings: Settings) -> None:
    known = world(10, 11, 9, 12)
    for number in (1, 2, 3):
        say(settings, moment(number), rows(day(number), {("Bern", 1): 0.7}))
    judge(settings, known, moment(4))
    known.takings["Bern"][day(2)] = 8.0
    assert judge(settings, known, moment(5)).total.corrected == 0, "nothing says that data was corrected"
    _extraction(settings, "Bern", "corrected", 6)
    found = judge(settings, known, moment(6))
    assert (found.total.resolved, found.total.corrected) == (0, 2)
    query = "SELECT as_of, first_outcome, outcome, corrections, corrected_at, note FROM openings_ledger ORDER BY 1"
    assert told(settings, query) == [
        (day(1), 1, 0, 1, moment(6).at, CORRECTED),
        (day(2), 0, 1, 1, moment(6).at, CORRECTED),
        (day(3), 1, 1, 0, None, None),
    ]
    summed = "SELECT sum(resolved), sum(sum_happened), sum(sum_hits) FROM openings_ledger_blocks"
    assert told(settings, summed) == [(3, 2, 2)]


@pytest.mark.parametrize("of", [2, 4])
def test_a_correction_read_for_a_day_that_is_evaluated_already_is_taken_over(settings: Settings, of: int) -> None:
    known = world(10, 11, 9, 12, 13)
    for number in range(1, 6):
        say(settings, moment(number), rows(day(number), {("Bern", 1): 0.7}))
    judge(settings, known, moment(4))
    known.takings["Bern"][day(2)] = 8.0
    _extraction(settings, "Bern", "corrected", of)
    assert judge(settings, known, moment(5)).total.corrected == 2
    before = everything(settings)
    judge(settings, known, moment(5))
    assert everything(settings) == before


@pytest.mark.parametrize("again", ["unchanged", "appended", "failed"])
def test_a_correction_survives_an_extraction_that_is_made_again(settings: Settings, again: str) -> None:
    known = world(10, 11, 9, 12)
    for number in (1, 2, 3):
        say(settings, moment(number), rows(day(number), {("Bern", 1): 0.7}))
    judge(settings, known, moment(3))
    known.takings["Bern"][day(2)] = 8.0
    _extraction(settings, "Bern", "corrected", 4, day(2))
    _extraction(settings, "Bern", again, 4)
    assert judge(settings, known, moment(4)).total.corrected == 2


def test_every_row_is_looked_at_again_where_that_is_asked_for(settings: Settings) -> None:
    known = world(10, 11)
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7}))
    judge(settings, known, moment(2))
    known.takings["Bern"][day(2)] = 8.0
    assert judge(settings, known, moment(3), full=True).total.corrected == 1
    before = everything(settings)
    judge(settings, known, moment(3))
    assert everything(settings) == before, "a rerun counts the same rows"


def test_a_day_that_is_no_row_is_never_scored_and_says_why(settings: Settings) -> None:
    known = world(10, 11, 12, 13)
    del known.takings["Bern"][day(2)]
    for number in (1, 2, 3):
        say(settings, moment(number), rows(day(number), {("Bern", 1): 0.7}))
    found = judge(settings, known, moment(4))
    assert (found.total.due, found.total.resolved, found.total.pending) == (3, 2, 1)
    notes = "SELECT as_of, outcome, known_at, note FROM openings_ledger ORDER BY 1"
    assert told(settings, notes) == [
        (day(1), 1, day(3), None),
        (day(2), None, None, LOST),
        (day(3), 1, day(4), None),
    ]


def test_a_row_that_vanishes_takes_its_score_along_and_brings_it_back(settings: Settings) -> None:
    known = world(10, 11, 12, 13)
    for number in (1, 2, 3):
        say(settings, moment(number), rows(day(number), {("Bern", 1): 0.7}))
    judge(settings, known, moment(4))
    taken = known.takings["Bern"].pop(day(2))
    _extraction(settings, "Bern", "corrected", 5)
    judge(settings, known, moment(5))
    state = f"SELECT outcome, corrections, note FROM openings_ledger WHERE as_of = '{day(2)}'"
    assert told(settings, state) == [(None, 1, LOST)]
    assert told(settings, "SELECT sum(resolved) FROM openings_ledger_blocks") == [(2,)]
    known.takings["Bern"][day(2)] = taken
    _extraction(settings, "Bern", "corrected", 6)
    judge(settings, known, moment(6))
    assert told(settings, state) == [(1, 2, CORRECTED)]
    assert told(settings, "SELECT sum(resolved) FROM openings_ledger_blocks") == [(3,)]


def test_a_gap_is_counted_in_rows_and_not_in_days(settings: Settings) -> None:
    known = world(10)
    known.takings["Bern"] |= {day(30): 9.0, day(31): 12.0}
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7, ("Bern", 2): 0.7}))
    assert judge(settings, known, moment(29)).total.due == 0
    judge(settings, known, moment(31))
    assert [line[-2:] for line in told(settings, ALL)] == [(0, day(30)), (1, day(31))]


def test_what_stops_stays_open_and_keeps_nothing_else_from_being_scored(settings: Settings) -> None:
    known = world(10, 11, 12, 13)
    known.takings["Thun"] = {day(1): 5.0}
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7, ("Thun", 1): 0.6}))
    assert (judge(settings, known, moment(4)).total.resolved, judge(settings, known, moment(4)).total.pending) == (1, 1)
    assert told(settings, "SELECT shop, note FROM openings_ledger WHERE outcome IS NULL") == [("Thun", None)]


def test_what_has_left_the_table_is_scored_all_the_same(settings: Settings) -> None:
    known = world(10, 11, 12, 13)
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7, ("Bern", 2): 0.8}))
    say(settings, moment(2), rows(day(2), {("Bern", 1): 0.7}))
    say(settings, moment(3), rows(day(3), {("Thun", 1): 0.7}))
    assert told(settings, "SELECT shop FROM openings") == [("Thun",)]
    assert judge(settings, known, moment(3)).total.resolved == 3


def test_what_was_ruled_out_and_came_true_costs_much_but_not_everything(settings: Settings) -> None:
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.0, ("Thun", 1): 1.0}))
    known = world(10, 11)
    known.takings["Thun"] = {day(1): 10.0, day(2): 9.0}
    judge(settings, known, moment(2))
    assert told(settings, "SELECT log_loss FROM openings_ledger") == [(pytest.approx(34.5, abs=0.1),)] * 2


def test_a_line_says_how_good_the_run_was(settings: Settings) -> None:
    known = world(10, 11, 9)
    known.takings["Thun"] = {day(1): 1.0, day(2): 0.5}
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.8, ("Thun", 1): 0.6, ("Bern", 2): 0.4}, base=0.5))
    judge(settings, known, moment(2))
    names = "target, due, resolved, pending, error_rate, accuracy, log_loss, brier, skill"
    (one, two, whole) = told(settings, f"SELECT {names} FROM evaluation_runs ORDER BY target")
    loss, brier = (-math.log(0.8) - math.log(0.4)) / 2, (0.04 + 0.36) / 2
    assert one == (
        "1",
        2,
        2,
        0,
        0.5,
        0.5,
        pytest.approx(loss),
        pytest.approx(brier),
        pytest.approx(1 - loss / math.log(2)),
    )
    assert two == ("2", 0, 0, 1, None, None, None, None, None)
    assert whole[:4] == ("all", 2, 2, 1)


def test_readers_may_read_it_and_every_column_says_what_it_is(settings: Settings) -> None:
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7}))
    judge(settings, World(), moment(1))
    for layout in (LEDGER.layout, LEDGER.blocks, EVALUATION_RUNS):
        granted = f"SELECT has_table_privilege('bi_reader', '{layout.identifier}', 'SELECT')"
        assert told(settings, granted) == [(True,)]
        bare = (
            "SELECT count(*) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid ="
            f" '{layout.identifier}'::regclass AND col_description(attrelid, attnum) IS NULL"
        )
        assert told(settings, bare) == [(0,)]


def test_an_outcome_that_is_none_is_refused_and_nothing_is_scored(settings: Settings) -> None:
    known = world(10, 11)
    say(settings, moment(1), rows(day(1), {("Bern", 1): 0.7}))
    execute(settings, "ALTER TABLE openings_ledger ADD CONSTRAINT odd CHECK (takings < 11)")
    with pytest.raises(PublishError):
        judge(settings, known, moment(2))
    assert told(settings, "SELECT count(*) FROM openings_ledger WHERE outcome IS NOT NULL") == [(0,)]


def _extraction(settings: Settings, name: str, verdict: str, number: int, *corrected: date) -> None:
    """What an extraction recorded."""
    from brain.core.moment import Moment
    from brain.extract.report import ExtractionReport
    from brain.warehouse.extraction_runs import record_runs

    at = Moment(moment(number).at)
    report = ExtractionReport("shops", name, at, verdict, corrected_dates=corrected)  # type: ignore[arg-type]
    record_runs(settings.warehouse_url, [report])


def test_what_was_noted_and_scored_for_a_moment_to_come_is_taken_back(settings: Settings) -> None:
    known = world(10, 11, 9, 12, 13)
    for number in (1, 2):
        say(settings, moment(number), rows(day(number), {("Bern", 1): 0.7, ("Bern", 2): 0.8}))
        judge(settings, known, moment(number))
    before = everything(settings)
    say(settings, moment(4), rows(day(4), {("Bern", 1): 0.7, ("Bern", 2): 0.8}))
    judge(settings, known, moment(5))
    assert everything(settings) != before
    take_back(settings.warehouse_url, "shops", [OPENINGS], [], moment(3), [LEDGER])
    assert everything(settings) == before
    assert judge(settings, known, moment(3)).behind is None
