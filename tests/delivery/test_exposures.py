"""What counts as shown, and what the event says of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import override_settings

from personalization.clock import microseconds
from personalization.delivery.choose import Decision
from personalization.events.schemas import check, schemas_in_force
from personalization.experiments.trial import Assigned
from personalization.ingest.arrival import Arrival
from personalization.testing import exposures_at_once, memory_buffer
from tests.delivery.showing import decision, show, written

pytestmark = pytest.mark.django_db

HELD = Assigned("global", "held_out", 0.1)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _buffer() -> Iterator[None]:
    with memory_buffer(), exposures_at_once():
        yield


def test_a_candidate_that_is_shown_is_one_event() -> None:
    shown = decision("variation:7", probability=0.25)
    show(shown, path="/shoes/ä?size=42", visitor_id="ab" * 16, at=AT)
    [event] = written()
    assert (event["type"], event["name"]) == ("track", "Slot Shown")
    assert event["message_id"] == shown.id
    assert event["key"] == ["anonymous", "ab" * 16]
    assert event["at"] == microseconds(AT)
    assert event["properties"] == {
        "slot": "hero",
        "variation": "variation:7",
        "decision_id": shown.id,
        "probability": 0.25,
        "reason": "segment",
    }
    assert event["context"]["page"] == {
        "path": "/shoes/%C3%A4",
        "url": "http://testserver/shoes/%C3%A4?size=42",
    }


def test_what_is_written_fits_the_schema_that_trackers_are_held_to() -> None:
    show(decision("variation:7"))
    show(decision(assigned=(HELD,), reason="held_out", probability=0.1))
    schemas = schemas_in_force()
    arrivals = [Arrival.from_json(event) for event in written()]
    assert [check(arrival, schemas=schemas) for arrival in arrivals] == [[], []]


def test_several_candidates_of_a_decision_are_one_event_that_names_all() -> None:
    show(decision("variation:7", "template:0:a"))
    [event] = written()
    assert event["properties"]["variation"] == "variation:7+template:0:a"


def test_a_default_counts_where_an_experiment_assigned_it() -> None:
    show(decision())
    assert written() == []
    show(decision(assigned=(HELD,), reason="held_out", probability=0.1))
    [event] = written()
    assert event["properties"]["assigned"] == {"global": {"arm": "held_out", "probability": 0.1}}
    assert event["properties"]["reason"] == "held_out"
    assert "variation" not in event["properties"]


@pytest.mark.parametrize(
    "unseen",
    [
        {"method": "HEAD"},
        {"sec_purpose": "prefetch"},
        {"sec_purpose": "prefetch;prerender"},
        {"purpose": "prefetch"},
        {"x_moz": "prefetch"},
        {"user_agent": "Googlebot/2.1"},
        {"user_agent": "curl/8.5"},
        {"consent": ""},
        {"consent": "1."},
        {"consent": "1.marketing"},
        {"consent": "0.analytics-personalization"},
    ],
    ids=str,
)
def test_what_no_visitor_sees_or_agreed_to_does_not_count(unseen: dict[str, Any]) -> None:
    show(decision("variation:7"), **unseen)
    assert written() == []


def test_programs_count_where_a_site_lets_them_in_but_not_what_they_fetch_ahead() -> None:
    with override_settings(PERSONALIZATION_FILTER_BOTS=False):
        show(decision("variation:7"), user_agent="HeadlessChrome")
        show(decision("variation:7"), user_agent="HeadlessChrome", sec_purpose="prefetch")
    assert len(written()) == 1


@pytest.mark.parametrize("consent", ["1.analytics", "1.personalization"])
def test_either_purpose_that_collects_is_enough(consent: str) -> None:
    show(decision("variation:7"), consent=consent)
    assert len(written()) == 1


@pytest.mark.parametrize("path", ["/%00", "/\x00", "/%ff", "/?q=%ED%A0%80", "/" + "a" * 9000])
def test_no_address_keeps_an_exposure_from_being_stored(path: str) -> None:
    show(decision("variation:7"), path=path)
    [event] = written()
    assert len(event["context"]["page"]["path"]) <= 2000
    assert "\x00" not in str(event)
    str(event).encode()


@override_settings(ALLOWED_HOSTS=["shop.example"])
def test_a_host_that_is_not_ours_stands_in_no_event() -> None:
    show(decision("variation:7"), path="/shoes", host="evil.example")
    [event] = written()
    assert event["context"]["page"] == {"path": "/shoes"}


def test_each_decision_has_an_id_of_its_own() -> None:
    first, second = Decision("hero", None, "no_match"), Decision("hero", None, "no_match")
    assert first.id != second.id
