"""Learn how likely a goal is, or that somebody stays away, and judge it by what came later."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from personalization.clock import microseconds, span
from personalization.events.goals import Goal
from personalization.ml.arrays import Doubles
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Options, Predictor, algorithms
from personalization.ml.evaluation.folds import TooShort, latest
from personalization.ml.evaluation.probabilities import Quality, quality
from personalization.ml.examples import Examples
from personalization.ml.features.clean import Cleaning
from personalization.ml.features.table import feature_table
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.predictors.best import BestConfig
from personalization.ml.predictors.checks import LEAST, Checked, checked, enough
from personalization.ml.predictors.thresholds import by_share
from personalization.ml.training import decisions
from personalization.ml.training.decisions import Step, figures_of
from personalization.ml.training.learned import Learned
from personalization.ml.training.outcomes import of_goal, of_leaving, with_features
from personalization.ml.training.plans import InvalidPlan, Order
from personalization.ml.training.promote import Trial
from personalization.ml.training.propensity_plan import AWAY
from personalization.ml.unfit import TooLittleData, UnfitData
from personalization.types import Microseconds

#: Recency, frequency and worth: what leaving is told by.
RFM = (
    "recency.event", "recency.first", "recency.order", "visits.count", "visits.count.30d",
    "visits.pause", "events.count", "orders.count", "orders.revenue",
)  # fmt: skip
#: The latest share of the rows, which the judged models have not seen.
SHARE = 0.2
#: Where the latest trial of candidates begins among the rows that are learned from, as shipped.
_LATEST_TRIAL = 0.8
#: When each part of the work begins, as a share of all.
_READ, _JUDGED, _RIVAL, _ALL = 0.02, 0.3, 0.6, 0.7


def learn(order: Order) -> Learned:
    """Return how likely the goal of the plan is.

    :raises TooLittleData: if fewer than 200 rows convert, or do not.
    """
    slug = order.plan.name.partition(".")[2]
    goal = Goal.objects.filter(slug=slug).first()
    if goal is None:
        raise InvalidPlan(f"There is no goal “{slug}” any more.")
    order.progress(_READ, "reading what visitors did")
    found = of_goal(
        goal.event,
        within=goal.within,
        since=order.since,
        until=order.until,
        rng=Options(seed=order.seed).rng(),
    )
    return replace(_learned(order, found), event=goal.event)


def learn_churn(order: Order) -> Learned:
    """Return how likely it is that somebody does not come back for 30 days.

    :raises TooLittleData: if fewer than 200 rows stay away, or come back.
    """
    order.progress(_READ, "reading who came back")
    found = of_leaving(
        away=AWAY,
        since=order.since,
        until=order.until,
        rng=Options(seed=order.seed).rng(),
        features=RFM,
    )
    return _learned(order, found)


def _learned(order: Order, found: Examples) -> Learned:
    enough(found, least=LEAST)
    try:
        return _judged_and_learned(order, found)
    except TooShort as error:
        needs, has = days_needed(found.horizon), _days_there(order, found)
        if has >= needs:  # enough days, but most of what happened is of the last ones
            raise
        raise TooLittleData(
            f"needs about {needs} days of visits to be judged by what came later, has {has}"
        ) from error


def days_needed(horizon: Microseconds) -> int:
    """Return how many days of visits a training needs, if as many happen on each: for the rows
    that are learned from, for those that judge, and for it to be known how these end.

    What is judged is learned from rows of a whole horizon before; and so is each candidate among
    the latest part of these.
    """
    candidates = horizon / _LATEST_TRIAL
    rows = (candidates + horizon) / (1 - SHARE)
    return math.ceil((rows + horizon) / span(timedelta(days=1)))


def _days_there(order: Order, found: Examples) -> int:
    """Return how many days the earliest row is before the end of the window."""
    return int((microseconds(order.until) - int(found.at[0])) // span(timedelta(days=1)))


def _judged_and_learned(order: Order, found: Examples) -> Learned:
    use = checked(found, least=LEAST)
    own, serving, steps, remarks = _judge(order, use, found)
    model = _made(order, left_out=_left_out(use, found)).fit(use.examples, _part(order, _ALL, 1.0))
    beside = {f"serving.{name}": value for name, value in (serving or {}).items()}
    return Learned(
        model=model,
        rows=len(use.examples),
        since=order.since,
        until=order.until,
        trial=Trial(
            metric="ap",
            value=own.ap,
            baseline=own.base_rate,
            baseline_name="base rate",
            serving=serving.get("ap") if serving else None,
            n=own.rows,
        ),
        metrics={**own.figures(), **beside, **figures_of(steps)},
        # Of what it looks at alone: how others are defined is nothing to it.
        features_version=feature_table((), features=model.features).version,
        remarks=(*use.remarks, *remarks),
    )


def _judge(
    order: Order, use: Checked, given: Examples
) -> tuple[Quality, dict[str, float] | None, Mapping[int, Step], Sequence[str]]:
    """Return how the model and the one that serves do on the latest rows, having learned of what
    was known before them; what thresholds mean there; and why there is nothing to compare with,
    if so."""
    fold = latest(given.at, share=SHARE, gap=given.horizon)
    before, after = use.examples.where(fold.train), use.examples.where(fold.test)
    model = _made(order, left_out=_left_out(use, given)).fit(before, _part(order, _JUDGED, _RIVAL))
    scores = model.score(after.rows)
    own, steps = quality(after.labels, scores), _steps(after.labels, scores)
    order.progress(_RIVAL, "judging what serves")
    try:
        rival = _rival(order, given.where(fold.train))
    except (CorruptArtefact, UnfitData, KeyError) as error:
        assert order.serving is not None
        return own, None, steps, (f"Version {order.serving.number} could not be compared: {error}",)
    if rival is None:
        return own, None, steps, ()
    theirs = rival.score(_rows(given.where(fold.test), rival))
    return own, quality(after.labels, theirs).figures(), steps, ()


def _steps(labels: Doubles, scores: Doubles) -> dict[int, Step]:
    """Return what it means to choose the highest scores, by percent; where scores are equal,
    fewer are chosen, and perhaps nobody."""
    found = {
        percent: by_share(labels, scores, share=percent / 100) for percent in decisions.PERCENTS
    }
    return {
        percent: Step(
            threshold=each.value, share=each.share, precision=each.precision, recall=each.recall
        )
        for percent, each in found.items()
        if each.share
    }


def _rival(order: Order, before: Examples) -> Predictor[Any] | None:
    """Return what serves as it would be had it learned of the earlier rows alone."""
    if order.serving is None:
        return None
    model = stored(order.serving)
    same = type(model)(model.config)
    return same.fit(with_features(before, model.features), Options(seed=order.serving.seed))


def _rows(examples: Examples, model: Predictor[Any]) -> Doubles:
    return with_features(examples, model.features).rows


def stored(version: ModelVersion) -> Predictor[Any]:
    """Return the model of a version.

    :raises CorruptArtefact: if it cannot be read, or predicts nothing.
    """
    content = ModelArtefact.objects.filter(version=version).values_list("content", flat=True)
    found = content.first()
    if found is None:
        raise CorruptArtefact(f"Nothing is stored of {version}.")
    model = unpacked(bytes(found), sha256=version.checksum)
    if not isinstance(model, Predictor):
        raise CorruptArtefact(f"{version} predicts nothing: it is “{model.algorithm}”.")
    return model


def _left_out(use: Checked, given: Examples) -> frozenset[str]:
    return frozenset(given.features) - frozenset(use.examples.features)


def _made(order: Order, *, left_out: frozenset[str]) -> Predictor[Any]:
    """Return what the plan wants, with nothing learned. Features that were `left_out` of the rows
    are left out of the steps of a cleaning, too."""
    kind = algorithms.get(order.plan.algorithm)
    if kind is None or not issubclass(kind, Predictor):
        allowed = [name for name, each in algorithms.items() if issubclass(each, Predictor)]
        raise InvalidPlan(
            f"“{order.plan.algorithm}” predicts nothing; allowed: {', '.join(allowed)}."
        )
    config = kind.config_class.read(order.plan.config)
    if isinstance(config, BestConfig):
        left = Cleaning.read(config.cleaning).without(left_out).written()
        config = replace(config, cleaning=tuple(left))
    return kind(config)


def _part(order: Order, begins: float, ends: float) -> Options:
    def tell(share: float, words: str) -> None:
        order.progress(begins + share * (ends - begins), words)

    return replace(Options(seed=order.seed), progress=tell)
