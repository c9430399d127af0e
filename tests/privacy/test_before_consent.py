"""Law 6 from a visitor's side: nothing stored, used or shown without the answer it needs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.apps import apps
from django.http import HttpRequest
from django.test import Client, RequestFactory

from personalization.delivery.visitor import Visitor
from personalization.events.models import Event, Source
from personalization.segments.models import Segment
from personalization.testing import drain
from tests.ingest.sending import consent, post, send, track
from tests.rules.building import happened, rule

pytestmark = pytest.mark.django_db

BROWSER = "browser-key"


@pytest.fixture
def _site(make_source: Callable[..., Source], make_segment: Callable[..., Segment]) -> None:
    make_source(kind=Source.Kind.BROWSER, write_key=BROWSER)
    make_segment("viewers", rule(happened("Product Viewed")))


def rows() -> dict[str, int]:
    """Return how many rows each table of the package has, those of the site's staff aside."""
    kept_anyway = {"Source", "WriteKey", "Segment", "Revision", "Slot", "Variation"}
    kept_anyway |= {"SegmentVersion", "Refresh", "CounterPlan"}  # what rules are, and how far
    models = apps.get_app_config("personalization").get_models()
    return {
        model.__name__: model._default_manager.count()
        for model in models
        if model.__name__ not in kept_anyway
    }


def visitor(client: Client) -> Visitor:
    request: HttpRequest = RequestFactory().get("/")
    request.COOKIES = {name: cookie.value for name, cookie in client.cookies.items()}
    return Visitor(request)


@pytest.mark.usefixtures("_site")
def test_a_visitor_who_was_not_asked_leaves_nothing_at_all(client: Client) -> None:
    client.get("/p/consent/")
    for fields in ({"userId": ...}, {}, {"anonymousId": "a1"}, {"type": "identify", "traits": {}}):
        response = post(client, json.dumps({"batch": [track(**fields)]}), key=BROWSER)
        assert response.status_code == 200
        assert not response.cookies
    drain()
    assert not any(rows().values())
    assert not client.cookies


@pytest.mark.usefixtures("_site")
def test_the_own_tracker_does_not_even_reach_the_buffer(client: Client) -> None:
    """It sends no id of its own: without the cookie there is nobody the event is about."""
    assert send(client, track(userId=...), key=BROWSER)["accepted"] == 0
    assert not any(rows().values())


@pytest.mark.usefixtures("_site")
def test_granting_takes_effect_with_the_next_event(client: Client) -> None:
    consent(client, "analytics", "personalization")
    assert send(client, track(), key=BROWSER)["accepted"] == 1
    drain()
    assert Event.objects.count() == 1
    assert visitor(client).in_segment("viewers")


@pytest.mark.usefixtures("_site")
def test_withdrawing_stops_use_at_once_though_the_cookie_were_kept(client: Client) -> None:
    consent(client, "analytics", "personalization")
    send(client, track(), key=BROWSER)
    drain()
    kept = client.cookies["pz_id"].value
    consent(client)
    assert visitor(client).visitor_id is None
    client.cookies["pz_id"] = kept
    assert visitor(client).visitor_id is not None
    assert not visitor(client).in_segment("viewers")
    assert not visitor(client).has_consent("personalization")
    send(client, track(), key=BROWSER)
    drain()
    assert Event.objects.count() == 1


@pytest.mark.usefixtures("_site")
@pytest.mark.parametrize(
    ("granted", "shown"), [(["analytics"], False), (["personalization"], True)]
)
def test_what_was_collected_for_one_purpose_is_not_used_for_another(
    client: Client, granted: list[str], shown: bool
) -> None:
    consent(client, *granted)
    send(client, track(), key=BROWSER)
    drain()
    assert Event.objects.count() == 1
    assert visitor(client).in_segment("viewers") is shown
    assert visitor(client).has_consent("analytics") is ("analytics" in granted)


@pytest.mark.usefixtures("_site")
def test_a_consent_cookie_made_by_hand_allows_nothing(client: Client) -> None:
    client.cookies["pz_consent"] = "1.analytics-marketing-personalization"
    send(client, track(userId=..., anonymousId="a1"), key=BROWSER)
    drain()
    assert not any(rows().values())
    assert not visitor(client).has_consent("analytics")
