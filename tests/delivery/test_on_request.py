"""Segments that only a request can tell: device, campaign, path, language, hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from personalization.delivery.known import read_visitor
from personalization.delivery.request_context import request_context
from personalization.events.models import Event
from personalization.profiles.models import Profile, Snapshot
from personalization.segments.live import live_rules
from personalization.segments.models import Membership, Segment
from personalization.segments.population import count_matching, linked
from personalization.segments.rebuild import rebuild_profiles
from tests.rules.building import context, happened, rule, segment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOBILE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Mobile/15E148"
TABLET = "Mozilla/5.0 (Linux; Android 15; SM-X710) AppleWebKit/537.36 Chrome/130 Safari/537.36"
PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/130 Mobile Safari"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def request(path: str = "/", **headers: str) -> HttpRequest:
    return RequestFactory().get(path, headers={"user-agent": DESKTOP, **headers})


@pytest.mark.parametrize(
    ("agent", "device"),
    [(MOBILE, "mobile"), (PHONE, "mobile"), (TABLET, "tablet"), (DESKTOP, "desktop")],
)
def test_the_device_is_what_the_browser_says(agent: str, device: str) -> None:
    assert request_context(request(**{"user-agent": agent}))["device"] == device


def test_a_browser_that_hides_its_name_may_say_that_it_is_mobile() -> None:
    found = request_context(request(**{"user-agent": "Mozilla/5.0", "sec-ch-ua-mobile": "?1"}))
    assert found["device"] == "mobile"


def test_what_a_request_does_not_say_is_left_out() -> None:
    bare = RequestFactory().get("/")
    assert request_context(bare) == {"path": "/", "utm": {}}


def test_campaign_referrer_path_and_language_come_from_the_request() -> None:
    found = request_context(
        request(
            "/sale/?utm_source=news&utm_campaign=spring&utm_medium=",
            referer="https://example.org/x?y=1",
            **{"accept-language": "*;q=0.1, de-CH, en;q=0.8"},
        )
    )
    assert found == {
        "device": "desktop",
        "referrer": "https://example.org/x?y=1",
        "path": "/sale/",
        "language": "de",
        "utm": {"source": "news", "campaign": "spring"},
    }


@pytest.mark.parametrize("header", ["", "*", "de;q=0", ",,;;", "x" * 5000])
def test_a_header_without_a_language_says_none(header: str) -> None:
    assert "language" not in request_context(request(**{"accept-language": header}))


def asked(visitor: str = "anna", *, at: datetime = NOW, **context: Any) -> frozenset[str]:
    return read_visitor(visitor, context=lambda: context, now=at).segments


ON_PHONE = context("device", "=", "mobile")


@pytest.mark.django_db
def test_a_request_decides(
    make_profile: Callable[..., Profile], make_segment: Callable[..., Segment]
) -> None:
    make_profile(identity="anna")
    make_segment("on-phone", rule(ON_PHONE))
    make_segment("not-on-phone", rule(context("device", "!=", "mobile")))
    make_segment("at-noon", rule(context("hour", "between", [12, 13])))
    assert asked(device="mobile") == {"on-phone", "at-noon"}
    assert asked(device="desktop", at=NOW + timedelta(hours=1)) == {"not-on-phone"}


@pytest.mark.django_db
def test_requests_and_behaviour_are_decided_together(
    make_profile: Callable[..., Profile],
    make_event: Callable[..., Event],
    make_segment: Callable[..., Segment],
) -> None:
    anna = make_profile(identity="anna")
    make_segment("buyers", rule(happened("Order Completed", last="P7D")))
    make_segment("buyers-on-phone", rule(ON_PHONE, segment("buyers")))
    make_segment("cart-on-phone", rule(ON_PHONE, happened("Product Added", last="P1D")))
    make_segment("nested", rule(segment("buyers-on-phone")))
    for name in ("Order Completed", "Product Added"):
        make_event(anna, name, at=NOW - timedelta(hours=1))
    rebuild_profiles([anna.pk], now=NOW)
    assert asked(device="mobile") == {"buyers", "buyers-on-phone", "cart-on-phone", "nested"}
    assert asked(device="desktop") == {"buyers"}
    later = NOW + timedelta(days=2)
    assert asked(device="mobile", at=later) == {"buyers", "buyers-on-phone", "nested"}


@pytest.mark.django_db
def test_nobody_is_a_stored_member_of_what_a_request_decides(
    make_profile: Callable[..., Profile], make_segment: Callable[..., Segment]
) -> None:
    anna = make_profile(identity="anna")
    made = make_segment("at-noon", rule(context("hour", "between", [12, 13])))
    rebuild_profiles([anna.pk], now=NOW)
    assert list(live_rules().on_request) == ["at-noon"]
    assert made.pk not in live_rules().rules
    assert not Membership.objects.exists()
    assert Snapshot.objects.get().memberships == {}


@pytest.mark.django_db
@pytest.mark.parametrize("hour", [11, 12])
def test_counting_knows_the_clock_and_no_request(
    make_profile: Callable[..., Profile], hour: int
) -> None:
    make_profile()
    at = NOW.replace(hour=hour)
    noon = linked(rule(context("hour", "between", [12, 13])))
    assert count_matching(noon, now=at) == (hour == 12)
    assert count_matching(linked(rule(ON_PHONE)), now=at) == 0


@pytest.mark.django_db(transaction=True)  # a transaction around the test costs savepoints
def test_one_read_serves_a_page_however_many_rules_speak_of_the_request(
    make_profile: Callable[..., Profile],
    make_segment: Callable[..., Segment],
    django_assert_num_queries: Any,
) -> None:
    make_profile(identity="anna")
    for n in range(10):
        make_segment(f"path-{n}", rule(context("path", "=", f"/{n}")))
    asked(path="/3")
    with django_assert_num_queries(1):
        assert asked(path="/3") == {"path-3"}
    with django_assert_num_queries(1):
        assert asked("nobody") == frozenset()


@pytest.mark.django_db
def test_the_one_read_tells_of_a_visitor_what_the_orm_does(
    make_profile: Callable[..., Profile],
    make_event: Callable[..., Event],
    make_segment: Callable[..., Segment],
) -> None:
    anna = make_profile(identity="anna")
    make_segment("buyers", rule(happened("Order Completed", last="P7D")))
    make_segment("on-phone", rule(ON_PHONE))
    make_event(anna, "Order Completed", at=NOW - timedelta(hours=1))
    rebuild_profiles([anna.pk], now=NOW)
    Snapshot.objects.update(traits={"city": "Zürich", "age": 40}, consents={"analytics": True})
    asked()
    with patch("personalization.delivery.known.known_of") as known_of:
        asked()
    [read] = known_of.call_args.args
    kept = Snapshot.objects.get()
    names = [field.attname for field in Snapshot._meta.concrete_fields]
    assert [getattr(read, name) for name in names] == [getattr(kept, name) for name in names]
    assert read.visit_started_at == NOW - timedelta(hours=1)
