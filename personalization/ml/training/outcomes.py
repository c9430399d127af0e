"""What came of people at instants, from the event log: the examples that predictors learn from.

Each row is somebody at an instant, with features of what they had done until then and a label
of what they did later. The last instants are so early that it is known by the end of the
window. Nobody has a row who does not consent now.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from personalization.clock import microseconds, span
from personalization.events.models import Event
from personalization.ml.consenting import consenting
from personalization.ml.examples import Examples
from personalization.ml.features.table import Wanted, feature_table
from personalization.profiles.models import Visit
from personalization.types import Microseconds

#: Rows that are learned of at most; of more, so many are drawn.
MOST = 10_000
#: Profile → instants, in their order.
Instants: TypeAlias = Mapping[int, Sequence[Microseconds]]


def of_goal(
    event: str,
    *,
    within: timedelta,
    since: datetime,
    until: datetime,
    rng: np.random.Generator,
    features: Sequence[str] | None = None,
) -> Examples:
    """Return a row for an instant of each visit of [since, until - within), labelled by whether
    `event` follows `within` a time of it. Half of the instants are the ends of visits, when
    somebody leaves; the others lie anywhere within one, when they are still there.

    `features` are names; None: all that there are.
    """
    happened = _instants(event, since=since, until=until)
    return _examples(
        goal_instants(within=within, since=since, until=until, rng=rng),
        lambda profile_id, at: _follows(happened, profile_id, at, within=span(within)),
        horizon=span(within),
        features=features,
        rng=rng,
    )


def of_leaving(
    *,
    away: timedelta,
    since: datetime,
    until: datetime,
    rng: np.random.Generator,
    features: Sequence[str],
    asked: datetime | None = None,
) -> Examples:
    """Return a row for each visitor of [since, until - away) at an instant between their first
    visit and its end, drawn at random, labelled by whether no visit begins for so long.

    None of the instants is earlier than `asked`, if that is given.
    """
    starts = _starts(since=since, until=until)
    return _examples(
        _leaving_instants(starts, last=microseconds(until - away), rng=rng, asked=asked),
        lambda profile_id, at: not _follows(starts, profile_id, at, within=span(away)),
        horizon=span(away),
        features=features,
        rng=rng,
    )


def goal_instants(
    *, within: timedelta, since: datetime, until: datetime, rng: np.random.Generator
) -> list[Wanted]:
    """Return the instants of `of_goal`, of everybody: who consents is not asked here."""
    last = microseconds(until - within)
    return [
        (profile_id, at)
        for profile_id, start, end in _visits(since=since, until=until)
        if (at := end if rng.random() < 0.5 else int(rng.integers(start, end + 1))) < last
    ]


def leaving_instants(
    *, away: timedelta, since: datetime, until: datetime, rng: np.random.Generator
) -> list[Wanted]:
    """Return the instants of `of_leaving`, of everybody."""
    return _leaving_instants(
        _starts(since=since, until=until), last=microseconds(until - away), rng=rng
    )


def _leaving_instants(
    starts: Instants,
    *,
    last: Microseconds,
    rng: np.random.Generator,
    asked: datetime | None = None,
) -> list[Wanted]:
    first = microseconds(asked) if asked else 0
    return [
        (profile_id, int(rng.integers(max(begun[0], first), last)))
        for profile_id, begun in starts.items()
        if max(begun[0], first) < last
    ]


def _starts(*, since: datetime, until: datetime) -> Instants:
    """Return when the visits of profiles began."""
    starts: dict[int, list[Microseconds]] = defaultdict(list)
    for profile_id, start, _ in _visits(since=since, until=until):
        starts[profile_id].append(start)
    return starts


def _examples(
    wanted: Sequence[Wanted],
    label: Callable[[int, Microseconds], bool],
    *,
    horizon: Microseconds,
    features: Sequence[str] | None,
    rng: np.random.Generator,
) -> Examples:
    agree = set(consenting())
    drawn = [each for each in wanted if each[0] in agree]
    if len(drawn) > MOST:
        drawn = [drawn[place] for place in np.sort(rng.choice(len(drawn), MOST, replace=False))]
    drawn.sort(key=lambda each: (each[1], each[0]))
    table = feature_table(drawn, features=features)
    labels = [label(table.profile(row), int(at)) for row, at in enumerate(table.at)]
    return Examples(
        rows=table.rows,
        labels=np.array(labels, np.float64),
        features=table.features,
        at=table.at,
        visitor=table.visitors,
        horizon=horizon,
    )


def _visits(*, since: datetime, until: datetime) -> list[tuple[int, Microseconds, Microseconds]]:
    """Return profile, beginning and end of the visits that began in [since, until)."""
    found = Visit.objects.filter(started_at__gte=since, started_at__lt=until)
    rows = found.order_by("profile_id", "started_at").values_list(
        "profile_id", "started_at", "ended_at"
    )
    return [
        (profile_id, microseconds(start), microseconds(end))
        for profile_id, start, end in rows.iterator()
    ]


def _instants(event: str, *, since: datetime, until: datetime) -> Instants:
    """Return when profiles did something."""
    found: dict[int, list[Microseconds]] = defaultdict(list)
    rows = Event.objects.filter(name=event, timestamp__gte=since, timestamp__lt=until)
    for profile_id, at in (
        rows.order_by("timestamp").values_list("identity__profile_id", "timestamp").iterator()
    ):
        found[profile_id].append(microseconds(at))
    return found


def _follows(
    instants: Instants, profile_id: int, at: Microseconds, *, within: Microseconds
) -> bool:
    """Return whether one of somebody's instants is later than `at`, and no more than `within`."""
    mine = instants.get(profile_id, ())
    place = bisect_right(mine, at)
    return place < len(mine) and mine[place] <= at + within


def with_features(examples: Examples, features: Sequence[str]) -> Examples:
    """Return the examples with those of their columns, in that order.

    :raises KeyError: for a feature that they do not have.
    """
    place = {name: n for n, name in enumerate(examples.features)}
    return replace(
        examples,
        rows=examples.rows[:, [place[name] for name in features]],
        features=tuple(features),
    )
