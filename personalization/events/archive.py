"""Files of events that are no longer kept: gzipped JSON Lines, one for each month and source.

Each line is a call of the Segment spec, so that other tools and `import_events` can read
it. Whose the event is stands under `identity` besides: a browser's call that states a user
proves nothing.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from django.db.models import Q, QuerySet

from personalization.events.models import Event, Source
from personalization.events.partitions import Month
from personalization.profiles.models import Identity, IdentityLink
from personalization.types import Json, JsonObject

#: The identities that a trusted source joined the event's own with.
Joined: TypeAlias = Sequence[Identity]

CHUNK = 2000
_POSIX = os.name == "posix"


@dataclass(frozen=True, kw_only=True)
class Archive:
    """The files of one month: `n` events, none with a number above `last`."""

    files: Sequence[Path]
    n: int
    last: int


def events_in(month: Month) -> QuerySet[Event]:
    return Event.objects.filter(timestamp__gte=month.start, timestamp__lt=month.end)


def write_archive(month: Month, *, folder: Path, last: int) -> Archive:
    """Write the events of the month with numbers up to `last`; no file is ever overwritten.

    When this returns, the files are on the disk.

    :raises OSError: when they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files, n = [], 0
    for source in Source.objects.order_by("slug"):
        events = events_in(month).filter(source=source, pk__lte=last)
        if written := _write(events, unfinished := folder / f".{os.getpid()}.part"):
            files.append(_finish(unfinished, name=f"events-{month}-{source.slug}"))
            n += written
    return Archive(files=files, n=n, last=last)


def call_of(event: Event, joined: Joined = ()) -> JsonObject:
    """Return the call that becomes this event again."""
    return {
        "type": event.type,
        **_content(event),
        **_who(event.identity, joined),
        "context": event.context,
        "messageId": event.message_id,
        "timestamp": _iso(event.timestamp),
        "receivedAt": _iso(event.received_at),
    }


def _content(event: Event) -> JsonObject:
    properties: Mapping[str, Json] = event.properties
    match event.type:
        case Event.Type.TRACK:
            return {"event": event.name, "properties": dict(properties)}
        case Event.Type.IDENTIFY:
            return {"traits": dict(properties)}
        case Event.Type.GROUP:
            traits = {name: value for name, value in properties.items() if name != "groupId"}
            return {"groupId": properties.get("groupId"), "traits": traits}
        case Event.Type.ALIAS:
            return {"previousId": properties.get("previousId")}
        case _:
            return {"properties": dict(properties)}


def _who(identity: Identity, joined: Joined) -> JsonObject:
    """Return the ids as a client states them, and without doubt whose the event is."""
    names = {Identity.USER: "userId", Identity.ANONYMOUS: "anonymousId"}
    stated = {
        names[one.namespace]: one.value for one in (*joined, identity) if one.namespace in names
    }
    return {**stated, "identity": [identity.namespace, identity.value]}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _write(events: QuerySet[Event], path: Path) -> int:
    """Write the events onto the disk; return how many there are, 0 for no file at all."""
    n, done = 0, False
    try:
        with path.open("wb") as file:
            with gzip.open(file, "wt", encoding="utf-8") as lines:
                for call in _calls(events):
                    lines.write(json.dumps(call, ensure_ascii=False, separators=(",", ":")) + "\n")
                    n += 1
            file.flush()
            os.fsync(file.fileno())
        done = n > 0
    finally:
        if not done:
            path.unlink(missing_ok=True)
    return n


def _finish(unfinished: Path, *, name: str) -> Path:
    """Give a finished file a name that no other has, and return it."""
    number, path = 1, unfinished.with_name(f"{name}.jsonl.gz")
    while not _takes_name(path):
        number += 1
        path = unfinished.with_name(f"{name}-{number}.jsonl.gz")
    unfinished.replace(path)
    sync_folder(path.parent)
    return path


def _takes_name(path: Path) -> bool:
    """Reserve the name, unless a file has it; return whether it is ours."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Have the new name on the disk too, where folders can be synced."""
    if not _POSIX:
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _calls(events: QuerySet[Event]) -> Iterator[JsonObject]:
    """Yield the calls in the order they were stored, reading a portion at a time."""
    after = 0
    while chunk := list(
        events.filter(pk__gt=after).select_related("identity").order_by("pk")[:CHUNK]
    ):
        joined = _joined(chunk)
        for event in chunk:
            yield call_of(event, joined.get((event.identity_id, event.message_id), ()))
        after = chunk[-1].pk


def _joined(events: Iterable[Event]) -> Mapping[tuple[int, str], Joined]:
    """Return, by identity and message, what the message joined the identity with."""
    numbers = {event.identity_id for event in events}
    messages = {event.message_id for event in events}
    links = IdentityLink.objects.filter(Q(one__in=numbers) | Q(other__in=numbers))
    found: dict[tuple[int, str], list[Identity]] = defaultdict(list)
    for link in links.select_related("one", "other"):
        if link.message_id in messages:
            found[link.one_id, link.message_id].append(link.other)
            found[link.other_id, link.message_id].append(link.one)
    return found
