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
from personalization.ml.training.findings import Finding, NoFindings, Onward, findings_of
from personalization.segments.models import Segment

View = Callable[..., HttpResponse]
#: What shares are counted in: as little as one part is not nothing.
_PARTS = 1_000_000
_PAGE = "admin/personalization/modelversion/sequences.html"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A sequence as it stands on the page; `place` is where in the version."""

    place: int
    finding: Finding
    #: Share for whom the goal came later; how likely so much is by chance.
    share: str
    chance: str
    #: Where visits end: their share here, that of others, and where the rest went.
    ended: str
    usual: str
    ways: Sequence[Way]
    said: Said


@dataclass(frozen=True, kw_only=True)
class Way:
    """A step that comes next, with its share."""

    step: str
    share: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """What comes after a step, as it stands on the page."""

    onward: Onward
    ways: Sequence[Way]
    ends: str
    reaches: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """How often the next step was told right, and by always saying the most usual one."""

    right: str
    usual: str


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
        "rows": [_row(each) for each in shown.onward],
        "told": _told(version.metrics),
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
            chance=_percent(max(finding.chance, 1 / _PARTS)),
            ended=share_words(finding.ended, finding.n),
            usual=_percent(finding.usual),
            ways=_ways(finding.ways),
            said=said[place],
        )
        for place, finding in enumerate(found)
    ]


def _row(onward: Onward) -> Row:
    return Row(
        onward=onward,
        ways=_ways(onward.next),
        ends=_percent(onward.ends),
        reaches="–" if onward.reaches is None else _percent(onward.reaches),
    )


def _ways(found: Sequence[tuple[str, float]]) -> list[Way]:
    return [Way(step=step, share=_percent(share)) for step, share in found]


def _told(metrics: Mapping[str, float]) -> Told | None:
    if "next_step" not in metrics:
        return None
    return Told(right=_percent(metrics["next_step"]), usual=_percent(metrics["usual.next_step"]))


def _percent(share: float) -> str:
    return share_words(round(share * _PARTS), _PARTS)


def _why(finding: Finding) -> str:
    words = (
        _("Of %(n)s visits that came by, %(share)s reached the goal.")
        if finding.stop
        else _("Of %(n)s people who did it, %(share)s reached the goal.")
    )
    return words % {"n": finding.n, "share": share_words(finding.reached, finding.n)}
