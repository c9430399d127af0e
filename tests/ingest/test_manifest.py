"""The manifest: the same for everybody, cacheable, and never an error."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.http import HttpResponse
from django.test import Client

from personalization.events.collection import KINDS
from personalization.events.models import Event, Source
from personalization.exceptions import BufferUnavailable
from personalization.ingest import pressure
from personalization.ingest.sampling import FLOOR
from personalization.segments.models import Segment
from personalization.testing import drain
from tests.ingest.sending import send, track
from tests.rules.building import happened, rule

pytestmark = pytest.mark.django_db

PATH = "/p/v1/manifest"


def read(client: Client, **headers: str) -> Any:
    response = client.get(PATH, headers=headers)
    assert response.status_code == 200
    return response.json()


def buffer_with(depth: int | Exception) -> None:
    """Let this process know how many requests wait; they are not counted again."""

    class Gauge(pressure.Gauge):
        def read(self, *, limit: int) -> int:
            if isinstance(depth, Exception):
                raise depth
            return min(depth, limit)

    pressure.gauge = Gauge(fresh=math.inf)


def test_without_rules_nothing_is_collected_but_page_views(client: Client) -> None:
    assert read(client) == {"version": 1, "collect": [], "sample": 1.0}


def test_what_a_rule_uses_is_collected_until_it_is_deleted(
    client: Client, make_segment: Callable[..., Segment]
) -> None:
    made = make_segment("curious", rule(happened("Element Hovered")))
    assert read(client)["collect"] == ["hover"]
    made.delete()
    assert read(client)["collect"] == []


def test_a_site_may_collect_all_there_is(client: Client, settings: Any) -> None:
    settings.PERSONALIZATION_COLLECT = "all"
    assert read(client)["collect"] == list(KINDS)


def test_caches_may_keep_it_for_a_minute_and_for_everybody(client: Client) -> None:
    client.cookies["pz_id"] = "somebody"
    client.cookies["pz_consent"] = "1.analytics"
    response = client.get(PATH)
    assert response.headers["Cache-Control"] == "public, max-age=60"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Cookie" not in response.headers.get("Vary", "")
    assert not response.cookies


def test_an_unchanged_manifest_is_not_sent_again(
    client: Client, make_segment: Callable[..., Segment]
) -> None:
    etag = client.get(PATH).headers["ETag"]
    again = client.get(PATH, headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag
    assert again.headers["Cache-Control"] == "public, max-age=60"
    make_segment("curious", rule(happened("Element Hovered")))
    changed = client.get(PATH, headers={"if-none-match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


@pytest.mark.parametrize("segments", [1, 20])
def test_it_costs_the_same_however_many_rules_there_are(
    client: Client,
    make_segment: Callable[..., Segment],
    django_assert_num_queries: Any,
    segments: int,
) -> None:
    for number in range(segments):
        make_segment(f"segment-{number}", rule(happened("Engaged", value=number + 1)))
    read(client)
    pressure.gauge.counted_at = -math.inf
    # The revision, what models and experiments use, and how many requests wait.
    with django_assert_num_queries(4):
        read(client)


@pytest.mark.parametrize("failure", [OperationalError, InterfaceError, ProgrammingError])
def test_with_a_database_that_is_down_only_page_views_are_collected(
    client: Client, make_segment: Callable[..., Segment], failure: type[Exception]
) -> None:
    def down(*args: Any) -> None:
        raise failure("the server closed the connection unexpectedly")

    make_segment("curious", rule(happened("Element Hovered")))
    with connection.execute_wrapper(down):
        assert read(client)["collect"] == []
    assert read(client)["collect"] == ["hover"]


@pytest.mark.parametrize(
    ("depth", "rate"),
    [(0, 1.0), (100, 0.05), (BufferUnavailable("away"), FLOOR), (OperationalError("away"), FLOOR)],
)
def test_the_rate_follows_from_what_waits(
    client: Client, settings: Any, depth: int | Exception, rate: float
) -> None:
    settings.PERSONALIZATION_BUFFER_LIMIT = 100
    buffer_with(depth)
    assert read(client)["sample"] == rate


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(client: Client, method: str) -> None:
    response: HttpResponse = getattr(client, method)(PATH)
    assert response.status_code == 405


def test_a_slash_at_the_end_is_no_redirect(client: Client) -> None:
    assert client.get(f"{PATH}/").status_code == 200


def test_the_rate_of_an_event_stays_with_it(client: Client, server: Source) -> None:
    sent = [{**track(), "messageId": str(n), "context": {"sample": 0.25}} for n in range(3)]
    send(client, *sent)
    drain()
    # As the documentation weighs them: each stands for the events it was drawn from.
    rates = Event.objects.values_list("context__sample", flat=True)
    assert sum(1 / (rate or 1) for rate in rates) == 12
