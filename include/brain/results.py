"""What a step did for one unit, and for each of its models: as values, and as a short table for a log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from brain.core.alike import told_once
from brain.core.errors import BrainError, WorkerDied
from brain.scoring.blocks import blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from brain.extract.report import ExtractionReport
    from brain.learning.candidate import TrainingResult
    from brain.scoring.blocks import Rows
    from brain.store.champions import Refused
    from brain.store.writing import Saved
    from brain.usecases.protocol import Run

FAILED = "failed"
_NOTE = 100  # characters of a note in the table; a failure's reason stands below it in full


@dataclass(frozen=True)
class ModelResult:
    """What a step did for one model of a unit.

    Args:
        done: ``search``, ``refresh``, ``skip`` or ``failed``.
        skill: As measured out of sample; None where nothing was measured.
        note: Why that was done.
    """

    target: str
    done: str
    skill: float | None = None
    note: str = ""


@dataclass(frozen=True)
class UnitResult:
    """What a step did for one unit; tidying also tells of past runs.

    Args:
        ok: Whether the unit went through.
        reason: What was done, or why not, in a sentence.
        error: The error behind a failure, so that the caller can tell a passing one from a lasting one.
        models: What was done for each of its models, where the step works on models.
        quarantined: Whether it failed because the quality gate refused its rows.
        rows: Rows that the next step finds: of its snapshots, or scored.
        seconds: Wall-clock time; 0 where units are not worked on one by one.
    """

    unit: str
    ok: bool
    reason: str
    error: BrainError | None = None
    models: tuple[ModelResult, ...] = ()
    quarantined: bool = False
    rows: int = 0
    seconds: float = 0.0

    def took(self, seconds: float) -> UnitResult:
        return replace(self, seconds=seconds)


def survived(name: str, result: UnitResult | WorkerDied) -> UnitResult:
    """The result of a unit that was dealt to a process, which may have died."""
    return UnitResult(name, False, str(result), result) if isinstance(result, WorkerDied) else result


def extracted(name: str, reports: Sequence[ExtractionReport]) -> UnitResult:
    """What extraction did for a unit, of which there is a report a table."""
    error = next((report.error for report in reports if report.error), None)
    refused = [report for report in reports if not report.ok]
    told = [f"{report.status}: {report.reason}" for report in refused]
    return UnitResult(
        name,
        not refused,
        "; ".join(told or [report.line() for report in reports]),
        error,
        quarantined=any(report.status == "quarantined" for report in refused),
        rows=sum(report.snapshot.rows for report in reports if report.snapshot),
        seconds=sum(report.seconds for report in reports),
    )


def trained(name: str, results: Sequence[TrainingResult], saved: Sequence[Saved | Refused]) -> UnitResult:
    """What training and storing did for a unit."""
    from brain.learning.candidate import Candidate, Failed
    from brain.store.champions import Refused
    from brain.store.writing import Saved

    failures = {one.key: str(one.error) for one in saved if isinstance(one, Refused)}
    failures |= {one.key: f"{one.reason}. {one.remedy}" for one in results if isinstance(one, Failed)}
    waits = {one.key: f"v{one.version} waits for approval" for one in saved if isinstance(one, Saved) and one.waits}
    models = []
    for one in results:
        if one.key in failures or isinstance(one, Failed):
            models.append(ModelResult(one.key.target, FAILED, note=failures[one.key]))
        else:
            skill = one.metrics.get("skill") if isinstance(one, Candidate) else None
            note = "; ".join(filter(None, [one.decision.reason, waits.get(one.key)]))
            models.append(ModelResult(one.key.target, one.decision.action, skill, note))
    done = Counter(model.done for model in models if model.done != FAILED)
    told = ", ".join(f"{count} {action}" for action, count in done.items()) or "no model"
    if waits:
        told += f"; {len(waits)} new {'versions wait' if len(waits) > 1 else 'version waits'} for approval"
    if failures:
        told += "; " + told_once((key.target, reason) for key, reason in failures.items())
    return UnitResult(name, not failures, told, models=tuple(models))


def scored(run: Run, name: str, rows: Mapping[str, Rows]) -> UnitResult:
    """What scoring did for a unit.

    Rows of a table without models count for every unit of their chunk: nothing says whose they are. Rows that explain
    those of another table do not count.
    """
    done, failed = 0, []
    for table in (table for table in run.use_case.tables if table.of is None):
        for frame in blocks(rows[table.name]):
            empty = frame[table.value].isna()
            if table.model is None:  # it may have a row a customer: only those without a value are looked at
                done += int((~empty).sum())
                failed += [(table.name, row.get("reason") or "no value") for row in records(frame[empty])]
                continue
            for row, is_empty in zip(records(frame), empty, strict=True):
                key = run.use_case.model_key(row)
                if key.entity != name:
                    continue
                if is_empty:
                    failed.append((key.target, row.get("reason") or "no value"))
                else:
                    done += 1
    counted = f"{done} of {done + len(failed)} rows scored"
    return UnitResult(name, not failed, "; ".join(filter(None, [counted, told_once(failed)])), rows=done)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, each as a dictionary by column."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def table_lines(results: Iterable[UnitResult]) -> list[str]:
    """A short table of some results, a line a model, or a line a unit where the step has none; empty for none.

    What failed says so here, and why at the end of the log.
    """
    lines = [line for result in results for line in _lines(result)]
    if not lines:
        return []
    heads = ("unit", "target", "done", "skill", "rows", "seconds", "note")
    shown = [number for number in range(len(heads)) if any(line[number] for line in lines)]
    widths = {number: max(len(line[number]) for line in [heads, *lines]) for number in shown}
    return ["  ".join(line[number].ljust(widths[number]) for number in shown).rstrip() for line in [heads, *lines]]


def _lines(result: UnitResult) -> Iterator[tuple[str, ...]]:
    seconds, rows = f"{result.seconds:.1f}" if result.seconds else "", f"{result.rows:,}" if result.rows else ""
    if not result.models:
        note = "" if result.ok else _short(result.reason)
        yield result.unit, "", "done" if result.ok else FAILED, "", rows, seconds, note
    for number, model in enumerate(result.models):
        skill = "" if model.skill is None else f"{model.skill:+.2%}"
        took = "" if number else seconds  # the models of a unit are made together
        yield result.unit, model.target, model.done, skill, "", took, _short(model.note)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _NOTE else f"{line[: _NOTE - 1]}…"
