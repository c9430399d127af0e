"""The groups of a version of a model: what they look like, who is in them, and a segment of one."""

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
from personalization.ml.serving.published import GROUPED
from personalization.ml.training.groups import GroupShown, NoGroups, SaidRule, groups_of
from personalization.rules.catalogue import Catalogue
from personalization.rules.explain import sentence
from personalization.segments.catalogue import catalogue
from personalization.segments.from_rule import add_segment_of_rule, segments_of_rule
from personalization.segments.models import Segment

View = Callable[..., HttpResponse]
#: Share of the visitors from which it is worth a word that they are in no group.
_SOME = 0.0005
_PAGE = "admin/personalization/modelversion/groups.html"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A group as it stands on the page."""

    group: GroupShown
    #: Its share of the visitors, and how far its rule finds it, in percent.
    share: str
    precision: str = ""
    recall: str = ""
    #: Its rule in words; empty: it has none.
    sentence: str = ""
    #: What is wrong with the rule by now; it cannot be made a segment then.
    problems: Sequence[str] = ()
    #: Segments that have the rule already.
    segments: Sequence[Segment] = ()


def pages(model_admin: ModelAdmin) -> Mapping[str, tuple[str, View]]:
    """Return the pages of groups, by the names of their addresses."""
    return {
        "groups": ("<int:pk>/groups/", partial(groups, model_admin)),
        "group_segment": ("<int:pk>/groups/<int:one>/segment/", partial(adopt, model_admin)),
    }


def has_groups(version: ModelVersion) -> bool:
    """Return whether there is a page of groups for the version."""
    return version.algorithm == GROUPED and bool(version.checksum)


def groups(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show the groups of a version: names, sizes, pictures, and each as a rule."""
    if not may_view(request, ModelVersion):
        raise PermissionDenied
    version = ModelVersion.objects.filter(pk=pk).first()
    if version is None:
        return gone(request, ModelVersion)
    try:
        shown = groups_of(version)
    except NoGroups as error:
        return _not_shown(request, version, error)
    known = catalogue()
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": version,
        "media": model_admin.media,
        "title": _("Groups"),
        "shown": shown,
        "outside": _percent(shown.outside) if shown.outside >= _SOME else "",
        "cards": [_card(group, known) for group in shown.groups],
        "may_add": may(request, "add", Segment),
    }
    return TemplateResponse(request, _PAGE, context)


def adopt(model_admin: ModelAdmin, request: HttpRequest, pk: int, one: int) -> HttpResponse:
    """Make a segment of the rule that says a group."""
    allowed = may_view(request, ModelVersion) and may(request, "add", Segment)
    if request.method != "POST" or not allowed:
        raise PermissionDenied
    version = ModelVersion.objects.filter(pk=pk).first()
    if version is None:
        return gone(request, ModelVersion)
    try:
        shown = groups_of(version)
    except NoGroups as error:
        return _not_shown(request, version, error)
    group = next((each for each in shown.groups if each.id == one), None)
    if group is None or group.said is None:
        messages.warning(request, _("There is no rule for such a group."))
        return _to(version, "groups")
    found = examine(group.said.rule, slug="", catalogue=catalogue())
    if found.problems:
        for problem in found.problems:
            messages.error(request, problem_text(problem))
        return _to(version, "groups")
    return _made(model_admin, request, version, group, group.said)


def _made(
    model_admin: ModelAdmin,
    request: HttpRequest,
    version: ModelVersion,
    group: GroupShown,
    said: SaidRule,
) -> HttpResponse:
    note = _("From “%(group)s” of %(version)s.") % {"group": group.name, "version": version}
    with transaction.atomic():
        segment = add_segment_of_rule(
            said.rule,
            name=group.name,
            description=f"{note} {_fit(said)}",
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
        return _to(version, "groups")
    address = reverse("admin:personalization_segment_change", args=(segment.pk,))
    return HttpResponseRedirect(address)


def _card(group: GroupShown, known: Catalogue) -> Card:
    share = _percent(group.share)
    if group.said is None:
        return Card(group=group, share=share)
    found = examine(group.said.rule, slug="", catalogue=known)
    return Card(
        group=group,
        share=share,
        precision=_percent(group.said.precision),
        recall=_percent(group.said.recall),
        sentence=f"{sentence(found.rule, known)}." if found.rule else "",
        problems=[problem_text(problem) for problem in found.problems],
        segments=segments_of_rule(group.said.rule),
    )


def _fit(said: SaidRule) -> str:
    words = _(
        "Of those in the segment, %(precision)s are in the group, of which it has %(recall)s."
    )
    return words % {"precision": _percent(said.precision), "recall": _percent(said.recall)}


def _percent(share: float) -> str:
    return share_words(round(share * 10_000), 10_000)


def _not_shown(request: HttpRequest, version: ModelVersion, error: NoGroups) -> HttpResponse:
    messages.error(request, str(error))
    return _to(version, "change")


def _to(version: ModelVersion, page: str) -> HttpResponse:
    address = reverse(f"admin:personalization_modelversion_{page}", args=(version.pk,))
    return HttpResponseRedirect(address)
