"""Rules that a version of a model has found: said on a page of it, and made segments with a click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from personalization import hints
from personalization.admin.read_only import ModelAdmin, may, may_view
from personalization.admin.rule_check import examine, problem_text
from personalization.ml.models import ModelVersion
from personalization.rules.explain import sentence
from personalization.segments.catalogue import catalogue
from personalization.segments.from_rule import add_segment_of_rule, segments_of_rules
from personalization.segments.models import Segment
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class Said:
    """A rule as it stands on a page."""

    #: In words; empty: it cannot be read any more.
    sentence: str
    #: What is wrong with it by now; it cannot be made a segment then.
    problems: Sequence[str]
    #: Segments that have it already.
    segments: Sequence[Segment]


def said_of(rules: Sequence[JsonObject]) -> list[Said]:
    """Return each of the rules as a page says it; what the site has is read once for all."""
    known = catalogue()
    said = []
    for rule, segments in zip(rules, segments_of_rules(rules), strict=True):
        found = examine(rule, slug="", catalogue=known)
        said.append(
            Said(
                sentence=f"{sentence(found.rule, known)}." if found.rule else "",
                problems=[problem_text(problem) for problem in found.problems],
                segments=segments,
            )
        )
    return said


def refuse_unless_adopting(request: HttpRequest) -> None:
    """Let only those make a segment who may, and only by a form.

    :raises PermissionDenied: for everybody else.
    """
    allowed = may_view(request, ModelVersion) and may(request, "add", Segment)
    if request.method != "POST" or not allowed:
        raise PermissionDenied


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """A segment to be made: of which rule, from which `page` of which version, and what is said
    of it. `note` tells where it is from, `why` what speaks for it."""

    version: ModelVersion
    page: str
    rule: JsonObject
    name: str
    note: str
    why: str


def adopted(model_admin: ModelAdmin, request: HttpRequest, wanted: Adoption) -> HttpResponse:
    """Make the segment and go to it; back to the page, with what is wrong, if it cannot be made."""
    examined = examine(wanted.rule, slug="", catalogue=catalogue())
    if examined.problems:
        for problem in examined.problems:
            messages.error(request, problem_text(problem))
        return to_page(wanted.version, wanted.page)
    with transaction.atomic():
        segment = add_segment_of_rule(
            wanted.rule,
            name=wanted.name,
            description=f"{wanted.note} {wanted.why}",
            note=wanted.note,
            by=request.user,
        )
        model_admin.log_addition(request, segment, wanted.note)
    hints.hint(hints.REFRESH_SEGMENTS)
    messages.success(
        request,
        _("“%(name)s” was added. Change it to your taste; a worker fills it meanwhile.")
        % {"name": segment.name},
    )
    if not may_view(request, Segment):
        return to_page(wanted.version, wanted.page)
    address = reverse("admin:personalization_segment_change", args=(segment.pk,))
    return HttpResponseRedirect(address)


def not_shown(request: HttpRequest, version: ModelVersion, error: Exception) -> HttpResponse:
    """Say why a version has no such page, on the one that it has."""
    messages.error(request, str(error))
    return to_page(version, "change")


def to_page(version: ModelVersion, page: str) -> HttpResponse:
    address = reverse(f"admin:personalization_modelversion_{page}", args=(version.pk,))
    return HttpResponseRedirect(address)
