"""The list of those of whom nothing is collected: erased, or put there by an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from personalization.admin.read_only import ReadOnlyAdmin, may
from personalization.admin.wording import moment_cell
from personalization.privacy.erasure.request import request_erasure
from personalization.privacy.models import Erasure
from personalization.privacy.subjects import device_of, person_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.suppressed import digests_of
from personalization.profiles.suppressions import Suppression

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Suppression]
else:
    ModelForm = forms.ModelForm


class SuppressionForm(ModelForm):
    """Whom to put on the list. The id is used once and not kept: the list has its pseudonym."""

    namespace = forms.CharField(
        label=_("Namespace"),
        max_length=30,
        initial=Identity.USER,
        help_text=_("user, anonymous, or one of the site's own."),
    )
    value = forms.CharField(label=_("Id"), max_length=200)
    whole = forms.BooleanField(
        label=_("Erase everything of the person"),
        required=False,
        initial=True,
        help_text=_("Else only what belongs to this one id."),
    )

    class Meta:
        model = Suppression
        fields = ("note",)
        help_texts = {"note": _("Why. Write down no name and no id: it stays.")}

    @property
    def key(self) -> Key:
        return Key(self.cleaned_data["namespace"], self.cleaned_data["value"])


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    list_display = ("digest_shown", "reason", "added", "lifted", "note")
    list_filter = ("reason", "since", ("lifted_at", admin.EmptyFieldListFilter))
    search_fields = ("=digest",)
    search_help_text = _("Search by an identity, as in user:17, or by a whole pseudonym")
    ordering = ("-since", "-pk")
    sortable_by = ()
    actions = ("lift",)
    fields = ("digest", "reason", "added", "lifted", "note", "by")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        is_eraser = request.user.has_perm("personalization.erase_profile")
        return is_eraser and may(request, "add", Suppression)

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return may(request, "change", Suppression)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else SuppressionForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("namespace", "value", "whole", "note")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        """Erase whom the form names, and put them on the list."""
        key: Key = form.key
        request_erasure(
            person_of([key]) if form.cleaned_data["whole"] else device_of(key),
            channel=Erasure.Channel.OPERATOR,
            by=request.user,
            now=timezone.now(),
            reason=Suppression.Reason.OPERATOR,
        )
        listed = Suppression.objects.get(digest__in=digests_of(key))
        listed.note = obj.note
        listed.save(update_fields=("note",))
        obj.pk, obj.digest = listed.pk, listed.digest
        obj.refresh_from_db()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        """Find an identity by its pseudonym: the list knows no other name of it."""
        namespace, colon, value = search_term.strip().partition(":")
        if colon and value:
            return queryset.filter(digest__in=digests_of(Key(namespace, value))), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=_("pseudonym"))
    def digest_shown(self, suppression: Suppression) -> str:
        return f"{suppression.digest[:12]}…"

    @admin.display(description=_("since"))
    def added(self, suppression: Suppression) -> str:
        return moment_cell(suppression.since)

    @admin.display(description=_("lifted at"))
    def lifted(self, suppression: Suppression) -> str:
        return moment_cell(suppression.lifted_at)

    @admin.action(description=_("Let them come back"), permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> None:
        """Take them off the list: what happens from now on is kept again, with their consent."""
        chosen = Suppression.objects.filter(
            Q(pk__in=list(queryset.values_list("pk", flat=True))), lifted_at=None
        )
        for each in list(chosen):
            self.log_change(request, each, "Lifted.")
        n = chosen.update(lifted_at=timezone.now())
        text = ngettext("%(n)s suppression is lifted.", "%(n)s suppressions are lifted.", n)
        self.message_user(request, text % {"n": n}, messages.SUCCESS if n else messages.WARNING)
