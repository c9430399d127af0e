"""Events that were set aside: look at them, mend them, take them in or give them up."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.audited import note_of_object
from personalization.admin.letter_text import event_name, hidden, pretty
from personalization.admin.personal_values import may_see_values
from personalization.admin.read_only import ReadOnlyAdmin, may
from personalization.admin.visitors import identity_label
from personalization.admin.wording import moment_cell
from personalization.exceptions import BufferUnavailable, EventRejected
from personalization.ingest.models import DeadLetter
from personalization.ingest.quarantine import FAILED
from personalization.ingest.replay import Replayed, discard, replay, replay_many
from personalization.ingest.sealing import SEALED
from personalization.privacy.models import AuditEntry
from personalization.profiles.models import Identity

#: Why an event was set aside, in the order of the filter.
REASONS: Final = {
    "schema_violation": _("Does not fit its schema"),
    "unknown_event": _("No schema has its name"),
    "bot": _("Sent by a program"),
    "too_old": _("Too old"),
    "invalid_timestamp": _("No usable time"),
    "poison_value": _("A value nothing can store"),
    "too_deeply_nested": _("Nested too deep"),
    "event_too_large": _("Too large"),
    "unknown_type": _("Unknown type of call"),
    "missing_event": _("No name"),
    "invalid_event": _("A part of the wrong kind"),
    "invalid_message_id": _("No usable message id"),
    FAILED: _("The worker could not process it"),
}
_STATES: Final = {"waiting": "pending", "replayed": "fresh", "discarded": "off"}
_LONGEST_MESSAGE = 160
#: A cell of the list with a second, quieter line.
_WITH_MORE = '{} <span class="pz-told">{}</span>'


class ReasonFilter(admin.SimpleListFilter):
    title = _("reason")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(REASONS.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter]
    ) -> QuerySet[DeadLetter]:
        return queryset.filter(code=self.value()) if self.value() else queryset


class StatusFilter(admin.SimpleListFilter):
    """Those that wait, unless others are asked for: the others are over."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        over = [DeadLetter.Status.REPLAYED, DeadLetter.Status.DISCARDED]
        return [(status.value, status.label) for status in over]

    def choices(self, changelist: Any) -> Any:
        everything, *rest = super().choices(changelist)
        return [{**everything, "display": DeadLetter.Status.WAITING.label}, *rest]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter]
    ) -> QuerySet[DeadLetter]:
        return queryset.filter(status=self.value() or DeadLetter.Status.WAITING)


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display: tuple[str, ...] = ("received", "event", "problem", "who")
    list_filter = (StatusFilter, ReasonFilter, "source")
    list_select_related = ("source",)
    search_fields = ("=message_id", "=value")
    search_help_text = _("Search by the exact message id, user id or visitor id")
    ordering = ("-pk",)
    sortable_by = ()
    actions = ("replay_selected", "let_in_as_persons", "discard_selected")

    class Media:
        css = {
            "all": (
                "personalization/admin/personalization.css",
                "personalization/admin/quarantine.css",
            )
        }

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return may(request, "change", DeadLetter)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Say only the reason to who may not read what events of people say."""
        told = "problem" if may_see_values(request) else "reason"
        return tuple(told if name == "problem" else name for name in self.list_display)

    # -- list ---------------------------------------------------------------------------

    @admin.display(description=_("received at"))
    def received(self, letter: DeadLetter) -> str:
        return moment_cell(letter.received_at, ago=True)

    @admin.display(description=_("event"))
    def event(self, letter: DeadLetter) -> SafeString:
        return format_html(_WITH_MORE, event_name(letter) or "–", letter.source)

    @admin.display(description=_("what is wrong"))
    def problem(self, letter: DeadLetter) -> SafeString:
        text = letter.message
        if len(text) > _LONGEST_MESSAGE:
            text = f"{text[: _LONGEST_MESSAGE - 1]}…"
        reason = reason_words(letter.code)
        return format_html(_WITH_MORE, reason, text)

    @admin.display(description=_("what is wrong"))
    def reason(self, letter: DeadLetter) -> str:
        return reason_words(letter.code)

    @admin.display(description=_("visitor"))
    def who(self, letter: DeadLetter) -> str:
        if not letter.value:
            return "–"
        return identity_label(Identity(namespace=letter.namespace, value=letter.value))

    # -- actions ------------------------------------------------------------------------

    @admin.action(description=_("Replay"), permissions=["resolve"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        self._replay(request, queryset)

    @admin.action(description=_("This was a person: let it in"), permissions=["resolve"])
    def let_in_as_persons(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        self._replay(request, queryset, as_person=True)

    @admin.action(description=_("Discard"), permissions=["resolve"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        n = discard(_numbers(queryset), now=timezone.now(), by=_user(request))
        text = ngettext("%(n)s event is given up.", "%(n)s events are given up.", n)
        self.message_user(request, text % {"n": n}, messages.SUCCESS if n else messages.WARNING)

    def _replay(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter], *, as_person: bool = False
    ) -> None:
        now = timezone.now()
        try:
            result = replay_many(
                _numbers(queryset), now=now, by=_user(request), as_person=as_person
            )
        except BufferUnavailable as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self._tell(request, result)

    def _tell(self, request: HttpRequest, result: Replayed) -> None:
        n = result.taken
        text = ngettext("%(n)s event is taken in.", "%(n)s events are taken in.", n)
        self.message_user(request, text % {"n": n}, messages.SUCCESS if n else messages.WARNING)
        for code, times in sorted(result.refused.items()):
            again = ngettext(
                "%(n)s event is refused again: %(reason)s.",
                "%(n)s events are refused again: %(reason)s.",
                times,
            )
            told = again % {"n": times, "reason": reason_words(code)}
            self.message_user(request, told, messages.WARNING)

    # -- one letter ---------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        letter = self.get_object(request, object_id)
        if not self.has_view_permission(request, letter):
            raise PermissionDenied
        if letter is None:
            self.message_user(request, _("There is no such event any more."), messages.WARNING)
            return redirect("admin:personalization_deadletter_changelist")
        if request.method == "POST":
            return self._resolve(request, letter)
        note_of_object(request, AuditEntry.Action.VIEWED, letter)
        return self._page(request, letter, body=pretty(letter.body))

    def _page(
        self, request: HttpRequest, letter: DeadLetter, *, body: str, problem: str = ""
    ) -> HttpResponse:
        seen = may_see_values(request)
        request.current_app = self.admin_site.name
        agent = letter.sender.get("agent") or {}
        context = {
            **self.admin_site.each_context(request),
            "title": event_name(letter) or gettext("An event"),
            "original": letter,
            "has_view_permission": True,
            "opts": self.opts,
            "media": self.media,
            "letter": letter,
            # What was wrong is often said with the value that was.
            "body": body if seen else hidden(body),
            "message": letter.message if seen else "",
            "problem": problem if seen or not problem else gettext("It is refused again."),
            "may_mend": seen,
            "reason": reason_words(letter.code),
            "who": self.who(letter),
            "state": state(letter),
            "user_agent": agent.get("user_agent", ""),
            "may_resolve": letter.status == DeadLetter.Status.WAITING
            and self.has_resolve_permission(request),
            "by_worker": letter.code == FAILED,
        }
        return TemplateResponse(request, "admin/personalization/deadletter/detail.html", context)

    def _resolve(self, request: HttpRequest, letter: DeadLetter) -> HttpResponse:
        """Do what the button says; what cannot be taken in is shown again as it was typed."""
        if not self.has_resolve_permission(request):
            raise PermissionDenied
        now, do = timezone.now(), request.POST.get("do")
        if do == "discard":
            done = bool(discard([letter.pk], now=now, by=_user(request)))
            said = gettext("The event is given up.")
        else:
            # Who may not read what it says cannot mend it: it is replayed as it came.
            body = request.POST.get("body", "") if may_see_values(request) else letter.body
            try:
                done = replay(
                    letter.pk, now=now, body=body, by=_user(request), as_person=do == "person"
                )
            except (EventRejected, BufferUnavailable) as error:
                return self._page(request, letter, body=body, problem=str(error))
            said = gettext("The event is taken in.")
        if done:
            self.log_change(request, letter, said)
            self.message_user(request, said, messages.SUCCESS)
        else:
            self.message_user(request, _("Somebody was faster: it is over."), messages.WARNING)
        return redirect("admin:personalization_deadletter_changelist")


def state(letter: DeadLetter) -> SafeString:
    return format_html(
        '<span class="pz-state pz-state-{}">{}</span>',
        _STATES[letter.status],
        letter.get_status_display(),
    )


def reason_words(code: str) -> str:
    if code == SEALED:
        return gettext("No key opens what is encrypted in it")
    return str(REASONS.get(code, code))


def _numbers(queryset: QuerySet[DeadLetter]) -> list[int]:
    return list(queryset.order_by("pk").values_list("pk", flat=True))


def _user(request: HttpRequest) -> Any:
    return request.user
