"""The sequences of a version of a model: what leads to a goal, where people stop, and a segment
of those who did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from personalization import hints
from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin, may, may_view
from personalization.admin.rule_check import examine, problem_text
from personalization.admin.wording import share_words
from personalization.ml.models import ModelVersion
from personalization.ml.training.findings import Finding, NoFindings, findings_of
from personalization.rules.catalogue import Catalogue
from personalization.rules.explain import sentence
from personalization.segments.catalogue import catalogue
from personalization.segments.from_rule import add_segment_of_rule, segments_of_rule
from personalization.segments.models import Segment

View = Callable[..., HttpResponse]
_PAGE = "admin/personalization/modelversion/sequences.html"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A sequence as it stands on the page; `place` is where in the version."""

    place: int
    finding: Finding
    #: Share for whom the goal came later.
    share: str
    sentence: str
    #: What is wrong with the rule by now; it cannot be made a segment then.
    problems: Sequence[str]
    #: Segments that have the rule already.
    segments: Sequence[Segment]


def pages(model_admin: ModelAdmin) -> Mapping[str, tuple[str, View]]:
    """Return the pages of sequences, by the names of their addresses."""
    return {
        "sequences": ("<int:pk>/sequences/", partial(sequences, model_admin)),
        "sequence_segment": (
            "<int:pk>/sequences/<int:place>/segment/", partial(adopt, model_admin),
        ),
    }  # fmt: skip


def sequences(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show what leads to the goal and where people stop, each as a rule."""
    if not may_view(request, ModelVersion):
        raise PermissionDenied
    version = ModelVersion.objects.filter(pk=pk).first()
    if version is None:
        return gone(request, ModelVersion)
    try:
        shown = findings_of(version)
    except NoFindings as error:
        return _not_shown(request, version, error)
    known = catalogue()
    cards = [_card(place, finding, known) for place, finding in enumerate(shown.found)]
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": version,
        "media": model_admin.media,
        "title": _("Sequences"),
        "goal": shown.goal,
        "leading": [card for card in cards if not card.finding.stop],
        "stopping": [card for card in cards if card.finding.stop],
        "may_add": may(request, "add", Segment),
    }
    return TemplateResponse(request, _PAGE, context)


def adopt(model_admin: ModelAdmin, request: HttpRequest, pk: int, place: int) -> HttpResponse:
    """Make a segment of the rule of a sequence."""
    allowed = may_view(request, ModelVersion) and may(request, "add", Segment)
    if request.method != "POST" or not allowed:
        raise PermissionDenied
    version = ModelVersion.objects.filter(pk=pk).first()
    if version is None:
        return gone(request, ModelVersion)
    try:
        found = findings_of(version).found
    except NoFindings as error:
        return _not_shown(request, version, error)
    if place >= len(found):
        messages.warning(request, _("There is no such sequence."))
        return _to(version, "sequences")
    examined = examine(found[place].rule, slug="", catalogue=catalogue())
    if examined.problems:
        for problem in examined.problems:
            messages.error(request, problem_text(problem))
        return _to(version, "sequences")
    return _made(model_admin, request, version, found[place])


def _made(
    model_admin: ModelAdmin, request: HttpRequest, version: ModelVersion, finding: Finding
) -> HttpResponse:
    name = _("Stopped at %(step)s") if finding.stop else _("On the way: %(step)s")
    note = _("From %(version)s.") % {"version": version}
    with transaction.atomic():
        segment = add_segment_of_rule(
            finding.rule,
            name=name % {"step": finding.name},
            description=f"{note} {_why(finding)}",
            note=note,
            by=request.user,
        )
        model_admin.log_addition(request, segment, note)
    hints.hint(hints.REFRESH_SEGMENTS)
    messages.success(
        request,
        _("“%(name)s” was added. Change it to your taste; a worker fills it meanwhile.")
        % {"name": segment.name},
    )
    if not may_view(request, Segment):
        return _to(version, "sequences")
    address = reverse("admin:personalization_segment_change", args=(segment.pk,))
    return HttpResponseRedirect(address)


def _card(place: int, finding: Finding, known: Catalogue) -> Card:
    examined = examine(finding.rule, slug="", catalogue=known)
    return Card(
        place=place,
        finding=finding,
        share=share_words(finding.reached, finding.n),
        sentence=f"{sentence(examined.rule, known)}." if examined.rule else "",
        problems=[problem_text(problem) for problem in examined.problems],
        segments=segments_of_rule(finding.rule),
    )


def _why(finding: Finding) -> str:
    words = (
        _("Of %(n)s visits that came by, %(share)s reached the goal.")
        if finding.stop
        else _("Of %(n)s people who did it, %(share)s reached the goal.")
    )
    return words % {"n": finding.n, "share": share_words(finding.reached, finding.n)}


def _not_shown(request: HttpRequest, version: ModelVersion, error: NoFindings) -> HttpResponse:
    messages.error(request, str(error))
    return _to(version, "change")


def _to(version: ModelVersion, page: str) -> HttpResponse:
    address = reverse(f"admin:personalization_modelversion_{page}", args=(version.pk,))
    return HttpResponseRedirect(address)
