"""Who is suppressed, and what keeps a worker in the middle from bringing the erased back.

On PostgreSQL, whoever creates identities or stores events shares one lock until commit, and
who erases holds it alone: a worker has committed before the erasure looks, or it begins after
it and sees who is suppressed. In an embedded database there is one writer at a time anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from django.db import connections, router

from personalization import keys as site_keys
from personalization.profiles.models import Identity
from personalization.profiles.suppressions import Suppression

KIND = "identity"
#: The lock's number; any will do that nobody else of the database uses.
_LOCK = 7_390_145_201_887
#: Databases bound how many parameters a statement has.
_CHUNK = 5_000


class Named(Protocol):
    """What an identity is known by: a `Key`, or the identity itself."""

    @property
    def namespace(self) -> str: ...
    @property
    def value(self) -> str: ...


N = TypeVar("N", bound=Named)


def digest_of(key: Named) -> str:
    """Return what stands for the identity on the list."""
    return site_keys.pseudonym(KIND, key.namespace, key.value)


def digests_of(key: Named) -> tuple[str, ...]:
    """Return the same by every key of the site that still counts."""
    return site_keys.pseudonyms(KIND, key.namespace, key.value)


def suppressed(keys: Iterable[N]) -> Mapping[N, Suppression]:
    """Return those of the identities that are on the list, also those that came back."""
    by_digest = {digest: key for key in keys for digest in digests_of(key)}
    wanted, found = list(by_digest), dict[N, Suppression]()
    for start in range(0, len(wanted), _CHUNK):
        for row in Suppression.objects.filter(digest__in=wanted[start : start + _CHUNK]):
            found[by_digest[row.digest]] = row
    return found


def bars(suppression: Suppression, *, at: datetime) -> bool:
    """Return whether what happened `at` that time is not to be kept."""
    return suppression.lifted_at is None or at <= suppression.lifted_at


def suppress(
    keys: Iterable[Named], *, reason: Suppression.Reason, now: datetime, by: Any = None
) -> list[str]:
    """Put the identities on the list; return their pseudonyms.

    Who was there already stays for the reason that weighs more: the operator's.
    """
    keys = list(dict.fromkeys(keys))
    known = suppressed(keys)
    for key in keys:
        row = known.get(key) or Suppression(digest=digest_of(key), reason=reason)
        if reason == Suppression.Reason.OPERATOR:
            row.reason = reason
        row.since, row.lifted_at, row.by = now, None, by
        row.save()
    return [known[key].digest if key in known else digest_of(key) for key in keys]


def come_back(key: Named, *, now: datetime) -> None:
    """Take in that the person agreed anew: what follows is kept, what happened before is not.

    The id of a browser never comes back: whoever shows it gets a new one. And whom an operator
    put on the list, only an operator takes off it.
    """
    if key.namespace != Identity.ANONYMOUS:
        erased = Suppression.objects.filter(reason=Suppression.Reason.ERASED, lifted_at=None)
        erased.filter(digest__in=digests_of(key)).update(lifted_at=now)


def share() -> None:
    """Keep erasures waiting until the end of this transaction."""
    _lock("pg_advisory_xact_lock_shared")


def hold_alone() -> None:
    """Wait for all that share the lock, and keep them out until the end of this transaction."""
    _lock("pg_advisory_xact_lock")


def _lock(function: str) -> None:
    connection = connections[router.db_for_write(Suppression)]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_LOCK])
