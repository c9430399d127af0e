"""Learn how likely a goal is, or that somebody stays away, and judge it by what came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from personalization.events.goals import Goal
from personalization.ml.arrays import Doubles
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Options, Predictor, algorithms
from personalization.ml.evaluation.folds import latest
from personalization.ml.evaluation.probabilities import Quality, quality
from personalization.ml.examples import Examples
from personalization.ml.interactions import UnfitData
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.predictors.checks import LEAST, Checked, checked, enough
from personalization.ml.predictors.thresholds import by_share
from personalization.ml.training import decisions
from personalization.ml.training.decisions import Step, figures_of
from personalization.ml.training.learned import Learned
from personalization.ml.training.outcomes import Outcomes, of_goal, of_leaving, with_features
from personalization.ml.training.plans import InvalidPlan, Order
from personalization.ml.training.promote import Trial
from personalization.ml.training.propensity_plan import AWAY

#: Recency, frequency and worth: what leaving is told by.
RFM = (
    "recency.event", "recency.first", "recency.order", "visits.count", "visits.count.30d",
    "visits.pause", "events.count", "orders.count", "orders.revenue",
)  # fmt: skip
#: The latest share of the rows, which the judged models have not seen.
SHARE = 0.2
#: When each part of the work begins, as a share of all.
_READ, _JUDGED, _RIVAL, _ALL = 0.02, 0.3, 0.6, 0.7


def learn(order: Order) -> Learned:
    """Return how likely the goal of the plan is.

    :raises UnfitData: if fewer than 200 rows convert, or do not.
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
    return _learned(order, found)


def learn_churn(order: Order) -> Learned:
    """Return how likely it is that somebody does not come back for 30 days.

    :raises UnfitData: if fewer than 200 rows stay away, or come back.
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


def _learned(order: Order, found: Outcomes) -> Learned:
    enough(found.examples, least=LEAST)
    use = checked(found.examples, least=LEAST)
    own, serving, steps, remarks = _judge(order, use, found.examples)
    model = _made(order).fit(use.examples, _part(order, _ALL, 1.0))
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
        features_version=found.features_version,
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
    model = _made(order).fit(before, _part(order, _JUDGED, _RIVAL))
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


def _made(order: Order) -> Predictor[Any]:
    kind = algorithms.get(order.plan.algorithm)
    if kind is None or not issubclass(kind, Predictor):
        allowed = [name for name, each in algorithms.items() if issubclass(each, Predictor)]
        raise InvalidPlan(
            f"“{order.plan.algorithm}” predicts nothing; allowed: {', '.join(allowed)}."
        )
    return kind(kind.config_class.read(order.plan.config))


def _part(order: Order, begins: float, ends: float) -> Options:
    def tell(share: float, words: str) -> None:
        order.progress(begins + share * (ends - begins), words)

    return replace(Options(seed=order.seed), progress=tell)
