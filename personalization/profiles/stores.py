"""Where data of people lie: each place is a store, and says how to show, erase and find it.

A package registers its own, in its `stored.py`:

    @stores.register("webhook deliveries")
    class WebhookDeliveries(Store):
        models = (WebhookDelivery,)

        def erase(self, subject: Subject) -> int:
            return _about(subject).delete()[0]

What reaches every store — erasure, what a visitor is shown and takes along, the receipt,
retention, the data map — goes through this registry and imports no package above its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.dispatch import Signal
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from personalization.profiles.identity import Key
from personalization.profiles.needles import Needles
from personalization.registry import Registry
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose data: identities, and the profiles that consist of nothing else.

    `keys` may be more than there are rows for: an id that waits in the buffer has none yet.
    `profile_ids` are empty where one device is meant of somebody with more of them; `former`
    are the numbers of profiles that were merged into those, of which logs may still tell.
    """

    keys: frozenset[Key]
    identity_ids: frozenset[int] = frozenset()
    profile_ids: frozenset[int] = frozenset()
    former: frozenset[int] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether it is all of a person, and not one device of theirs."""
        return bool(self.profile_ids)


class Store:
    """A place where data of people lie. Subclasses say what of it is theirs."""

    #: The tables; none for what is no table.
    models: ClassVar[Sequence[type[Model]]] = ()
    #: What is kept here, in a sentence that a visitor understands, and what for.
    holds: ClassVar[str | Promise] = ""
    used_for: ClassVar[str | Promise] = ""
    #: How long at most; None: as long as the profile is. `RETENTION_OF` of the site outweighs it.
    kept_for: ClassVar[timedelta | None] = None
    #: The same in words, where more is to be said; `%(span)s` is how long, and `%(retention)s`
    #: how long events are kept.
    kept_words: ClassVar[str | Promise] = ""
    #: Columns that `search` looks through itself, where not all that stands there counts.
    searched_apart: ClassVar[frozenset[str]] = frozenset()
    #: Whether a visitor is shown what is here.
    is_shown: ClassVar[bool] = True

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        """Yield what is held of the subject, as a visitor may read it."""
        return iter(())

    def erase(self, subject: Subject) -> int:
        """Delete what is held of the subject, inside of the transaction that erases.

        What other stores refer to goes after them: those registered last are asked first.

        Returns how many rows, entries or files were deleted or changed.
        """
        return 0

    def erase_slowly(self, subject: Subject) -> int:
        """The same for what takes long or is in no transaction: files, another server."""
        return 0

    def overdue(self, *, before: datetime) -> QuerySet[Any]:
        """Return the rows that are older, those that go first in front.

        A store that has no such method holds nothing that grows old by itself.
        """
        raise NotImplementedError

    def let_go(self, rows: QuerySet[Any]) -> int:
        """Delete a batch of what is overdue, inside of a transaction; return how many rows."""
        return deleted(rows)

    def search(self, needles: Needles) -> Iterator[str]:
        """Yield the places where one of the needles is found, beside the tables of `models`:
        those are searched for every store."""
        return iter(())

    def unsearched(self) -> Iterator[str]:
        """Yield the places that nobody can look through; the receipt tells of them."""
        return iter(())


def deleted(rows: QuerySet[Any]) -> int:
    """Delete the rows; return how many, without those that went along."""
    _, by_model = rows.delete()
    return by_model.get(rows.model._meta.label, 0)


#: Name → class; `Store()` needs nothing.
stores: Registry[type[Store]] = Registry("store")

#: Profiles (`profile_ids`) live on without identities that were erased (`now`), in the
#: transaction that erases: what is above sees to who they are from now on.
identities_lost = Signal()

#: Values of `used_for` that several stores share.
TO_RUN = _("to run the site safely")
TO_PERSONALIZE = _("to count and to personalize, as you agreed")
TO_PROVE = _("to prove that the law is kept")
