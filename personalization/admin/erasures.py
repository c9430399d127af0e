"""Erasures: what became of each, where something is still found, and the receipts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.links import gone
from personalization.admin.read_only import ReadOnlyAdmin, may
from personalization.admin.wording import moment_cell
from personalization.privacy.erasure.finish import try_now
from personalization.privacy.erasure.receipt import receipt_file
from personalization.privacy.models import Erasure

_COLOURS = {
    Erasure.Status.WAITING: "pending",
    Erasure.Status.DONE: "fresh",
    Erasure.Status.FAILED: "broken",
}
#: Digits of a pseudonym that tell one from another.
_SHORT = 12


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    list_display = ("asked", "uid", "scope", "channel", "requested_by", "state", "finished")
    list_filter = ("status", "scope", "channel", "requested_at")
    list_select_related = ("requested_by",)
    search_fields = ("=uid",)
    search_help_text = _("Search by the whole number of a receipt")
    ordering = ("-requested_at", "-pk")
    sortable_by = ()
    actions = ("try_again",)
    fields = (
        "uid", "state", "scope", "channel", "requested_by", "asked", "finished", "pseudonyms",
        "gone", "left", "error", "next_at", "proof",
    )  # fmt: skip
    readonly_fields = fields

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("personalization.erase_profile")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.receipt)
        own = path("<int:pk>/receipt/", view, name="personalization_erasure_receipt")
        return [own, *super().get_urls()]

    def receipt(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Hand the receipt out as a file."""
        if not may(request, "view", Erasure):
            raise PermissionDenied
        erasure = Erasure.objects.filter(pk=pk, status=Erasure.Status.DONE).first()
        if erasure is None:
            return gone(request, Erasure)
        response = HttpResponse(receipt_file(erasure), content_type="application/json")
        response["Content-Disposition"] = f'attachment; filename="erasure-{erasure.uid}.json"'
        response["Cache-Control"] = "no-store, private"
        return response

    # -- list and page ------------------------------------------------------------------

    @admin.display(description=_("asked for at"))
    def asked(self, erasure: Erasure) -> str:
        return moment_cell(erasure.requested_at)

    @admin.display(description=_("finished at"))
    def finished(self, erasure: Erasure) -> str:
        return moment_cell(erasure.finished_at)

    @admin.display(description=_("status"))
    def state(self, erasure: Erasure) -> SafeString:
        colour = _COLOURS[Erasure.Status(erasure.status)]
        words = erasure.get_status_display()
        return format_html('<span class="pz-state pz-{}">{}</span>', colour, words)

    @admin.display(description=_("pseudonyms"))
    def pseudonyms(self, erasure: Erasure) -> SafeString:
        return _lines((f"{digest[:_SHORT]}…",) for digest in erasure.subjects)

    @admin.display(description=_("erased"))
    def gone(self, erasure: Erasure) -> SafeString:
        return _lines((f"{name}: {n}",) for name, n in sorted(erasure.erased.items()))

    @admin.display(description=_("still found"))
    def left(self, erasure: Erasure) -> SafeString:
        return _lines(_found(erasure.found))

    @admin.display(description=_("receipt"))
    def proof(self, erasure: Erasure) -> SafeString | str:
        if not erasure.receipt:
            return gettext("There is none before nothing is found any more.")
        url = reverse("admin:personalization_erasure_receipt", args=(erasure.pk,))
        return format_html('<a href="{}">{}</a>', url, gettext("Download the receipt"))

    @admin.action(description=_("Try again now what is not done"), permissions=["erase"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Erasure]) -> None:
        n = try_now(
            Erasure.objects.filter(pk__in=list(queryset.values_list("pk", flat=True))),
            now=timezone.now(),
        )
        text = ngettext("%(n)s erasure is tried again.", "%(n)s erasures are tried again.", n)
        self.message_user(request, text % {"n": n}, messages.SUCCESS if n else messages.WARNING)


def _found(found: Mapping[str, Any]) -> list[tuple[str]]:
    return [(f"{name}: {place}",) for name, places in sorted(found.items()) for place in places]


def _lines(rows: Any) -> SafeString:
    return format_html_join(SafeString("<br>"), "{}", rows) or SafeString("–")
