"""The groups of a version of a model: what they look like, who is in them, and a segment of one."""

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
from personalization.ml.serving.published import GROUPED
from personalization.ml.training.groups import GroupShown, NoGroups, SaidRule, groups_of
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
    precision: str
    recall: str
    #: Its rule; None: it has none.
    said: Said | None


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
        return not_shown(request, version, error)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": version,
        "media": model_admin.media,
        "title": _("Groups"),
        "shown": shown,
        "outside": _percent(shown.outside) if shown.outside >= _SOME else "",
        "cards": _cards(shown.groups),
        "may_add": may(request, "add", Segment),
    }
    return TemplateResponse(request, _PAGE, context)


def adopt(model_admin: ModelAdmin, request: HttpRequest, pk: int, one: int) -> HttpResponse:
    """Make a segment of the rule that says a group."""
    refuse_unless_adopting(request)
    version = ModelVersion.objects.filter(pk=pk).first()
    if version is None:
        return gone(request, ModelVersion)
    try:
        shown = groups_of(version)
    except NoGroups as error:
        return not_shown(request, version, error)
    group = next((each for each in shown.groups if each.id == one), None)
    if group is None or group.said is None:
        messages.warning(request, _("There is no rule for such a group."))
        return to_page(version, "groups")
    wanted = Adoption(
        version=version,
        page="groups",
        rule=group.said.rule,
        name=group.name,
        note=_("From “%(group)s” of %(version)s.") % {"group": group.name, "version": version},
        why=_fit(group.said),
    )
    return adopted(model_admin, request, wanted)


def _cards(groups: Sequence[GroupShown]) -> list[Card]:
    """Return the groups as they stand on the page; those without a rule have nothing said."""
    found = [group.said for group in groups if group.said is not None]
    said = iter(said_of([each.rule for each in found]))
    return [
        Card(
            group=group,
            share=_percent(group.share),
            precision=_percent(group.said.precision) if group.said else "",
            recall=_percent(group.said.recall) if group.said else "",
            said=next(said) if group.said else None,
        )
        for group in groups
    ]


def _fit(said: SaidRule) -> str:
    words = _(
        "Of those in the segment, %(precision)s are in the group, of which it has %(recall)s."
    )
    return words % {"precision": _percent(said.precision), "recall": _percent(said.recall)}


def _percent(share: float) -> str:
    return share_words(round(share * 10_000), 10_000)
