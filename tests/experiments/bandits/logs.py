"""An experiment with a log: visitors who were shown an arm with some chance, and what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from personalization.events.goals import Goal
from personalization.events.models import Event, Source
from personalization.experiments.models import Arm, Experiment, Measure, Metric
from personalization.profiles.models import Identity, Profile, Snapshot

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_numbers = count(1)


def make_experiment(
    *arms: str, allocation: str = "thompson", metric: str = "conversion", **fields: Any
) -> Experiment:
    """Make a running experiment whose goal is an order within a day."""
    slug = fields.pop("slug", f"bandit-{next(_numbers)}")
    experiment = Experiment.objects.create(
        slug=slug,
        name=slug,
        seed=fields.pop("seed", "fixed"),
        place="hero",
        allocation=allocation,
        status=fields.pop("status", Experiment.Status.RUNNING),
        started_at=NOW - 30 * DAY,
        **fields,
    )
    for position, key in enumerate(arms or ("usual", "new")):
        share = 1 / (len(arms) or 2)
        Arm.objects.create(experiment=experiment, key=key, position=position, weight=share)
    goal = Goal.objects.create(
        slug=f"order-{slug}", name="Order", event="Order Completed", value_property="total",
        within=DAY,
    )  # fmt: skip
    decides = Metric.objects.create(slug=f"metric-{slug}", name="m", kind=metric, goal=goal)
    Measure.objects.create(experiment=experiment, metric=decides)
    return experiment


@dataclass
class Shown:
    """One visitor: what they were shown with which chance, and what they spent (0: nothing)."""

    arm: str
    spent: float = 0.0
    chance: float = 0.5
    context: Mapping[str, float] | None = None
    at: datetime = NOW - 3 * DAY
    #: What they were shown later, with the chance of it.
    later: tuple[tuple[str, float], ...] = ()
    features: Mapping[str, Any] = field(default_factory=dict)


def log(experiment: Experiment, visitors: Iterable[Shown]) -> list[Profile]:
    """Put visitors into the database as the pipeline would, in bulk."""
    shown = list(visitors)
    source = Source.objects.create(name="log", slug=f"log-{next(_numbers)}", kind="server")
    profiles = Profile.objects.bulk_create([Profile() for _ in shown])
    Snapshot.objects.bulk_create(
        Snapshot(
            profile=profile,
            features=dict(one.features),
            consents={"personalization": True},
            last_seen=one.at,
        )
        for profile, one in zip(profiles, shown, strict=True)
    )
    identities = Identity.objects.bulk_create(
        Identity(profile=profile, namespace=Identity.ANONYMOUS, value=f"log-{next(_numbers)}")
        for profile in profiles
    )
    make = _maker(source)
    events: list[Event] = []
    for identity, one in zip(identities, shown, strict=True):
        decided = [(one.arm, one.chance), *one.later]
        for step, (arm, chance) in enumerate(decided):
            told: dict[str, Any] = {"arm": arm, "probability": chance}
            if one.context is not None:
                told["context"] = dict(one.context)
            properties = {"slot": "hero", "assigned": {experiment.slug: told}}
            events.append(make(identity, "Slot Shown", one.at + step * HOUR, properties))
        if one.spent:
            at = one.at + timedelta(minutes=5)
            events.append(make(identity, "Order Completed", at, {"total": one.spent}))
    Event.objects.bulk_create(events)
    return profiles


def _maker(source: Source) -> Callable[[Identity, str, datetime, dict[str, Any]], Event]:
    def make(identity: Identity, name: str, at: datetime, properties: dict[str, Any]) -> Event:
        return Event(
            identity=identity, source=source, name=name, type="track", timestamp=at,
            received_at=at, message_id=f"log-{next(_numbers)}", properties=properties,
        )  # fmt: skip

    return make


def buyers(arm: str, n: int, *, of: int, **fields: Any) -> list[Shown]:
    """Return visitors of an arm, `n` of whom spent 10."""
    return [Shown(arm, spent=10.0 * (which < n), **fields) for which in range(of)]
