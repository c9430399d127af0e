"""Who was known to be one person at an instant: what is stated later, nobody knew then.

A visitor who logs in becomes one profile with all that they had done before, elsewhere. A row of an
instant before that is of who was there: what the other one had done could not be known, and who
logs in is, as a rule, about to do what is predicted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import F

from personalization.clock import microseconds, moment
from personalization.profiles.models import IdentityLink
from personalization.types import Microseconds


class Link(NamedTuple):
    """Two identities that are one person, and since when somebody said so."""

    at: Microseconds
    one: int
    other: int


@dataclass(frozen=True)
class Joined:
    """The links between the identities of one profile."""

    links: Sequence[Link]

    def strangers(self, identity: int, *, at: Microseconds) -> frozenset[int]:
        """Return the identities that only later links make one person with this one."""
        known = _group(identity, [link for link in self.links if link.at <= at])
        return _group(identity, self.links) - known


def joined_later(profile_ids: Collection[int], *, than: Microseconds) -> Mapping[int, Joined]:
    """Return the links of those profiles that have later ones than an instant (one query, and
    another if there are any)."""
    within = IdentityLink.objects.filter(
        one__profile__in=profile_ids, other__profile=F("one__profile")
    )
    later = within.filter(stated_at__gt=moment(than))
    late = set(later.values_list("one__profile", flat=True))
    found: dict[int, list[Link]] = {profile_id: [] for profile_id in sorted(late)}
    if found:
        rows = within.filter(one__profile__in=late).order_by("stated_at", "pk")
        for profile_id, at, one, other in rows.values_list(
            "one__profile", "stated_at", "one", "other"
        ):
            found[profile_id].append(Link(microseconds(at), one, other))
    return {profile_id: Joined(links) for profile_id, links in found.items()}


def _group(identity: int, links: Iterable[Link]) -> frozenset[int]:
    """Return the identities that links lead to from one, itself among them."""
    others: dict[int, list[int]] = {}
    for link in links:
        others.setdefault(link.one, []).append(link.other)
        others.setdefault(link.other, []).append(link.one)
    found, waiting = {identity}, [identity]
    while waiting:
        new = [each for each in others.get(waiting.pop(), ()) if each not in found]
        found.update(new)
        waiting += new
    return frozenset(found)
