"""What a claim costs: it does not grow with rules that its events cannot change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.events.models import Source
from personalization.ingest.pipeline import process_events
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from tests.ingest.history import END, RULES, deliver, process
from tests.rules.building import happened, rule

pytestmark = pytest.mark.django_db


def _call(number: int, user: str = "ann", **fields: object) -> dict[str, object]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "userId": user,
        "messageId": f"m{number}",
        "timestamp": (END - timedelta(hours=number)).isoformat(),
        **fields,
    }


def _queries(source: Source, *batches: list[dict[str, object]]) -> int:
    """Return how many queries it takes to process the batches in one claim."""
    deliver(source, batches, at=END)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert process_events(now=END) == len(batches)
    return len(queries)


def test_rules_that_are_not_touched_cost_nothing(
    server: Source, make_segment: Callable[..., Segment]
) -> None:
    for slug, stored in RULES.items():
        make_segment(slug, stored)
    process(server, [[_call(1), _call(2), _call(3)]], at=END)
    few = _queries(server, [_call(4)])
    for number in range(60):
        make_segment(f"other-{number}", rule(happened(f"Something Else {number}")))
        make_segment(f"by-hand-{number}")
    refresh_segments(now=END)
    assert _queries(server, [_call(5)]) == few


def test_touched_rules_that_do_not_change_their_answer_cost_nothing(
    server: Source, make_segment: Callable[..., Segment]
) -> None:
    process(server, [[_call(1)]], at=END)
    few = _queries(server, [_call(2)])
    for number in range(60):
        make_segment(f"touched-{number}", rule(happened("Product Viewed", ">=", 500 + number)))
    refresh_segments(now=END)
    assert _queries(server, [_call(3)]) == few


def test_more_requests_and_events_of_the_same_person_cost_nothing(server: Source) -> None:
    process(server, [[_call(1)]], at=END)
    one = _queries(server, [_call(2)])
    many = [[_call(number), _call(number + 100)] for number in range(10, 50)]
    assert _queries(server, *many) == one


def test_a_person_costs_a_bounded_number_of_queries(server: Source) -> None:
    def claim(first: int, people: int) -> int:
        return _queries(server, [_call(first + n, f"u{n}") for n in range(people)])

    claim(100, 20)
    ten, twenty = claim(200, 10), claim(300, 20)
    assert (twenty - ten) / 10 <= 4
    assert ten <= 20 + 4 * 10
