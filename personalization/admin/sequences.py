"""The sequences of a version of a model: what leads to a goal, where people stop, and a segment
of those who did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from personalization.admin.found_rules import (
    Adoption,
    Said,
    adopted,
    not_shown,
    refuse_unless_adopting,
    said_of,
    to_page,
)
from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin, may, may_view
from personalization.admin.wording import share_words
from personalization.ml.models import ModelVersion
from personalization.ml.training.findings import Finding, NoFindings, findings_of
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
    said: Said


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
        return not_shown(request, version, error)
    cards = _cards(shown.found)
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
    refuse_unless_adopting(request)
    version = ModelVersion.objects.filter(pk=pk).first()
    if version is None:
        return gone(request, ModelVersion)
    try:
        found = findings_of(version).found
    except NoFindings as error:
        return not_shown(request, version, error)
    if place >= len(found):
        messages.warning(request, _("There is no such sequence."))
        return to_page(version, "sequences")
    finding = found[place]
    name = _("Stopped at %(step)s") if finding.stop else _("On the way: %(step)s")
    wanted = Adoption(
        version=version,
        page="sequences",
        rule=finding.rule,
        name=name % {"step": finding.name},
        note=_("From %(version)s.") % {"version": version},
        why=_why(finding),
    )
    return adopted(model_admin, request, wanted)


def _cards(found: Sequence[Finding]) -> list[Card]:
    said = said_of([finding.rule for finding in found])
    return [
        Card(
            place=place,
            finding=finding,
            share=share_words(finding.reached, finding.n),
            said=said[place],
        )
        for place, finding in enumerate(found)
    ]


def _why(finding: Finding) -> str:
    words = (
        _("Of %(n)s visits that came by, %(share)s reached the goal.")
        if finding.stop
        else _("Of %(n)s people who did it, %(share)s reached the goal.")
    )
    return words % {"n": finding.n, "share": share_words(finding.reached, finding.n)}
