"""Profiles that may be one person: an operator says whether they are."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from personalization.admin.merges import numbered_link
from personalization.admin.read_only import ReadOnlyAdmin, may
from personalization.admin.visitors import label
from personalization.admin.wording import BUSY, moment_cell
from personalization.ingest.suggestions import accept_suggestion, dismiss_suggestions
from personalization.profiles.locks import ProfileMoved
from personalization.profiles.merges import MergeRefused
from personalization.profiles.models import Merge, MergeSuggestion, Profile

#: What is compared, as the list says it.
COMPARED = {
    "email": _("e-mail"),
    "phone": _("phone"),
    "name": _("name"),
    "birthday": _("birthday"),
    "city": _("city"),
    "network": _("network"),
    "agent": _("browser"),
    "daytime": _("time of day"),
}


class StatusFilter(admin.SimpleListFilter):
    """Those to decide on, unless the others are asked for."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        dismissed = MergeSuggestion.Status.DISMISSED
        return [(dismissed.value, dismissed.label)]

    def choices(self, changelist: Any) -> Any:
        everything, *rest = super().choices(changelist)
        return [{**everything, "display": MergeSuggestion.Status.OPEN.label}, *rest]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[MergeSuggestion]
    ) -> QuerySet[MergeSuggestion]:
        return queryset.filter(status=self.value() or MergeSuggestion.Status.OPEN)


@admin.register(MergeSuggestion)
class MergeSuggestionAdmin(ReadOnlyAdmin):
    list_display = ("probable", "first", "second", "speaks", "suggested")
    list_display_links = None
    list_filter = (StatusFilter,)
    ordering = ("-probability", "pk")
    sortable_by = ()
    actions = ("accept", "dismiss")
    fields = ("probable", "first", "second", "speaks", "suggested", "status", "decided_by")
    readonly_fields = ("probable", "first", "second", "speaks", "suggested")

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[MergeSuggestion]:
        return (
            super().get_queryset(request).prefetch_related("one__identities", "other__identities")
        )

    def has_accept_permission(self, request: HttpRequest) -> bool:
        return may(request, "add", Merge)

    def has_dismiss_permission(self, request: HttpRequest) -> bool:
        return may(request, "change", MergeSuggestion)

    # -- list ---------------------------------------------------------------------------

    @admin.display(description=_("probability"))
    def probable(self, suggestion: MergeSuggestion) -> str:
        # Never certain: that would be for a person to say.
        return f"{min(round(100 * suggestion.probability), 99)} %"

    @admin.display(description=_("one"))
    def first(self, suggestion: MergeSuggestion) -> SafeString:
        return _named(suggestion.one)

    @admin.display(description=_("other"))
    def second(self, suggestion: MergeSuggestion) -> SafeString:
        return _named(suggestion.other)

    @admin.display(description=_("what speaks for and against it"))
    def speaks(self, suggestion: MergeSuggestion) -> SafeString:
        """The weightiest first; a weight of 3 is to say eight to one."""
        weights = sorted(suggestion.weights.items(), key=lambda item: -abs(item[1]["weight"]))
        return format_html_join(
            " ",
            '<span class="pz-mark pz-mark-{}">{} {}</span>',
            (
                (
                    "yes" if told["agrees"] else "no",
                    COMPARED.get(name, name),
                    f"{told['weight']:+.1f}",
                )
                for name, told in weights
            ),
        )

    @admin.display(description=_("suggested at"))
    def suggested(self, suggestion: MergeSuggestion) -> str:
        return moment_cell(suggestion.created_at)

    # -- actions ------------------------------------------------------------------------

    @admin.action(description=_("One person: merge"), permissions=["accept"])
    def accept(self, request: HttpRequest, queryset: QuerySet[MergeSuggestion]) -> None:
        n = 0
        for pk in queryset.values_list("pk", flat=True):
            # One that was accepted before may have taken a profile along.
            suggestion = MergeSuggestion.objects.filter(pk=pk).first()
            if suggestion is None:
                continue
            try:
                accept_suggestion(suggestion, now=timezone.now(), by=request.user)
            except MergeRefused as error:
                self.message_user(request, str(error), messages.WARNING)
            except ProfileMoved:
                self.message_user(request, BUSY, messages.WARNING)
            else:
                n += 1
        text = ngettext("%(n)s pair is merged.", "%(n)s pairs are merged.", n)
        self.message_user(request, text % {"n": n}, messages.SUCCESS if n else messages.WARNING)

    @admin.action(description=_("Not one person: dismiss"), permissions=["dismiss"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[MergeSuggestion]) -> None:
        n = dismiss_suggestions(queryset, now=timezone.now(), by=request.user)
        text = ngettext("%(n)s pair is dismissed.", "%(n)s pairs are dismissed.", n)
        self.message_user(request, text % {"n": n}, messages.SUCCESS if n else messages.WARNING)


def _named(profile: Profile) -> SafeString:
    return format_html("{}<br>{}", label(profile), numbered_link(profile.pk))
