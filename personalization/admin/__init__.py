"""The admin pages: imported one by one, so that Django's autodiscovery registers them."""

from __future__ import annotations

from personalization.admin import (
    dead_letters,
    delivery,
    events,
    privacy,
    profiles,
    schemas,
    segments,
    sources,
)

__all__ = [
    "dead_letters", "delivery", "events", "privacy", "profiles", "schemas", "segments", "sources",
]  # fmt: skip
