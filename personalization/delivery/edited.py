"""Blocks that editors build on the pages of a CMS, shown as those of a template are.

A segment that went away under a page is no mistake of its templates, so nobody is stopped, and
whoever edits the page is told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.conf import settings as django_settings
from django.http import HttpRequest
from django.utils.safestring import SafeString

from personalization import metrics
from personalization.conf import settings
from personalization.delivery.block import Body, PersonalizedBlock, request_of
from personalization.delivery.options import Options
from personalization.delivery.published import NOTHING, Candidate
from personalization.delivery.render import DEFERRED
from personalization.delivery.visitor import Visitor, visitor_of


class EditedBlock(PersonalizedBlock):
    """Shows its default whatever fails, also while a site is made: nobody edits at a traceback."""

    stops_at_mistakes = False


def render_edited(
    slot: str,
    default: Body,
    variants: Sequence[tuple[Candidate, Body]],
    options: Options,
    context: Any,
) -> SafeString:
    """Return what the visitor of the page gets of a block; `context` has the request."""
    request = request_of(context)
    candidates = [candidate for candidate, _ in variants]
    alive = living(candidates, request)
    contents = [variant for variant in variants if variant[0] in alive]
    content = EditedBlock(slot, default, contents, options).render(context)
    visitor = visitor_of(request)
    if visitor is not None and (options.mode or settings.DELIVERY) != DEFERRED:
        count_missing(candidates, visitor)
    return content


def living(candidates: Sequence[Candidate], request: HttpRequest | None) -> list[Candidate]:
    """Return the candidates; while a site is made, without those that are for nobody.

    There DEBUG stops at what a template names and does not exist.
    """
    visitor = visitor_of(request) if django_settings.DEBUG else None
    known = None if visitor is None else visitor.published_segments
    if known is None:
        return list(candidates)
    return [one for one in candidates if not missing(one, known)]


def count_missing(candidates: Sequence[Candidate], visitor: Visitor) -> None:
    """Count the candidates that name a segment which went away under the page."""
    published = visitor.published if visitor.known else NOTHING
    if published.revision:  # else nothing was read: of nobody, or because it failed
        lost = sum(bool(missing(one, published.segments)) for one in candidates)
        metrics.count("slots.segment_missing", by=lost)


def missing(candidate: Candidate, published: Collection[str]) -> list[str]:
    """Return the segments that the candidate names and that do not live."""
    return [slug for slug in candidate.segments if slug not in published]
