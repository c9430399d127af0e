"""Sources: who may send events, with the lines to paste into the client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.read_only import ModelAdmin, may
from personalization.admin.source_form import SourceForm
from personalization.admin.source_quality import quality
from personalization.admin.write_keys import (
    KEEP,
    NewKeyForm,
    addresses,
    key_lines,
    key_to_show,
)
from personalization.events.models import BufferedBatch, Event, Source
from personalization.events.write_keys import add_write_key, end_keys, rotate_write_key

_PAGES = "admin/personalization/source"
_VERSION = "/v1"


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    form = SourceForm
    change_form_template = f"{_PAGES}/change_form.html"
    list_display = ("name", "slug", "kind", "active", "created_at")
    list_filter = ("kind", "active")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "kind", "active")}),
        (_("What it may send"), {"fields": ("schemas", "allowed_origins", "rate_limit")}),
    )

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_readonly_fields(
        self, request: HttpRequest, obj: Source | None = None
    ) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Source | None = None
    ) -> dict[str, Sequence[str]]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        source, now = kwargs.get("obj"), timezone.now()
        if source is not None:
            context["quality"] = quality(request, source)
        if source is not None and self.has_change_permission(request, source):
            context |= self._lines_to_paste(request, key_to_show(source, now=now))
            context["write_keys"] = key_lines(source, now=now)
        return super().render_change_form(request, context, *args, **kwargs)

    def _lines_to_paste(self, request: HttpRequest, key: str) -> dict[str, Any]:
        batch = request.build_absolute_uri(reverse("personalization:segment-batch"))
        return {"write_key": key, **addresses(batch, version=_VERSION)}

    # -- keys ---------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/keys/new/", view(self.new_key), name="personalization_source_new_key"),
            path(
                "<int:pk>/keys/<int:key>/end/",
                view(self.end_key),
                name="personalization_source_end_key",
            ),
        ]
        return own + super().get_urls()

    def response_add(
        self, request: HttpRequest, obj: Source, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._show_key(request, obj, key=add_write_key(obj))

    def new_key(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask what becomes of the other keys, then make one and show it."""
        source = self._changeable(request, pk)
        if source is None:
            return _gone(request)
        form = NewKeyForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._page(request, source, "new_key", title=gettext("New key"), form=form)
        keep = KEEP[form.cleaned_data["others"]]
        key = rotate_write_key(source, keep=keep, now=timezone.now())
        self.log_change(request, source, gettext("New write key."))
        return self._show_key(request, source, key=key)

    def end_key(self, request: HttpRequest, pk: int, key: int) -> HttpResponse:
        """Ask whether a key is to end now, then end it."""
        source, now = self._changeable(request, pk), timezone.now()
        if source is None:
            return _gone(request)
        line = next((line for line in key_lines(source, now=now) if line.key.pk == key), None)
        if line is None or not line.works:
            messages.warning(request, gettext("This source has no such key that works."))
            return HttpResponseRedirect(_address(source))
        if request.method != "POST":
            return self._page(request, source, "end_key", title=gettext("End a key"), line=line)
        end_keys([line.key], at=now)
        self.log_change(request, source, gettext("Write key %s ended.") % line.key)
        messages.success(request, gettext("The key %s has ended.") % line.key)
        return HttpResponseRedirect(_address(source))

    def _show_key(self, request: HttpRequest, source: Source, *, key: str) -> HttpResponse:
        """Show a key in the answer that made it: nothing is to remember it until a next page."""
        context = self._lines_to_paste(request, key)
        return self._page(request, source, "key", title=gettext("The new key"), **context)

    def _page(
        self, request: HttpRequest, source: Source, name: str, **context: Any
    ) -> HttpResponse:
        context |= self.admin_site.each_context(request)
        context |= {"opts": self.opts, "original": source, "media": self.media}
        return TemplateResponse(request, f"{_PAGES}/{name}.html", context)

    def _changeable(self, request: HttpRequest, pk: int) -> Source | None:
        source = Source.objects.filter(pk=pk).first()
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        return source

    # -- deletion -----------------------------------------------------------------------

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


def _address(source: Source) -> str:
    return reverse("admin:personalization_source_change", args=(source.pk,))


def _gone(request: HttpRequest) -> HttpResponse:
    messages.warning(request, gettext("There is no such source any more."))
    return HttpResponseRedirect(reverse("admin:personalization_source_changelist"))


def _has_events(source: Source) -> bool:
    return (
        Event.objects.filter(source=source).exists()
        or BufferedBatch.objects.filter(source=source).exists()
    )
