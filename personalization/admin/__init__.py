"""The admin pages: imported one by one, so that Django's autodiscovery registers them."""

from __future__ import annotations

from personalization.admin import delivery, events, privacy, profiles, segments, sources

__all__ = ["delivery", "events", "privacy", "profiles", "segments", "sources"]
