"""What this package holds of people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from personalization import hints
from personalization.events.archived import naming_archives, remove_from_archives
from personalization.events.buffer import buffer
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.models import BufferedBatch, Event, StoredMessage
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.needles import Needles, naming
from personalization.profiles.stores import TO_PERSONALIZE, TO_RUN, Store, Subject, stores
from personalization.profiles.told import told
from personalization.types import JsonObject

#: Rows that are deleted in one statement: databases bound how many parameters it has.
_CHUNK = 500


@stores.register("events")
class Events(Store):
    """Events are kept for `RETENTION`, which rules look back over."""

    models = (Event, StoredMessage)
    holds = _("What you did here: pages, clicks, orders, what was shown to you, and when.")
    used_for = TO_PERSONALIZE
    kept_words = _("%(retention)s, and then the month as a whole.")

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        return told(
            Event.objects.filter(identity__in=subject.identity_ids),
            *("type", "name", "properties", "context", "timestamp", "received_at", "message_id"),
            source="source__name",
        )

    def erase(self, subject: Subject) -> int:
        events = Event.objects.filter(identity__in=subject.identity_ids)
        _forget(events.values_list("source", "message_id").iterator())
        return events.delete()[0]

    def erase_slowly(self, subject: Subject) -> int:
        """Delete what somebody else did and what names the subject all the same."""
        needles = Needles.of(subject.keys)
        named = naming(
            Event.objects.order_by(),
            needles=needles,
            fields=("message_id", "name", "properties", "context"),
        )
        n = 0
        for event in list(named):
            with transaction.atomic():
                _forget([(event.source_id, event.message_id)])
                profiles = Identity.objects.filter(pk=event.identity_id).values("profile")
                Snapshot.objects.filter(profile__in=profiles).update(plan="")
                n += event.delete()[0]
        if n:
            hints.hint(hints.REFRESH_SEGMENTS)
        messages = naming(StoredMessage.objects.order_by(), needles=needles, fields=("message_id",))
        _forget((each.source_id, each.message_id) for each in list(messages))
        return n


@stores.register("buffer")
class WaitingEvents(Store):
    models = (BufferedBatch,)
    holds = _("What you did in the last seconds, until it is worked on.")
    used_for = TO_PERSONALIZE
    kept_words = _("Until it is worked on: seconds, as a rule.")
    is_shown = False

    def erase(self, subject: Subject) -> int:
        # Of a buffer elsewhere, some lies here as well.
        return DatabaseBuffer().remove(Needles.of(subject.keys))

    def erase_slowly(self, subject: Subject) -> int:
        return buffer().remove(Needles.of(subject.keys))

    def search(self, needles: Needles) -> Iterator[str]:
        if buffer().holds(needles):
            yield type(buffer()).__name__


@stores.register("event archive")
class EventArchive(Store):
    """The files that are in the folder of the settings; those taken elsewhere are the site's."""

    holds = _("What you did long ago, in files.")
    used_for = TO_RUN
    kept_words = _("As long as the site keeps the files.")
    is_shown = False

    def erase_slowly(self, subject: Subject) -> int:
        return remove_from_archives(Needles.of(subject.keys))

    def search(self, needles: Needles) -> Iterator[str]:
        yield from naming_archives(needles)


def _forget(messages: Iterable[tuple[int, str]]) -> None:
    """Forget that the messages became events."""
    ids: dict[int, list[str]] = {}
    for source_id, message_id in messages:
        ids.setdefault(source_id, []).append(message_id)
    for source_id, of_source in ids.items():
        for start in range(0, len(of_source), _CHUNK):
            some = of_source[start : start + _CHUNK]
            StoredMessage.objects.filter(source=source_id, message_id__in=some).delete()
