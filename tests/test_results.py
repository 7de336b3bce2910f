"""What a step did, as a short table for a log."""

from __future__ import annotations

from brain.results import ModelResult, UnitResult, table_lines

SEARCHED = ModelResult("RETURNS5", "search", 0.0123, "no champion")


def test_a_line_a_model_with_the_seconds_of_its_unit() -> None:
    failed = ModelResult("RETURNS20", "failed", None, "only one outcome\n" + "x" * 200)
    head, first, second = table_lines([UnitResult("GOLD", False, "", models=(SEARCHED, failed), seconds=3.14)])
    assert head.split() == ["unit", "target", "done", "skill", "seconds", "note"]
    assert first.split() == ["GOLD", "RETURNS5", "search", "+1.23%", "3.1", "no", "champion"]
    assert second.split()[:6] == ["GOLD", "RETURNS20", "failed", "only", "one", "outcome"]
    assert second.endswith("…")
    assert [line.index(word) for line, word in ((head, "note"), (first, "no champion"), (second, "only"))] == [
        head.index("note")
    ] * 3


def test_a_line_a_unit_where_a_step_has_no_models() -> None:
    lines = table_lines(
        [UnitResult("GOLD", True, "long", rows=9132, seconds=2), UnitResult("KO", False, "quarantined: 3 rows")]
    )
    assert [line.split() for line in lines] == [
        ["unit", "done", "rows", "seconds", "note"],
        ["GOLD", "done", "9,132", "2.0"],
        ["KO", "failed", "quarantined:", "3", "rows"],
    ]


def test_nothing_is_no_table() -> None:
    assert table_lines([]) == []
