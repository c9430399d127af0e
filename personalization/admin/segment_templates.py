"""Ready segments, added with a click: one, or a whole chapter of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from personalization import hints
from personalization.admin.read_only import ModelAdmin
from personalization.admin.rule_check import examine, problem_text
from personalization.rules.catalogue import Catalogue
from personalization.rules.explain import sentence
from personalization.rules.leaves.fields import FeatureLeaf
from personalization.rules.nodes import Rule
from personalization.rules.parse import parse
from personalization.segments.catalogue import catalogue
from personalization.segments.from_template import add_segment, made_of
from personalization.segments.models import Segment
from personalization.segments.templates import (
    CHAPTERS,
    TEMPLATES,
    Template,
    template_called,
    templates_of,
)

_PAGE = "admin/personalization/segment/templates.html"
#: Chapters that make sense as a whole: everybody who ordered is in one segment of the grid.
_WHOLE = ("rfm", "lifecycle", "personas")


@dataclass(frozen=True, kw_only=True)
class Card:
    """A template as it stands on the page; `segment` was made of it."""

    template: Template
    sentence: str
    segment: Segment | None


@dataclass(frozen=True, kw_only=True)
class Chapter:
    name: str
    title: str
    cards: Sequence[Card]
    #: How many are still to be added, where all of them can be added at once.
    missing: int


def templates(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show the templates; add the one that is posted, or those of a chapter."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    if request.method == "POST":
        if "chapter" in request.POST:
            return _add_chapter(model_admin, request, request.POST["chapter"])
        return _add_one(model_admin, request, request.POST.get("template", ""))
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Add a segment from a template"),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "chapters": chapters(catalogue()),
    }
    return TemplateResponse(request, _PAGE, context)


def chapters(known: Catalogue) -> Sequence[Chapter]:
    """Return all there is, by chapter (one query)."""
    made = made_of(TEMPLATES)
    return [_chapter(name, str(title), made, known) for name, title in CHAPTERS.items()]


def _chapter(name: str, title: str, made: Mapping[str, Segment], known: Catalogue) -> Chapter:
    cards = [
        Card(
            template=template,
            sentence=f"{_in_words(parse(template.rule), known)}.",
            segment=made.get(template.slug),
        )
        for template in templates_of(name)
    ]
    missing = sum(card.segment is None for card in cards) if name in _WHOLE else 0
    return Chapter(name=name, title=title, cards=cards, missing=missing)


def _in_words(rule: Rule, known: Catalogue) -> str:
    """Return the rule as a sentence; of a value of a feature, also the rule that gives it."""
    words = sentence(rule, known)
    leaves = list(rule.leaves())
    if len(leaves) != 1 or not isinstance(leaves[0], FeatureLeaf) or leaves[0].derived is None:
        return words
    comparison = leaves[0].test.comparison
    meant = [case for case in leaves[0].derived.cases if comparison.holds(case.value)]
    said = (sentence(Rule(case.group), known).removeprefix("Visitors ") for case in meant)
    return f"{words}: {' or '.join(said)}"


def _add_one(model_admin: ModelAdmin, request: HttpRequest, slug: str) -> HttpResponse:
    template = template_called(slug)
    if template is None:
        messages.warning(request, _("There is no such template."))
        return _back(model_admin)
    added = _added([template], model_admin, request)
    if not added:
        return _back(model_admin)
    messages.success(
        request,
        _("“%(name)s” was added. Change it to your taste; a worker fills it meanwhile.")
        % {"name": added[0].name},
    )
    if not model_admin.has_view_or_change_permission(request, added[0]):
        return HttpResponseRedirect(reverse("admin:index", current_app=model_admin.admin_site.name))
    return HttpResponseRedirect(_address(model_admin, "change", added[0].pk))


def _add_chapter(model_admin: ModelAdmin, request: HttpRequest, name: str) -> HttpResponse:
    """Add those of the chapter that no segment was made of yet."""
    found = templates_of(name) if name in _WHOLE else []
    if not found:
        messages.warning(request, _("There are no such templates."))
        return _back(model_admin)
    made = made_of(found)
    missing = [template for template in found if template.slug not in made]
    n = len(_added(missing, model_admin, request))
    if n or not missing:
        words = ngettext("%(n)s segment was added.", "%(n)s segments were added.", n)
        messages.success(request, words % {"n": n})
    return _back(model_admin)


def _added(
    wanted: Sequence[Template], model_admin: ModelAdmin, request: HttpRequest
) -> list[Segment]:
    """Add the segments, all or none: a template cannot be used where it looks further back
    than events are kept."""
    known = catalogue()
    problems = [
        f"{template.name}: {problem_text(problem)}"
        for template in wanted
        for problem in examine(template.rule, slug="", catalogue=known).problems
    ]
    for words in problems:
        messages.error(request, words)
    if problems:
        return []
    with transaction.atomic():
        segments = [add_segment(template, by=request.user) for template in wanted]
        for segment in segments:
            model_admin.log_addition(request, segment, _("From a template."))
    hints.hint(hints.REFRESH_SEGMENTS)
    return segments


def _back(model_admin: ModelAdmin) -> HttpResponse:
    return HttpResponseRedirect(_address(model_admin, "templates"))


def _address(model_admin: ModelAdmin, name: str, *args: int) -> str:
    return reverse(
        f"admin:personalization_segment_{name}",
        args=args,
        current_app=model_admin.admin_site.name,
    )
