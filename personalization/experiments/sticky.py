"""Keep visitors in the arm they came into, by documents that whoever asks keeps. Pure.

GrowthBook's sticky buckets (docs.growthbook.io/app/sticky-bucketing): a document for each value
of an attribute says which arm of which experiment that value is in. Pages of this site need none
of it, since chance is drawn by what stays the same when somebody logs in; it is for front ends
that hash by something else, and for experiments whose weights have to change while they run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from personalization.experiments.trial import (
    Assigned,
    Choice,
    Entrant,
    Trial,
    arm_of,
    assign,
    divided,
    looked_at,
    runs,
)

#: `attribute||value` → `experiment__version` → key of the arm.
Documents: TypeAlias = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """By what an experiment keeps its visitors.

    Chance is drawn by the attribute, or by `fallback` where a visitor has none, such as before
    they log in. A new `version` draws anew; who came into an arm before version `least` takes no
    part any more.
    """

    attribute: str = "id"
    fallback: str = ""
    version: int = 0
    least: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found, and the documents as they are to be kept. `remembered` says that a document
    decided, be it that the visitor takes no part."""

    found: tuple[Choice, Assigned] | None
    documents: Documents
    remembered: bool = False


def assign_sticky(
    trial: Trial,
    entrant: Entrant,
    *,
    by: Sticky,
    attributes: Mapping[str, str],
    documents: Documents,
) -> Kept:
    """Return the arm that a document remembers, or else that `assign` finds, and remember it.

    The unit is taken from `attributes`, whatever the entrant says. Who is remembered stays,
    whatever audience, namespace, coverage and weights have become; the schedule holds for them
    too. Who is forced into an arm is not remembered in it.
    """
    attribute, unit = _unit(by, attributes)
    entrant = replace(entrant, unit=unit)
    if trial.key in entrant.forced or not unit or not runs(trial, now=entrant.now):
        return Kept(assign(trial, entrant), documents)
    known = _known(by, attributes, documents)
    if any(_name(trial.key, version) in known for version in range(by.least)):
        return Kept(None, documents, remembered=True)
    name = _name(trial.key, by.version)
    found = _remembered(trial, entrant, known.get(name))
    remembered = found is not None
    if (found := found or assign(trial, entrant)) is None:
        return Kept(None, documents)
    key = _key(attribute, unit)
    document = {**documents.get(key, {}), name: found[0].key}
    return Kept(found, {**documents, key: document}, remembered)


def _unit(by: Sticky, attributes: Mapping[str, str]) -> tuple[str, str]:
    """Return the attribute that chance is drawn by, and its value; empty for nobody."""
    if not attributes.get(by.attribute) and attributes.get(by.fallback):
        return by.fallback, attributes[by.fallback]
    return by.attribute, attributes.get(by.attribute, "")


def _known(by: Sticky, attributes: Mapping[str, str], documents: Documents) -> Mapping[str, str]:
    """Return what is remembered of the visitor; of two arms, that of the attribute itself."""
    known: dict[str, str] = {}
    for attribute in (by.fallback, by.attribute):
        if value := attributes.get(attribute):
            known |= documents.get(_key(attribute, value), {})
    return known


def _remembered(trial: Trial, entrant: Entrant, key: str | None) -> tuple[Choice, Assigned] | None:
    """Return the arm of that key, with the chance it has now; None if there is no such one."""
    if key is None or len(trial.arms) < 2 or (arm := arm_of(trial, key)) is None:
        return None
    _, chances = divided(trial, entrant)
    chance = chances[trial.arms.index(arm)]
    return arm, Assigned(trial.key, key, chance, looked_at(trial, entrant))


def _key(attribute: str, value: str) -> str:
    return f"{attribute}||{value}"


def _name(experiment: str, version: int) -> str:
    return f"{experiment}__{version}"
