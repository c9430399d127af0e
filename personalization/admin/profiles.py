"""Profiles: who visits, what they did, and why they see what they see. Read-only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from personalization.admin.audited import may_read_log, note_of_person
from personalization.admin.derived_facts import derived_lines
from personalization.admin.personal_values import hidden_reasons, may_see_values
from personalization.admin.preview import may_preview, preview_link
from personalization.admin.profile_merging import identity_lines, may_merge, merge_page
from personalization.admin.profile_rights import erase_page, export_page, may_erase, may_export
from personalization.admin.profile_traits import may_reveal, reveal, trait_lines
from personalization.admin.read_only import ReadOnlyAdmin, may_view
from personalization.admin.timeline import timeline
from personalization.admin.visitors import find_profiles, label
from personalization.admin.wording import moment_cell, when_words
from personalization.events.models import Event
from personalization.privacy.models import AuditEntry, Consent
from personalization.profiles.features import VISITS, definitions
from personalization.profiles.models import Identity, Merge, Profile, Snapshot
from personalization.rules.catalogue import Catalogue
from personalization.rules.compare import value_text
from personalization.segments.catalogue import catalogue
from personalization.segments.explanation import SegmentWhy, explain_segments
from personalization.segments.live import live_rules
from personalization.segments.members import memberships_at
from personalization.segments.models import Membership, Segment
from personalization.segments.population import members


class SegmentFilter(admin.SimpleListFilter):
    """Profiles in a segment at this moment."""

    title = _("segment")
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        active = Segment.objects.listed().filter(active=True)
        return list(active.values_list("slug", "name"))

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Profile]
    ) -> QuerySet[Profile] | None:
        if not self.value():
            return None
        segment = Segment.objects.listed().filter(slug=self.value()).first()
        if segment is None:
            return queryset.none()
        return queryset.filter(pk__in=members(segment, now=timezone.now()).values("pk"))


@admin.register(Profile)
class ProfileAdmin(ReadOnlyAdmin):
    list_display = ("who", "last_seen", "first_seen", "visits", "segments_now")
    list_filter = (SegmentFilter,)
    list_select_related = ("snapshot",)
    search_fields = ("identities__value",)  # shows the box; see get_search_results
    search_help_text = _("Search by e-mail, user id, visitor id or profile id")
    ordering = (F("snapshot__last_seen").desc(nulls_last=True), "-pk")
    sortable_by = ("first_seen", "last_seen")

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        return super().get_queryset(request).prefetch_related("identities", _current())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Profile], search_term: str
    ) -> tuple[QuerySet[Profile], bool]:
        """Match part of an identity, or a profile id, without joining rows apart."""
        term = search_term.strip()
        if not term:
            return queryset, False
        condition = Q(pk__in=Identity.objects.filter(value__icontains=term).values("profile"))
        condition |= Q(pk__in=find_profiles([term]).values())
        return queryset.filter(condition), False

    @admin.display(description=_("visitor"))
    def who(self, profile: Profile) -> str:
        return label(profile)

    @admin.display(description=_("first seen"), ordering="snapshot__first_seen")
    def first_seen(self, profile: Profile) -> str:
        return moment_cell(_snapshot(profile).first_seen, ago=True)

    @admin.display(description=_("last seen"), ordering="snapshot__last_seen")
    def last_seen(self, profile: Profile) -> str:
        return moment_cell(_snapshot(profile).last_seen, ago=True)

    @admin.display(description=_("visits"))
    def visits(self, profile: Profile) -> Any:
        return _snapshot(profile).features.get(VISITS, 0)

    @admin.display(description=_("segments now"))
    def segments_now(self, profile: Any) -> str:
        names = ((membership.segment.name,) for membership in profile.current)
        return format_html_join(" ", '<span class="pz-chip">{}</span>', names) or "–"

    # -- one profile --------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.merge)
        reveal = self.admin_site.admin_view(self.reveal)
        export = self.admin_site.admin_view(self.export)
        erase = self.admin_site.admin_view(self.erase)
        own = [
            path("<int:pk>/merge/", view, name="personalization_profile_merge"),
            path("<int:pk>/reveal/", reveal, name="personalization_profile_reveal"),
            path("<int:pk>/export/", export, name="personalization_profile_export"),
            path("<int:pk>/erase/", erase, name="personalization_profile_erase"),
        ]
        return own + super().get_urls()

    def merge(self, request: HttpRequest, pk: int) -> HttpResponse:
        return merge_page(self, request, pk)

    def reveal(self, request: HttpRequest, pk: int) -> HttpResponse:
        return reveal(self, request, pk)

    def export(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return export_page(self, request, pk)

    def erase(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return erase_page(self, request, pk)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        profile = self.get_object(request, object_id)
        if not self.has_view_permission(request, profile):
            raise PermissionDenied
        if profile is None:
            gone = _("There is no such profile any more. It may have been joined with another.")
            self.message_user(request, gone, messages.WARNING)
            return redirect("admin:personalization_profile_changelist")
        note_of_person(request, AuditEntry.Action.VIEWED, profile_id=profile.pk)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": label(profile),
            "original": label(profile),
            "has_view_permission": True,
            "opts": self.opts,
            "media": self.media,
            **self._story(request, profile),
            "preview_url": preview_link("profile", profile=profile.pk)
            if may_preview(request)
            else "",
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/personalization/profile/detail.html", context)

    def _story(self, request: HttpRequest, profile: Any) -> dict[str, Any]:
        """Return what there is to tell, as far as the user may see it."""
        known = catalogue()
        snapshot = _snapshot(profile)
        seen = may_see_values(request)
        story: dict[str, Any] = {
            "profile": profile,
            "snapshot": snapshot,
            "may_export": may_export(request),
            "may_erase": may_erase(request),
            "identities": identity_lines(profile, logged=may_view(request, Merge)),
            "may_merge": may_merge(request),
            "traits": trait_lines(request, snapshot.traits),
            "may_reveal": may_reveal(request, snapshot.traits),
            "may_read_log": may_read_log(request),
            "features": list(_features(snapshot)),
            "derived": derived_lines(snapshot, known, now=timezone.now()),
        }
        if may_view(request, Segment):
            story["verdicts"] = list(_verdicts(profile, snapshot, known, seen=seen))
        if may_view(request, Event):
            story["timeline"] = timeline(
                profile, known, before=request.GET.get("before", ""), with_values=seen
            )
        if may_view(request, Consent):
            answers = Consent.objects.filter(identity__profile=profile).select_related("identity")
            story["consents"] = answers.order_by("-pk")[:20]
        return story


def _current() -> Prefetch[str, QuerySet[Membership], str]:
    """Return how to fetch the memberships of this moment, as the attribute `current`."""
    now = timezone.now()
    ordered = memberships_at(now).select_related("segment").order_by("segment__name")
    return Prefetch("memberships", queryset=ordered, to_attr="current")


def _snapshot(profile: Profile) -> Snapshot:
    """Return the snapshot; an empty one for a profile that has none yet."""
    try:
        return profile.snapshot
    except Snapshot.DoesNotExist:
        return Snapshot(profile=profile)


@dataclass(frozen=True, kw_only=True)
class Feature:
    label: str
    value: str
    unit: str


def _features(snapshot: Snapshot) -> Iterator[Feature]:
    for name, value in snapshot.features.items():
        known = definitions.get(name)
        yield Feature(
            label=known.label if known else name,
            value=value_text(value),
            unit=known.unit if known else "",
        )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A segment's answer with what time will do to it, in words."""

    answer: SegmentWhy
    since: datetime | None
    when: str


def _verdicts(
    profile: Any, snapshot: Snapshot, known: Catalogue, *, seen: bool
) -> Iterator[Verdict]:
    since = {each.segment_id: each.since for each in profile.current}
    segments = Segment.objects.listed().filter(active=True)
    now = timezone.now()
    for answer in explain_segments(snapshot, live_rules(), known, segments=segments, now=now):
        if answer.why and not seen:
            why = replace(answer.why, reasons=hidden_reasons(answer.why.reasons))
            answer = replace(answer, why=why)
        yield Verdict(
            answer=answer,
            since=since.get(answer.segment.pk) if answer.holds else None,
            when=when_words(answer.why) if answer.why else "",
        )
