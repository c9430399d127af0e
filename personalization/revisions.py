"""What pages are decided by, kept in memory by every process, and the numbers that tell of changes."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.clock import microseconds


class Revision(models.Model):
    """Numbers that changes raise: one row for the published configuration, two for items.

    Processes keep segments, slots and variations in memory and reload them when
    the number that comes along with a snapshot is not theirs; so they do with items.
    Numbers follow the clock: one that was rolled back does not come again with other content.
    """

    #: Of the published configuration; of what was written of items, and of those deleted.
    ID, ITEMS, DELETED_ITEMS = 1, 2, 3

    number = models.PositiveBigIntegerField(default=1)

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def raise_number(cls, pk: int = ID) -> None:
        clock = microseconds(timezone.now())
        later = Greatest(F("number") + 1, Value(clock))
        row = cls.objects.filter(pk=pk)
        if not row.update(number=later):
            cls.objects.get_or_create(pk=pk, defaults={"number": 0})  # perhaps another has just
            row.update(number=later)

    @classmethod
    def next_number(cls, pk: int) -> int:
        """Raise a number and return it; until the end of the transaction nobody else can."""
        cls.raise_number(pk)
        return cls.objects.get(pk=pk).number


P = TypeVar("P", bound="Published")


class PublishedQuerySet(models.QuerySet[P]):
    """Deleting in bulk, as the admin does, raises the revision too. `update` does not."""

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete()
            Revision.raise_number()
        return deleted


class Published(models.Model):
    """Base of what a page is decided by: each change raises the revision.

    Those derived from it are managed by a `PublishedQuerySet`.
    """

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            super().save(*args, **kwargs)
            Revision.raise_number()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            Revision.raise_number()
        return deleted
