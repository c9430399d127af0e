"""Sources that warn take everything, and what does not fit is counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.ingest import findings
from personalization.ingest.arrival import Arrival
from personalization.ingest.findings import KEPT_FOR, note_findings, purge_findings, shape
from personalization.ingest.item import Item
from personalization.ingest.models import SchemaFinding
from personalization.profiles.identity import Key
from personalization.testing import drain
from tests.ingest.sending import send, track

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def mild(make_source: Callable[..., Source]) -> Source:
    return make_source(write_key="mild-key", schemas=Source.Schemas.WARN)


def item(source: Source, name: str = "Product Added", **properties: Any) -> Item:
    arrival = Arrival(
        type="track", name=name, properties=properties, context={}, at=0, message_id="m",
        key=Key("user", "u1"),
    )  # fmt: skip
    return Item(arrival, source, NOW)


def found() -> list[tuple[Any, ...]]:
    rows = SchemaFinding.objects.order_by("event", "code", "pointer")
    return list(rows.values_list("event", "code", "pointer", "n"))


def test_what_does_not_fit_is_stored_and_counted(client: Client, mild: Source) -> None:
    bad = {"price": "9,90"}
    send(
        client, track("Product Added", properties=bad), track("Product Added", properties=bad),
        track("Product Added", properties={"price": 9.9}), track("Video Played"), key="mild-key",
    )  # fmt: skip
    send(client, track("Product Added", properties={"price": "12,50"}), key="mild-key")
    drain()
    assert Event.objects.count() == 5
    assert found() == [
        ("Product Added", "wrong_type", "/properties/price", 3),
        ("Video Played", "unknown_event", "/event", 1),
    ]


def test_a_repetition_is_not_counted_again(client: Client, mild: Source) -> None:
    for _ in range(2):
        send(client, track("Video Played", messageId="one"), key="mild-key")
        drain()
    assert found() == [("Video Played", "unknown_event", "/event", 1)]


def test_counts_grow_and_the_first_time_stays(mild: Source) -> None:
    note_findings([item(mild, price="x")], now=NOW)
    note_findings([item(mild, price=True), item(mild, price=[])], now=NOW + timedelta(hours=1))
    row = SchemaFinding.objects.get()
    assert (row.n, row.first_seen, row.last_seen) == (3, NOW, NOW + timedelta(hours=1))
    assert row.example == "[]"


def test_other_sources_are_not_looked_at(
    make_source: Callable[..., Source], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        note_findings([item(Source(schemas="accept"), "Nothing Known")], now=NOW)
        note_findings([], now=NOW)


def test_what_fits_costs_the_look_at_the_schemas(
    mild: Source, django_assert_num_queries: Any
) -> None:
    note_findings([item(mild, price=1)], now=NOW)
    with django_assert_num_queries(1):
        note_findings([item(mild, price=1), item(mild, price=2)], now=NOW)


def test_any_number_of_findings_costs_three_queries(
    mild: Source, django_assert_num_queries: Any
) -> None:
    note_findings([item(mild, price=1)], now=NOW)
    with django_assert_num_queries(3):
        note_findings([item(mild, f"Event {n}") for n in range(60)], now=NOW)
    assert len(found()) == 60


def test_names_without_end_do_not_fill_the_table(
    mild: Source, make_source: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "MOST", 3)
    note_findings([item(mild, name) for name in "ab"], now=NOW)
    note_findings([item(mild, name) for name in "abcd"], now=NOW)
    other = make_source(schemas=Source.Schemas.WARN)
    note_findings([*(item(mild, name) for name in "dea"), item(other, "z")], now=NOW)
    names = {event: n for event, _, _, n in found()}
    assert names == {"a": 3, "b": 2, "c": 1, "z": 1}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("12,90", '"99,99"'), ("Ada.L@shop.example", '"Aaa.A@aaaa.aaaaaaa"'),
        ("Größe Ü", '"Aaaaa a"'), (1234.5, "9999.9"), (True, "true"), (None, ""),
        ([1, "x"], '[9, "a"]'), ("x" * 500, '"' + "a" * 59),
    ],
)  # fmt: skip
def test_an_example_shows_the_form_and_not_the_content(value: Any, shown: str) -> None:
    assert shape(value) == shown


def test_what_came_no_more_is_forgotten(mild: Source) -> None:
    note_findings([item(mild, price="x")], now=NOW)
    note_findings([item(mild, "Video Played")], now=NOW + timedelta(days=1))
    assert purge_findings(now=NOW + KEPT_FOR + timedelta(seconds=1)) == 1
    assert [event for event, *_ in found()] == ["Video Played"]
