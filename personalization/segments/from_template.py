"""Segments that are made of templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, count

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.utils.translation import gettext

from personalization.segments.models import Segment
from personalization.segments.templates import Template
from personalization.segments.versions import credit


def made_of(templates: Iterable[Template]) -> Mapping[str, Segment]:
    """Return the segments whose rule is still that of a template, by its slug (one query)."""
    by_rule = Segment.objects.listed().filter(kind=Segment.Kind.RULE).order_by("-pk")
    segments = list(by_rule.only("pk", "name", "rule"))
    return {
        template.slug: segment
        for template in templates
        for segment in segments
        if segment.rule == template.rule
    }


@transaction.atomic
def add_segment(template: Template, *, by: AbstractBaseUser | AnonymousUser) -> Segment:
    """Make a segment of the template, under a slug that is free, and note who did."""
    segment = Segment.objects.create(
        name=template.name,
        slug=free_slug(template.slug),
        description=template.description,
        kind=Segment.Kind.RULE,
        rule=template.rule,
    )
    credit(segment, after=0, by=by, note=gettext("From a template."))
    return segment


def free_slug(slug: str) -> str:
    """Return the slug, or one that begins like it, which no segment has."""
    taken = set(Segment.objects.filter(slug__startswith=slug).values_list("slug", flat=True))
    numbered = (f"{slug}-{number}" for number in count(2))
    return next(each for each in chain([slug], numbered) if each not in taken)
