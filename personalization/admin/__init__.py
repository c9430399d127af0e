"""The admin pages: imported one by one, so that Django's autodiscovery registers them."""

from __future__ import annotations

from personalization.admin import (
    dead_letters,
    delivery,
    events,
    merges,
    privacy,
    profiles,
    schemas,
    segments,
    sources,
    suggestions,
)

__all__ = [
    "dead_letters", "delivery", "events", "merges", "privacy", "profiles", "schemas", "segments",
    "sources", "suggestions",
]  # fmt: skip
