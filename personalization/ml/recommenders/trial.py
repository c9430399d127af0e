"""A trial of engines: fitted to what is earlier, asked what came next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from personalization.ml.arrays import Floats
from personalization.ml.base import Options, Recommender
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.answers import Question, Table, table_of
from personalization.ml.recommenders.blend import Blend, blended, bucket_of
from personalization.ml.recommenders.content import Content
from personalization.ml.recommenders.ials import Ials
from personalization.ml.recommenders.questions import Asked, asked, come_back, latest
from personalization.ml.recommenders.stack_config import (
    POPULARITY,
    StackConfig,
    engine_name,
    engine_of,
)
from personalization.ml.recommenders.weighing import ENOUGH, searched, shipped
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject

#: Items that visitors need on average for factors of visitors to be learned.
_FACTORS_NEED = 5.0


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Engines by name, and sentences on those that could not be fitted."""

    engines: dict[str, Recommender[Any]]
    remarks: list[str]


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """Weights of engines by name, one for each length of history, and how they were found."""

    weights: dict[str, Floats]
    #: NDCG@20 by name of the engine and of the “stack”, and the number of “questions”; empty
    #: if weights are as shipped.
    validation: dict[str, float]
    remarks: list[str]
    #: Engines that are the same whatever visitors did, and need not be fitted again.
    kept: dict[str, Recommender[Any]]


def learned(
    configs: Mapping[str, JsonObject],
    dataset: Dataset,
    options: Options,
    *,
    kept: Mapping[str, Recommender[Any]],
) -> Learned:
    """Fit an engine for each of `configs`, but take those that are in `kept` as they are."""
    engines, remarks = dict(kept), []
    for n, (name, config) in enumerate(sorted(configs.items())):
        if name in kept:
            continue
        inside = options.part(begin=n / len(configs), end=(n + 1) / len(configs))
        named = replace(inside, progress=_named(inside, name))
        named.progress(0.0, "learning")
        try:
            _refuse_short(name, dataset)
            engines[name] = _fitted(engine_of(name, config), dataset, named)
        except UnfitData as error:
            remarks.append(f"“{name}” is left out: {error}")
    return Learned(engines=engines, remarks=remarks)


def _fitted(engine: Recommender[Any], dataset: Dataset, options: Options) -> Recommender[Any]:
    """Return the engine, fitted now or, as it was kept, before its training was interrupted."""
    kept, seed = options.checkpoints, options.seed
    if kept is None:
        return engine.fit(dataset, options)
    found = kept.find(engine, dataset, seed=seed)
    if isinstance(found, Recommender):
        return found
    started = time.monotonic()
    fitted: Recommender[Any] = engine.fit(dataset, options)
    kept.keep(fitted, dataset, seed=seed, seconds=time.monotonic() - started)
    return fitted


def weighed(config: StackConfig, dataset: Dataset, options: Options) -> Weighed:
    """Fit engines to what is earlier, ask them what came next, and weigh them by that.

    Where there is too little to ask about, weights are as shipped.
    """
    if not config.questions:
        return _as_shipped(config, {}, ["Weights are as shipped: no questions are asked."])
    try:
        blend, table, remarks = _tried(config, dataset, options)
    except UnfitData as error:
        return _as_shipped(config, {}, [f"Weights are as shipped: {error}"])
    kept: dict[str, Recommender[Any]] = {
        name: each for name, each in blend.engines.items() if isinstance(each, Content)
    }
    if len(table) < ENOUGH:
        few = f"Weights are as shipped: {ENOUGH} questions are needed, there are {len(table)}."
        return _as_shipped(config, kept, [*remarks, few])
    names = list(blend.engines)
    weights = searched(table, popularity=names.index(POPULARITY))
    alone = np.eye(len(names), dtype=np.float32)
    validation = {name: table.quality(row) for name, row in zip(names, alone, strict=True)}
    return Weighed(
        weights=dict(zip(names, weights.T, strict=True)),
        validation={
            **validation,
            "stack": table.quality_by_length(weights),
            "questions": float(len(table)),
        },
        remarks=remarks,
        kept=kept,
    )


def _as_shipped(
    config: StackConfig, kept: dict[str, Recommender[Any]], remarks: list[str]
) -> Weighed:
    names = sorted(config.engines)
    weights = shipped(len(names), popularity=names.index(POPULARITY))
    return Weighed(
        weights=dict(zip(names, weights.T, strict=True)),
        validation={},
        remarks=remarks,
        kept=kept,
    )


def _tried(
    config: StackConfig, dataset: Dataset, options: Options
) -> tuple[Blend, Table, list[str]]:
    rng = options.rng()
    split = latest(dataset, share=config.share, rng=rng)
    found = learned(config.engines, split.before, options, kept={})
    if POPULARITY not in found.engines:
        raise UnfitData(" ".join(found.remarks))
    rows = split.before.interactions
    blend = blended(found.engines, rows, newcomers_share=config.newcomers)
    repeats = config.seen == "counted" or (
        config.seen == "auto" and come_back(dataset.interactions)
    )
    several = asked(split, n=config.questions, repeats=repeats, rng=rng)
    return blend, table_of(_questions(blend, several, repeats=repeats)), found.remarks


def _questions(blend: Blend, several: Iterable[Asked], *, repeats: bool) -> Iterator[Question]:
    for each in several:
        known = blend.known(each.history)
        targets = [blend.number[key] for key in each.targets if key in blend.number]
        if len(known) and targets:
            yield Question(
                scores=blend.said(each.history),
                targets=np.array(targets, np.int32),
                bucket=bucket_of(len(known)),
                left_out=known[:0] if repeats else known,
            )


def _refuse_short(name: str, dataset: Dataset) -> None:
    """Refuse to learn factors of visitors who did almost nothing: they fit what there is, and
    say nothing that pairs of items do not."""
    rows = dataset.interactions
    if engine_name(name) == Ials.algorithm and len(rows):
        pairs = len(np.unique(rows.visitor.astype(np.int64) * len(rows.items) + rows.item))
        mean = pairs / len(np.unique(rows.visitor))
        if mean < _FACTORS_NEED:
            raise UnfitData(
                f"Visitors did something with {mean:.1f} items on average; "
                f"factors of visitors need {_FACTORS_NEED:g}."
            )


def _named(options: Options, name: str) -> Callable[[float, str], None]:
    return lambda share, words: options.progress(share, f"{name}: {words}")
