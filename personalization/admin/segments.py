"""Segments: who belongs together, by a rule in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from personalization import hints
from personalization.admin import segment_members, segment_templates, segment_versions
from personalization.admin.preview import preview_links
from personalization.admin.read_only import ModelAdmin, may, may_view
from personalization.admin.rule_views import VIEWS, View
from personalization.admin.segment_form import SegmentForm
from personalization.admin.segment_health import GOOD, health_of
from personalization.admin.segment_overview import overview
from personalization.admin.segment_usage import obstacles
from personalization.admin.wording import share_words
from personalization.profiles.models import Profile, Snapshot
from personalization.segments.manual import add_members, remove_members
from personalization.segments.members import memberships_at
from personalization.segments.models import Membership, Segment
from personalization.segments.state import State, has_ended, state_of
from personalization.segments.versions import credit, newest_number
from personalization.types import JsonObject

_STATES: Mapping[State, Any] = {
    "broken": _("The rule cannot be used"),
    "pending": _("Waiting for the worker"),
    "fresh": _("Up to date"),
    "ended": _("Ended"),
    "off": _("Not active"),
}

#: Pages below that of a segment, by the names of their addresses.
PAGES: Mapping[str, tuple[str, Callable[..., HttpResponseBase]]] = {
    "upload": ("members/upload", segment_members.upload),
    "download": ("members/download", segment_members.download),
    "versions": ("versions", segment_versions.listing),
    "comparison": ("versions/<int:one>/<int:other>", segment_versions.comparison),
    "restore": ("versions/<int:number>/restore", segment_versions.restoration),
}


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    form = SegmentForm
    change_form_template = "admin/personalization/segment/change_form.html"
    change_list_template = "admin/personalization/segment/change_list.html"
    list_display = ("name", "slug", "kind", "members_now", "share", "state", "active")
    list_per_page = 50
    list_select_related = ("serving",)
    search_fields = ("name", "slug", "description")
    search_help_text = _("Search by name, slug or description")
    prepopulated_fields = {"slug": ("name",)}
    save_on_top = False

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    # -- list ---------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        segments = Segment.objects.listed()
        match = request.resolver_match
        is_list = match is not None and match.url_name == "personalization_segment_changelist"
        return self._counted(segments) if is_list else segments

    def _counted(self, segments: QuerySet[Segment]) -> QuerySet[Segment]:
        current = (
            memberships_at(timezone.now())
            .filter(segment=OuterRef("pk"))
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

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look at the rules of the page all at once, by the catalogue as it is now."""
        page = super().get_changelist_instance(request)
        health = health_of(page.result_list, now=timezone.now())
        for segment in page.result_list:
            segment.health = health.get(segment.pk, GOOD)
        return page

    @admin.display(description=_("state"), ordering=F("refreshed_at").asc(nulls_first=True))
    def state(self, segment: Any) -> SafeString:
        state = state_of(segment, now=timezone.now())
        health = getattr(segment, "health", GOOD)
        said = [*(health.problems or filter(None, [segment.refresh_error]))]
        if said and state in ("fresh", "pending"):
            state = "broken"
        words = _STATES[state]
        if state == "broken" and segment.serving and segment.serving.has_been_filled:
            words = gettext("Needs repair")
            said.append(gettext("The last good version is in force."))
        if health.oddities:
            words = format_html("{} · {}", words, gettext("worth a look"))
            said += health.oddities
        return format_html(
            '<span class="pz-state pz-state-{}" title="{}">{}</span>',
            state,
            "\n".join(said),
            words,
        )

    # -- form ---------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        general = ("name", "slug", "description", ("kind", "active"))
        fieldsets: list[tuple[Any, dict[str, Any]]] = [(None, {"fields": general})]
        may_change = not obj or self.has_change_permission(request, obj)
        if may_change:
            rule = {"fields": ("rule", "note"), "classes": ("pz-rule-fieldset",)}
            fieldsets.append((gettext("Who belongs to it"), rule))
        weighed = {"fields": ("ends_at", ("priority", "weight"))}
        fieldsets.append((gettext("Its end, and what it counts"), weighed))
        if may_change and obj and not obj.is_by_rule and may_view(request, Profile):
            hand = {"fields": ("put_in", "put_in_until", "take_out")}
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
            sees_members = may_view(request, Profile)
            shown = overview(segment, with_members=sees_members)
            context |= {
                "overview": shown,
                **preview_links(request, segment),
                "state": _STATES[shown.state],
                "sees_members": sees_members,
                "may_upload": sees_members
                and not segment.is_by_rule
                and not has_ended(segment, now=timezone.now())
                and self.has_change_permission(request, segment),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        before = newest_number(obj) if change else 0
        super().save_model(request, obj, form, change)
        credit(obj, after=before, by=request.user, note=form.cleaned_data.get("note", ""))
        if not obj.is_by_rule and may_view(request, Profile):
            now = timezone.now()
            until = form.cleaned_data["put_in_until"]
            add_members(obj, form.cleaned_data["put_in"], now=now, until=until)
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
        found = [line for segment in segments for line in obstacles(segment, doomed=doomed)]
        return listed, counts, needed, found

    def audit_detail(self, thing: Segment) -> JsonObject:
        return {"version": newest_number(thing)}

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        super().delete_model(request, obj)
        hints.hint(hints.REFRESH_SEGMENTS)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Delete one by one: only `Segment.delete` makes the change known to the pages."""
        for segment in queryset:
            self.delete_model(request, segment)

    # -- pages of its own, and what the rule editor asks --------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"rule/{name}/",
                self.admin_site.admin_view(self._asked(view)),
                name=f"personalization_segment_{name}",
            )
            for name, view in VIEWS.items()
        ]
        own += [
            path(
                f"<int:pk>/{route}/",
                self.admin_site.admin_view(partial(view, self)),
                name=f"personalization_segment_{name}",
            )
            for name, (route, view) in PAGES.items()
        ]
        own.append(
            path(
                "templates/",
                self.admin_site.admin_view(partial(segment_templates.templates, self)),
                name="personalization_segment_templates",
            )
        )
        return [*own, *super().get_urls()]

    def _asked(self, view: View) -> View:
        def ask(request: HttpRequest) -> HttpResponseBase:
            request.current_app = self.admin_site.name
            return view(request)

        return ask
