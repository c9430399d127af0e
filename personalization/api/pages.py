"""Lists a page at a time: by a cursor that a client only hands back.

A cursor is the key of the last entry, so that entries which come or go meanwhile neither
repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from personalization.exceptions import RequestRejected

USUAL, MOST = 100, 1000
#: No key of a database is larger.
_LARGEST = 2**63 - 1

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Page:
    """Which part of a list is asked for: `size` entries whose keys are greater than `after`."""

    after: int
    size: int

    @property
    def wanted(self) -> int:
        """How many to read: one more tells whether there is a next page."""
        return self.size + 1

    def cut(self, found: Sequence[T], key: Callable[[T], int]) -> tuple[Sequence[T], str | None]:
        """Return the entries of the page, and the cursor of the next one if there is one."""
        entries = found[: self.size]
        if len(found) <= self.size:
            return entries, None
        return entries, _cursor(key(entries[-1]))


def read_page(query: Mapping[str, str]) -> Page:
    """Return the page that `limit` and `cursor` ask for.

    :raises RequestRejected: when one of them cannot be read.
    """
    return Page(after=_after(query.get("cursor", "")), size=_size(query.get("limit", "")))


def _size(text: str) -> int:
    if not text:
        return USUAL
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= size <= MOST:
        raise RequestRejected(
            f"limit is {text[:20]!r}; 1 to {MOST} are allowed.", code="invalid_limit"
        )
    return size


def _cursor(key: int) -> str:
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def _after(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        key = ""
    if not key.isdigit() or len(key) > 19 or int(key) > _LARGEST:
        raise RequestRejected(
            f"cursor is {cursor[:50]!r}, which no answer has said.", code="invalid_cursor"
        )
    return int(key)
