"""On the page of a profile: where its identities came from, and merging it with another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from personalization.admin.audited import note_of_person
from personalization.admin.read_only import ModelAdmin, may
from personalization.admin.visitors import find_snapshot, label, sorted_identities
from personalization.admin.wording import BUSY
from personalization.ingest.merges import merge_profiles
from personalization.privacy.models import AuditEntry
from personalization.profiles.locks import ProfileMoved
from personalization.profiles.merges import MergeRefused
from personalization.profiles.models import Identity, Merge, Profile

#: How many entries of the log are looked through for where an identity came from.
_ENTRIES = 200
_DIGITS = 18


@dataclass(frozen=True)
class IdentityLine:
    """An identity, and the merge that brought it here; None: it was here from the start."""

    identity: Identity
    entry: Merge | None


def identity_lines(profile: Profile, *, logged: bool) -> list[IdentityLine]:
    """Return the identities, the most telling first; `logged` also looks into the log."""
    entries: dict[tuple[str, str], Merge] = {}
    if logged:
        log = Merge.objects.filter(target_profile=profile.pk).order_by("-pk")[:_ENTRIES]
        for entry in reversed(log):
            for namespace, value in entry.identities:
                entries[namespace, value] = entry
    return [
        IdentityLine(each, entries.get((each.namespace, each.value)))
        for each in sorted_identities(profile.identities.all())
    ]


def may_merge(request: HttpRequest) -> bool:
    return may(request, "add", Merge)


def merge_page(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask with whom to merge the profile, show both, then merge them."""
    if not may_merge(request) or not admin.has_view_permission(request):
        raise PermissionDenied
    profile = Profile.objects.prefetch_related("identities").filter(pk=pk).first()
    if profile is None:
        return redirect("admin:personalization_profile_change", pk)
    if request.method == "POST":
        return _merge(admin, request, profile)
    return _ask(admin, request, profile)


def _merge(admin: ModelAdmin, request: HttpRequest, profile: Profile) -> HttpResponse:
    other = request.POST.get("other", "")
    try:
        # No profile has a longer number, and no database would take it.
        number = int(other) if other.isdecimal() and len(other) <= _DIGITS else 0
        kept = merge_profiles(profile.pk, number, now=timezone.now(), by=request.user)
    except MergeRefused as error:
        admin.message_user(request, str(error), messages.WARNING)
        return redirect("admin:personalization_profile_change", profile.pk)
    except ProfileMoved:
        admin.message_user(request, BUSY, messages.WARNING)
        return redirect("admin:personalization_profile_change", profile.pk)
    note_of_person(request, AuditEntry.Action.CHANGED, profile_id=kept, what="merged")
    said = gettext("Both are one profile now. The merge log has it, and can undo it.")
    admin.message_user(request, said, messages.SUCCESS)
    return redirect("admin:personalization_profile_change", kept)


def _ask(admin: ModelAdmin, request: HttpRequest, profile: Profile) -> HttpResponse:
    text = request.GET.get("with", "").strip()
    found = find_snapshot(text) if text else None
    other = found.profile if found and found.pk != profile.pk else None
    request.current_app = admin.admin_site.name
    context = {
        **admin.admin_site.each_context(request),
        "title": gettext("Merge with another profile"),
        "opts": admin.opts,
        "media": admin.media,
        "profile": profile,
        "name": label(profile),
        "text": text,
        "problem": _problem(text, other, found=found is not None),
        "both": [_side(each) for each in (profile, other)] if other else [],
        "other": other,
        "two_users": other is not None and _have_users([profile, other]),
    }
    return TemplateResponse(request, "admin/personalization/profile/merge.html", context)


def _problem(text: str, other: Profile | None, *, found: bool) -> str:
    if not text or other is not None:
        return ""
    if found:
        return gettext("That is this profile itself.")
    return gettext("There is nobody who is called “%(text)s”.") % {"text": text}


def _side(profile: Profile) -> dict[str, Any]:
    """Return what tells one profile from another."""
    return {
        "name": label(profile),
        "profile": profile,
        "snapshot": profile.snapshot,
        "identities": sorted_identities(profile.identities.all()),
    }


def _have_users(profiles: Iterable[Profile]) -> bool:
    return all(
        any(each.namespace == Identity.USER for each in profile.identities.all())
        for profile in profiles
    )
