"""A search for good pipelines by log loss on the selection folds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

from brain.core.errors import TrainingError
from brain.learning.fitting import BREAKDOWNS, FoldForecast, fit, forecast
from brain.learning.probability import log_loss
from brain.learning.proposals import proposals
from brain.learning.recipe import mean_of
from brain.learning.rounding import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brain.learning.family import Parameters
    from brain.learning.settings import TrainingSettings
    from brain.learning.training_rows import TrainingRows

MEMBERS = 3  # pipelines of which a model is the mean
# At most so many of them are of one family: members that err alike average nothing away. Two instead of one gave the
# same on planted signals, within a point or two, and cost a little more.
OF_A_FAMILY = 1
UNPRUNED = 3  # trials before the first one that may be given up early


@dataclass(frozen=True)
class Trial:
    """A pipeline that was tried to the end, and its log loss on the selection folds, rounded."""

    parameters: Parameters
    log_loss: float


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
        seldom worse than the best.
        """
        chosen: list[Parameters] = []
        spare: list[Parameters] = []
        for trial in self.ranking:
            alike = [one for one in chosen if one["classifier"] == trial.parameters["classifier"]]
            (chosen if len(alike) < OF_A_FAMILY and len(chosen) < MEMBERS else spare).append(trial.parameters)
        return mean_of([*chosen, *spare][:MEMBERS])


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
    progress.done.append(Trial(parameters, losses[-1]))
    progress.first_losses.append(losses[0])


def _loss(training: TrainingRows, said: list[FoldForecast]) -> float:
    """Log loss of the base rate moved by the whole of the evidence, rounded.

    Not shrunk on purpose. With shrinking, overfitted pipelines would be forgiven here and later lose their evidence to
    noise: on three real series, 1 model instead of 13 then passed the skill test.

    Raises:
        FloatingPointError: It is not a number.
    """
    evidence = np.concatenate([part.evidence for part in said])
    outcome = np.concatenate([training.labels[part.fold.test] for part in said])
    base = np.concatenate([np.full(len(p.fold.test), logit(training.labels[p.fold.train].mean())) for p in said])
    loss = float(log_loss(outcome, expit(base + evidence)).mean())
    if not np.isfinite(loss):
        raise FloatingPointError("a log loss that is no number")
    return rounded(loss)


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
