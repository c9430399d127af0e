"""What visitors are asked: texts in versions and languages, which stay once they were answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.read_only import ModelAdmin, may
from personalization.conf import settings
from personalization.privacy import texts
from personalization.privacy.models import ConsentText
from personalization.privacy.text_versions import (
    VERSION,
    copy_in_force,
    is_answered,
    next_version,
)
from personalization.types import ASKED_PURPOSES

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[ConsentText]
else:
    ModelForm = forms.ModelForm

_LIST = "admin:personalization_consenttext_changelist"


class ConsentTextForm(ModelForm):
    class Meta:
        model = ConsentText
        fields = ("version", "language", "purpose", "title", "text")
        widgets = {"text": forms.Textarea(attrs={"rows": 4, "cols": 80})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (purpose := self.fields.get("purpose")) is not None:
            asked = [(each.value, each.label) for each in ASKED_PURPOSES]
            purpose.choices = [("", _("the question as a whole")), *asked]  # type: ignore[attr-defined]

    def clean_version(self) -> str:
        version = str(self.cleaned_data["version"])
        if not VERSION.fullmatch(version):
            raise ValidationError(
                gettext("“%s” is no version: up to 20 letters, digits, “-” and “_”.") % version
            )
        if is_answered(version):
            raise ValidationError(
                gettext("Version “%s” was answered already, so its texts stay. Take a new one.")
                % version
            )
        return version

    def clean_language(self) -> str:
        return str(self.cleaned_data["language"]).lower()


@admin.register(ConsentText)
class ConsentTextAdmin(ModelAdmin):
    form = ConsentTextForm
    change_list_template = "admin/personalization/consenttext/change_list.html"
    list_per_page = 50
    list_display = ("title", "asked_for", "language", "version", "state")
    list_filter = ("version", "language", "purpose")
    search_fields = ("title", "text")
    ordering = ("-version", "language", "purpose")
    fields = ("version", "language", "purpose", "title", "text")
    actions = None  # what was answered must not go with what was not

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    @admin.display(description=_("asked for"), ordering="purpose")
    def asked_for(self, text: ConsentText) -> str:
        return text.get_purpose_display() if text.purpose else gettext("the question as a whole")

    @admin.display(description=_("state"))
    def state(self, text: ConsentText) -> str:
        if text.version == settings.POLICY_VERSION:
            return gettext("asked now")
        is_kept = is_answered(text.version)
        return gettext("answered; it stays as it is") if is_kept else gettext("draft")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"version": next_version(), **super().get_changeform_initial_data(request)}

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_kept(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_kept(obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        texts.forget()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        texts.forget()

    def get_urls(self) -> list[URLPattern]:
        copy = path(
            "copy/", self.admin_site.admin_view(self.copy), name="personalization_consenttext_copy"
        )
        return [copy, *super().get_urls()]

    def copy(self, request: HttpRequest) -> HttpResponse:
        """Copy the texts in force to a new version, by POST."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not may(request, "add", ConsentText):
            raise PermissionDenied
        version = copy_in_force()
        for text in ConsentText.objects.filter(version=version):
            self.log_addition(request, text, [{"added": {}}])
        said = gettext(
            "The texts are in version “%s” now. They are asked once the setting"
            " PERSONALIZATION_POLICY_VERSION names it."
        )
        messages.success(request, said % version)
        return HttpResponseRedirect(f"{reverse(_LIST)}?version={version}")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "next_version": next_version(),
            "in_force": settings.POLICY_VERSION,
            "may_copy": may(request, "add", ConsentText),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)


def _is_kept(text: Model | None) -> bool:
    return isinstance(text, ConsentText) and is_answered(text.version)
