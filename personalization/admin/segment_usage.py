"""Where a segment is used: what would break without it."""

from __future__ import annotations

from personalization.delivery.models import Variation
from personalization.exceptions import InvalidRule
from personalization.rules.parse import parse
from personalization.segments.models import Segment


def segments_using(segment: Segment) -> list[Segment]:
    """Return the segments by rule, active or not, whose rule speaks of `segment`."""
    token = f"segment:{segment.slug}"
    others = Segment.objects.filter(kind=Segment.Kind.RULE).exclude(pk=segment.pk)
    return [other for other in others if token in _tokens(other)]


def variations_using(segment: Segment) -> list[Variation]:
    """Return the variations shown to `segment`, with their slots."""
    return list(Variation.objects.filter(segment=segment).select_related("slot"))


def _tokens(segment: Segment) -> frozenset[str]:
    try:
        rule = parse(segment.rule)
    except InvalidRule:
        return frozenset()  # broken already, and for another reason
    return frozenset().union(*(leaf.depends_on() for leaf in rule.leaves()))
