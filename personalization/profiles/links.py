"""Take in that identities are one person, and move them accordingly."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from personalization import bulk
from personalization.clock import microseconds, moment
from personalization.conf import settings
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, IdentityLink, Merge
from personalization.profiles.moves import Moves, Reason, settle
from personalization.profiles.region import FEW, hold_region
from personalization.profiles.resolve import Limits, Link
from personalization.types import Microseconds

#: The numbers of two identities, the smaller first; and when it was stated, and by what.
Pair = tuple[int, int]
Stamp = tuple[Microseconds, str]


def identity_limits() -> Limits:
    return Limits(settings.IDENTITY_LIMITS)


def join(links: Iterable[Link], identities: Mapping[Key, Identity], *, now: datetime) -> Moves:
    """Take in `links` between `identities` and move whom they make one person, or another.

    Call it inside a transaction, with all identities that will be worked on: their
    profiles are locked when something moves, and their `profile_id` is brought up to
    date. Links that are known from an earlier time cost a query for many.

    :raises ProfileMoved: when others keep moving the same identities.
    """
    stated = _stated(links, identities)
    if not (fresh := _fresh(stated)):
        return Moves()
    start = {number for pair in fresh for number in pair}
    since = moment(min(at for at, _ in fresh.values()))
    region = hold_region(start, since=since, along=identities.values())
    _keep(_fresh(stated))  # asked again, now that nobody else can answer
    moves = settle(region, limits=identity_limits(), reason=Reason(Merge.Cause.EVENT, now))
    for identity in identities.values():
        if identity.pk in region.identities:
            identity.profile_id = region.identities[identity.pk].profile_id
    return moves


def _stated(links: Iterable[Link], identities: Mapping[Key, Identity]) -> dict[Pair, Stamp]:
    """Return the earliest statement of each pair."""
    stated: dict[Pair, Stamp] = {}
    for link in links:
        pair = in_order(identities[link.one].pk, identities[link.other].pk)
        if pair[0] != pair[1]:
            stamp = (link.at, link.message_id)
            stated[pair] = min(stated.get(pair, stamp), stamp)
    return stated


def in_order(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)


def _fresh(stated: Mapping[Pair, Stamp]) -> dict[Pair, Stamp]:
    """Return the statements that are not known from an earlier time."""
    pairs = sorted(stated)
    known: dict[Pair, Stamp] = {}
    for start in range(0, len(pairs), FEW):
        known |= _known(pairs[start : start + FEW])
    return {
        pair: stamp for pair, stamp in stated.items() if pair not in known or stamp < known[pair]
    }


def _known(pairs: Collection[Pair]) -> dict[Pair, Stamp]:
    rows = IdentityLink.objects.filter(
        one__in={one for one, _ in pairs}, other__in={other for _, other in pairs}
    )
    return {
        (one, other): (microseconds(at), message_id)
        for one, other, at, message_id in rows.values_list(
            "one", "other", "stated_at", "message_id"
        )
    }


def _keep(fresh: Mapping[Pair, Stamp]) -> None:
    rows = [
        {"one_id": one, "other_id": other, "stated_at": moment(at), "message_id": message_id}
        for (one, other), (at, message_id) in fresh.items()
    ]
    bulk.upsert(IdentityLink, rows, key=("one_id", "other_id"))
