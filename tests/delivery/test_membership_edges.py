"""A membership holds from `since` on and up to `until`, to the microsecond, without any job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds, moment
from personalization.delivery.known import _segments_at
from personalization.delivery.published import InForce, Published
from personalization.profiles.models import Snapshot
from personalization.segments.models import Segment
from tests.delivery.people import make_person, make_segments
from tests.delivery.rendering import HERO, render, request_of

NOON = datetime(2026, 3, 29, 12, 0, 0, 123456, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (NOON - TICK, "default"),
        (NOON, "for the loyal"),
        (NOON + TICK, "for the loyal"),
        (NOON + timedelta(hours=1) - TICK, "for the loyal"),
        (NOON + timedelta(hours=1), "default"),
        (NOON + timedelta(days=400), "default"),
    ],
)
def test_a_membership_begins_and_ends_at_its_instants(now: datetime, shown: str) -> None:
    make_segments("abandoners", "loyal")
    person = make_person()
    person.be_in({"loyal": (microseconds(NOON), microseconds(NOON + timedelta(hours=1)))})
    assert render(HERO, person, now=now) == shown


@pytest.mark.django_db
def test_nothing_but_the_clock_is_needed_to_leave() -> None:
    make_segments("abandoners", "loyal")
    person = make_person()
    person.be_in({"loyal": (microseconds(NOON), microseconds(NOON + TICK))})
    before = Snapshot.objects.values().get()
    assert render(HERO, person, now=NOON) == "for the loyal"
    assert render(HERO, person, now=NOON + TICK) == "default"
    assert Snapshot.objects.values().get() == before


@pytest.mark.django_db
def test_a_page_is_made_at_one_instant() -> None:
    """A membership that ends while a page is made does not divide it."""
    make_segments("loyal")
    person = make_person()
    person.be_in({"loyal": (microseconds(NOON), microseconds(NOON + TICK))})
    visitor = request_of(person, now=NOON).personalization  # type: ignore[attr-defined]
    assert visitor.in_segment("loyal")
    visitor.now = NOON + TICK
    assert visitor.in_segment("loyal")


@pytest.mark.django_db
def test_the_membership_of_a_segment_that_is_gone_is_none() -> None:
    make_segments("abandoners", "loyal")
    person = make_person("loyal", "abandoners")
    Segment.objects.get(slug="abandoners").delete()
    assert request_of(person).personalization.segments == {"loyal"}  # type: ignore[attr-defined]


instants = st.integers(microseconds(NOON) - 3, microseconds(NOON) + 3)
spans = st.tuples(instants | st.none(), instants | st.none(), st.sampled_from((0, 1)))


@given(st.dictionaries(st.integers(1, 6).map(str), spans), instants, instants | st.none())
def test_each_membership_is_judged_by_itself(
    memberships: dict[str, tuple[int | None, int | None, int]], now: int, end: int | None
) -> None:
    versions = {pk: InForce(f"s{pk}", end if pk == 1 else None) for pk in range(1, 6)}
    config = Published(revision=1, segments={}, slots={}, versions=versions)
    expected = {
        f"s{key}"
        for key, (since, until, _) in memberships.items()
        if int(key) < 6
        and since is not None
        and moment(since) <= moment(now)
        and (until is None or moment(now) < moment(until))
        and (key != "1" or end is None or moment(now) < moment(end))
    }
    assert _segments_at(now, memberships=memberships, config=config) == expected
