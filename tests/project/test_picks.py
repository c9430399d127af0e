"""What is recommended in the shop: as cards, with reasons, and nothing where there is nothing."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.delivery.recommendations import List
from personalization.events.models import Event, Source
from personalization.ml.models import Item
from personalization.ml.serving import popular_now, shelf
from personalization.ml.serving.reasons import Code, Reason
from personalization.ml.serving.recommend import Recommendation
from personalization.ml.serving.shelf import ShelfItem
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visitor import signed
from project.shop.data.lists import LISTS
from project.shop.models import Article, Product
from project.shop.templatetags.shop import Pick, article_picks, is_chosen, product_picks

pytestmark = [pytest.mark.usefixtures("shelves"), pytest.mark.urls("project.urls")]


@pytest.fixture(autouse=True)
def _lists(settings: Any) -> None:
    settings.PERSONALIZATION_RECOMMENDATIONS = LISTS


VISITOR = "ab" * 16
BOOT = "ridgeway-boot"
PAGES = ["/", f"/product/{BOOT}/", "/journal/reading-the-weather/"]


class Words(HTMLParser):
    """The texts of elements of a class, as people read them."""

    def __init__(self, html: str, *, name: str) -> None:
        super().__init__()
        self._name, self._open = name, False
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = self._name in (dict(attrs).get("class") or "").split()
        if self._open:
            self.found.append("")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._open = False


def reasons(html: str) -> list[str]:
    return Words(html, name="card-why").found


def listed(*keys: str, code: Code = "viewed", about: str = "Tin Mug") -> List:
    why = Reason(code, ShelfItem(key="tin-mug", title=about))
    found = (Recommendation(item=ShelfItem(key=key), score=1.0, reason=why) for key in keys)
    return List(place="home", found=tuple(found))


def somebody_looked_at(*slugs: str) -> None:
    """Log that a visitor who agreed to everything looked at products just now."""
    profile = Profile.objects.create()
    consents = {"personalization": True, "analytics": True}
    now = timezone.now()
    Snapshot.objects.create(profile=profile, consents=consents, first_seen=now, last_seen=now)
    identity = Identity.objects.create(profile=profile, namespace=Identity.ANONYMOUS, value=VISITOR)
    source = Source.objects.get(slug="simulator")
    for number, slug in enumerate(slugs):
        Event.objects.create(
            identity=identity,
            source=source,
            message_id=f"view-{number}",
            type="track",
            name="Product Viewed",
            properties={"product_id": slug},
            timestamp=now,
        )
    forget()


def forget() -> None:
    popular_now.forget()
    shelf.forget()


# -- the pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_a_page_recommends_and_says_why(client: Client, path: str) -> None:
    somebody_looked_at("tin-mug", "tarn-approach-shoe")
    found = reasons(client.get(path).text)
    assert found
    assert all(found)


def test_what_is_popular_is_called_so_and_not_chosen_for_anybody(client: Client) -> None:
    somebody_looked_at("tin-mug")
    page = client.get("/").text
    assert "Popular now" in reasons(page)
    assert "Picked for you" not in page
    assert "Have a look at these" in page


@pytest.mark.parametrize("path", PAGES)
def test_without_items_there_is_no_list_and_no_heading_of_one(client: Client, path: str) -> None:
    Item.objects.all().delete()
    forget()
    page = client.get(path).text
    assert reasons(page) == []
    assert 'id="picks"' not in page


def test_an_article_without_a_list_has_others_to_read(client: Client) -> None:
    Item.objects.all().delete()
    forget()
    page = client.get("/journal/reading-the-weather/").text
    assert len(Words(page, name="story-title").found) == 2


def test_a_list_is_never_of_what_the_page_is_about(client: Client) -> None:
    somebody_looked_at(BOOT)
    page = client.get(f"/product/{BOOT}/").text
    _, _, cards = page.partition('id="picks"')
    assert f'href="/product/{BOOT}/"' not in cards


@pytest.mark.parametrize(
    ("path", "known", "of_shop", "of_visitor"),
    [
        ("/", False, 6, 0),
        ("/", True, 6, 2),
        (f"/product/{BOOT}/", False, 5, 0),
        (f"/product/{BOOT}/", True, 5, 2),
        # The same for everybody: of the visitor, nothing is read.
        ("/journal/reading-the-weather/", True, 4, 0),
    ],
)
def test_a_list_costs_a_query_for_its_cards_and_a_read_of_what_the_visitor_did(
    client: Client, path: str, known: bool, of_shop: int, of_visitor: int
) -> None:
    somebody_looked_at("tin-mug", "tarn-approach-shoe")
    if known:
        client.cookies["pz_id"] = signed(VISITOR)
        client.cookies["pz_consent"] = "1.analytics-personalization-marketing"
    for _ in range(2):  # the first time, what is popular and what there is are read, too
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
    selects = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    assert sum("personalization_" in sql for sql in selects) == of_visitor
    assert sum("shop_" in sql for sql in selects) == of_shop
    assert len(selects) == of_shop + of_visitor


# -- the cards -------------------------------------------------------------------------------


def test_picks_come_in_the_order_of_the_list_and_with_one_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        picks = product_picks(listed("tin-mug", BOOT, "no-longer-sold"))
        assert [pick.thing.category.name for pick in picks if isinstance(pick.thing, Product)]
    assert [pick.thing.slug for pick in picks] == ["tin-mug", BOOT]
    assert len(queries) == 1


def test_articles_are_picked_alike() -> None:
    slugs = list(Article.objects.order_by("slug").values_list("slug", flat=True)[:2])
    assert [pick.thing.slug for pick in article_picks(listed(*slugs))] == slugs


def test_an_empty_list_costs_no_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert product_picks(listed()) == []
        assert article_picks(listed()) == []
    assert len(queries) == 0


@pytest.mark.parametrize(
    ("code", "chosen"),
    [
        ("viewed", True), ("added", True), ("bought", True), ("related", True), ("pinned", True),
        ("chosen", True), ("popular", False), ("new", False), ("other", False),
    ],
)  # fmt: skip
def test_a_list_is_chosen_if_a_reason_speaks_of_somebody_or_something(
    code: Code, chosen: bool
) -> None:
    picks = product_picks(listed(BOOT, code=code)) + product_picks(listed(BOOT, code="popular"))
    assert is_chosen(picks) is chosen


def test_the_cards_say_what_led_to_them_and_escape_it() -> None:
    picks: list[Pick] = product_picks(listed(BOOT, about="<b>Mug</b>"))
    html = render_to_string(
        "shop/picks.html", {"picks": picks, "title": "Picked for you", "place": "section"}
    )
    assert reasons(html) == ["Because you looked at <b>Mug</b>"]
    assert "<b>" not in html
    assert "Picked for you" in html
