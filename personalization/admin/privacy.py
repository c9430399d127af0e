"""Consents: what visitors answered, as it was recorded."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from personalization.admin.links import profile_link
from personalization.admin.read_only import ReadOnlyAdmin
from personalization.admin.visitors import identity_label
from personalization.admin.wording import moment_cell
from personalization.privacy.models import Consent


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = (
        "recorded", "who", "purpose", "granted", "policy_version", "mechanism",
    )  # fmt: skip
    list_filter = ("granted", "purpose", "mechanism", "recorded_at")
    list_select_related = ("identity",)
    search_fields = ("^identity__value",)
    search_help_text = _("Search by the beginning of an e-mail, user id or visitor id")
    ordering = ("-pk",)
    sortable_by = ()
    fields = (
        "recorded_at", "profile", "identity", "purpose", "granted", "policy_version", "mechanism",
    )  # fmt: skip
    readonly_fields = ("profile",)

    @admin.display(description=_("recorded at"))
    def recorded(self, consent: Consent) -> str:
        return moment_cell(consent.recorded_at)

    @admin.display(description=_("visitor"))
    def who(self, consent: Consent) -> str:
        return identity_label(consent.identity)

    @admin.display(description=_("profile"))
    def profile(self, consent: Consent) -> SafeString | str:
        return profile_link(consent.identity)
