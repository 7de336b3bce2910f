"""Bayesian search for a pipeline by log loss on the selection folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

from brain.core.errors import TrainingError
from brain.learning.fitting import BREAKDOWNS, FoldForecast, fit, forecast
from brain.learning.probability import log_loss
from brain.learning.search_space import first_trials, in_space, suggest, trial_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna

    from brain.learning.settings import TrainingSettings
    from brain.learning.training_rows import TrainingRows


@dataclass(frozen=True)
class SearchResult:
    """The best parameters and how they were found."""

    parameters: dict[str, Any]
    log_loss: float
    trials: int
    pruned: int
    failed: int


def search(
    training: TrainingRows, settings: TrainingSettings, warm_starts: Sequence[Mapping[str, Any]] = ()
) -> SearchResult:
    """Search the space of `settings.classifiers` within the budget.

    Tries `warm_starts` and then the families' first trials before it asks the sampler (TPE). A trial is pruned after
    its first fold when it is worse there than the median of the trials before it. Deterministic for a seed, unless a
    budget in seconds cuts it short.

    Raises:
        TrainingError: Every trial failed; the last reason is given.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=settings.seed, n_startup_trials=5, multivariate=False),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )
    for parameters in _starts(settings, warm_starts):
        study.enqueue_trial(trial_values(parameters), skip_if_exists=True)
    study.optimize(
        _objective(training, settings),
        n_trials=settings.trials,
        timeout=settings.seconds,
        catch=BREAKDOWNS,
    )
    return _result(training, study)


def _starts(settings: TrainingSettings, warm_starts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    starts = (*warm_starts, *first_trials())
    return [start for start in starts if in_space(start, settings.classifiers, settings.scales)]


def _objective(training: TrainingRows, settings: TrainingSettings) -> Any:
    import optuna

    def objective(trial: optuna.Trial) -> float:
        try:
            return tried(trial)
        except BREAKDOWNS as error:  # Optuna catches it, too, but forgets what it said
            trial.set_user_attr("reason", str(error))
            raise

    def tried(trial: optuna.Trial) -> float:
        parameters = {**suggest(trial, settings.classifiers, settings.scales), "seed": settings.seed}
        trial.set_user_attr("parameters", parameters)
        said: list[FoldForecast] = []
        for step, fold in enumerate(training.folds.selection):
            (fitted,) = fit(training, parameters, [fold.train])
            said.append(forecast(training, fitted, fold))
            trial.report(loss := _loss(training, said), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    return objective


def _loss(training: TrainingRows, said: list[FoldForecast]) -> float:
    """Log loss of the base rate moved by the whole of the evidence.

    Not shrunk on purpose. With shrinking, overfitted pipelines would be forgiven here and later lose their evidence to
    noise: on three real series, 1 model instead of 13 then passed the skill test.
    """
    evidence = np.concatenate([part.evidence for part in said])
    outcome = np.concatenate([training.labels[part.fold.test] for part in said])
    base = np.concatenate([np.full(len(p.fold.test), logit(training.labels[p.fold.train].mean())) for p in said])
    return float(log_loss(outcome, expit(base + evidence)).mean())


def _result(training: TrainingRows, study: optuna.Study) -> SearchResult:
    import optuna

    states = [trial.state for trial in study.trials]
    failed = states.count(optuna.trial.TrialState.FAIL)
    if optuna.trial.TrialState.COMPLETE not in states:
        reasons = [trial.user_attrs.get("reason", "unknown") for trial in study.trials]
        raise TrainingError(
            str(training.key),
            found=f"{failed} trials of which every one failed, the last with: {reasons[-1] if reasons else 'no trial'}",
            expected="at least one pipeline that can be fitted",
            remedy="Look at the features, or widen training.classifiers and training.trials.",
        )
    best = study.best_trial
    return SearchResult(
        best.user_attrs["parameters"],
        study.best_value,
        len(states),
        states.count(optuna.trial.TrialState.PRUNED),
        failed,
    )
