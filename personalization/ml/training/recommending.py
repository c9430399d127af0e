"""Learn what to recommend from the event log, judged by what visitors did next of late.

Three are asked the same questions of the latest part of the log: the new model, the one that
serves and popularity, each fitted to the earlier part alone. The one that serves has seen the
latest part by then, as it is refreshed all the time; so it is fitted anew to the earlier part,
with the configuration and the weights that it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from personalization.clock import microseconds
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Options, Recommender
from personalization.ml.evaluation.splits import Split, latest
from personalization.ml.feedback import stored_item_events
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.known import algorithms
from personalization.ml.models import Item, ModelArtefact, ModelVersion
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.questions import asked, come_back
from personalization.ml.recommenders.stack import Stack
from personalization.ml.training.arrivals import has_arrived, has_left
from personalization.ml.training.catalogue import catalogue
from personalization.ml.training.feedback import with_feedback
from personalization.ml.training.judging import N, Quality, quality
from personalization.ml.training.learned import Learned
from personalization.ml.training.log import interactions
from personalization.ml.training.plans import InvalidPlan, Order
from personalization.ml.training.promote import Trial
from personalization.ml.unfit import TooLittleData, UnfitData

#: With less there is nothing to find that popularity does not know.
LEAST_ROWS, LEAST_VISITORS, LEAST_ITEMS = 200, 20, 5
#: The latest part of the log, and how much of it is asked about.
SHARE, QUESTIONS = 0.1, 2_000
#: When each part of the work begins, as a share of all.
_READ, _TRIED, _RIVAL, _JUDGED, _ALL = 0.02, 0.1, 0.45, 0.6, 0.65


@dataclass(frozen=True, kw_only=True)
class _Judged:
    own: Quality
    popularity: Quality
    serving: Quality | None
    n: int
    remarks: tuple[str, ...]


def learn(order: Order) -> Learned:
    """Return a model of all that was logged, with how the like of it did on the latest part.

    :raises TooLittleData: if there is too little to learn from.
    """
    order.progress(_READ, "reading the log")
    dataset = _dataset(order)
    judged = _judged(dataset, order)
    options = _part(order, _ALL, 1.0, "learning from all")
    model = _made(order).fit(dataset, options)
    return Learned(
        model=model,
        rows=len(dataset.interactions),
        since=order.since,
        until=order.until,
        trial=_trial(judged),
        metrics=_figures(judged),
        remarks=(*judged.remarks, *getattr(model, "remarks", ())),
    )


def refresh(order: Order) -> Learned | None:
    """Return the model that serves, with all that came into the log since, and without whoever took
    their consent back; None if nothing came, and nobody did.

    Only a stack can: what is quick to learn is learned anew, and its weights stay.
    """
    version = order.serving
    if version is None:
        return None
    if not _has_changed(version, order):
        return None
    model = stored(version)
    if not isinstance(model, Stack):
        return None
    dataset = _dataset(order)
    return Learned(
        model=model.refreshed(dataset, Options(seed=order.seed)),
        rows=len(dataset.interactions),
        since=order.since,
        until=order.until,
    )


def _has_changed(version: ModelVersion, order: Order) -> bool:
    if has_arrived(after=version.last_event, since=order.since, until=order.until):
        return True
    return version.window_until is not None and has_left(since=version.window_until)


def stored(version: ModelVersion) -> Recommender[Any]:
    """Return the model of a version.

    :raises CorruptArtefact: if it cannot be read, or is no recommender.
    """
    artefact = ModelArtefact.objects.filter(version=version).select_related("version").first()
    if artefact is None:
        raise CorruptArtefact(f"Nothing is stored of {version}.")
    model = unpacked(bytes(artefact.content), sha256=artefact.version.checksum)
    if not isinstance(model, Recommender):
        raise CorruptArtefact(f"{version} recommends nothing: it is “{model.algorithm}”.")
    return model


def _dataset(order: Order) -> Dataset:
    rows = interactions(since=order.since, until=order.until)
    _check(rows)
    seen = frozenset(rows.items)
    active = Item.objects.filter(is_active=True).order_by("key").values_list("key", flat=True)
    # Told apart here: no database takes a statement with so many keys as a log may have.
    others = (key for key in active.iterator(chunk_size=10_000) if key not in seen)
    keys = [*rows.items, *others]
    return Dataset(interactions=rows, until=microseconds(order.until), catalogue=catalogue(keys))


def _check(rows: Interactions) -> None:
    found = (len(rows), len(np.unique(rows.visitor)), len(np.unique(rows.item)))
    if any(
        n < least for n, least in zip(found, (LEAST_ROWS, LEAST_VISITORS, LEAST_ITEMS), strict=True)
    ):
        raise TooLittleData(
            f"Needs {LEAST_ROWS} interactions of {LEAST_VISITORS} visitors with {LEAST_ITEMS} "
            f"items, has {found[0]} of {found[1]} with {found[2]}; what is popular stands in."
        )


def _made(order: Order) -> Recommender[Any]:
    kind = algorithms.get(order.plan.algorithm)
    if kind is None or not issubclass(kind, Recommender):
        allowed = [name for name, each in algorithms.items() if issubclass(each, Recommender)]
        raise InvalidPlan(
            f"“{order.plan.algorithm}” recommends nothing; allowed: {', '.join(allowed)}."
        )
    weights = stored_item_events().weights
    return kind(kind.config_class.read(with_feedback(kind, order.plan.config, weights=weights)))


def _judged(dataset: Dataset, order: Order) -> _Judged:
    split = latest(dataset, share=SHARE)
    repeats = come_back(dataset.interactions)
    rng = Options(seed=order.seed).rng()
    questions = list(asked(split, n=QUESTIONS, repeats=repeats, rng=rng))
    model = _made(order).fit(split.before, _part(order, _TRIED, _RIVAL, "judging"))
    popular = Popularity().fit(split.before, Options(seed=order.seed))
    rival, remarks = _rival(split, order)
    order.progress(_JUDGED, "asking what came next")
    if not questions:
        nothing = Quality(ndcg=0, hit_rate=0, mrr=0, coverage=0)
        return _Judged(own=nothing, popularity=nothing, serving=None, n=0, remarks=remarks)
    return _Judged(
        own=quality(model, questions, repeats=repeats),
        popularity=quality(popular, questions, repeats=repeats),
        serving=quality(rival, questions, repeats=repeats) if rival else None,
        n=len(questions),
        remarks=remarks,
    )


def _rival(split: Split, order: Order) -> tuple[Recommender[Any] | None, tuple[str, ...]]:
    """Return what serves as it would be had it seen the earlier part alone, or why it is not
    compared."""
    if order.serving is None:
        return None, ()
    options = _part(order, _RIVAL, _JUDGED, "judging what serves")
    try:
        model = stored(order.serving)
        if isinstance(model, Stack):
            names = {name.partition(":")[0] for name in model.weights}
            return model.refreshed(split.before, options, only=names), ()
        return type(model)(model.config).fit(split.before, options), ()
    except (CorruptArtefact, UnfitData) as error:
        return None, (f"It could not be compared with version {order.serving.number}: {error}",)


def _trial(judged: _Judged) -> Trial:
    return Trial(
        metric=f"ndcg_{N}",
        value=judged.own.ndcg,
        baseline=judged.popularity.ndcg,
        serving=judged.serving.ndcg if judged.serving else None,
        n=judged.n,
    )


def _figures(judged: _Judged) -> dict[str, float]:
    if not judged.n:
        return {}
    beside = judged.serving.figures(of="serving") if judged.serving else {}
    return {**judged.own.figures(), **judged.popularity.figures(of="popularity"), **beside}


def _part(order: Order, begin: float, end: float, words: str) -> Options:
    """Return options whose progress is a part of the whole, told behind `words`."""

    def tell(share: float, what: str) -> None:
        order.progress(begin + (end - begin) * share, f"{words}: {what}")

    tell(0.0, "beginning")
    return Options(seed=order.seed, progress=tell, checkpoints=order.checkpoints)
