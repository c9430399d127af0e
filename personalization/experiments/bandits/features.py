"""Which features of visitors a bandit looks at: those in which visitors differ the most.

They are chosen when a bandit begins, from the visitors seen last, and stay the same from then
on: what it learns from is logged with each decision. So they can be read with the snapshot that
a page reads anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import fmean, pstdev
from typing import Any, Final

from personalization.clock import microseconds
from personalization.experiments.bandits.policy import SEGMENT, Features, is_number
from personalization.experiments.models import Experiment
from personalization.profiles.models import Snapshot
from personalization.types import Microseconds, Purpose

#: So many visitors are looked at, and at least so many are needed.
SAMPLE, LEAST_SAMPLE = 2000, 100
#: So many features of snapshots, and so many segments, are looked at for each visitor.
MOST_FEATURES, MOST_SEGMENTS = 12, 8
#: At least this share of the visitors has to be different from most.
LEAST_VARIETY: Final = 0.01


def features_of_visitors(*, now: datetime) -> Features | None:
    """Return what to look at; None while too few visitors are known (three queries)."""
    seen = Snapshot.objects.filter(
        last_seen__isnull=False, **{f"consents__{Purpose.PERSONALIZATION.value}": True}
    ).order_by("-last_seen", "pk")
    rows = list(seen.values_list("features", "memberships")[:SAMPLE])
    if len(rows) < LEAST_SAMPLE:
        return None
    columns = [
        *_most_varied(_numbers(features for features, _ in rows), n=MOST_FEATURES),
        *_most_varied(
            _memberships((kept for _, kept in rows), at=microseconds(now)), n=MOST_SEGMENTS
        ),
    ]
    return Features(
        names=tuple(name for name, _ in columns),
        means=tuple(fmean(values) for _, values in columns),
        scales=tuple(pstdev(values) for _, values in columns),
    )


def _numbers(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if is_number(value) and not name.startswith(SEGMENT):
                found.setdefault(name, []).append(float(value))
    return found


def _memberships(
    rows: Iterable[Mapping[str, Sequence[Any]]], *, at: Microseconds
) -> dict[str, list[float]]:
    """Return for each active segment who is in it, as pages see it."""
    slugs = _segments()
    found: dict[str, list[float]] = {f"{SEGMENT}{slug}": [] for slug in slugs.values()}
    for row in rows:
        inside = {
            slugs[key]
            for key, (since, until, _) in row.items()
            if key in slugs and since is not None and since <= at and (until is None or at < until)
        }
        for name, values in found.items():
            values.append(float(name.removeprefix(SEGMENT) in inside))
    return found


def _segments() -> dict[str, str]:
    """Return the slugs of active segments by the version that serves, as snapshots name it.

    By the relation, as siblings know nothing of each other.
    """
    segments: Any = Experiment._meta.get_field("audience").related_model
    active = segments.objects.listed().filter(active=True, serving__isnull=False)
    return {str(version): slug for version, slug in active.values_list("serving_id", "slug")}


def _most_varied(columns: Mapping[str, list[float]], *, n: int) -> list[tuple[str, list[float]]]:
    varied = [
        (_variety(values), name, values)
        for name, values in columns.items()
        if len(values) >= LEAST_SAMPLE and _variety(values) >= LEAST_VARIETY and pstdev(values) > 0
    ]
    varied.sort(key=lambda one: (-one[0], one[1]))
    return [(name, values) for _, name, values in varied[:n]]


def _variety(values: Sequence[float]) -> float:
    """Return the share of the visitors who are different from most."""
    return 1 - Counter(values).most_common(1)[0][1] / len(values)
