"""On the page of a profile: everything of a person as a file, and having it erased."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from personalization.admin.audited import note_of_person
from personalization.admin.links import gone
from personalization.admin.personal_values import may_see_values
from personalization.admin.read_only import ModelAdmin, may_view
from personalization.admin.visitors import label
from personalization.privacy.erasure.request import request_erasure
from personalization.privacy.models import AuditEntry, Erasure
from personalization.privacy.subjects import person_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Profile
from personalization.profiles.stores import Subject
from personalization.rights.acts import file_of
from personalization.rights.export import export
from personalization.rights.holdings import places

_PAGE = "admin/personalization/profile/erase.html"


def may_export(request: HttpRequest) -> bool:
    return request.user.has_perm("personalization.export_profile")


def may_erase(request: HttpRequest) -> bool:
    return request.user.has_perm("personalization.erase_profile")


def export_page(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send everything that is held of a person, in the answer to a POST; the audit log has it.

    What is kept encrypted stays so for who may not read it.
    """
    if not admin.has_view_permission(request) or not may_export(request):
        raise PermissionDenied
    profile = _profile(pk)
    if profile is None:
        return gone(request, Profile)
    if request.method != "POST":
        return redirect("admin:personalization_profile_change", pk)
    now, opened = timezone.now(), may_see_values(request)
    note_of_person(request, AuditEntry.Action.EXPORTED, profile_id=pk, opened=opened)
    pieces = export(_subject(profile), now=now, opened=opened)
    return file_of(pieces, name=f"profile-{pk}-{now:%Y-%m-%d}.json")


def erase_page(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show what goes when somebody is erased, and have it go when that is confirmed."""
    if not admin.has_view_permission(request) or not may_erase(request):
        raise PermissionDenied
    profile = _profile(pk)
    if profile is None:
        return gone(request, Profile)
    if request.method != "POST":
        return _ask(admin, request, profile)
    channel, now = Erasure.Channel.OPERATOR, timezone.now()
    erasure = request_erasure(_subject(profile), channel=channel, by=request.user, now=now)
    said = gettext("It is erased. The receipt %(uid)s follows when every place was searched.")
    admin.message_user(request, said % {"uid": erasure.uid}, messages.SUCCESS)
    if may_view(request, Erasure):
        return redirect("admin:personalization_erasure_change", erasure.pk)
    return redirect("admin:personalization_profile_changelist")


def _ask(admin: ModelAdmin, request: HttpRequest, profile: Profile) -> HttpResponse:
    request.current_app = admin.admin_site.name
    context: dict[str, Any] = {
        **admin.admin_site.each_context(request),
        "title": gettext("Erase everything of a person"),
        "opts": admin.opts,
        "media": admin.media,
        "profile": profile,
        "name": label(profile),
        "places": [place for place in places(_subject(profile)) if place.count],
    }
    return TemplateResponse(request, _PAGE, context)


def _profile(pk: int) -> Profile | None:
    return Profile.objects.prefetch_related("identities").filter(pk=pk).first()


def _subject(profile: Profile) -> Subject:
    return person_of(Key(each.namespace, each.value) for each in profile.identities.all())
