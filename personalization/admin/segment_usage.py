"""Where a segment is used: what would break without it."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from personalization.delivery.models import Variation
from personalization.exceptions import InvalidRule
from personalization.rules.parse import parse
from personalization.segments.models import Segment, Webhook


def segments_using(segment: Segment) -> list[Segment]:
    """Return the segments by rule, active or not, whose rule speaks of `segment`."""
    token = f"segment:{segment.slug}"
    others = Segment.objects.listed().filter(kind=Segment.Kind.RULE).exclude(pk=segment.pk)
    return [other for other in others if token in _tokens(other)]


def variations_using(segment: Segment) -> list[Variation]:
    """Return the variations shown to `segment`, with their slots."""
    return list(Variation.objects.filter(segment=segment).select_related("slot"))


def webhooks_of(segment: Segment) -> list[Webhook]:
    """Return the webhooks that are told of `segment` alone."""
    return list(Webhook.objects.filter(segment=segment))


def obstacles(segment: Segment, *, doomed: Collection[int]) -> list[str]:
    """Return what would break without `segment`, in sentences; `doomed` go along with it."""
    found = [
        _("Variation “%(name)s” of slot “%(slot)s” is shown to “%(segment)s”.")
        % {"name": variation.name, "slot": variation.slot.name, "segment": segment.name}
        for variation in variations_using(segment)
    ]
    found += [
        _("The rule of segment “%(name)s” speaks of “%(segment)s”.")
        % {"name": other.name, "segment": segment.name}
        for other in segments_using(segment)
        if other.pk not in doomed
    ]
    found += [
        _("Webhook “%(name)s” is told of “%(segment)s”.")
        % {"name": webhook.name, "segment": segment.name}
        for webhook in webhooks_of(segment)
    ]
    return found


def _tokens(segment: Segment) -> frozenset[str]:
    try:
        rule = parse(segment.rule)
    except InvalidRule:
        return frozenset()  # broken already, and for another reason
    return frozenset().union(*(leaf.depends_on() for leaf in rule.leaves()))
