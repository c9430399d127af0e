"""Who was exposed to what: the arm of each visitor in an experiment or a holdout, from the log.

A unit is a profile, and its arm is that of its first exposure: chance drew it. Who is seen in
another one later, as after a login on a second device, stays in the first and is counted; to leave
them out would take more from a small arm than from a large one. Of visitors who agree now, and of
no staff; what programs send never becomes an event.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Count, F, Func, Max, Min, Q, QuerySet, TextField, Value, Window
from django.db.models.functions import Rank
from numpy.typing import NDArray

from personalization.clock import microseconds
from personalization.events.catalogue import RECOMMENDATION_SHOWN, SLOT_SHOWN
from personalization.events.models import Event
from personalization.profiles.models import Identity, Visit
from personalization.types import Microseconds, Purpose

#: Events that tell what somebody was assigned to.
EXPOSURES: Final = (SLOT_SHOWN, RECOMMENDATION_SHOWN)
#: An exposure that arrives so much later than it happened is late.
LATE: Final = timedelta(hours=24)
#: Profiles whose rows are asked for together.
CHUNK: Final = 2000
_PROFILE: Final = "identity__profile_id"
_CONSENTS: Final = "identity__profile__snapshot__consents"
#: What somebody has agreed to whom results count, and of whom a bandit learns what fits whom.
COUNTED: Final = (Purpose.PERSONALIZATION, Purpose.ANALYTICS)
LEARNED_FROM: Final = (Purpose.PERSONALIZATION,)

Numbers: TypeAlias = NDArray[np.int64]
Doubles: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """Units by the arm of their first exposure; the arrays are as long as there are units.

    `arm` is the place in `arms`; `at` is in microseconds since the epoch; `probability` is the
    chance of that arm, NaN where none was told. `dimensions` are what the units are looked at by,
    name → a value for each. `in_several` were seen in another arm later. `moves`: a bandit
    moves them on purpose, and its arms are alike only with each unit weighed by its chance. Who came before the microsecond `new_from`
    may have been exposed earlier, so that what they did before tells of the arm as well.
    """

    name: str
    arms: tuple[str, ...]
    profiles: Numbers
    arm: Numbers
    at: Numbers
    probability: Doubles
    late: int = 0
    in_several: int = 0
    moves: bool = False
    new_from: Microseconds = 0
    dimensions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.profiles)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many units each arm has."""
        return tuple(int(n) for n in np.bincount(self.arm, minlength=len(self.arms)))


class Decided(NamedTuple):
    """One exposure. `told` is what it says of the experiment: the arm, the chance, and whatever
    else was logged along."""

    profile: int
    arm: int
    at: Microseconds
    probability: float
    told: Mapping[str, Any]


def first_exposures(
    name: str, *, arms: Sequence[str], since: datetime, until: datetime, moves: bool = False
) -> Exposed:
    """Return who was first exposed to `name` in [since, until), in the order of profile numbers.

    `arms` are the keys that count. With `moves`, who was seen in several is not counted, and who
    told no chance is left out. A query, one for staff, and one for 2000 units.
    """
    told = _told(name, arms=arms, since=since, until=until).annotate(
        place=Window(Rank(), partition_by=F(_PROFILE), order_by=F("timestamp").asc()),
        least=Window(Min("told_arm"), partition_by=F(_PROFILE)),
        most=Window(Max("told_arm"), partition_by=F(_PROFILE)),
    )
    rows = told.filter(place=1).values_list(
        _PROFILE, "message_id", "told_arm", "least", "most", "timestamp", "received_at",
        "properties", "context",
    ).iterator(chunk_size=CHUNK)  # fmt: skip
    first: dict[int, _First] = {}
    several: set[int] = set()
    for profile, message, arm, least, most, at, received, properties, context in rows:
        if least != most and not moves:
            several.add(profile)
        # Of several at one instant, whichever is first by its id: the same one every time.
        if profile not in first or message < first[profile].message:
            chance = _chance(properties["assigned"][name])
            looked_at, is_late = _looked_at(at, context), received - at > LATE
            first[profile] = _First(message, arm, microseconds(at), chance, is_late, looked_at)
    if moves:
        first = {profile: one for profile, one in first.items() if not math.isnan(one.chance)}
    return replace(_exposed(name, tuple(arms), first), in_several=len(several), moves=moves)


def decisions(
    name: str, *, arms: Sequence[str], since: datetime, until: datetime
) -> Iterator[Decided]:
    """Yield every exposure to `name` in [since, until) in the order of time, each with the chance
    it had: for bandits, and for what another policy would have earned. One query."""
    places = {key: place for place, key in enumerate(arms)}
    told_of = _told(name, arms=arms, since=since, until=until, agreed=LEARNED_FROM)
    rows = told_of.order_by("timestamp", "message_id")
    for profile, arm, at, properties in rows.values_list(
        _PROFILE, "told_arm", "timestamp", "properties"
    ).iterator(chunk_size=CHUNK):
        told = properties["assigned"][name]
        yield Decided(profile, places[arm], microseconds(at), _chance(told), told)


def unknown_arms(
    name: str, *, arms: Sequence[str], since: datetime, until: datetime
) -> dict[str, int]:
    """Return how many exposures name an arm that is none of `arms`, by what they name."""
    others = _exposures(name, since=since, until=until).exclude(told_arm=None)
    found: dict[str, int] = {}
    for arm in others.exclude(told_arm__in=list(arms)).values_list("told_arm", flat=True):
        found[arm] = found.get(arm, 0) + 1
    return found


class Shown(NamedTuple):
    """Exposures of an arm: how many, and how many of them to something else than the default."""

    n: int
    with_content: int


def shown_since(
    name: str, *, arms: Sequence[str], since: datetime, until: datetime
) -> dict[str, Shown]:
    """Return what each arm showed in [since, until); the arms that were not seen are not in it."""
    rows = _told(name, arms=arms, since=since, until=until).order_by()
    # A list always shows items; of a slot, the default has no name.
    named = Q(properties__has_key="variation") & ~Q(properties__variation="")
    counted = rows.values_list("told_arm").annotate(
        n=Count("pk"), with_content=Count("pk", filter=named | ~Q(name=SLOT_SHOWN))
    )
    return {arm: Shown(n, with_content) for arm, n, with_content in counted}


# -- reading ---------------------------------------------------------------------------------


class _ToldArm(Func):
    """The arm of an experiment that the properties of an event tell; NULL where it is no text.

    The name is compared as a whole, whatever characters it has: it is no path.
    """

    arity = 2
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, Any]:
        (properties, of_properties), (name, of_name) = self._compiled(compiler)
        return (
            "(SELECT CASE WHEN told.type = 'object' AND json_type("  # noqa: S608 - our own names
            "CASE WHEN told.type = 'object' THEN told.value ELSE '{}' END, '$.arm') = 'text'"
            f" THEN json_extract(told.value, '$.arm') END"
            f" FROM json_each({properties}, '$.assigned') AS told WHERE told.key = {name})",
            (*of_properties, *of_name),
        )

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, Any]:
        (properties, of_properties), (name, of_name) = self._compiled(compiler)
        path = f"({properties}, 'assigned', {name}::text, 'arm')"
        return (
            f"CASE WHEN jsonb_typeof({properties} -> 'assigned') = 'object'"
            f" AND jsonb_typeof(jsonb_extract_path{path}) = 'string'"
            f" THEN jsonb_extract_path_text{path} END",
            (*of_properties, *(*of_properties, *of_name), *(*of_properties, *of_name)),
        )

    def _compiled(self, compiler: Any) -> list[tuple[str, Any]]:
        return [compiler.compile(each) for each in self.get_source_expressions()]


def _exposures(
    name: str, *, since: datetime, until: datetime, agreed: Sequence[Purpose] = COUNTED
) -> QuerySet[Any]:
    return Event.objects.filter(
        name__in=EXPOSURES,
        timestamp__gte=since,
        timestamp__lt=until,
        **{f"{_CONSENTS}__{purpose.value}": True for purpose in agreed},
    ).annotate(told_arm=_ToldArm(F("properties"), Value(name)))


def _told(name: str, *, arms: Sequence[str], **which: Any) -> QuerySet[Any]:
    """Return exposures to the arms, of no staff; `which` is as `_exposures` takes it."""
    told = _exposures(name, **which).filter(told_arm__in=list(arms))
    return told.exclude(identity__profile__in=_staff())


def _staff() -> list[int]:
    """Return the profiles of those who run the site (two queries)."""
    users = get_user_model()
    try:
        users._meta.get_field("is_staff")
    except FieldDoesNotExist:  # a site may have users of its own kind
        return []
    keys = [
        str(pk) for pk in users._default_manager.filter(is_staff=True).values_list("pk", flat=True)
    ]
    names = Identity.objects.filter(namespace=Identity.USER, value__in=keys)
    return list(names.values_list("profile_id", flat=True)) if keys else []


def _chance(told: Mapping[str, Any]) -> float:
    """Return the chance that an exposure tells; NaN for what is none."""
    chance = told.get("probability")
    if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 < chance <= 1:
        return math.nan
    return float(chance)


# -- units -----------------------------------------------------------------------------------


class _First(NamedTuple):
    message: str
    arm: str
    at: Microseconds
    chance: float
    is_late: bool
    looked_at: tuple[str, str, str]


def _exposed(name: str, arms: tuple[str, ...], first: Mapping[int, _First]) -> Exposed:
    places = {key: place for place, key in enumerate(arms)}
    units = sorted(first.items())
    profiles = [profile for profile, _ in units]
    at = np.array([one.at for _, one in units], np.int64)
    week, path, device = (tuple(one.looked_at[which] for _, one in units) for which in range(3))
    return Exposed(
        name=name,
        arms=arms,
        profiles=np.array(profiles, np.int64),
        arm=np.array([places[one.arm] for _, one in units], np.int64),
        at=at,
        probability=np.array([one.chance for _, one in units], np.float64),
        late=sum(one.is_late for _, one in units),
        dimensions={
            "week": week, "path": path, "device": device, "visitor": _visitors(profiles, at),
        },
    )  # fmt: skip


def _looked_at(at: datetime, context: Any) -> tuple[str, str, str]:
    """Return the week, the first part of the path, and the kind of device of an exposure."""
    year, week, _ = at.isocalendar()
    context = context if isinstance(context, Mapping) else {}
    page, agent = context.get("page"), context.get("userAgent")
    path = page.get("path") if isinstance(page, Mapping) else None
    first = "/" + path.lstrip("/").partition("/")[0][:50] if isinstance(path, str) else ""
    device = ""
    if isinstance(agent, str) and agent:
        device = "mobile" if "Mobi" in agent or "Android" in agent else "desktop"
    return f"{year}-W{week:02}", first, device


def _visitors(profiles: Sequence[int], at: Numbers) -> tuple[str, ...]:
    """Return of each whether a visit of theirs had ended before the one of the exposure."""
    ended: dict[int, Microseconds] = {}
    for begin in range(0, len(profiles), CHUNK):
        visits = Visit.objects.filter(profile__in=profiles[begin : begin + CHUNK])
        firsts = visits.order_by().values_list("profile").annotate(end=Min("ended_at"))
        ended.update((profile, microseconds(end)) for profile, end in firsts)
    return tuple(
        "returning" if ended.get(profile, instant) < instant else "new"
        for profile, instant in zip(profiles, at.tolist(), strict=True)
    )
