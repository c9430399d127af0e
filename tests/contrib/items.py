"""Items on the pages of a CMS: a shop that recommends, and lists that say whom they are for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.ml.models import Item
from personalization.segments.models import Segment
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.showing import written
from tests.ml.serving.stored import serve_what_follows

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: The place whose lists have a template of the test sites' own.
FUZZED = "fuzzed"
#: What everybody gets of two, and what the shopper gets.
POPULAR, OWN = ["hat", "shoe"], ["sock", "scarf"]


def make_shop() -> None:
    """Make items, most of all a popular hat, and a model that knows what follows on a shoe."""
    make_items("hat", "shoe", "sock", "scarf", url="/things/")
    make_crowd(["hat", "shoe", "sock", "scarf"])
    serve_what_follows({"shoe": ["sock", "scarf"]}, number=4)


def draw_items() -> None:
    """Give each item a picture, that is wider than it is high or the other way round."""
    drawn = (
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='{}' height='{}'%3E"
        "%3Crect width='100%25' height='100%25' fill='hsl({},45%25,70%25)'/%3E%3C/svg%3E"
    )
    for number, item in enumerate(Item.objects.order_by("key")):
        size = (640, 360) if number % 2 else (360, 640)
        item.image = drawn.format(*size, 90 * number)
        item.save()


@contextmanager
def opened(browser: Browser, url: str, person: Person | None) -> Iterator[Page]:
    """Open a page in a browser of the visitor's own, in which no answer comes too late."""
    context = browser.new_context(viewport={"width": 1000, "height": 500})
    cookies = person.cookies if person else {}
    site = urljoin(url, "/")
    context.add_cookies([{"name": name, "value": cookies[name], "url": site} for name in cookies])
    page = context.new_page()
    now = datetime.now(tz=UTC)
    page.clock.install(time=now)
    page.clock.pause_at(now + timedelta(seconds=1))
    page.goto(url)
    yield page
    context.close()


def make_shopper(*segments: str) -> Person:
    """Return somebody who looked at the hat and the shoe."""
    person = make_person(*segments)
    look_at(person, "hat", "shoe")
    return person


def titles(html: str) -> list[str]:
    """Return what the lists of a page have, in order, as the shipped template shows it."""
    return re.findall(r'class="pz-recommendation-title">The (\w+)</span>', html)


def headings(html: str) -> list[str]:
    return re.findall(r'<h2 class="pz-recommended-heading">([^<]*)</h2>', html)


def pin_items() -> None:
    """Have lists of one item say whom they are for: a, b, or everybody."""
    make_items("a", "b", "everybody")
    for key, segment in (("a", "a"), ("b", "b"), ("everybody", None)):
        RecommendationRule.objects.create(
            name=key,
            segment=Segment.objects.get(slug=segment) if segment else None,
            action="pin",
            target="item",
            value=key,
        )


def shown_lists() -> list[list[str]]:
    """Return what the lists have that were written as shown, in a test with `calm`."""
    found = [event for event in written() if event["name"] == "Recommendation Shown"]
    return [event["properties"]["items"] for event in found]
