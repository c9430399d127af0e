"""Segment's browser library, unmodified, in Chromium on a page of the shop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.utils import timezone

from personalization.events.models import Event, Source
from personalization.privacy.consent import record_consent
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.testing import drain
from tests import machine
from tests.acceptance import golden
from tests.acceptance.clients.installed import NotInstalled
from tests.acceptance.clients.page import Shop, pages, shop
from tests.acceptance.relay import Relay

pytestmark = [
    pytest.mark.clients,
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

KEY = "browser-key"
CALLS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("page", ("docs", "Start", {"shelf": 3})),
    ("identify", ("u1", {"plan": "pro", "age": 41})),
    ("track", ("Order Completed", {"total": 9.5, "products": [{"product_id": "17"}]})),
    ("group", ("g1", {"size": 12})),
    ("alias", ("u1", "a9")),
    ("screen", ("app", "Home", {"tab": 1})),
)
BATCHING = {"strategy": "batching", "config": {"size": 10, "timeout": 300}}

Visit = Callable[..., AbstractContextManager[Shop]]


@pytest.fixture
def source(make_source: Callable[..., Source]) -> Source:
    return make_source(kind=Source.Kind.BROWSER, write_key=KEY)


@pytest.fixture
def visit(chromium: str, relay: Relay) -> Visit:
    """Open the shop, on the site itself or on another one."""

    try:
        relay.pages |= pages()
    except NotInstalled as error:
        machine.lacks(str(error))
        pytest.skip(str(error))

    def visit(origin: str = relay.url) -> AbstractContextManager[Shop]:
        return shop(origin, chromium=chromium)

    return visit


def arrived(relay: Relay) -> int:
    """Return how many calls have come in batches that were answered."""
    batches = [one for one in relay.seen if one.path == "/p/v1/b"]
    return sum(len(one.json()["batch"]) for one in batches)


def paths(relay: Relay, method: str = "POST") -> list[str]:
    return [exchange.path for exchange in relay.seen if exchange.method == method]


@pytest.mark.usefixtures("source")
def test_every_call_of_a_visitor_who_agreed_is_stored_field_by_field(
    visit: Visit, relay: Relay
) -> None:
    with visit() as page:
        page.agree("analytics", "personalization")
        page.load(KEY, f"{relay.url}/p")
        for name, parameters in CALLS:
            page.call(name, *parameters)
    drain()
    assert paths(relay)[1:] == [f"/p/v1/{short}" for short in "pitgas"]
    events = list(Event.objects.select_related("identity"))
    (visitor,) = {event.identity for event in events}
    assert visitor.namespace == Identity.ANONYMOUS
    golden.check("segment_browser", events, names={visitor.value: "<visitor>"})


@pytest.mark.usefixtures("source")
def test_as_many_are_stored_as_were_sent_in_batches(visit: Visit, relay: Relay) -> None:
    with visit() as page:
        page.agree("analytics")
        options = {"integrations": {"Segment.io": {"deliveryStrategy": BATCHING}}}
        page.load(KEY, f"{relay.url}/p", options)
        page.call_at_once("track", [["Product Viewed", {"n": n}] for n in range(50)])
        page.wait_until(lambda: arrived(relay) >= 50)
        page.wait(800)
    drain()
    assert set(paths(relay)[1:]) == {"/p/v1/b"}
    numbers = Event.objects.values_list("properties__n", flat=True)
    assert sorted(numbers) == list(range(50))


@pytest.mark.usefixtures("source")
def test_a_visitor_who_agreed_to_nothing_leaves_nothing(visit: Visit, relay: Relay) -> None:
    with visit() as page:
        page.load(KEY, f"{relay.url}/p")
        page.call("track", "Product Viewed")
        page.wait_until(relay.statuses)
        page.wait(1500)
    drain()
    assert relay.statuses() == [200]
    assert not Event.objects.exists()


@pytest.mark.usefixtures("source")
def test_a_wrong_key_is_tried_once(visit: Visit, relay: Relay) -> None:
    with visit() as page:
        page.load("nobody's", f"{relay.url}/p")
        page.call("track", "Product Viewed")
        page.wait_until(relay.statuses)
        page.wait(1500)
    assert relay.statuses() == [401]


@pytest.mark.usefixtures("source", "failing")
def test_what_a_database_that_was_down_refused_is_sent_again(visit: Visit, relay: Relay) -> None:
    with visit() as page:
        page.agree("analytics")
        page.load(KEY, f"{relay.url}/p")
        page.call("track", "Product Viewed")
        page.wait_until(lambda: relay.statuses()[1:] == [503, 200])
    drain()
    assert Event.objects.count() == 1


def test_a_page_of_another_site_may_send_if_the_source_lists_it(
    visit: Visit, relay: Relay, source: Source
) -> None:
    origin = relay.url.replace("127.0.0.1", "shop.localhost")
    source.allowed_origins = origin
    source.save()
    visitor = Key(Identity.ANONYMOUS, "visitor-1")
    record_consent(visitor, granted={"analytics"}, mechanism="api", now=timezone.now())
    with visit(origin) as page:
        page.load(KEY, f"{relay.url}/p")
        page.call("setAnonymousId", visitor.value)
        page.call("track", "Product Viewed")
    drain()
    assert relay.statuses("OPTIONS") == [204]
    assert relay.statuses() == [200]
    event = Event.objects.select_related("identity").get()
    assert (event.name, event.identity.value) == ("Product Viewed", visitor.value)


@pytest.mark.usefixtures("source")
def test_a_page_of_any_other_site_may_not(visit: Visit, relay: Relay) -> None:
    with visit(relay.url.replace("127.0.0.1", "shop.localhost")) as page:
        page.load(KEY, f"{relay.url}/p")
        assert not page.call("track", "Product Viewed")
    assert paths(relay, "GET") == [f"/p/v1/projects/{KEY}/settings"]
    assert paths(relay) == []
    assert not Event.objects.exists()
