"""A site whose log is written directly: who saw what, and what they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from personalization.events.goals import Goal
from personalization.events.models import Event, Source
from personalization.experiments.models import Arm, Experiment, Measure, Metric
from personalization.profiles.models import Identity, Profile, Snapshot, Visit

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = timedelta(days=1)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
NOW = START + 30 * DAY
AGREED = {"personalization": True, "analytics": True}
_numbers = count(1)


def told(name: str, arm: Any, chance: Any = 0.5) -> dict[str, Any]:
    return {name: {"arm": arm, "probability": chance}}


@dataclass
class World:
    """Rows that `save` writes in few statements."""

    source: Source = field(
        default_factory=lambda: Source.objects.create(
            slug=f"world-{next(_numbers)}", name="World", kind=Source.Kind.SERVER
        )
    )
    events: list[Event] = field(default_factory=list)

    def people(self, n: int, *, consents: Mapping[str, bool] = AGREED) -> list[Identity]:
        """Create profiles with a snapshot and one identity each."""
        profiles = Profile.objects.bulk_create(Profile() for _ in range(n))
        Snapshot.objects.bulk_create(
            Snapshot(profile=profile, consents=dict(consents)) for profile in profiles
        )
        return Identity.objects.bulk_create(
            Identity(profile=profile, namespace=Identity.ANONYMOUS, value=f"w{next(_numbers)}")
            for profile in profiles
        )

    def person(self, **fields: Any) -> Identity:
        return self.people(1, **fields)[0]

    def did(
        self,
        who: Identity,
        name: str,
        at: datetime,
        *,
        context: Any = None,
        received_at: datetime | None = None,
        message_id: str = "",
        **properties: Any,
    ) -> None:
        self.events.append(
            Event(
                identity=who,
                source=self.source,
                message_id=message_id or f"m{next(_numbers)}",
                type="track",
                name=name,
                properties=properties,
                context=context or {},
                timestamp=at,
                received_at=received_at or at,
            )
        )

    def saw(
        self,
        who: Identity,
        name: str,
        arm: Any,
        at: datetime,
        *,
        chance: Any = 0.5,
        slot: str = "hero",
        event: str = "Slot Shown",
        **fields: Any,
    ) -> None:
        self.did(who, event, at, assigned=told(name, arm, chance), slot=slot, **fields)

    def save(self) -> None:
        Event.objects.bulk_create(self.events)
        self.events = []


def visit(who: Identity, start: datetime, end: datetime | None = None, *, events: int = 1) -> Visit:
    return Visit.objects.create(
        profile_id=who.profile_id, started_at=start, ended_at=end or start, events=events
    )


def make_goal(event: str = "Order Completed", *, worth: str = "", **fields: Any) -> Goal:
    slug = fields.pop("slug", f"goal-{next(_numbers)}")
    return Goal.objects.create(
        slug=slug, name=slug.capitalize(), event=event, value_property=worth, **fields
    )


def metric(kind: str, **fields: Any) -> Metric:
    slug = fields.pop("slug", f"metric-{next(_numbers)}")
    return Metric(slug=slug, name=slug.capitalize(), kind=kind, **fields)


def make_experiment(
    *measures: tuple[Metric, str],
    slug: str = "blue",
    arms: Mapping[str, float] | None = None,
    contents: Mapping[str, str] | None = None,
    **fields: Any,
) -> Experiment:
    """Create an experiment that runs since `START`."""
    made = Experiment.objects.create(
        slug=slug,
        name=slug.capitalize(),
        place=fields.pop("place", "hero"),
        status=fields.pop("status", Experiment.Status.RUNNING),
        started_at=fields.pop("started_at", START),
        **fields,
    )
    for place, (key, weight) in enumerate((arms or {"a": 0.5, "b": 0.5}).items()):
        content = (contents or {}).get(key, "")
        Arm.objects.create(experiment=made, key=key, weight=weight, position=place, content=content)
    for each, role in measures:
        each.save()
        Measure.objects.create(experiment=made, metric=each, role=role)
    return made
