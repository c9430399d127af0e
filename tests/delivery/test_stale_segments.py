"""Pages know which segments are being brought after a changed rule just now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from tests.delivery.people import make_person, make_segments
from tests.delivery.rendering import request_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRO = {
    "version": 1,
    "root": {
        "combinator": "and",
        "rules": [{"kind": "trait", "field": "plan", "operator": "=", "value": "pro"}],
    },
}


def visitor(person: Any) -> Any:
    return request_of(person, now=NOW).personalization  # type: ignore[attr-defined]


def test_a_segment_is_stale_until_it_is_refreshed() -> None:
    make_segments("vips")
    segment = Segment.objects.create(slug="pros", name="Pros", rule=PRO)
    person = make_person("vips")
    assert visitor(person).stale_segments == {"pros"}
    refresh_segments(now=NOW)
    assert visitor(person).stale_segments == frozenset()
    segment.ends_at = NOW + timedelta(days=1)
    segment.save()
    assert visitor(person).stale_segments == {"pros"}


def test_one_that_is_off_is_not_stale() -> None:
    Segment.objects.create(slug="pros", name="Pros", rule=PRO, active=False)
    assert visitor(make_person()).stale_segments == frozenset()


def test_without_an_id_nothing_is_read(django_assert_num_queries: Any) -> None:
    Segment.objects.create(slug="pros", name="Pros", rule=PRO)
    with django_assert_num_queries(0):
        assert visitor(None).stale_segments == frozenset()


def test_asking_costs_no_further_read() -> None:
    make_segments("vips")
    person = make_person("vips")
    assert visitor(person).segments == {"vips"}  # what is published is in memory now
    with CaptureQueriesContext(connection) as captured:
        asked = visitor(person)
        assert (asked.segments, asked.stale_segments) == ({"vips"}, frozenset())
    assert len([one for one in captured if one["sql"].startswith("SELECT")]) == 1


def test_nobody_is_in_a_segment_from_its_end_on() -> None:
    segment = make_segments("sale")["sale"]
    person = make_person("sale")
    segment.ends_at = NOW + timedelta(microseconds=1)
    segment.save()
    assert visitor(person).segments == {"sale"}
    Segment.objects.filter(pk=segment.pk).update(ends_at=NOW)
    segment.refresh_from_db()
    segment.save()
    assert visitor(person).segments == frozenset()
