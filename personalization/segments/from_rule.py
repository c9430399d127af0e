"""Segments that are made of a rule which something else has found, such as a model."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.utils.text import slugify

from personalization.segments.from_template import free_slug
from personalization.segments.models import Segment
from personalization.segments.versions import credit
from personalization.types import JsonObject

#: Room for a number behind it.
_LONGEST = 45
#: What there is room for in a name, and in a note; what is longer is cut.
_NAME, _NOTE = 100, 200


def segments_of_rules(rules: Sequence[JsonObject]) -> list[list[Segment]]:
    """Return for each of the rules the segments that have this very rule, the newest first (one
    query for all)."""
    by_rule = Segment.objects.listed().filter(kind=Segment.Kind.RULE).order_by("-pk")
    there = list(by_rule.only("pk", "name", "rule"))
    return [[each for each in there if each.rule == rule] for rule in rules]


@transaction.atomic
def add_segment_of_rule(
    rule: JsonObject,
    *,
    name: str,
    description: str,
    note: str,
    by: AbstractBaseUser | AnonymousUser,
) -> Segment:
    """Make a segment of a checked rule, under a slug that is free, and note who did and why."""
    segment = Segment.objects.create(
        name=name[:_NAME],
        slug=free_slug(slugify(name)[:_LONGEST].strip("-") or "group"),
        description=description,
        kind=Segment.Kind.RULE,
        rule=rule,
    )
    credit(segment, after=0, by=by, note=note[:_NOTE])
    return segment
