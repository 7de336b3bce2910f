"""A figure that a doc quotes from a benchmark stands in the benchmark's results file.

The figure is followed by where it comes from, in a comment that no reader of the rendered page sees::

    96.2 %<!-- figure: hindcast published_no_worse -->          a key of the JSON in benchmarks/results/hindcast.md
    1.2 GB<!-- figure: extract size in the lake | seconds -->   a row and a column of its table
    twice<!-- figure: budget seconds_24 / seconds_12 = 2 -->    two keys; the number where the text says it in words
    <!-- table: hindcast -->                                    after a table: each of its rows stands in the file

It must be the figure of the file, rounded to the digits that the doc gives.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache

import pytest

from tests.docs.reading import ROOT, documents, prose

RESULTS = ROOT / "benchmarks" / "results"
MARK = re.compile(r"<!-- figure: (\w+) (.+?)(?: = ([\d.,]+))? -->")
MINUS = "\N{MINUS SIGN}"
NUMBER = re.compile(rf"[+{MINUS}-]?\d[\d,]*(?:\.\d+)?|[+{MINUS}-]?\.\d+")
TABLE = re.compile(r"((?:^\|.*\n)+)\n?<!-- table: (\w+) -->", re.M)
FACTORS = {"%": 100, "GB": 1 / 1000}

# Measured by hand for the decision or shown by a run: no benchmark makes these figures again.
WITHOUT_RESULTS_FILE = {
    "docs/decisions/embedded-servers.md",
    "docs/decisions/patched-great-expectations.md",
    "docs/decisions/rooms-and-seam.md",
    "docs/decisions/a-run-for-every-moment.md",
    "docs/decisions/arrow-over-copy.md",
    "docs/decisions/blend-toward-the-base-rate.md",
    "docs/decisions/celery-settings.md",
    "docs/decisions/chunks-not-tasks.md",
    "docs/decisions/gate-over-the-grid.md",
    "docs/decisions/lease-and-conditional-write.md",
    "docs/decisions/one-machine.md",
    "docs/decisions/own-mutations.md",
    "docs/decisions/ridge-solver.md",
    "docs/decisions/same-bits.md",
    "docs/decisions/shard-key.md",
    "docs/decisions/verifying-without-signing.md",
    "docs/decisions/one-suite-for-many.md",
}


@dataclass(frozen=True)
class Figure:
    """A figure of a doc.

    Args:
        said: The number as it is written, or as the mark gives it for words.
        unit: What stands between the number and the mark.
        source: Where it comes from: a key, two keys with an operator between, or a row and a column.
    """

    path: str
    said: str
    unit: str
    results: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}: {self.said}{self.unit} from {self.results} {self.source}"

    @property
    def holds(self) -> bool:
        digits = len(self.said.partition(".")[2])
        said = float(self.said.replace(",", "").replace(MINUS, "-"))
        factor = next((factor for unit, factor in FACTORS.items() if self.unit.strip().startswith(unit)), 1)
        value = measured(self.results, self.source) * factor
        signed = self.said[0] in f"+-{MINUS}"
        return bool(abs((value if signed else abs(value)) - said) <= 0.5 * 10**-digits + 1e-9)


def figures(path: str) -> list[Figure]:
    text, found = prose(path), []
    for mark in MARK.finditer(text):
        results, source, in_words = mark.groups()
        before = list(NUMBER.finditer(text[max(0, mark.start() - 60) : mark.start()]))
        assert in_words or before, f"{path}: no number before {mark.group()}"
        unit = "" if in_words else text[max(0, mark.start() - 60) : mark.start()][before[-1].end() :]
        found.append(Figure(path, in_words or before[-1].group(), unit, results, source))
    return found


@cache
def _keys(results: str) -> dict[str, float]:
    numbers: dict[str, float] = json.loads((RESULTS / f"{results}.md").read_text().split("```json")[1].split("```")[0])
    return numbers


def measured(results: str, source: str) -> float:
    if " | " in source:
        row, _, column = source.partition(" | ")
        return _of_table(results, row, column)
    if match := re.fullmatch(r"(\S+) ([-/]) (\S+)", source):
        left, right = (_keys(results)[match[side]] for side in (1, 3))
        return left - right if match[2] == "-" else left / right
    return _keys(results)[source]


def _of_table(results: str, row: str, column: str) -> float:
    lines = [
        line.strip("| ").split(" | ") for line in (RESULTS / f"{results}.md").read_text().splitlines() if "|" in line
    ]
    cell = next(line for line in lines if line[0] == row)[lines[0].index(column)]
    return float(cell.split()[0].rstrip("%x").replace(",", "")) / (100 if "%" in cell else 1)


FIGURES = [figure for path in documents() for figure in figures(path)]


@pytest.mark.parametrize("figure", FIGURES, ids=str)
def test_a_quoted_figure_stands_in_its_results_file(figure: Figure) -> None:
    measured_now = measured(figure.results, figure.source)
    assert figure.holds, f"{figure.path} says {figure.said}{figure.unit}; {figure.source} is {measured_now}"


@pytest.mark.parametrize("path", documents())
def test_a_quoted_table_stands_in_its_results_file(path: str) -> None:
    for table, results in TABLE.findall(prose(path)):
        kept = (RESULTS / f"{results}.md").read_text().splitlines()
        assert [row for row in table.strip().splitlines() if row not in kept] == []
    assert len(TABLE.findall(prose(path))) == prose(path).count("<!-- table: ")


def test_figures_are_found_where_they_are_quoted() -> None:
    assert len(FIGURES) > 25
    assert TABLE.findall(prose("docs/probabilities.md"))


@pytest.mark.parametrize(
    ("said", "unit", "source", "holds"),
    [
        ("99.3", " %", "published_no_worse", True),
        ("96.3", " %", "published_no_worse", False),
        ("+0.15", " %", "published_mean_skill", True),
        (f"{MINUS}0.29", " %", "published_mean_skill", False),
        ("46", "", "claims", True),
        ("7", "", "claims", False),
        ("15", "", "claims - claims_that_held", True),
        ("33.9", " %", "sample: MLAutomator | mean skill", True),
    ],
)
def test_another_figure_than_the_measured_one_is_noticed(said: str, unit: str, source: str, holds: bool) -> None:
    assert Figure("", said, unit, "hindcast", source).holds is holds


def test_a_decision_says_where_its_figure_comes_from() -> None:
    """Of a record with figures, either a mark, a results file by name, or an entry in the list of those without one."""
    records = [path for path in documents() if path.startswith("docs/decisions/")]
    with_figure = {path for path in records if re.search(r"^\*\*(Figures?|Measured)\b", prose(path), re.M)}
    traced = {path for path in records if MARK.search(prose(path)) or "benchmarks/results/" in prose(path)}
    assert with_figure - traced <= WITHOUT_RESULTS_FILE
