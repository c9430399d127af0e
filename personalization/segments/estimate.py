"""How many profiles a rule matches, at once: from a sample, with how far off it may be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import sqrt
from typing import Any, cast

from django.db import connection

from personalization.profiles.models import Profile, Snapshot
from personalization.rules.nodes import Rule
from personalization.rules.population import predicate
from personalization.segments.population import scope_at

#: Visitors looked at for an estimate: half of them matching, it is off by 2 % of all.
SAMPLE = 2000
#: Of a normal distribution, 95 % lie within so many standard deviations.
_DEVIATIONS = 1.959964
#: The hash of a profile is below this prime; its square is a 64-bit integer.
_PRIME = 2147483647
_FACTOR = 48271


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """`matched` of the `looked_at` profiles match, of `total` that there are."""

    matched: int
    looked_at: int
    total: int

    @property
    def count(self) -> int:
        return round(self.total * self.matched / self.looked_at) if self.looked_at else 0

    def interval(self) -> tuple[int, int]:
        """Return between how many profiles the true number lies, 95 times of 100.

        Wilson's score interval, which holds for few matches as well, with the sample
        counted as larger the more of the whole it is (the finite population correction).
        """
        if not self.looked_at or self.looked_at >= self.total:
            return self.count, self.count
        n = self.looked_at * (self.total - 1) / (self.total - self.looked_at)
        share, squared = self.matched / self.looked_at, _DEVIATIONS**2
        middle = (share + squared / (2 * n)) / (1 + squared / n)
        spread = sqrt(share * (1 - share) / n + squared / (4 * n * n))
        half = _DEVIATIONS * spread / (1 + squared / n)
        # What was seen is certain: so many match, and so many do not.
        low = max(self.matched, round(self.total * (middle - half)))
        most = self.total - (self.looked_at - self.matched)
        return low, min(most, round(self.total * (middle + half)))


def estimate_matching(rule: Rule, *, now: datetime, total: int) -> Estimate:
    """Return an estimate of how many of `total` profiles a linked rule holds for at `now`.

    The same profiles are looked at each time, so two rules differ by what they say and
    not by chance. Their events alone are read (two queries).
    """
    sample = _sample(total)
    if not sample:
        return Estimate(matched=0, looked_at=0, total=total)
    return Estimate(
        matched=_count_among(sample, rule, now),
        looked_at=len(sample),
        total=max(total, len(sample)),
    )


def _sample(total: int) -> list[int]:
    """Return the profiles whose hash is small; it depends on nothing but their number."""
    limit = _PRIME * SAMPLE // max(total, SAMPLE)
    mixed = f"(profile_id %% {_PRIME} * {_FACTOR} %% {_PRIME})"
    text = (
        f"SELECT profile_id FROM {Snapshot._meta.db_table} "  # noqa: S608  # names, not values
        f"WHERE {mixed} * {mixed} %% {_PRIME} <= %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(text, (limit,))
        return [row[0] for row in cursor.fetchall()]


def _count_among(sample: list[int], rule: Rule, now: datetime) -> int:
    """Return how many of `sample` match, with the identities of no others in sight.

    The numbers stand in the text of the query: so the planner knows how few they are.
    """
    scope = scope_at(now)
    identities = scope.tables["identity"]
    sampled = replace(scope, tables={**scope.tables, "identity": "sampled_identity"})
    condition = predicate(rule, sampled)
    ids = ", ".join(str(int(number)) for number in sample)
    text = (
        f"WITH sampled_identity AS (SELECT * FROM {identities} "  # noqa: S608  # see above
        f"WHERE profile_id IN ({ids})) "
        f"SELECT COUNT(*) FROM {Profile._meta.db_table} p "
        f"JOIN {Snapshot._meta.db_table} s ON s.profile_id = p.id "
        f"WHERE p.id IN ({ids}) AND ({condition.text})"
    )
    with connection.cursor() as cursor:
        cursor.execute(text, cast(Any, condition.params))
        return int(cursor.fetchall()[0][0])
