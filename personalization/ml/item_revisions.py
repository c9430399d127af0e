"""The number that each write of items raises, by which processes notice which of them changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from django.db import models, transaction

from personalization.revisions import Revision


class ItemsRevision(NamedTuple):
    """How far items have changed: the number of the last write, and that of the last deletion."""

    written: int = 0
    deleted: int = 0


def items_revision() -> ItemsRevision:
    """Return it as it stands (one query, by primary keys)."""
    both = (Revision.ITEMS, Revision.DELETED_ITEMS)
    found = dict(Revision.objects.filter(pk__in=both).values_list("pk", "number"))
    return ItemsRevision(*(found.get(pk, 0) for pk in both))


@contextmanager
def next_revision() -> Iterator[int]:
    """Yield the number of what is written inside, all in one transaction.

    Who writes items next waits for the end of that: so whoever has seen a number has seen all
    that was written by a lower one, however long a transaction took.
    """
    with transaction.atomic():
        yield Revision.next_number(Revision.ITEMS)


T = TypeVar("T", bound=models.Model)


class RevisedQuerySet(models.QuerySet[T]):
    """Whatever writes in bulk raises the number, too."""

    def update(self, **values: Any) -> int:
        with next_revision() as revision:
            return super().update(**{**values, "revision": revision})

    def delete(self) -> tuple[int, dict[str, int]]:
        with next_revision():
            Revision.next_number(Revision.DELETED_ITEMS)
            return super().delete()

    def bulk_create(self, objs: Iterable[T], *args: Any, **options: Any) -> list[T]:
        items = list(objs)
        with next_revision() as revision:
            for item in items:
                item.revision = revision  # type: ignore[attr-defined] # an item has one
            if fields := options.get("update_fields"):
                options["update_fields"] = [*{*fields, "revision"}]
            return super().bulk_create(items, *args, **options)
