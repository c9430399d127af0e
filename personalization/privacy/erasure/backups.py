"""What to take along beside backups, so that whoever was erased is erased again after a restore.

The list of suppressions holds pseudonyms only: it may lie wherever the backups do. It is read
with the keys of the site, so those have to be restored as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model

from personalization.exceptions import UnreadableFile
from personalization.privacy.erasure.request import request_erasure
from personalization.privacy.models import Erasure
from personalization.privacy.subjects import exactly
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.stores import stores
from personalization.profiles.suppressed import digests_of
from personalization.profiles.suppressions import Suppression

#: Of a line; no line of ours is longer.
_LONGEST = 10_000
_DIGEST = 64


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line of the list."""

    digest: str
    reason: str
    since: datetime
    lifted_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """How many lines were read, how many were new here, and whose erasures were asked for."""

    read: int
    added: int
    erasures: tuple[Erasure, ...]


def written_list() -> Iterator[str]:
    """Yield the list, a JSON object in each line."""
    for row in Suppression.objects.order_by("since", "pk").iterator():
        lifted_at = row.lifted_at.isoformat() if row.lifted_at else None
        since = row.since.isoformat()
        line = {"digest": row.digest, "reason": row.reason, "since": since, "lifted_at": lifted_at}
        yield json.dumps(line) + "\n"


def erase_again(lines: Iterable[str], *, now: datetime) -> Repeated:
    """Erase everybody on the list who is there again, and take the list over.

    Who came back after an erasure stays: of them, only what is older than it goes.

    :raises UnreadableFile: for a line that is none of a list, before anything is erased.
    """
    listed = {each.digest: each for each in map(_read, enumerate(lines, 1))}
    erasures = [
        request_erasure(exactly(keys), channel=Erasure.Channel.COMMAND, now=now)
        for keys in _there_again(listed)
    ]
    return Repeated(read=len(listed), added=_take_over(listed), erasures=tuple(erasures))


def _read(numbered: tuple[int, str]) -> Listed:
    number, line = numbered
    try:
        if len(line) > _LONGEST:
            raise ValueError("it is too long")
        said: Mapping[str, Any] = json.loads(line)
        digest, lifted_at = said["digest"], said["lifted_at"]
        if len(digest) != _DIGEST or int(digest, 16) < 0:
            raise ValueError(f"{digest[:100]!r} is no pseudonym")
        return Listed(
            digest=digest,
            reason=Suppression.Reason(said["reason"]).value,
            since=_instant(said["since"]),
            lifted_at=_instant(lifted_at) if lifted_at else None,
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableFile(f"Line {number} is not of a list of suppressions: {error}") from error


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return at


def _there_again(listed: Mapping[str, Listed]) -> Iterator[list[Key]]:
    """Yield those who are there again: the identities of each profile, then those without one."""
    of_profile: dict[int, list[Key]] = {}
    for identity in Identity.objects.order_by("profile", "pk").iterator():
        key = Key(identity.namespace, identity.value)
        found = _entry(key, listed)
        if found is not None and identity.created_at < found.since:
            of_profile.setdefault(identity.profile_id, []).append(key)
    yield from of_profile.values()
    strangers = {key for key in _named_elsewhere() if _stays_out(_entry(key, listed))}
    for key in sorted(strangers.difference(*of_profile.values())):
        yield [key]


def _named_elsewhere() -> Iterator[Key]:
    """Yield the identities that rows of other tables name, whether they exist or not."""
    for _, store in stores.items():
        for model in store.models:
            if model is not Identity and {"namespace", "value"} <= _columns(model):
                pairs = model._default_manager.order_by().values_list("namespace", "value")
                yield from (Key(*pair) for pair in pairs.distinct())


def _columns(model: type[Model]) -> set[str]:
    return {field.name for field in model._meta.concrete_fields}


def _entry(key: Key, listed: Mapping[str, Listed]) -> Listed | None:
    return next((listed[each] for each in digests_of(key) if each in listed), None)


def _stays_out(entry: Listed | None) -> bool:
    return entry is not None and entry.lifted_at is None


def _take_over(listed: Mapping[str, Listed]) -> int:
    """Have the list say what it said before the restore; return how many are new."""
    added = 0
    for entry in listed.values():
        said = {"reason": entry.reason, "since": entry.since, "lifted_at": entry.lifted_at}
        _, is_new = Suppression.objects.update_or_create(digest=entry.digest, defaults=said)
        added += is_new
    return added
