"""Views are counted, visitors once a day, and nobody can be told from anybody afterwards."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from personalization.ingest import audience
from personalization.ingest.audience import (
    OTHERS,
    View,
    count_view,
    day_of,
    device_of,
    forget_yesterday,
)
from personalization.ingest.audience_models import AudienceCount, AudienceSalt, AudienceVisitor

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 Safari/604.1"


def look(page: str = "/", *, who: str = "a", at: datetime = NOON, **fields: Any) -> None:
    count_view(View(page=page, network="93.184.216.0/24", browser=who, **fields), now=at)


def counts(kind: str, *, day: date = TODAY) -> dict[str, tuple[int, int]]:
    """Return name → (views, visitors)."""
    rows = AudienceCount.objects.filter(kind=kind, day=day)
    return {row.name: (row.views, row.visitors) for row in rows}


# -- what is counted ------------------------------------------------------------------------


@pytest.mark.django_db
def test_each_view_counts_and_each_visitor_once() -> None:
    look("/")
    look("/")
    look("/hats")
    look("/", who="b")
    assert counts("total") == {"": (4, 2)}
    assert counts("page") == {"/": (3, 2), "/hats": (1, 1)}


@pytest.mark.django_db
def test_who_came_from_elsewhere_is_counted_by_the_host() -> None:
    look(referrer="news.example")
    look("/hats")
    assert counts("referrer") == {"news.example": (1, 1)}


@pytest.mark.django_db
def test_devices_are_counted_by_their_class() -> None:
    look(device="mobile")
    look(device="desktop")
    look(device="mobile")
    assert counts("device") == {"mobile": (2, 1), "desktop": (1, 1)}


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (IPHONE, "mobile"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Mobile/15E148", "tablet"),
        ("Mozilla/5.0 (Linux; Android 10; K) Chrome/140.0.0.0 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 10; K) Chrome/140.0.0.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (Android 15; Tablet; rv:140.0) Firefox/140.0", "tablet"),
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "desktop"),
        ("", "desktop"),
    ],
)
def test_the_class_of_a_device_is_read_from_the_browser(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


@pytest.mark.django_db
def test_a_day_is_one_of_the_site(settings: Any) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"
    assert day_of(NOON) == date(2026, 11, 21)


# -- who cannot be told -----------------------------------------------------------------------


@pytest.mark.django_db
def test_the_next_day_everybody_is_somebody_else() -> None:
    look()
    look(at=NOON + timedelta(days=1))
    assert counts("total") == {"": (1, 1)}
    assert counts("total", day=TODAY + timedelta(days=1)) == {"": (1, 1)}


@pytest.mark.django_db
def test_the_first_view_of_a_day_ends_what_the_day_before_was_known_by() -> None:
    look()
    look(at=NOON + timedelta(days=1))
    assert AudienceSalt.objects.get().day == TODAY + timedelta(days=1)
    assert set(AudienceVisitor.objects.values_list("day", flat=True)) == {TODAY + timedelta(days=1)}


@pytest.mark.django_db
def test_where_nobody_comes_the_next_day_it_ends_all_the_same() -> None:
    look()
    assert forget_yesterday(now=NOON) == 0
    assert forget_yesterday(now=NOON + timedelta(days=1)) == 1 + 3
    assert not AudienceSalt.objects.exists()
    assert counts("total") == {"": (1, 1)}, "the counts stay"


@pytest.mark.django_db
def test_pages_of_one_visitor_cannot_be_joined() -> None:
    look("/", referrer="news.example")
    look("/hats")
    digests = AudienceVisitor.objects.values_list("digest", flat=True)
    assert len(set(digests)) == len(digests) == 5


@pytest.mark.django_db
def test_nothing_of_an_address_or_a_browser_is_kept() -> None:
    look(who="Firefox on Linux")
    held = str([list(model.objects.values()) for model in (AudienceVisitor, AudienceCount)])
    assert not [text for text in ("93.184", "Firefox") if text in held]


@pytest.mark.django_db
def test_a_salt_is_long_and_another_each_day() -> None:
    look()
    first = AudienceSalt.objects.get().salt
    look(at=NOON + timedelta(days=1))
    assert len(first) == 64
    assert AudienceSalt.objects.get().salt != first


# -- how much ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_names_without_end_are_counted_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "MOST", {"page": 2, "referrer": 1})
    for page in ("/a", "/b", "/c", "/d", "/a"):
        look(page)
    look("/a", referrer="one.example")
    look("/a", referrer="two.example")
    assert counts("page") == {"/a": (4, 1), "/b": (1, 1), OTHERS: (2, 1)}
    assert counts("referrer") == {"one.example": (1, 1), OTHERS: (1, 1)}
    assert counts("total") == {"": (7, 1)}


@pytest.mark.django_db
def test_a_full_day_leaves_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "MOST", {"page": 1, "referrer": 1})
    look("/a")
    look("/b", at=NOON + timedelta(days=1))
    assert counts("page", day=TODAY + timedelta(days=1)) == {"/b": (1, 1)}


@pytest.mark.django_db
def test_a_view_costs_four_queries_once_the_page_is_known() -> None:
    look()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        look(who="b")
    named = [one["sql"] for one in queries if "SAVEPOINT" not in one["sql"]]
    assert len(named) == 4


@pytest.mark.django_db
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["/", "/x"])), max_size=12))
def test_the_counts_are_those_of_the_views_in_any_order(views: list[tuple[str, str]]) -> None:
    AudienceCount.objects.all().delete()
    AudienceVisitor.objects.all().delete()
    for who, page in views:
        look(page, who=who)
    pages = Counter(page for _, page in views)
    visitors = Counter(page for _, page in set(views))
    assert counts("page") == {page: (n, visitors[page]) for page, n in pages.items()}
    assert sum(each for each, _ in counts("total").values()) == len(views)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_views_at_the_same_time_all_count() -> None:
    def browse(who: str) -> None:
        for page in ("/", "/hats", "/"):
            look(page, who=who)
        connections.close_all()

    threads = [threading.Thread(target=browse, args=(who,)) for who in "abca"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts("total") == {"": (12, 3)}
    assert counts("page") == {"/": (8, 3), "/hats": (4, 3)}
    assert AudienceSalt.objects.count() == 1
