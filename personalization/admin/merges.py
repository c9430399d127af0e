"""The merge log: who was put together when and why, and how to part them again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.read_only import ReadOnlyAdmin, may
from personalization.admin.visitors import identity_label
from personalization.admin.wording import BUSY, moment_cell
from personalization.ingest.merges import undo_merge
from personalization.profiles.locks import ProfileMoved
from personalization.profiles.merges import UndoRefused
from personalization.profiles.models import Identity, Merge


class UndoneFilter(admin.SimpleListFilter):
    title = _("undone")
    parameter_name = "undone"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("Holds")), ("yes", _("Undone"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Merge]) -> QuerySet[Merge]:
        if self.value() is None:
            return queryset
        return queryset.filter(undone_at__isnull=self.value() == "no")


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    change_form_template = "admin/personalization/merge/change_form.html"
    list_display = ("when", "who", "source", "target", "cause", "by", "state")
    list_filter = ("cause", UndoneFilter, "at")
    list_select_related = ("by",)
    search_fields = ("=source_profile", "=target_profile")
    search_help_text = _("Search by the number of a profile")
    ordering = ("-pk",)
    sortable_by = ()
    fields = (
        "when", "moved", "source", "target", "met", "cause", "because", "by", "state",
    )  # fmt: skip
    readonly_fields = fields

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def has_undo_permission(self, request: HttpRequest) -> bool:
        return may(request, "change", Merge)

    # -- list and page ------------------------------------------------------------------

    @admin.display(description=_("at"))
    def when(self, merge: Merge) -> str:
        return moment_cell(merge.at)

    @admin.display(description=_("who moved"))
    def who(self, merge: Merge) -> str:
        first, *more = identity_words(merge.identities)
        if not more:
            return first
        text = ngettext("%(first)s and %(n)s more", "%(first)s and %(n)s more", len(more))
        return text % {"first": first, "n": len(more)}

    @admin.display(description=_("who moved"))
    def moved(self, merge: Merge) -> SafeString:
        return _lines(merge.identities)

    @admin.display(description=_("whom they met there"))
    def met(self, merge: Merge) -> SafeString | str:
        return _lines(merge.others)

    @admin.display(description=_("from"))
    def source(self, merge: Merge) -> SafeString:
        return numbered_link(merge.source_profile)

    @admin.display(description=_("to"))
    def target(self, merge: Merge) -> SafeString:
        return numbered_link(merge.target_profile)

    @admin.display(description=_("what was said"))
    def because(self, merge: Merge) -> str:
        link = merge.link
        if link is None:
            return "–"
        text = gettext("%(one)s and %(other)s are one person, said at %(at)s by message %(id)s")
        return text % {
            "one": identity_label(link.one),
            "other": identity_label(link.other),
            "at": f"{timezone.localtime(link.stated_at):%Y-%m-%d %H:%M:%S}",
            "id": link.message_id,
        }

    @admin.display(description=_("state"))
    def state(self, merge: Merge) -> SafeString | str:
        if merge.undone_at is None:
            return format_html('<span class="pz-state pz-state-fresh">{}</span>', _("holds"))
        return format_html('<span class="pz-state">{}</span>', _("undone"))

    # -- undo ---------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.undo)
        own = [path("<int:pk>/undo/", view, name="personalization_merge_undo")]
        return own + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {"may_undo": self.has_undo_permission(request), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def undo(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask whether the merge is to be undone, then undo it."""
        if not self.has_undo_permission(request):
            raise PermissionDenied
        merge = Merge.objects.filter(pk=pk).first()
        if merge is None:
            self.message_user(request, _("The log has no such merge."), messages.WARNING)
            return redirect("admin:personalization_merge_changelist")
        if request.method != "POST":
            return self._confirmation(request, merge)
        try:
            changed = undo_merge(merge, now=timezone.now(), by=request.user)
        except UndoRefused as error:
            self.message_user(request, str(error), messages.WARNING)
        except ProfileMoved:
            self.message_user(request, BUSY, messages.WARNING)
        else:
            self.log_change(request, merge, gettext("Undone."))
            said = format_html(
                gettext("They are apart again: {}."),
                format_html_join(", ", "{}", ((numbered_link(each),) for each in sorted(changed))),
            )
            self.message_user(request, said, messages.SUCCESS)
        return redirect("admin:personalization_merge_change", pk)

    def _confirmation(self, request: HttpRequest, merge: Merge) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Undo a merge"),
            "opts": self.opts,
            "media": self.media,
            "merge": merge,
            "moved": identity_words(merge.identities),
            "met": identity_words(merge.others),
        }
        return TemplateResponse(request, "admin/personalization/merge/undo.html", context)


def numbered_link(profile_id: int) -> SafeString:
    """Return a link to the profile; its page says so if it is gone."""
    address = reverse("admin:personalization_profile_change", args=(profile_id,))
    return format_html('<a href="{}">{}</a>', address, _("Profile %s") % profile_id)


def identity_words(identities: Iterable[Iterable[str]]) -> list[str]:
    """Return identities as the log keeps them in few words each."""
    return [
        identity_label(Identity(namespace=namespace, value=value))
        for namespace, value in identities
    ]


def _lines(identities: Iterable[Iterable[str]]) -> SafeString:
    words = ((word,) for word in identity_words(identities))
    return format_html_join(SafeString("<br>"), "{}", words) or SafeString("–")
