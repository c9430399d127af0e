"""Members by what they are called: who is meant, and who is in a segment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from personalization.exceptions import MemberRejected
from personalization.profiles.identity import Key, find
from personalization.profiles.models import Identity, Snapshot
from personalization.segments.models import Membership

#: Identities of one member that are told.
MOST_IDENTITIES = 20
#: More cannot be the number of a profile in any database.
_ID_DIGITS = 18


@dataclass(frozen=True, kw_only=True)
class Named:
    """How somebody is called: by the number of the profile, or by identities of it."""

    profile_id: int | None = None
    keys: tuple[Key, ...] = ()

    def __str__(self) -> str:
        if self.profile_id is not None:
            return f"profile {self.profile_id}"
        return ", ".join(f"{key.namespace} {key.value[:100]!r}" for key in self.keys)


def profiles_of(named: Sequence[Named]) -> list[int | MemberRejected]:
    """Return for each the profile that is meant, or why it is nobody (two queries at most).

    Identities that nobody has are passed over as long as another one leads to somebody.
    """
    numbers = {each.profile_id for each in named if each.profile_id is not None}
    known = set(Snapshot.objects.filter(pk__in=numbers).values_list("pk", flat=True))
    found = find(key for each in named for key in each.keys)
    return [_profile_of(each, known, found) for each in named]


def profiles_called(texts: Iterable[str]) -> dict[str, int | MemberRejected]:
    """Return for each text the profile that it is the number or any identity of, or why it is
    nobody (two queries). What a browser merely claims to be is nobody."""
    wanted = set(texts)
    spelled = wanted | {text.lower() for text in wanted if "@" in text}
    numbers = {text: int(text) for text in wanted if _may_be_number(text)}
    known = set(Snapshot.objects.filter(pk__in=numbers.values()).values_list("pk", flat=True))
    named: dict[str, set[int]] = {}
    rows = Identity.objects.filter(value__in=spelled).exclude(namespace=Identity.CLAIMED)
    for value, profile_id in rows.values_list("value", "profile_id"):
        named.setdefault(value, set()).add(profile_id)
    return {
        text: _only(
            text,
            named.get(text, set())
            | (named.get(text.lower(), set()) if "@" in text else set())
            | ({numbers[text]} & known if text in numbers else set()),
        )
        for text in wanted
    }


def _only(text: str, profiles: set[int]) -> int | MemberRejected:
    if len(profiles) > 1:
        return MemberRejected(
            f"“{text}” is what {len(profiles)} people are called.", code="several_profiles"
        )
    if not profiles:
        return MemberRejected(f"Nobody is known as “{text}”.", code="unknown_profile")
    return next(iter(profiles))


def _may_be_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS


def _profile_of(
    named: Named, known: Collection[int], found: dict[Key, Identity]
) -> int | MemberRejected:
    if named.profile_id is not None:
        profiles = {named.profile_id} & set(known)
    else:
        profiles = {found[key].profile_id for key in named.keys if key in found}
    if len(profiles) > 1:
        return MemberRejected(
            f"These are {len(profiles)} people: {named}.", code="several_profiles"
        )
    if not profiles:
        return MemberRejected(f"Nobody is known as {named}.", code="unknown_profile")
    return profiles.pop()


def memberships_at(now: datetime) -> QuerySet[Membership]:
    """Return the memberships that hold at `now`, of the versions of rules that are in force
    and of segments that people see."""
    return Membership.objects.in_force(now=now).listed()


def identities_of(profile_ids: Iterable[int]) -> dict[int, list[Key]]:
    """Return who the profiles are, as far as it is proven: the oldest identities first."""
    rows = (
        Identity.objects.filter(profile__in=list(profile_ids))
        .exclude(namespace=Identity.CLAIMED)
        .order_by("pk")
        .values_list("profile_id", "namespace", "value")
    )
    found: dict[int, list[Key]] = {}
    for profile_id, namespace, value in rows:
        listed = found.setdefault(profile_id, [])
        if len(listed) < MOST_IDENTITIES:
            listed.append(Key(namespace, value))
    return found
