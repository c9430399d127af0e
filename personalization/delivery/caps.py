"""Frequency caps: whoever was shown something often enough is in a segment of the app itself.

The segment has a rule over the events `Slot Shown` and `Slot Clicked`, so that everything
comes from the machinery of segments: who left the last 24 hours leaves at that instant, a cap
that is set later counts what was shown before, and profiles that become one are one. It is
internal: people do not see it, and its slug is none that anybody could type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from personalization import hints
from personalization.events.catalogue import SLOT_CLICKED, SLOT_SHOWN
from personalization.rules.threshold import MAX_COUNT
from personalization.rules.writing import any_of, group, happened, none_of, prop, rule
from personalization.segments.models import Segment
from personalization.types import Json, JsonObject

#: What the slugs of these segments begin with.
PREFIX: Final = "cap:"
DAY: Final = "PT24H"
#: So many events a rule counts at most.
MOST: Final = MAX_COUNT


@dataclass(frozen=True)
class Counted:
    """What is true of the events in which something was `shown`, and in which it was `clicked`."""

    shown: JsonObject
    clicked: JsonObject


@dataclass(frozen=True, kw_only=True)
class Caps:
    """How often something is shown to one visitor, at most; each of them ends it by itself.

    `total` times in all. `daily` times in the last 24 hours, which slide: once the oldest of
    them is 24 hours ago, it is shown again. `ignored` times if it was never clicked: one click
    at any time, also on the last of them, and this cap is none for that visitor.
    """

    total: int | None = None
    daily: int | None = None
    ignored: int | None = None

    def __post_init__(self) -> None:
        """
        :raises ValueError: for a number that no rule can count to.
        """
        for name, times in asdict(self).items():
            if times is not None and not 1 <= times <= MOST:
                raise ValueError(
                    f"cap_{name} is {times}; a whole number from 1 to {MOST} is needed, or none."
                )

    def rule(self, counted: Counted) -> JsonObject | None:
        """Return who was shown it often enough; None: there is no cap."""
        conditions = list(self._conditions(counted))
        return rule(*conditions, combinator="or") if conditions else None

    def _conditions(self, counted: Counted) -> Iterator[Json]:
        if self.total is not None:
            yield happened(SLOT_SHOWN, times=self.total, where=counted.shown)
        if self.daily is not None:
            yield happened(SLOT_SHOWN, times=self.daily, last=DAY, where=counted.shown)
        if self.ignored is not None:
            shown = happened(SLOT_SHOWN, times=self.ignored, where=counted.shown)
            yield group(shown, none_of(happened(SLOT_CLICKED, where=counted.clicked)))


def of_slot(slug: str) -> Counted:
    """Return what counts for a slot: that it showed something but its default, and a click on
    whatever it showed, for the page need not say what that was."""
    mine = prop("slot", "=", slug)
    return Counted(group(mine, prop("variation", "matches", ".")), group(mine))


def of_candidate(key: str) -> Counted:
    """Return what counts for a candidate: that it was shown or clicked, alone or with others."""
    among = any_of(
        prop("variation", "=", key),
        prop("variation", "starts with", f"{key}+"),
        prop("variation", "ends with", f"+{key}"),
        prop("variation", "contains", f"+{key}+"),
    )
    return Counted(among, among)


def keep_cap(
    segment: Segment | None, *, slug: str, name: str, wanted: JsonObject | None
) -> Segment | None:
    """Return the segment of a cap, with the rule that is `wanted` now; None: there is none.

    The caller has it in its transaction with what is capped.
    """
    if wanted is None:
        if segment is not None:
            segment.delete()
            hints.hint(hints.REFRESH_SEGMENTS)
        return None
    segment = segment or Segment(slug=f"{PREFIX}{slug}", internal=True)
    if segment.rule != wanted:
        segment.name, segment.rule = name[:100], wanted
        segment.save()
        hints.hint(hints.REFRESH_SEGMENTS)
    return segment
