"""Rows as the people they are about may read them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from personalization.types import Json, JsonObject

#: Rows that are read at a time.
_CHUNK = 2_000


def told(rows: QuerySet[Any], *names: str, **renamed: str) -> Iterator[JsonObject]:
    """Yield the fields called `names` of each row, and those `renamed` under the name given,
    the oldest row first; what is empty is left out."""
    fields = dict(zip(names, names, strict=True)) | renamed
    for row in rows.order_by("pk").values(*fields.values()).iterator(_CHUNK):
        yield {name: _told(row[field]) for name, field in fields.items() if _says(row[field])}


def _says(value: object) -> bool:
    return value is not None and value not in ("", [], {})


def _told(value: Any) -> Json:
    return value.isoformat() if isinstance(value, datetime) else value
