"""What a report counts: sizes of segments, or how far visitors get along steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, TypeAlias

from django.utils.translation import gettext as _

from personalization.exceptions import PersonalizationError
from personalization.reports.models import Report
from personalization.types import JsonObject

#: One person can be in so many counts of a report: the more, the more noise each has.
MOST = 20


class DefinitionRejected(PersonalizationError):
    """This cannot be counted."""


@dataclass(frozen=True, kw_only=True)
class SegmentSizes:
    """How many are in each of the segments, by slug, when it is published."""

    slugs: tuple[str, ...]

    kind: ClassVar = Report.Kind.SEGMENTS

    def __post_init__(self) -> None:
        _check_names(self.slugs, least=1)
        if len(set(self.slugs)) < len(self.slugs):
            raise DefinitionRejected(_("A segment is named twice."))

    @property
    def changes(self) -> int:
        """Return by how much one person can change all counts together.

        They may be in every segment, and count once in each.
        """
        return len(self.slugs)

    def as_json(self) -> JsonObject:
        return {"segments": list(self.slugs)}


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """How many did the first step, and then the next ones, in this order.

    `steps` are names of events, which lie in the span from `since` until `until` (half-open);
    the last step of somebody is at most `window` after their first.
    """

    steps: tuple[str, ...]
    window: timedelta
    since: datetime
    until: datetime

    kind: ClassVar = Report.Kind.FUNNEL

    def __post_init__(self) -> None:
        _check_names(self.steps, least=2)
        if self.window <= timedelta(0):
            raise DefinitionRejected(_("The steps have to have some time."))
        if self.until <= self.since:
            raise DefinitionRejected(_("The span ends before it begins."))

    @property
    def changes(self) -> int:
        """Return by how much one person can change all counts together.

        They may get to the last step, and count once in each, however often they do it.
        """
        return len(self.steps)

    def as_json(self) -> JsonObject:
        return {
            "steps": list(self.steps),
            "windowSeconds": self.window.total_seconds(),
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
        }


Definition: TypeAlias = SegmentSizes | Funnel


def _check_names(names: Sequence[str], *, least: int) -> None:
    if not least <= len(names) <= MOST:
        raise DefinitionRejected(
            _("There are %(n)s counts; a report has from %(least)s to %(most)s.")
            % {"n": len(names), "least": least, "most": MOST}
        )
    if not all(names):
        raise DefinitionRejected(_("A name is empty."))
