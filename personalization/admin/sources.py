"""Sources: who may send events, with the lines to paste into the client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.read_only import ModelAdmin, may
from personalization.events.models import BufferedBatch, Event, Source

_VERSION = "/v1"


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    change_form_template = "admin/personalization/source/change_form.html"
    list_display = ("name", "slug", "kind", "active", "created_at")
    list_filter = ("kind", "active")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_fields(self, request: HttpRequest, obj: Source | None = None) -> Any:
        fields = ["name", "slug", "kind", "active"]
        if obj is not None and self.has_change_permission(request, obj):
            fields.append("key")
        return fields

    def get_readonly_fields(
        self, request: HttpRequest, obj: Source | None = None
    ) -> tuple[str, ...]:
        return ("slug", "key") if obj else ()

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Source | None = None
    ) -> dict[str, Sequence[str]]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    @admin.display(description=_("write key"))
    def key(self, source: Source) -> SafeString:
        return format_html('<code class="pz-key">{}</code>', source)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        source = kwargs.get("obj")
        if source is not None and self.has_change_permission(request, source):
            batch = request.build_absolute_uri(reverse("personalization:segment-batch"))
            context["batch_address"] = batch
            # Segment's libraries add “/v1/batch” to the host they are given.
            context["host_address"] = batch.rpartition(_VERSION)[0]
        return super().render_change_form(request, context, *args, **kwargs)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Refuse to delete a source that has sent events, without listing all of them."""
        sources = list(objs)
        listed: list[Any] = [str(source) for source in sources]
        counts = {str(Source._meta.verbose_name_plural): len(sources)}
        needed = set() if may(request, "delete", Source) else {str(Source._meta.verbose_name)}
        obstacles = [
            gettext("“%(name)s” has sent events that are kept. Make it inactive instead.")
            % {"name": source.name}
            for source in sources
            if _has_events(source)
        ]
        return listed, counts, needed, obstacles


def _has_events(source: Source) -> bool:
    return (
        Event.objects.filter(source=source).exists()
        or BufferedBatch.objects.filter(source=source).exists()
    )
