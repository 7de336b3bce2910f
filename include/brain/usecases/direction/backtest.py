"""A recipe's backtest: what would have been published, fold by fold, and whether it beat the base rate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

from brain.learning.blend import blend_slope, recency, shares_of_their_own
from brain.learning.fitting import walk
from brain.learning.probability import log_loss
from brain.learning.recent import recent
from brain.learning.rounding import rounded
from brain.learning.skill import SkillTest, skill_test, too_little, too_much
from brain.portable.heads import Blend, log_odds, never_certain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from brain.learning.fitting import Fitted
    from brain.learning.recent import Recent
    from brain.learning.settings import TrainingSettings
    from brain.usecases.direction.cell import Cell

    Values = NDArray[np.float64]


@dataclass(frozen=True)
class Backtest:
    """What a recipe said out of sample, over selection and evidence folds in time order; arrays of shape (n,).

    Args:
        rows: Positions of the test rows.
        outcome: 0 or 1.
        raw: The model's probabilities.
        evidence: The model's log-odds less their mean over its training rows.
        base: The base rate that would have been published before the row's fold.
        share: The plain share of ups known at that time.
        blend: What would have been published if the cell had skill; NaN on the selection folds.
        fitted: The recipe's model fitted to all labelled rows.
        others: Backtests of the asset's other horizons, which say what slope to expect.
    """

    cell: Cell
    rows: NDArray[np.intp]
    outcome: Values
    raw: Values
    evidence: Values
    base: Values
    share: Values
    blend: Values
    fitted: Fitted
    others: tuple[Backtest, ...] = ()

    @cached_property
    def proven(self) -> NDArray[np.bool_]:
        """Which rows belong to the evidence folds."""
        return ~np.isnan(self.blend)

    def losses(self, probability: Values) -> Values:
        """Log loss on the evidence rows, shape (evidence rows,)."""
        return log_loss(self.outcome[self.proven], probability[self.proven])

    def test(self, seed: int) -> SkillTest:
        """The blend against the base rate, on the evidence rows."""
        proven = self.proven
        return skill_test(self.outcome[proven], self.base[proven], self.blend[proven], self.cell.horizon, seed)

    def recent(self) -> Recent:
        """What the newest evidence rows say of the blend."""
        proven = self.proven
        return recent(self.outcome[proven], self.base[proven], self.blend[proven], self.cell.horizon)

    def recent_loss(self) -> float:
        """Mean log loss of the blend on the last evidence fold, on which recipes are compared."""
        last = np.isin(self.rows, self.cell.training.folds.evidence[-1].test)
        return float(log_loss(self.outcome[last], self.blend[last]).mean())


def backtest(cell: Cell, parameters: Mapping[str, Any]) -> Backtest:
    """Forecast every fold from its past, then blend each evidence fold by what the folds before it had shown."""
    training, folds = cell.training, cell.training.folds.all
    said, fitted = walk(training, parameters)
    rows = np.concatenate([part.fold.test for part in said])
    lengths = [len(part.fold.test) for part in said]
    known_by = np.array([training.known_by(fold.train) for fold in folds])
    whole = Backtest(
        cell,
        rows,
        training.labels[rows],
        raw=expit(np.concatenate([part.odds for part in said])),
        evidence=np.concatenate([part.evidence for part in said]),
        base=np.repeat(cell.base_rates.rates(cell.horizon, known_by), lengths),
        share=np.repeat(cell.base_rates.shares(cell.horizon, known_by), lengths),
        blend=np.full(len(rows), np.nan),
        fitted=fitted,
    )
    return pooled(whole, ())


def pooled(whole: Backtest, others: Sequence[Backtest]) -> Backtest:
    """The same, blended by slopes that start from what the asset's other horizons had shown by then.

    A long horizon has few independent outcomes, and alone its slope stays near 0 however good its forecasts are. But
    an asset whose features say much about the next days seldom says nothing about the next weeks.
    """
    whole = replace(whole, blend=np.full(len(whole.rows), np.nan), others=tuple(others))
    for fold in whole.cell.training.folds.evidence:
        now = slice(*np.searchsorted(whole.rows, [fold.test[0], fold.test[-1] + 1]))
        slope = _slope(whole, fold.train)
        whole.blend[now] = never_certain(expit(logit(whole.base[now]) + slope * whole.evidence[now]))
    return whole


def blend_head(whole: Backtest) -> Blend:
    """The head of the model fitted to all labelled rows."""
    cell = whole.cell
    return Blend(cell.base_rate, _slope(whole, cell.training.rows), center=whole.fitted.center)


def _slope(whole: Backtest, known: NDArray[np.intp]) -> float:
    """The slope one would have chosen when the labels of the rows at `known`, ascending, were known."""
    expected = _expected_slope(whole.others, whole.cell.training.known_by(known))
    past = _evidence(whole, int(known[-1]))
    return blend_slope(past.evidence, past.outcome, past.base_odds, past.weight, expected)


def _expected_slope(others: Sequence[Backtest], row: int) -> float:
    """The one slope that fits the other horizons' forecasts best, as far as their outcomes are known at `row`."""
    if not others:
        return 0.0
    parts = [_evidence(other, row - other.cell.horizon) for other in others]
    own = shares_of_their_own([other.cell.horizon for other in others])
    weights = [share * part.weight for share, part in zip(own, parts, strict=True)]
    evidence, outcome, base_odds = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("evidence", "outcome", "base_odds")
    )
    return blend_slope(evidence, outcome, base_odds, np.concatenate(weights))


@dataclass(frozen=True)
class _Evidence:
    """What the slope is fitted to, arrays of shape (n,): see `blend_slope`."""

    evidence: Values
    outcome: Values
    base_odds: Values
    weight: Values


def _evidence(whole: Backtest, last: int) -> _Evidence:
    """The test rows up to `last`."""
    past = slice(np.searchsorted(whole.rows, last, side="right"))
    weight = recency(whole.rows[past], last) / whole.cell.horizon
    return _Evidence(whole.evidence[past], whole.outcome[past], logit(whole.base[past]), weight)


def metrics(whole: Backtest, settings: TrainingSettings) -> dict[str, Any]:
    """The backtest in figures, as plain JSON, measured on the evidence rows."""
    proven, outcome = whole.proven, whole.outcome[whole.proven]
    test = whole.test(settings.seed)
    limits = too_little(test.skill) or too_much(test.skill, settings.plausible_skill)
    slope, intercept = calibration_line(whole.blend[proven], outcome)
    return {
        "log_loss": float(whole.losses(whole.blend).mean()),
        "base_log_loss": float(whole.losses(whole.base).mean()),
        "long_run_log_loss": float(whole.losses(whole.share).mean()),
        "raw_log_loss": float(whole.losses(np.clip(whole.raw, 1e-6, 1 - 1e-6)).mean()),
        "brier": float(((whole.blend[proven] - outcome) ** 2).mean()),
        "base_brier": float(((whole.base[proven] - outcome) ** 2).mean()),
        "skill": test.skill,
        "skill_low": test.low,
        "skill_high": test.high,
        "skill_error": test.standard_error,
        "p_value": test.p_value,
        "barred": limits or whole.recent().against,
        "blocks": test.blocks,
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "rows": int(proven.sum()),
        "recent_log_loss": whole.recent_loss(),
    }


def calibration_line(probability: Values, outcome: Values) -> tuple[float | None, float | None]:
    """Slope and intercept of the outcome on the log-odds said (Cox 1958): 1 and 0 where probabilities are calibrated.

    None, None where all probabilities are the same or there is no finite line.
    """
    said = log_odds(probability)
    if np.ptp(said) < 1e-9 or np.ptp(outcome) == 0:
        return None, None
    slope, intercept = 0.0, float(logit(outcome.mean()))  # from where Newton's steps converge however bold the odds
    for _ in range(30):
        chance = expit(slope * said + intercept)
        excess, spread = chance - outcome, chance * (1 - chance)
        weighted = spread * said
        a, b, c = float(weighted @ said), float(weighted.sum()), float(spread.sum())
        determinant = a * c - b * b
        if not determinant > 0:
            return None, None
        along, across = float(excess @ said), float(excess.sum())
        steps = (c * along - b * across) / determinant, (a * across - b * along) / determinant
        slope -= min(max(steps[0], -5.0), 5.0)
        intercept -= min(max(steps[1], -5.0), 5.0)
        if max(map(abs, steps)) < 1e-8:
            return slope, intercept
    return None, None


def compare(champion: Backtest, candidate: Backtest) -> dict[str, Any]:
    """Both recipes on the same recent purged window, each fitted before it; ties keep the champion."""
    held, new = champion.recent_loss(), candidate.recent_loss()
    dates = candidate.cell.dates[candidate.cell.training.folds.evidence[-1].test]
    return {
        "champion_log_loss": held,
        "candidate_log_loss": new,
        "candidate_replaces": rounded(new) < rounded(held),
        "compared_from": str(dates[0]),
        "compared_to": str(dates[-1]),
    }


def proofs(cell: Cell) -> tuple[dict[str, str], ...]:
    """For each fold, that the last training label was known before the first test date."""
    ends = [(cell.dates[fold.train[-1] + cell.horizon], cell.dates[fold.test[0]]) for fold in cell.training.folds.all]
    return tuple({"last_training_label_end": str(end), "first_test": str(first)} for end, first in ends)
