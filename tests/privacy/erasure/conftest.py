"""A visitor who has been everywhere: in every table, every file, the buffer, this process."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection
from django.test import Client

from personalization.clock import microseconds
from personalization.delivery.exposure_queue import hand_over
from personalization.events.archive import write_archive
from personalization.events.buffer import Batch, buffer
from personalization.events.models import Event, Source
from personalization.events.partitions import Month
from personalization.ingest.arrival import Arrival
from personalization.ingest.merges import merge_profiles, undo_merge
from personalization.ingest.models import DeadLetter, HeldEvent, ImportRun, SchemaFinding
from personalization.ingest.quarantine import bury
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.privacy.subjects import person_of
from personalization.profiles.identity import Key, find, find_or_create
from personalization.profiles.models import Identity, Merge, MergeSuggestion
from personalization.profiles.stores import Subject
from personalization.segments.models import Webhook
from personalization.testing import drain
from tests.factories import make_event, make_profile, make_segment, make_source
from tests.ingest.sending import send, track
from tests.rules.building import happened, rule

__all__ = ["make_event", "make_profile", "make_segment", "make_source"]

NOW = datetime.now(UTC).replace(microsecond=0)
AGO = NOW - timedelta(days=2)

USER = Key(Identity.USER, "ann-4711@shop.example")
PHONE = Key(Identity.ANONYMOUS, "0f1e2d3c4b5a69788796a5b4c3d2e1f0")
LAPTOP = Key(Identity.ANONYMOUS, "99aa88bb77cc66dd55ee44ff33001122")
CLAIM = Key(Identity.CLAIMED, USER.value)
IDS = (USER.value, PHONE.value, LAPTOP.value)
FRIEND = Key(Identity.USER, "bob-0815@shop.example")

#: One request of each protocol that names the user, with the key of the server.
REQUESTS: tuple[tuple[str, str, Any], ...] = (
    ("v1/track?writeKey=server-key", "application/json", track(userId=USER.value)),
    (
        "beacon/v1/batch?writeKey=server-key",
        "text/plain",
        {"batch": [track(userId=USER.value, anonymousId=PHONE.value)]},
    ),
    (
        "v1/cloudevents?writeKey=server-key",
        "application/cloudevents+json",
        {
            "specversion": "1.0",
            "id": f"ce-{USER.value}",
            "source": "/orders",
            "type": "Order Completed",
            "subject": USER.value,
            "data": {"total": 9.5},
        },
    ),
    (
        "batch/",
        "application/json",
        {"api_key": "server-key", "batch": [{"event": "added", "distinct_id": USER.value}]},
    ),
    (
        "api/send?writeKey=server-key",
        "application/json",
        {
            "type": "event",
            "payload": {"website": "1", "id": USER.value, "name": "added", "url": "/a"},
        },
    ),
    (
        "api/event?writeKey=server-key",
        "text/plain",
        {"n": "Signup", "u": f"https://shop.example/{USER.value}", "d": "shop.example"},
    ),
    (
        "mp/collect?api_secret=server-key",
        "application/json",
        {"client_id": PHONE.value, "user_id": USER.value, "events": [{"name": "sign_up"}]},
    ),
)


@pytest.fixture
def archive(tmp_path: Path, settings: Any) -> Path:
    settings.PERSONALIZATION_EVENT_ARCHIVE = str(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def server(make_source: Callable[..., Source]) -> Source:
    return make_source(kind=Source.Kind.SERVER, write_key="server-key")


@pytest.fixture
def life(
    client: Client,
    settings: Any,
    server: Source,
    archive: Path,
    make_segment: Callable[..., Any],
) -> Source:
    """Let Ann go through everything that keeps something of her; return the source she used."""
    settings.PERSONALIZATION_PROTOCOLS = (
        *("segment", "rudderstack", "cloudevents", "posthog", "umami", "plausible", "ga4"),
    )
    for key in (PHONE, LAPTOP, CLAIM, FRIEND):
        record_consent(key, granted=("analytics",), mechanism=Mechanism.API, now=AGO)
    Webhook.objects.create(name="CRM", url="https://crm.example/", secret="s", purpose="analytics")
    make_segment("viewers", rule(happened("Product Viewed")))
    _speak_every_protocol(client)
    _be_told_apart_and_joined(client, server)
    _be_set_aside(server)
    _be_archived(archive)
    _wait(server)
    _be_handled(server)
    return server


def _speak_every_protocol(client: Client) -> None:
    for path, content_type, body in REQUESTS:
        answer = client.generic("POST", f"/p/{path}", json.dumps(body), content_type=content_type)
        assert answer.status_code < 300, (path, answer.content)
    send(
        client,
        {
            "type": "identify",
            "userId": USER.value,
            "anonymousId": PHONE.value,
            "traits": {"email": USER.value, "plan": "pro"},
        },
        {"type": "alias", "userId": USER.value, "previousId": LAPTOP.value},
        track("Friend Invited", userId=FRIEND.value, properties={"whom": USER.value}),
    )
    drain(now=NOW)


def _be_told_apart_and_joined(client: Client, source: Source) -> None:
    tablet = Key(Identity.ANONYMOUS, "feedfacefeedfacefeedfacefeedface")
    found = find_or_create([tablet, FRIEND])
    mine = find([USER])[USER].profile_id
    merge_profiles(mine, found[tablet].profile_id, now=NOW)
    friend = find([FRIEND])[FRIEND].profile_id
    merge_profiles(mine, friend, now=NOW)
    undo_merge(Merge.objects.latest("pk"), now=NOW)
    found = find([USER, FRIEND])
    one, other = sorted(each.profile_id for each in found.values())
    MergeSuggestion.objects.create(one_id=one, other_id=other, probability=0.9)


def _be_set_aside(source: Source) -> None:
    unread = {"batch": [track("", event=..., userId=USER.value, anonymousId=PHONE.value)]}
    answer = Client().post(
        "/p/v1/batch?writeKey=server-key", json.dumps(unread), content_type="application/json"
    )
    assert answer.json()["rejected"]
    assert DeadLetter.objects.filter(namespace="user", value=USER.value).exists()
    bury(
        Batch(source_id=source.pk, events=[arrival(LAPTOP).to_json()], received_at=NOW),
        KeyError("x"),
    )
    HeldEvent.objects.create(
        source=source,
        message_id=f"held-{PHONE.value}",
        namespace=PHONE.namespace,
        value=PHONE.value,
        arrival=json.dumps(arrival(PHONE).to_json()),
    )
    SchemaFinding.objects.create(
        source=source, event="Signup", code="type", example=f'"{USER.value}"'
    )
    ImportRun.objects.create(digest="d" * 64, name=f"{USER.value}.jsonl", source=source)


def _be_archived(folder: Path) -> None:
    # Which may be a month that had not begun when these tests were read.
    month = Month.of(Event.objects.latest("timestamp").timestamp)
    archive = write_archive(month, folder=folder, last=2**62)
    assert archive.n > 0


def _wait(source: Source) -> None:
    buffer().append(
        Batch(
            source_id=source.pk,
            events=[arrival(PHONE).to_json(), arrival(FRIEND).to_json()],
            received_at=NOW,
        )
    )
    hand_over(lambda: arrival(LAPTOP), delay=timedelta(days=1))


def _be_handled(source: Source) -> None:
    identity = find([USER])[USER]
    admin = User.objects.create_superuser("root")
    for row in (identity, identity.profile):
        LogEntry.objects.create(
            user=admin,
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(row.pk),
            object_repr=str(row),
            action_flag=CHANGE,
        )


def arrival(key: Key, **fields: Any) -> Arrival:
    """Return an event of somebody on its way to the worker."""
    at = fields.pop("at", NOW)
    return Arrival(
        type="track",
        name="Product Viewed",
        properties={},
        context={},
        at=microseconds(at),
        message_id=fields.pop("message_id", f"waiting-{key.value}"),
        key=key,
        **fields,
    )


# -- looking everywhere ---------------------------------------------------------------------


def places(*ids: str, folder: Path | None = None) -> set[str]:
    """Return every table, cache entry and file in which one of the ids stands.

    It knows nothing of our models: it asks the database which tables there are.
    """
    found = {*_tables(ids), *_cached(ids)}
    return found | set(_files(ids, folder)) if folder else found


def _tables(ids: tuple[str, ...]) -> Iterator[str]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            if any(one in str(row) for row in cursor.fetchall() for one in ids):
                yield table


def _cached(ids: tuple[str, ...]) -> Iterator[str]:
    for key, value in cache._cache.items():  # type: ignore[attr-defined]
        if any(one in key or one.encode() in value for one in ids):
            yield f"cache: {key}"


def _files(ids: tuple[str, ...], folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            content = (
                gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            )
            if any(one.encode() in content for one in ids):
                yield path.name


def whole(*keys: Key) -> Subject:
    """Return the people that the identities belong to."""
    return person_of(keys)
