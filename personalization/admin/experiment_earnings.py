"""What personalization earns: each content beside its own holdout, slots, segments, and all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from personalization.admin.experiment_earned import Earned, earned_of
from personalization.admin.experiment_problems import in_short
from personalization.admin.experiment_proposals import Advice, advice_of, holdouts_in
from personalization.admin.experiment_tables import VERDICTS
from personalization.admin.experiment_words import Names
from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin, may, may_view
from personalization.conf import settings
from personalization.delivery.contents import contents_of_slots
from personalization.delivery.models import Slot, Variation
from personalization.experiments.contents import Content
from personalization.experiments.models import Experiment, Finding
from personalization.experiments.told import result_in
from personalization.experiments.trial import GLOBAL, HELD_OUT, SHOWN
from personalization.experiments.wording import percent
from personalization.segments.models import Segment

View = Callable[..., HttpResponse]
_PAGE: Final = "admin/personalization/experiment/earnings.html"
_PROPOSALS: Final = "proposals"
#: Contents that are listed, those that earn or lose most first.
LISTED: Final = 100
HOLDOUT: Final = "holdout:"


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one content, slot or segment earns; `where` says more of it."""

    name: str
    where: str
    earned: Earned
    problems: Sequence[str]
    colour: str


def pages(model_admin: ModelAdmin) -> Mapping[str, tuple[str, View]]:
    """Return the page and what is asked on it, by the names of the addresses."""
    return {
        "earnings": ("earnings/", partial(earnings, model_admin)),
        "pause": ("earnings/pause/<int:pk>/", partial(pause, model_admin)),
    }


def earnings(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show what is earned, and what is proposed."""
    if not may_view(request, Experiment):
        raise PermissionDenied
    findings = {one.subject: one for one in _findings()}
    proposed = findings[_PROPOSALS].content if _PROPOSALS in findings else {}
    shown = {one.removeprefix(HOLDOUT) for one in findings if one.startswith(HOLDOUT)}
    contents = contents_of_slots(shown | holdouts_in(proposed))
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "title": _("What it earns"),
        "all": _line(findings[GLOBAL], _("All of it")) if GLOBAL in findings else None,
        "groups": _groups(findings, contents),
        "advice": _advice(request, proposed, contents),
        "computed_at": _newest(findings.values()),
        "holdout": percent(settings.HOLDOUT),
        "global_holdout": percent(settings.GLOBAL_HOLDOUT),
        "nobody": not settings.HOLDOUT and not settings.GLOBAL_HOLDOUT,
    }
    return TemplateResponse(request, _PAGE, context)


def pause(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show a content to nobody any more."""
    if request.method != "POST" or not may(request, "change", Variation):
        raise PermissionDenied
    variation = Variation.objects.filter(pk=pk).first()
    if variation is None:
        return gone(request, Slot)
    if variation.active:
        variation.active = False
        variation.save()
        model_admin.log_change(request, variation, _("Paused for what it loses"))
        words = _("“%(name)s” is paused: its visitors see what is next, or the default.")
    else:
        words = _("“%(name)s” was paused before.")
    messages.success(request, words % {"name": variation})
    return HttpResponseRedirect(reverse("admin:personalization_experiment_earnings"))


def _findings() -> list[Finding]:
    """Return the findings about what is earned, and the proposals (one query)."""
    rows = Finding.objects.exclude(subject__startswith="experiment:")
    return list(rows.exclude(subject__startswith="policies:"))


def _newest(findings: Any) -> datetime | None:
    return max((one.computed_at for one in findings), default=None)


def _groups(
    findings: Mapping[str, Finding], contents: Mapping[str, Content]
) -> list[tuple[str, list[Line]]]:
    slots = dict(Slot.objects.values_list("slug", "name"))
    segments = dict(Segment.objects.listed().values_list("slug", "name"))
    by_slot = [_of_group("slot", one, slots) for one in findings.values()]
    by_segment = [_of_group("segment", one, segments) for one in findings.values()]
    of_contents = [
        _of_content(one, contents) for one in findings.values() if one.subject.startswith(HOLDOUT)
    ]
    groups = (
        (_("Slots"), [line for line in by_slot if line is not None]),
        (_("Segments"), [line for line in by_segment if line is not None]),
        (_("Contents"), of_contents),
    )
    return [(name, sorted(lines, key=_rank)[:LISTED]) for name, lines in groups if lines]


def _rank(line: Line) -> tuple[bool, float, str]:
    """Order by what is earned or lost most; what is not known comes last."""
    gained = line.earned.gained
    return gained is None, -abs(gained or 0.0), line.name


def _of_group(kind: str, finding: Finding, names: Mapping[str, str]) -> Line | None:
    told, _colon, slug = finding.subject.partition(":")
    return _line(finding, names.get(slug, slug)) if told == kind else None


def _of_content(finding: Finding, contents: Mapping[str, Content]) -> Line:
    name = finding.subject.removeprefix(HOLDOUT)
    content = contents.get(name)
    if content is None:
        return _line(finding, name, where=_("not there any more"))
    where = _("%(slot)s, for %(segments)s") % {
        "slot": content.slot,
        "segments": ", ".join(content.segments),
    }
    return _line(finding, content.words, where=where)


def _line(finding: Finding, name: str, *, where: str = "") -> Line:
    result, names = result_in(finding), holdout_names()
    earned = earned_of(result)
    metrics = {one.metric: one.name for one in result.metrics} if result else {}
    problems = in_short(result.problems if result else (), names, metrics)
    if finding.error:
        problems.append(_("The last update failed: %(error)s") % {"error": finding.error})
    return Line(
        name=name, where=where, earned=earned, problems=problems,
        colour=VERDICTS[earned.verdict],
    )  # fmt: skip


def holdout_names() -> Names:
    """Return what the arms of a holdout are called."""
    return Names({SHOWN: _("who sees it"), HELD_OUT: _("who is held out")})


def _advice(
    request: HttpRequest, proposed: Any, contents: Mapping[str, Content]
) -> Sequence[Advice]:
    return advice_of(
        proposed,
        contents=contents,
        may_pause=may(request, "change", Variation),
        may_stop=request.user.has_perm("personalization.run_experiment"),
    )
