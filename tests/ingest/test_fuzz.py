"""Whatever is sent, the answer is 200 or a 4xx in JSON, and nothing gets stuck behind it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalization.events.models import BufferedBatch, Event, Source
from personalization.testing import drain
from tests.effort import examples
from tests.ingest.sending import post

pytestmark = pytest.mark.django_db

PATHS = st.sampled_from(["batch", "track", "identify", "page", "screen", "group", "alias/"])
TEXT = st.text(st.characters(), max_size=20)  # with NUL and lone surrogates
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.integers(10**300, 10**310)
)
JSON = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=12,
)
ANYTHING = JSON | st.sampled_from(["", "u1", "track", "2026-01-01T00:00:00Z", 0, -1, "null"])
FIELDS = st.sampled_from(
    ["type", "event", "userId", "anonymousId", "previousId", "groupId", "messageId", "timestamp",
     "originalTimestamp", "sentAt", "properties", "traits", "context", "name", "category",
     "writeKey", "batch"]
)  # fmt: skip
#: Calls that are nearly right, so that every field is reached.
CALLS = st.builds(
    lambda kind, odd: {"type": kind, "event": "E", "userId": "u1", **odd},
    st.sampled_from(["track", "identify", "page", "screen", "group", "alias"]),
    st.dictionaries(FIELDS, ANYTHING, max_size=4),
)
BODIES = (
    JSON | CALLS | st.builds(lambda calls: {"batch": calls}, st.lists(CALLS | JSON, max_size=5))
)


@pytest.fixture
def sources(server: Source, browser: Source) -> None:
    """Hypothesis runs all examples of a test in one database."""


def _judge(client: Client, body: bytes, path: str, key: str) -> None:
    response = post(client, body, path=path, key=key)
    answer = response.json()
    if response.status_code == 200:
        assert answer["success"] is True
        assert answer["accepted"] >= 0
    else:
        assert 400 <= response.status_code < 500
        assert set(answer) == {"code", "message"}


def _limits(n: int) -> Any:
    return settings(examples(n), suppress_health_check=[*HealthCheck])


@_limits(200)
@given(body=st.binary(max_size=200), path=PATHS, zipped=st.booleans())
def test_any_bytes(client: Client, sources: None, body: bytes, path: str, zipped: bool) -> None:
    _judge(client, gzip.compress(body) if zipped else body, path, "server-key")


@_limits(150)
@given(body=BODIES, path=PATHS, key=st.sampled_from(["server-key", "browser-key"]))
def test_any_json(client: Client, sources: None, body: Any, path: str, key: str) -> None:
    before = Event.objects.count()
    response = post(client, json.dumps(body), path=path, key=key)
    _judge(client, json.dumps(body).encode(), path, key)
    drain()
    assert not BufferedBatch.objects.exists(), "what was accepted can be processed"
    if response.status_code == 200 and key == "server-key":
        accepted = response.json()["accepted"]
        assert Event.objects.count() - before <= 2 * accepted
    else:
        assert Event.objects.count() == before
