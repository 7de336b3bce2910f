"""A search for good pipelines by log loss on the selection folds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

from brain.core.errors import TrainingError
from brain.learning.blend import blend_slope
from brain.learning.fitting import BREAKDOWNS, FoldForecast, fit, forecast
from brain.learning.probability import log_loss
from brain.learning.proposals import proposals
from brain.learning.recipe import mean_of
from brain.learning.rounding import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from brain.learning.family import Parameters
    from brain.learning.settings import TrainingSettings
    from brain.learning.training_rows import TrainingRows

    Values = NDArray[np.float64]

MEMBERS = 3  # pipelines of which a model is the mean
SHARE_DIGITS = 2
LEAST_SHARE = 0.05  # with less a pipeline is left out: it would cost time and change little
# At most so many of them are of one family: members that err alike average nothing away. Two instead of one gave the
# same on planted signals, within a point or two, and cost a little more.
OF_A_FAMILY = 1
UNPRUNED = 3  # trials before the first one that may be given up early


@dataclass(frozen=True)
class Trial:
    """A pipeline that was tried to the end, and how it did on the selection folds.

    Args:
        log_loss: Of the whole of its evidence, rounded.
        gain: Log likelihood that its evidence, shrunk, adds to the base rate's, in independent outcomes; rounded.
    """

    parameters: Parameters
    log_loss: float
    gain: float


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Args:
        ranking: Best first; of equally good ones the one that was tried first.
    """

    ranking: tuple[Trial, ...]
    trials: int
    pruned: int
    failed: int

    @property
    def log_loss(self) -> float:
        """The best pipeline's."""
        return self.ranking[0].log_loss

    @property
    def parameters(self) -> Parameters:
        """The mean of the best few, each of another family as far as others were tried.

        Which one of several good pipelines comes first is a matter of luck, and of the seed. Their mean is less so, and
        seldom worse than the best. Each counts by the likelihood of what it said out of sample (pseudo Bayesian model
        averaging; Yao, Vehtari, Simpson and Gelman, 2018): nearly alike where little can be foreseen, and nearly alone
        where one sees what the others cannot.
        """
        members = self._members()
        likelihood = np.exp([trial.gain - max(other.gain for other in members) for trial in members])
        kept = likelihood >= LEAST_SHARE * likelihood.sum()
        shares = likelihood[kept] / likelihood[kept].sum()
        chosen = [trial.parameters for trial, keep in zip(members, kept.tolist(), strict=True) if keep]
        return mean_of(chosen, [round(share, SHARE_DIGITS) for share in shares.tolist()])

    def _members(self) -> list[Trial]:
        chosen: list[Trial] = []
        spare: list[Trial] = []
        for trial in self.ranking:
            alike = [one for one in chosen if one.parameters["classifier"] == trial.parameters["classifier"]]
            (chosen if len(alike) < OF_A_FAMILY and len(chosen) < MEMBERS else spare).append(trial)
        return [*chosen, *spare][:MEMBERS]


def search(
    training: TrainingRows,
    settings: TrainingSettings,
    warm_starts: Sequence[Mapping[str, Any]] = (),
    turn: int = 0,
) -> SearchResult:
    """Try as many of the `proposals` as the budget allows.

    A trial is given up after its first fold when it is worse there than the median of the finished trials before it.
    Losses are compared without their last digits, so that the processor decides nothing. Deterministic, unless a budget
    in seconds cuts it short.

    Args:
        warm_starts: Tried first.
        turn: See `proposals`.

    Raises:
        TrainingError: Every trial failed; the last reason is given.
    """
    progress = _Progress()
    deadline = time.monotonic() + (settings.seconds or float("inf"))
    for number, parameters in enumerate(proposals(settings, warm_starts, turn)):
        if number == settings.trials or (number and time.monotonic() > deadline):
            break
        _try(training, parameters, progress)
    return _result(training, progress)


@dataclass
class _Progress:
    """The trials so far."""

    done: list[Trial] = field(default_factory=list)
    first_losses: list[float] = field(default_factory=list)
    pruned: int = 0
    reasons: list[str] = field(default_factory=list)

    def is_hopeless(self, first_loss: float) -> bool:
        return len(self.done) >= UNPRUNED and first_loss > median(self.first_losses)


def _try(training: TrainingRows, parameters: Parameters, progress: _Progress) -> None:
    said: list[FoldForecast] = []
    losses: list[float] = []
    try:
        for fold in training.folds.selection:
            (fitted,) = fit(training, parameters, [fold.train])
            said.append(forecast(training, fitted, fold))
            losses.append(_loss(training, said))
            if progress.is_hopeless(losses[0]):
                progress.pruned += 1
                return
    except BREAKDOWNS as error:
        progress.reasons.append(str(error))
        return
    progress.done.append(Trial(parameters, losses[-1], _gain(training, said)))
    progress.first_losses.append(losses[0])


def _loss(training: TrainingRows, said: list[FoldForecast]) -> float:
    """Log loss of the base rate moved by the whole of the evidence, rounded.

    Not shrunk on purpose. With shrinking, overfitted pipelines would be forgiven here and later lose their evidence to
    noise: on three real series, 1 model instead of 13 then passed the skill test.

    Raises:
        FloatingPointError: It is not a number.
    """
    evidence, outcome, base = _said(training, said)
    loss = float(log_loss(outcome, expit(base + evidence)).mean())
    if not np.isfinite(loss):
        raise FloatingPointError("a log loss that is no number")
    return rounded(loss)


def _gain(training: TrainingRows, said: list[FoldForecast]) -> float:
    """See `Trial`. Shrunk, because members are judged here as they are used: by what a blend would make of them."""
    evidence, outcome, base = _said(training, said)
    slope = blend_slope(evidence, outcome, base, 1 / training.span)
    gain = log_loss(outcome, expit(base)) - log_loss(outcome, expit(base + slope * evidence))
    return rounded(float(gain.sum()) / training.span)


def _said(training: TrainingRows, said: list[FoldForecast]) -> tuple[Values, Values, Values]:
    """Evidence, outcomes, and log-odds of the share of ups known before, by test row."""
    evidence = np.concatenate([part.evidence for part in said])
    outcome = np.concatenate([training.labels[part.fold.test] for part in said])
    base = np.concatenate([np.full(len(p.fold.test), logit(training.labels[p.fold.train].mean())) for p in said])
    return evidence, outcome, base


def _result(training: TrainingRows, progress: _Progress) -> SearchResult:
    failed = len(progress.reasons)
    if not progress.done:
        raise TrainingError(
            str(training.key),
            found=f"{failed} trials of which every one failed, the last with: "
            + (progress.reasons[-1] if progress.reasons else "no trial"),
            expected="at least one pipeline that can be fitted",
            remedy="Look at the features, or widen training.classifiers and training.trials.",
        )
    ranking = tuple(sorted(progress.done, key=lambda trial: trial.log_loss))  # stable: ties keep their order
    return SearchResult(ranking, len(progress.done) + progress.pruned + failed, progress.pruned, failed)
