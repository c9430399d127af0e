"""Starting and ending a preview: the site as somebody else sees it, or another time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from personalization.admin.audited import note_of_person
from personalization.admin.preview_form import PreviewForm, is_page_of
from personalization.admin.read_only import ModelAdmin
from personalization.delivery.ticket import (
    PERMISSION,
    Ticket,
    drop_ticket,
    may_see_profiles,
    read_ticket,
    set_ticket,
)
from personalization.privacy.audit import note
from personalization.privacy.models import AuditEntry
from personalization.segments.models import Segment
from personalization.types import Json

PAGE = "admin:personalization_slot_preview"
#: Where the session keeps the page that was looked at last: one is seen as several visitors.
_TARGET = "personalization_preview_target"


def may_preview(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(PERMISSION))


def preview_link(kind: str, **chosen: str | int | Sequence[str]) -> str:
    """Return the address of the page with a choice made; `segments` are slugs, `arms` are
    “experiment:arm”."""
    return f"{reverse(PAGE)}?{urlencode({'kind': kind, **chosen}, doseq=True)}"


def preview_links(request: HttpRequest, segment: Segment) -> dict[str, str]:
    """Return for the page of a segment where its visitors are previewed, to who may."""
    if not (may_preview(request) and segment.active):
        return {}
    links = {"preview_url": preview_link("segments", segments=segment.slug)}
    if segment.is_by_rule:
        links["visitor_url"] = preview_link("visitor", segments=segment.slug)
    return links


@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest, *, admin: ModelAdmin) -> HttpResponse:
    """Show what can be looked at; a POST starts, and goes on to the page."""
    require_preview(request)
    form = _form(request)
    if request.method == "POST" and form.is_valid():
        ticket = form.ticket(user_id=str(request.user.pk), now=timezone.now())
        if ticket is not None:
            target = request.session[_TARGET] = form.cleaned_data["target"]
            response = HttpResponseRedirect(target)
            set_ticket(response, ticket)
            _note(request, ticket)
            return response
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Preview"),
        "opts": admin.opts,
        "media": admin.media,
        "form": form,
        "running": read_ticket(request.COOKIES) is not None,
    }
    request.current_app = admin.admin_site.name
    return TemplateResponse(request, "admin/personalization/slot/preview.html", context)


def _note(request: HttpRequest, ticket: Ticket) -> None:
    if ticket.profile is not None:
        note_of_person(request, AuditEntry.Action.PREVIEWED, profile_id=ticket.profile)
        return
    segments = Segment.objects.filter(pk__in=ticket.segments).order_by("slug")
    shown: list[Json] = list(segments.values_list("slug", flat=True))
    note(
        AuditEntry.Action.PREVIEWED,
        actor=request.user,
        kind="preview",
        name=ticket.kind,
        segments=shown,
    )


@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """End it, whoever may still start one, and go back to the page."""
    target = request.POST.get("target", "")
    if not is_page_of(request.get_host(), target):
        target = reverse(PAGE) if may_preview(request) else reverse("admin:index")
        messages.info(request, _("The preview has ended."))
    response = HttpResponseRedirect(target)
    drop_ticket(response)
    return response


def require_preview(request: HttpRequest) -> None:
    """:raises PermissionDenied: to who may not look at pages as somebody else."""
    if not may_preview(request):
        raise PermissionDenied


def _form(request: HttpRequest) -> PreviewForm:
    also: dict[str, Any] = {
        "may_see_visitors": may_see_profiles(request.user),
        "host": request.get_host(),
    }
    if request.method == "POST":
        return PreviewForm(request.POST, **also)
    usual = {"target": request.session.get(_TARGET, "/")}
    return PreviewForm(initial={**usual, **_chosen(request.GET)}, **also)


def _chosen(query: QueryDict) -> dict[str, Any]:
    """Return what a link has chosen already."""
    segments = list(Segment.objects.filter(slug__in=query.getlist("segments")).order_by("pk"))
    chosen: dict[str, Any] = {
        name: query[name] for name in ("kind", "profile", "at", "target") if name in query
    }
    chosen["arms"] = query.getlist("arms")
    chosen.setdefault("kind", "segments")
    chosen["segments"] = segments
    chosen["segment"] = next((one for one in segments if one.is_by_rule), None)
    return chosen
