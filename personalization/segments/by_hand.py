"""What memberships kept by hand follow: nothing but the end of their segment."""

from __future__ import annotations

from personalization.types import Microseconds

_END = " until "


def by_hand_meaning(ends_at: Microseconds | None) -> str:
    """Return what a version kept by hand means, in the place of the digest of a rule."""
    return "by hand" if ends_at is None else f"by hand{_END}{ends_at}"


def end_by_hand(meaning: str) -> Microseconds | None:
    """Return the end of the segment in the meaning of a version kept by hand."""
    end = meaning.rpartition(_END)[2] if _END in meaning else ""
    return int(end) if end else None
