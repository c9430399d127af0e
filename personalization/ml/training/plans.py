"""What there is to train: a plan for each model, which names the recipe it is made by.

    @plan_sources.register("churn")
    def churn_plans() -> list[Plan]:
        return [Plan(name="churn", algorithm="boosting", recipe="site.churn.learn")]

A recipe is `(Order) -> Learned` (learned.py), named by its place: the web process shows plans
and imports nothing that learns.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from personalization.conf import settings
from personalization.exceptions import PersonalizationError
from personalization.ml.models import ModelVersion
from personalization.registry import Registry
from personalization.types import JsonObject

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[\w-]+)?")
_LONGEST = 100
#: Of the name of an algorithm, as a version keeps it.
_LONGEST_ALGORITHM = 50
#: No data are so few that a training of them is worth it more often.
SHORTEST = timedelta(minutes=1)
#: So long before and after now there are dates.
LONGEST = timedelta(days=36_525)
#: A version keeps no larger one in any database.
MOST_SEED = 2**31 - 1

#: What a site may have otherwise, with its type.
FIELDS: Mapping[str, type] = {
    "algorithm": str, "config": dict, "window": timedelta, "period": timedelta, "seed": int,
    "recipe": str, "refresh": str,
}  # fmt: skip

_TIMES = (SHORTEST, LONGEST, f"a minute to {LONGEST.days:,} days")
#: Name → the least and the most a field may be, and both in words.
_BOUNDS: Mapping[str, tuple[Any, Any, str]] = {
    "window": _TIMES, "period": _TIMES, "seed": (0, MOST_SEED, f"0 to {MOST_SEED:,}"),
}  # fmt: skip


class InvalidPlan(PersonalizationError):
    """Nothing can be trained by this plan."""


class UnknownPlan(PersonalizationError):
    """There is no plan of this name."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How one model is made, again and again."""

    #: Of the versions: “recommend”, “propensity.order”, “cluster.personas”.
    name: str
    #: Dotted path of the function that learns.
    recipe: str
    algorithm: str
    config: JsonObject = field(default_factory=dict)
    seed: int = 0
    #: It learns from events that are not older.
    window: timedelta = timedelta(days=90)
    #: How often it is trained in full; of a day or more: at night.
    period: timedelta = timedelta(days=1)
    #: Dotted path of the function that brings what serves up to what was logged since; empty:
    #: only a training does.
    refresh: str = ""
    #: What it is for, in a sentence for who owns the site.
    purpose: str = ""
    #: Of what predicts a goal: the event that the goal has now.
    event: str = ""

    def __post_init__(self) -> None:
        """:raises InvalidPlan: naming what is wrong first, and what is allowed."""
        if problem := next(_problems(self), ""):
            raise InvalidPlan(problem)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a recipe is asked for: learn from the events of [since, until)."""

    plan: Plan
    since: datetime
    until: datetime
    seed: int = 0
    #: The version that serves now: what the new one is compared with.
    serving: ModelVersion | None = None
    #: Called with the share that is done (0 to 1) and what is being done; raises to stop.
    progress: Callable[[float, str], None]
    #: Where parts of what is learned are kept (`ml.base.Checkpoints`).
    checkpoints: Any = None


#: Name → function that returns the plans of one kind, as things are now.
plan_sources: Registry[Callable[[], list[Plan]]] = Registry("source of plans")


def planned() -> Mapping[str, Plan]:
    """Return the plans of all sources by name, in their order, as `PERSONALIZATION_MODELS` has
    them.

    :raises InvalidPlan: if two have one name, or the setting cannot be used.
    """
    found: dict[str, Plan] = {}
    for _, source in plan_sources.items():
        for plan in source():
            if found.setdefault(plan.name, plan) is not plan:
                raise InvalidPlan(f"Two plans are called “{plan.name}”.")
    wishes = settings.MODELS
    return {
        name: changed(plan, wishes[name]) if name in wishes else plan
        for name, plan in found.items()
        if wishes.get(name, {}) is not None
    }


def changed(plan: Plan, wishes: Mapping[str, Any]) -> Plan:
    """Return the plan with some fields as a site wants them.

    :raises InvalidPlan: naming a field that there is not, or a value that it cannot have.
    """
    if not isinstance(wishes, Mapping):
        raise InvalidPlan(f"“{plan.name}” has {wishes!r}; needed: fields of a plan, or None.")
    for name in wishes:
        if name not in FIELDS:
            raise InvalidPlan(f"“{plan.name}” has a field “{name}”; allowed: {', '.join(FIELDS)}.")
    return replace(plan, **wishes)


def _problems(plan: Plan) -> Iterator[str]:
    """Yield why a plan can be none, in sentences; each looks at what those before let pass."""
    if not _NAME.fullmatch(plan.name) or len(plan.name) > _LONGEST:
        yield (
            f"“{plan.name}” cannot be the name of a model; allowed: “word” or “word.name”, "
            f"up to {_LONGEST} characters."
        )
    for name, kind in FIELDS.items():
        if not isinstance(value := getattr(plan, name), kind):
            yield f"“{name}” of “{plan.name}” is {value!r}; a {kind.__name__} is needed."
    for name, (least, most, words) in _BOUNDS.items():
        if not least <= (value := getattr(plan, name)) <= most:
            yield f"“{name}” of “{plan.name}” is {value}; allowed: {words}."
    if len(plan.algorithm) > _LONGEST_ALGORITHM or not plan.algorithm.isprintable():
        yield (
            f"“algorithm” of “{plan.name}” is {reprlib.repr(plan.algorithm)}; "
            f"allowed: up to {_LONGEST_ALGORITHM} characters that can be printed."
        )
    if problem := _unkept(plan.config):
        yield (
            f"“config” of “{plan.name}” is {reprlib.repr(plan.config)}; "
            f"allowed: what JSON can hold ({problem})."
        )


def _unkept(config: JsonObject) -> str:
    """Return why a database cannot keep this as JSON; empty if it can."""
    try:
        text = json.dumps(config, allow_nan=False, ensure_ascii=False)
        text.encode()  # half a surrogate pair is no text
    except (TypeError, ValueError) as error:
        return str(error)
    return "no text has a character of number 0" if "\\u0000" in text else ""
