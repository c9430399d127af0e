"""What is done in the admin, told to the audit log: by all its pages, without being asked to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from personalization.keys import pseudonym, pseudonyms
from personalization.privacy.audit import note
from personalization.privacy.models import AuditEntry
from personalization.profiles.models import Profile
from personalization.types import Json, JsonObject

if TYPE_CHECKING:  # generic for the type checker only
    BaseAdmin = admin.ModelAdmin[Any]
else:
    BaseAdmin = admin.ModelAdmin

#: What has a name of its own, that is no person's. Others are told by their numbers alone.
NAMED = frozenset({
    "segment", "slot", "source", "eventschema", "webhook", "interestweight", "consenttext",
    "report", "modelversion", "item", "goal", "feedbackweight", "recommendationrule",
    "experiment", "metric",
})  # fmt: skip
#: Entries on the page with the history of something.
LISTED = 50
_PERSON = "profile"


def note_of_person(
    request: HttpRequest, action: AuditEntry.Action, *, profile_id: int, **detail: Any
) -> None:
    """Note what somebody did with what is known of a person, under the person's pseudonym."""
    name = pseudonym(_PERSON, str(profile_id))
    note(action, actor=request.user, kind=_PERSON, name=name, **detail)


def entries_of_person(profile_id: int) -> QuerySet[AuditEntry]:
    """Return what the log tells of a person, also under pseudonyms of older keys."""
    return AuditEntry.objects.filter(kind=_PERSON, name__in=pseudonyms(_PERSON, str(profile_id)))


def note_of_object(
    request: HttpRequest, action: AuditEntry.Action, thing: Model, **detail: Any
) -> None:
    """Note what somebody did with a thing of the site."""
    kind = str(thing._meta.model_name)
    if isinstance(thing, Profile):
        note_of_person(request, action, profile_id=thing.pk, **detail)
        return
    name = str(thing) if kind in NAMED else ""
    note(action, actor=request.user, kind=kind, name=name, number=thing.pk, **detail)


def entries_of(thing: Model) -> QuerySet[AuditEntry]:
    """Return what the log tells of one thing."""
    if isinstance(thing, Profile):
        return entries_of_person(thing.pk)
    kind = str(thing._meta.model_name)
    return AuditEntry.objects.filter(kind=kind, number=str(thing.pk))


class Audited(BaseAdmin):
    """Tells the audit log of all that Django's own history is told of, and shows it there."""

    object_history_template = "admin/personalization/object_history.html"

    def audit_detail(self, thing: Any) -> JsonObject:
        """Return what else is worth noting of a change to `thing`."""
        return {}

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        note_of_object(request, AuditEntry.Action.ADDED, obj, **self.audit_detail(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        detail = {**changed(message), **self.audit_detail(obj)}
        note_of_object(request, AuditEntry.Action.CHANGED, obj, **detail)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for thing in queryset:
            note_of_object(request, AuditEntry.Action.DELETED, thing)
        return super().log_deletions(request, queryset)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if may_read_log(request) and (thing := self.get_object(request, object_id)) is not None:
            entries = entries_of(thing)[:LISTED]
            context["audit_entries"] = [(entry, detail_words(entry.detail)) for entry in entries]
        return super().history_view(request, object_id, context)


def may_read_log(request: HttpRequest) -> bool:
    """Return whether the user may see who did what."""
    return request.user.has_perm("personalization.view_auditentry")


def changed(message: Any) -> JsonObject:
    """Return what was changed, of a message that Django makes or one in words.

    Names of fields and of what is edited in lines below, and never a value.
    """
    if isinstance(message, str):
        return {"what": message} if message else {}
    parts = list(_parts(message))
    fields: list[Json] = [name for part in parts for name in part.get("fields", ())]
    lines: list[Json] = [
        f"{how} {part['name']} “{part['object']}”"
        for each in message
        for how, part in each.items()
        if "object" in part
    ]
    return {**({"fields": fields} if fields else {}), **({"lines": lines} if lines else {})}


def _parts(message: Iterable[Any]) -> Iterator[Any]:
    for each in message:
        yield from each.values()


def detail_words(detail: Mapping[str, Any]) -> str:
    """Return the detail of an entry as a line: “fields: Name, Rule; version: 3”."""
    return "; ".join(f"{name}: {_listed(value)}" for name, value in detail.items())


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
