"""The page of the audience: figures, a chart, and tables that say the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from personalization.admin.audience import HEIGHT, days_of, lines_of
from personalization.ingest.audience import OTHERS, day_of
from personalization.ingest.audience_models import AudienceCount

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:personalization_audiencecount_changelist")


def counted(kind: str = "total", name: str = "", *, views: int, days_ago: int = 0) -> None:
    day = day_of(timezone.now()) - timedelta(days=days_ago)
    AudienceCount.objects.create(day=day, kind=kind, name=name, views=views, visitors=views // 2)


@pytest.fixture(autouse=True)
def _exempt(settings: Any) -> None:
    settings.PERSONALIZATION_PRIVACY = "exempt"


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_it_says_how_many_looked_at_how_much(owner: Client) -> None:
    counted(views=1200)
    counted(views=34, days_ago=29)
    counted(views=5000, days_ago=30)
    text = words(owner.get(PAGE).content.decode())
    assert "1234 page views" in text.replace(",", "")
    assert "617 visitors, counted anew each day" in text


def test_a_longer_period_can_be_looked_at(owner: Client) -> None:
    counted(views=7, days_ago=80)
    assert "Nobody was counted" in owner.get(PAGE).content.decode()
    html = owner.get(PAGE, {"days": 90}).content.decode()
    assert "7 page views" in words(html)
    assert '<a href="?days=90" aria-current="page">' in html


@pytest.mark.parametrize("days", ["", "5", "x", "-30", "999999999999", "\x00"])
def test_any_other_period_is_the_usual_one(owner: Client, days: str) -> None:
    response = owner.get(PAGE, {"days": days})
    assert response.context["period"] == 30


def test_pages_referrers_and_devices_are_told_those_with_most_first(owner: Client) -> None:
    counted(views=10)
    for kind, name, views in (
        ("page", "/hats", 3), ("page", "/", 6), ("page", OTHERS, 1),
        ("referrer", "news.example", 2), ("device", "mobile", 10),
    ):  # fmt: skip
        counted(kind, name, views=views)
    text = words(owner.get(PAGE).content.decode())
    pages = text[text.index("Pages Name") :]
    assert pages.index("/ 6 3 60") < pages.index("/hats 3 1 30") < pages.index("all others 1 0 10")
    assert "news.example 2 1 20" in text
    assert "phones 10 5 100" in text


def test_names_are_shown_as_they_are_and_as_nothing_else(owner: Client) -> None:
    counted(views=1)
    counted("page", "/<script>alert(1)</script>", views=1)
    html = owner.get(PAGE).content.decode()
    assert "/&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert" not in html


def test_the_highest_day_fills_the_chart_and_each_day_has_its_place() -> None:
    counted(views=10, days_ago=2)
    counted(views=5)
    last = day_of(timezone.now())
    first, empty, today = days_of(last - timedelta(days=2), last=last)
    assert (first.views_height, first.views_top) == (HEIGHT, 0)
    assert (today.views_height, today.visitors_height) == (HEIGHT / 2, HEIGHT / 5)
    assert (empty.views, empty.views_height) == (0, 0)
    assert [day.x for day in (first, empty, today)] == [0, 10, 20]


def test_days_on_which_nobody_came_make_no_bars() -> None:
    last = day_of(timezone.now())
    assert [day.views_height for day in days_of(last, last=last)] == [0]


def test_counts_of_days_are_added_up() -> None:
    counted("page", "/", views=3)
    counted("page", "/", views=4, days_ago=1)
    last = day_of(timezone.now())
    (line,) = lines_of("page", first=last - timedelta(days=1), last=last, of=14)
    assert (line.name, line.views, line.visitors) == ("/", 7, 3)


def test_in_any_language_the_chart_is_one(owner: Client, settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"
    counted(views=3000, days_ago=1)
    counted(views=1000)
    html = owner.get(PAGE).content.decode()
    assert 'viewBox="0 0 300 100"' in html
    assert re.findall(r'height="([\d.]+)"', html) == ["100.0", "50.0", "33.33", "16.67"]


def test_the_page_costs_the_same_however_much_was_counted(owner: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            owner.get(PAGE)
        return len(captured)

    few = queries()
    for number in range(30):
        counted(views=1, days_ago=number)
        counted("page", f"/{number}", views=1)
    assert queries() == few


def test_it_says_where_nothing_is_counted(owner: Client, settings: Any) -> None:
    hint = "Nothing is counted at present"
    assert hint not in owner.get(PAGE).content.decode()
    settings.PERSONALIZATION_PRIVACY = "standard"
    assert hint in owner.get(PAGE).content.decode()


def test_only_who_may_see_it_does(sign_in: Callable[..., Client]) -> None:
    assert sign_in("view_profile").get(PAGE).status_code == 403
    assert sign_in("view_audiencecount").get(PAGE).status_code == 200


def test_nobody_adds_or_changes_counts(owner: Client) -> None:
    assert owner.get(reverse("admin:personalization_audiencecount_add")).status_code == 403
    counted(views=1)
    number = AudienceCount.objects.get().pk
    page = reverse("admin:personalization_audiencecount_delete", args=[number])
    assert owner.post(page, {"post": "yes"}).status_code == 403
    assert AudienceCount.objects.exists()
