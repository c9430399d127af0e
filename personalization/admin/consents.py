"""The consent log: what was asked and answered, whether its chain is whole, and the proof of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.read_only import ReadOnlyAdmin
from personalization.admin.wording import moment_cell
from personalization.privacy.audit import note
from personalization.privacy.chain import exported, seal_records, verify_chain
from personalization.privacy.models import AuditEntry, ConsentRecord
from personalization.types import ASKED_PURPOSES

#: The newest entries that are looked at whenever the list is opened.
LOOKED_AT = 500
_SHORT = 12


@admin.register(ConsentRecord)
class ConsentRecordAdmin(ReadOnlyAdmin):
    change_list_template = "admin/personalization/consentrecord/change_list.html"
    list_display = ("when", "who", "said", "policy_version", "mechanism", "region", "sealed")
    list_filter = ("mechanism", "policy_version", "language", "recorded_at")
    search_fields = ("=subject", "=text_digest")
    search_help_text = _("Search by a whole pseudonym, or the digest of the texts")
    date_hierarchy = "recorded_at"
    ordering = ("-recorded_at", "-pk")
    sortable_by = ()
    fields = (
        "uid", "recorded_at", "subject", "said", "policy_version", "mechanism", "language",
        "region", "signals", "evidence", "text_digest", "proof", "place", "seal",
    )  # fmt: skip
    readonly_fields = ("said",)

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export)
        return [
            path("export/", view, name="personalization_consentrecord_export"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more = {"chain": verify_chain(last=LOOKED_AT), "may_export": _may_export(request)}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def export(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """Hand the log out as lines of JSON, noted in the audit log."""
        if not (self.has_view_permission(request) and _may_export(request)):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        now = timezone.now()
        seal_records(now=now)
        note(AuditEntry.Action.EXPORTED, actor=request.user, kind="consent log")
        response = StreamingHttpResponse(exported(), content_type="application/x-ndjson")
        name = f"consent-log-{now:%Y-%m-%d}.jsonl"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store, private"
        return response

    @admin.display(description=_("recorded at"))
    def when(self, record: ConsentRecord) -> str:
        return moment_cell(record.recorded_at)

    @admin.display(description=_("pseudonym"))
    def who(self, record: ConsentRecord) -> str:
        return f"{record.subject[:_SHORT]}…"

    @admin.display(description=_("agreed to"))
    def said(self, record: ConsentRecord) -> str:
        agreed = [
            str(purpose.label) for purpose in ASKED_PURPOSES if record.answers.get(purpose.value)
        ]
        return ", ".join(agreed) or gettext("nothing")

    @admin.display(description=_("sealed"), boolean=True)
    def sealed(self, record: ConsentRecord) -> bool:
        return record.place is not None


def _may_export(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("personalization.manage_consents"))
