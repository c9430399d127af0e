"""Items of which events tell: by whom, in which order, and what they may say."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from personalization.events.models import Source
from personalization.ml.item_events import SHIPPED, ItemEvents, Weighing
from personalization.ml.models import FeedbackWeight, Item
from personalization.ml.sources import item_sources, register
from personalization.ml.training import items
from personalization.ml.training.items import feed_items, sync_items, synced_items
from project.shop.models import Category, Product
from tests.ml.training.visitors import Does, MakeProfile, after

pytestmark = pytest.mark.django_db

Says = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_sources, "_entries", {})


@pytest.fixture
def browser(make_source: Callable[..., Source]) -> Source:
    return make_source(kind=Source.Kind.BROWSER)


@pytest.fixture
def browsers_say(visitor: MakeProfile, make_event: Callable[..., Any], browser: Source) -> Says:
    """Have as many visitors as `n` say something of an item, from their browsers."""

    def say(minutes: float, n: int = 1, *, path: str = "", **said: Any) -> None:
        for _ in range(n):
            make_event(
                visitor(),
                "Product Viewed",
                at=after(minutes),
                source=browser,
                properties={"product_id": "sock", **said},
                context={"page": {"path": path}} if path else {},
            )

    return say


def feed(since: float | None = None, until: float = 600, events: ItemEvents | None = None) -> int:
    start = None if since is None else after(since)
    return feed_items(since=start, until=after(until), events=events or ItemEvents())


def sock() -> Item:
    return Item.objects.get(key="sock")


def test_an_event_makes_an_item(visitor: MakeProfile, does: Does) -> None:
    does(
        visitor(), "Product Viewed", 5, product_id="sock", name="Wool sock", category="Socks",
        price=4.5, url="https://shop.example/sock/", image_url="/sock.jpg", brand="Knit",
        page="/elsewhere/",
    )  # fmt: skip
    assert feed() == 1
    item = sock()
    assert (item.kind, item.title, item.category) == ("product", "Wool sock", "Socks")
    assert (item.url, item.image) == ("https://shop.example/sock/", "/sock.jpg")
    assert item.price == Decimal("4.50")
    assert item.attributes["brand"] == "Knit"
    assert item.is_active
    assert item.first_seen == item.updated_at == after(5)


def test_an_order_tells_of_all_its_products(visitor: MakeProfile, does: Does) -> None:
    lines = [{"product_id": "sock", "name": "Sock"}, {"sku": "shoe", "price": "20"}]
    does(visitor(), "Order Completed", 0, products=lines)
    assert feed() == 2
    assert dict(Item.objects.values_list("key", "kind")) == {"sock": "product", "shoe": "product"}
    assert Item.objects.get(key="shoe").price == 20


def test_the_page_on_which_an_item_is_viewed_is_its_address(
    visitor: MakeProfile, does: Does
) -> None:
    who = visitor()
    does(who, "Article Viewed", 0, article_id="waves", title="On waves", page="/waves/")
    does(who, "Product Added", 1, product_id="sock", page="/cart/")
    feed()
    assert dict(Item.objects.values_list("key", "url")) == {"waves": "/waves/", "sock": ""}


def test_pages_are_items_where_the_site_says_so(visitor: MakeProfile, does: Does) -> None:
    does(visitor(), "Page Viewed", 0, path="/waves/", title="On waves", url="https://a.example/w/")
    assert feed() == 0
    pages = ItemEvents({**SHIPPED, "Page Viewed": Weighing(1, "path")})
    assert feed(events=pages) == 1
    assert Item.objects.get().title == "On waves"
    assert Item.objects.get().kind == "page"


def test_the_newest_word_counts_in_whichever_order_they_arrive(
    visitor: MakeProfile, does: Does
) -> None:
    who = visitor()
    told = [(0, "Old"), (10, "New"), (5, "Between")]
    random.Random(1).shuffle(told)
    for minutes, name in told:
        does(who, "Product Viewed", minutes, product_id="sock", name=name)
        feed()
    assert sock().title == "New"
    assert (sock().first_seen, sock().updated_at) == (after(0), after(10))
    assert feed() == 0


def test_what_a_newer_event_does_not_say_stays(visitor: MakeProfile, does: Does) -> None:
    who = visitor()
    does(who, "Product Viewed", 0, product_id="sock", name="Sock", price=4)
    does(who, "Product Added", 1, product_id="sock", price=3)
    feed()
    assert (sock().title, sock().price) == ("Sock", 3)


def test_what_an_operator_put_out_of_use_stays_so(visitor: MakeProfile, does: Does) -> None:
    does(visitor(), "Product Viewed", 0, product_id="sock", name="Sock")
    feed()
    Item.objects.update(is_active=False)
    does(visitor(), "Product Viewed", 1, product_id="sock", name="Better sock")
    feed()
    assert sock().title == "Better sock"
    assert not sock().is_active


def test_events_of_who_does_not_agree_tell_of_nothing(visitor: MakeProfile, does: Does) -> None:
    does(visitor(consents={"analytics": True}), "Product Viewed", 0, product_id="sock")
    assert feed() == 0
    assert not Item.objects.exists()


def test_the_window_ends_before_its_last_instant(visitor: MakeProfile, does: Does) -> None:
    who = visitor()
    for minutes in (0, 1, 2):
        does(who, "Product Viewed", minutes, product_id=f"item-{minutes}")
    assert feed(1, 2) == 1
    assert Item.objects.get().key == "item-1"


# -- what anybody's browser may say --------------------------------------------------------


def test_a_browser_fills_what_is_empty(browsers_say: Says) -> None:
    browsers_say(0, name="Sock", url="https://evil.example/sock/?ref=1")
    feed()
    assert (sock().title, sock().url) == ("Sock", "/sock/")


def test_one_browser_does_not_change_what_is_there(browsers_say: Says) -> None:
    browsers_say(0, name="Sock")
    feed()
    browsers_say(5, name="Hacked", url="/evil/")
    feed(since=1)
    assert sock().title == "Sock"


def test_two_visitors_who_say_the_same_do(browsers_say: Says) -> None:
    browsers_say(0, name="Sock", price=4)
    feed()
    browsers_say(5, 2, name="Warm sock", price=3)
    feed()
    assert (sock().title, sock().price) == ("Warm sock", 3)


def test_one_visitor_who_says_it_twice_is_one(
    browsers_say: Says, visitor: MakeProfile, does: Does, browser: Source
) -> None:
    browsers_say(0, name="Sock")
    feed()
    liar = visitor()
    for minutes in (5, 6):
        event = does(liar, "Product Viewed", minutes, product_id="sock", name="Hacked")
        event.source = browser
        event.save()
    feed()
    assert sock().title == "Sock"


def test_what_most_browsers_said_before_is_not_what_they_say_now(browsers_say: Says) -> None:
    browsers_say(0, 5, price=4)
    feed()
    browsers_say(5, 2, price=3)
    feed()
    assert sock().price == 3
    # Read once more, with the old words in it.
    assert feed() == 0
    assert sock().price == 3


def test_no_number_of_browsers_outweighs_a_server(
    browsers_say: Says, visitor: MakeProfile, does: Does
) -> None:
    does(visitor(), "Product Viewed", 0, product_id="sock", name="Sock")
    feed()
    browsers_say(5, 9, name="Hacked", category="Socks")
    feed()
    assert sock().title == "Sock"
    assert sock().category == "Socks"  # of this no server had said anything
    browsers_say(6, 9, name="Hacked")
    feed(since=6)
    assert sock().title == "Sock"


@pytest.mark.parametrize(
    "said",
    [
        {"name": {"a": 1}}, {"name": "x" * 10_000}, {"price": "1e400"}, {"url": "javascript:1"},
        {"tags": [None] * 1000}, {"tags": {"a": 1}}, {"category": ["x"]}, {"name": "<script>"},
        {"image_url": "https://evil.example//pixel"}, {"name": "a\tb\n\u202e"},
    ],
)  # fmt: skip
def test_whatever_is_sent_makes_an_item_that_can_be_kept(browsers_say: Says, said: Any) -> None:
    browsers_say(0, 2, **said)
    assert feed() == 1
    sock().full_clean()


def test_so_many_items_that_memory_would_not_do_are_read_in_parts(
    visitor: MakeProfile, does: Does, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "MOST_HEARD", 2)
    monkeypatch.setattr(items, "CHUNK", 2)
    who = visitor()
    for number in range(7):
        does(who, "Product Viewed", number, product_id=f"item-{number}", name=f"Item {number}")
    assert feed() == 7
    assert set(Item.objects.values_list("title", flat=True)) == {f"Item {n}" for n in range(7)}


# -- both of them, again and again ---------------------------------------------------------


def test_of_a_kind_that_is_registered_events_say_nothing(visitor: MakeProfile, does: Does) -> None:
    category = Category.objects.create(slug="socks", name="Socks")
    Product.objects.create(category=category, slug="sock", sku="1", name="Sock", price=4)
    register(Product, key="slug", title="name", url=lambda row: "/sock/")
    who = visitor()
    does(who, "Product Viewed", 0, product_id="sock", name="Hacked")
    does(who, "Product Viewed", 0, product_id="made-up", name="Hacked")
    # An event of another kind with a key of this one.
    does(who, "Article Viewed", 0, article_id="sock", title="Hacked")
    report = synced_items(now=after(5))
    assert (report.fed, report.sources["product"].created) == (0, 1)
    assert synced_items(now=after(6)).total == 0
    assert sock().title == "Sock"
    assert sock().kind == "product"
    assert Item.objects.count() == 1


def test_a_run_reads_on_from_the_last_one_and_what_came_a_little_late(
    visitor: MakeProfile, does: Does
) -> None:
    who = visitor()
    does(who, "Product Viewed", 0, product_id="first")
    assert sync_items(now=after(100)) == 1
    does(who, "Product Viewed", 30, product_id="very-late")
    does(who, "Product Viewed", 50, product_id="late")
    does(who, "Product Viewed", 110, product_id="new")
    assert sync_items(now=after(120)) == 2
    assert set(Item.objects.values_list("key", flat=True)) == {"first", "late", "new"}
    assert synced_items(now=after(130), whole=True).fed == 1
    assert Item.objects.filter(key="very-late").exists()


def test_without_a_cache_a_run_reads_on_from_the_newest_item(
    visitor: MakeProfile, does: Does
) -> None:
    who = visitor()
    does(who, "Product Viewed", 100, product_id="first")
    sync_items(now=after(101))
    cache.clear()
    does(who, "Product Viewed", 39, product_id="before")
    does(who, "Product Viewed", 41, product_id="after")
    assert sync_items(now=after(102)) == 1
    assert Item.objects.filter(key="after").exists()


def test_the_weights_of_the_site_say_which_events_tell(visitor: MakeProfile, does: Does) -> None:
    FeedbackWeight.objects.create(event="Ticket Bought", weight=4, property="show")
    does(visitor(), "Ticket Bought", 0, show="hamlet", name="Hamlet")
    assert sync_items(now=after(1)) == 1
    assert Item.objects.get().kind == "ticket"
