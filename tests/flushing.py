"""Empties the database quickly, and as a whole, after a test with transactions of its own.

Django then finds out anew which content types and permissions there are, model by model. They are
the same each time, and put back as they were. The months that were made for events it only empties;
they are dropped, or the next test would have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections
from django.db.models.signals import post_migrate

from personalization.events.partitions import database, months

#: As Django connects the one of the two that has a name.
_PERMISSIONS = "django.contrib.auth.management.create_permissions"


class _Refill:
    """Does what follows the emptying of a database; the second time from what it has seen."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[list[ContentType], list[Permission]]] = {}

    def __call__(self, verbosity: int, interactive: bool, db: str, **options: Any) -> None:
        with connections[database()].cursor() as cursor:
            for month in months():
                cursor.execute(f"DROP TABLE {month.table}")
        types, permissions = ContentType.objects.using(db), Permission.objects.using(db)
        if db in self._seen:
            types.bulk_create(self._seen[db][0])
            permissions.bulk_create(self._seen[db][1])
            ContentType.objects.clear_cache()
            post_migrate.disconnect(create_contenttypes)
            post_migrate.disconnect(dispatch_uid=_PERMISSIONS)
        try:
            emit_post_migrate_signal(verbosity, interactive, db, **options)
        finally:
            post_migrate.connect(create_permissions, dispatch_uid=_PERMISSIONS)
            post_migrate.connect(create_contenttypes)
        self._seen.setdefault(db, ([*types.all()], [*permissions.all()]))


@pytest.fixture(scope="session", autouse=True)
def _refilled_from_what_was_seen() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "emit_post_migrate_signal", _Refill())
        yield
