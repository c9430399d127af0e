"""The traits of a profile as who looks may read them, and the page that opens what is encrypted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext

from personalization.admin.audited import note_of_person
from personalization.admin.personal_values import ENCRYPTED, HIDDEN, may_see_values
from personalization.admin.read_only import ModelAdmin
from personalization.admin.visitors import label
from personalization.exceptions import CannotDecrypt
from personalization.privacy.encryption import is_sealed, opened
from personalization.privacy.models import AuditEntry
from personalization.profiles.models import Profile, Snapshot
from personalization.rules.compare import value_text
from personalization.types import Json

_PAGE = "admin/personalization/profile/revealed.html"


@dataclass(frozen=True, kw_only=True)
class TraitLine:
    """A trait; `is_quiet` says that the value stands for one that is not shown."""

    name: str
    value: str
    is_quiet: bool = False


def trait_lines(request: HttpRequest, traits: Mapping[str, Json]) -> list[TraitLine]:
    """Return the traits by name, without what is encrypted or is not for the user."""
    seen = may_see_values(request)
    return [_line(name, value, seen=seen) for name, value in sorted(traits.items())]


def _line(name: str, value: Json, *, seen: bool) -> TraitLine:
    if is_sealed(value):
        return TraitLine(name=name, value=str(ENCRYPTED), is_quiet=True)
    if not seen:
        return TraitLine(name=name, value=str(HIDDEN), is_quiet=True)
    return TraitLine(name=name, value=value_text(value))


def may_reveal(request: HttpRequest, traits: Mapping[str, Json]) -> bool:
    """Return whether there is something encrypted, for a user who may read it."""
    return may_see_values(request) and any(is_sealed(value) for value in traits.values())


def reveal(admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show what is encrypted, once, in the answer to a POST; the audit log has it."""
    if not admin.has_view_permission(request) or not may_see_values(request):
        raise PermissionDenied
    profile = Profile.objects.prefetch_related("identities").filter(pk=pk).first()
    if request.method != "POST" or profile is None:
        return redirect("admin:personalization_profile_change", pk)
    snapshot = Snapshot.objects.filter(profile=profile).first()
    traits: Mapping[str, Any] = snapshot.traits if snapshot else {}
    lines = list(_revealed(traits))
    names: list[Json] = [line.name for line in lines]
    note_of_person(request, AuditEntry.Action.REVEALED, profile_id=pk, traits=names)
    request.current_app = admin.admin_site.name
    context = {
        **admin.admin_site.each_context(request),
        "title": gettext("What is kept encrypted"),
        "opts": admin.opts,
        "media": admin.media,
        "original": label(profile),
        "profile": profile,
        "lines": lines,
    }
    response = TemplateResponse(request, _PAGE, context)
    patch_cache_control(response, no_store=True, private=True)
    return response


def _revealed(traits: Mapping[str, Json]) -> Iterator[TraitLine]:
    for name, value in sorted(traits.items()):
        if not isinstance(value, str) or not is_sealed(value):
            continue
        try:
            yield TraitLine(name=name, value=value_text(opened(name, value)))
        except CannotDecrypt as error:
            yield TraitLine(name=name, value=str(error), is_quiet=True)
