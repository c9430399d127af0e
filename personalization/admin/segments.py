"""Segments: who belongs together, by a rule in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from personalization import hints
from personalization.admin import rule_preview
from personalization.admin.read_only import ModelAdmin, may, may_view
from personalization.admin.segment_form import SegmentForm
from personalization.admin.segment_overview import overview
from personalization.admin.segment_usage import segments_using, variations_using
from personalization.admin.wording import share_words
from personalization.profiles.models import Profile, Snapshot
from personalization.segments.manual import add_members, remove_members
from personalization.segments.models import Membership, Segment

_STATES = {
    "broken": _("The rule cannot be used"),
    "pending": _("Waiting for the worker"),
    "fresh": _("Up to date"),
    "off": _("Not active"),
}


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    form = SegmentForm
    change_form_template = "admin/personalization/segment/change_form.html"
    list_display = ("name", "slug", "kind", "members_now", "share", "state", "active")
    list_per_page = 50
    search_fields = ("name", "slug", "description")
    search_help_text = _("Search by name, slug or description")
    prepopulated_fields = {"slug": ("name",)}
    save_on_top = False

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    # -- list ---------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        segments = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and match.url_name == "personalization_segment_changelist"
        return self._counted(segments) if is_list else segments

    def _counted(self, segments: QuerySet[Segment]) -> QuerySet[Segment]:
        now = timezone.now()
        current = (
            Membership.objects.filter(
                Q(until=None) | Q(until__gt=now), segment=OuterRef("pk"), since__lte=now
            )
            .order_by()
            .values("segment")
            .annotate(n=Count("pk"))
        )
        return segments.annotate(
            n_members=Coalesce(Subquery(current.values("n")), 0),
            n_visitors=Value(Snapshot.objects.count(), output_field=IntegerField()),
        )

    @admin.display(description=_("members now"), ordering="n_members")
    def members_now(self, segment: Any) -> str:
        return number_format(segment.n_members, force_grouping=True)

    @admin.display(description=_("share of visitors"), ordering="n_members")
    def share(self, segment: Any) -> str:
        return share_words(segment.n_members, segment.n_visitors)

    @admin.display(description=_("state"), ordering=F("refreshed_at").asc(nulls_first=True))
    def state(self, segment: Segment) -> SafeString:
        state = state_of(segment)
        return format_html(
            '<span class="pz-state pz-state-{}" title="{}">{}</span>',
            state,
            segment.refresh_error,
            _STATES[state],
        )

    # -- form ---------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        general = ("name", "slug", "description", ("kind", "active"))
        fieldsets: list[tuple[Any, dict[str, Any]]] = [(None, {"fields": general})]
        if not obj or self.has_change_permission(request, obj):
            rule = {"fields": ("rule",), "classes": ("pz-rule-fieldset",)}
            fieldsets.append((gettext("Who belongs to it"), rule))
            if obj and not obj.is_by_rule and may_view(request, Profile):
                hand = {"fields": ("put_in", "take_out")}
                fieldsets.append((gettext("Members by hand"), hand))
        return fieldsets

    def get_readonly_fields(
        self, request: HttpRequest, obj: Segment | None = None
    ) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Segment | None = None
    ) -> dict[str, Sequence[str]]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        segment = kwargs.get("obj")
        form = context["adminform"].form
        if "rule" in form.fields:
            form.fields["rule"].widget.connect(
                slug=segment.slug if segment else "",
                site=self.admin_site.name,
                may_try=may_view(request, Profile),
            )
        if segment is not None:
            context["overview"] = overview(
                segment,
                state=str(_STATES[state_of(segment)]),
                with_members=may_view(request, Profile),
            )
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_by_rule and may_view(request, Profile):
            now = timezone.now()
            add_members(obj, form.cleaned_data["put_in"], now=now)
            remove_members(obj, form.cleaned_data["take_out"], now=now)
        hints.hint(hints.REFRESH_SEGMENTS)

    # -- deletion -----------------------------------------------------------------------

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Name what stands in the way; the memberships are counted, not listed one by one."""
        segments = list(objs)
        n = Membership.objects.filter(segment__in=segments).count()
        listed: list[Any] = [str(segment) for segment in segments]
        listed.append(ngettext("%(n)s membership", "%(n)s memberships", n) % {"n": n})
        counts = {
            str(Segment._meta.verbose_name_plural): len(segments),
            str(Membership._meta.verbose_name_plural): n,
        }
        needed: set[str] = set()
        if not may(request, "delete", Segment):
            needed.add(str(Segment._meta.verbose_name))
        doomed = {segment.pk for segment in segments}
        obstacles = [line for segment in segments for line in self._obstacles(segment, doomed)]
        return listed, counts, needed, obstacles

    def _obstacles(self, segment: Segment, doomed: set[int]) -> list[str]:
        found = [
            gettext("Variation “%(name)s” of slot “%(slot)s” is shown to “%(segment)s”.")
            % {"name": variation.name, "slot": variation.slot.name, "segment": segment.name}
            for variation in variations_using(segment)
        ]
        found += [
            gettext("The rule of segment “%(name)s” speaks of “%(segment)s”.")
            % {"name": other.name, "segment": segment.name}
            for other in segments_using(segment)
            if other.pk not in doomed
        ]
        return found

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        super().delete_model(request, obj)
        hints.hint(hints.REFRESH_SEGMENTS)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Delete one by one: only `Segment.delete` makes the change known to the pages."""
        for segment in queryset:
            self.delete_model(request, segment)

    # -- what the rule editor asks --------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        views = (
            ("preview", self.preview_view),
            ("trial", self.trial_view),
            ("visitors", self.visitors_view),
        )
        own = [
            path(
                f"rule/{name}/",
                self.admin_site.admin_view(view),
                name=f"personalization_segment_{name}",
            )
            for name, view in views
        ]
        return [*own, *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> JsonResponse:
        return rule_preview.preview(request)

    def trial_view(self, request: HttpRequest) -> JsonResponse:
        request.current_app = self.admin_site.name
        return rule_preview.trial(request)

    def visitors_view(self, request: HttpRequest) -> JsonResponse:
        return rule_preview.visitors(request)


def state_of(segment: Segment) -> str:
    """Return how far the memberships follow the rule."""
    if not segment.active:
        return "off"
    if segment.refresh_error:
        return "broken"
    if segment.refreshed_at is None or segment.refreshed_at < segment.updated_at:
        return "pending"
    return "fresh"
