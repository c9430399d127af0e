"""Cases of GrowthBook's SDKs about features: their rules in order, bandits, sticky buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.experiments.growthbook import Dialogue, entrant_of, holds, run, trial_of

#: What is told of a feature: its value, what decided, and the experiment with its `Outcome`.
Told = tuple[Any, str, Any, Any]


def feature(context: Mapping[str, Any], name: str) -> Dialogue:
    """Return what is `Told` of a feature: the first of its rules that decides does."""
    stored = context["features"][name]
    attributes = context.get("attributes", {})
    for rule in stored["rules"]:
        if not holds(rule.get("condition", {}), attributes, context):
            continue
        if "force" in rule:
            return rule["force"], "force", None, None
        experiment = experiment_of(rule, name, context)
        outcome = yield from run(context, experiment)
        if outcome is not None:
            value = experiment["variations"][outcome.place]
            return value, "experiment", experiment, outcome
    return stored["defaultValue"], "defaultValue", None, None


def experiment_of(rule: Mapping[str, Any], name: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the experiment of a rule; the leaf of a bandit becomes what a policy answers."""
    experiment = {"key": name, **rule}
    if "contextualVariations" not in rule:
        return experiment
    experiment["variations"] = rule["contextualVariations"]
    bandit = context.get("contextualBandits", {}).get(rule["contextualBanditRef"], {})
    attributes = context.get("attributes", {})
    leaves = (
        each for each in bandit.get("contexts", ()) if holds(each["condition"], attributes, context)
    )
    if (leaf := next(leaves, None)) is not None:
        experiment["learned"] = leaf["weights"]
    return experiment


def sticky(
    context: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], name: str
) -> Dialogue:
    """Return what is kept of the only rule of a feature, and the bucket of the visitor."""
    (rule,) = context["features"][name]["rules"]
    experiment = {"key": name, **rule}
    trial, entrant = trial_of(experiment), entrant_of(context, experiment)
    kept = {f"{each['attributeName']}||{each['attributeValue']}": each["assignments"]
            for each in documents}  # fmt: skip
    if experiment.get("disableStickyBucketing"):
        found = yield ("assign", trial, entrant)
        return {"found": found, "documents": kept, "remembered": False}
    by = {
        "attribute": experiment.get("hashAttribute", "id"),
        "fallback": experiment.get("fallbackAttribute", ""),
        "version": experiment.get("bucketVersion", 0),
        "least": experiment.get("minBucketVersion", 0),
    }
    known = {"by": by, "attributes": context["attributes"], "documents": kept}
    return (yield ("assignSticky", trial, entrant, known))
