"""The code of a site says what the visitor of a request does, and the next page knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, transaction
from django.db.models import TextChoices
from django.test import Client, RequestFactory, override_settings

from personalization import hints, shortcuts
from personalization.events.models import BufferedBatch, Event
from personalization.ingest import capture, pipeline
from personalization.profiles.models import Identity, Profile
from personalization.profiles.visitor import new_visitor_id, signed
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from personalization.testing import drain
from tests.ingest.sending import consent
from tests.profiles.test_links import NOW
from tests.rules.building import both, happened, prop, rule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.cart_site")]


@pytest.fixture(autouse=True)
def _shop(make_segment: Callable[..., Segment]) -> None:
    make_segment("interested", rule(happened("Product Added", last="P1D")))
    refresh_segments(now=NOW)


@pytest.fixture
def agreed(client: Client) -> Client:
    """A visitor who agreed to everything."""
    consent(client, "analytics", "personalization")
    return client


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What workers were asked to do."""
    tasks: list[str] = []
    monkeypatch.setattr(hints, "_send", tasks.append)
    return tasks


def _page(client: Client) -> str:
    return client.get("/").content.decode()


def _stored() -> list[tuple[str, str]]:
    """Return each event with its identity, once workers have done what there is to do."""
    drain()
    return [(event.name, event.identity.namespace) for event in Event.objects.order_by("pk")]


# -- apply --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/add/", "/order/"])
def test_the_next_page_knows_without_any_worker(agreed: Client, path: str) -> None:
    assert _page(agreed) == "for everybody"
    response = agreed.post(path)
    assert response.status_code == 302
    assert _page(agreed) == "still thinking it over?"


def test_the_worker_finds_that_it_was_done(agreed: Client, woken: list[str]) -> None:
    agreed.post("/add/")
    assert woken == []
    assert BufferedBatch.objects.count() == 1
    assert _stored() == [("Product Added", "anonymous")]
    assert not BufferedBatch.objects.exists()
    assert Profile.objects.get().snapshot.features["events.count"] == 1


def test_the_same_request_knows_too(agreed: Client) -> None:
    assert agreed.post("/add-and-show/").content == b"False, True"


@pytest.mark.parametrize("failure", [OperationalError, ValueError, KeyError])
def test_what_fails_is_left_to_the_worker_and_the_request_is_answered(
    agreed: Client,
    woken: list[str],
    monkeypatch: pytest.MonkeyPatch,
    failure: type[Exception],
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise failure("for the test")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "find_or_create", fail)
        assert agreed.post("/add/").status_code == 302
    assert woken == [hints.PROCESS_EVENTS]
    assert _page(agreed) == "for everybody"
    assert _stored() == [("Product Added", "anonymous")]
    assert _page(agreed) == "still thinking it over?"


def test_whatever_goes_wrong_the_request_is_answered(
    agreed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise RuntimeError("for the test")

    with monkeypatch.context() as patch:
        patch.setattr(capture, "process_now", fail)
        assert agreed.post("/add/").status_code == 302
    assert _stored() == [("Product Added", "anonymous")]


def test_nothing_follows_from_what_was_rolled_back(agreed: Client) -> None:
    visitor = Identity.objects.get().value
    with transaction.atomic():
        shortcuts.track("Product Added", anonymous_id=visitor, apply=True)
        transaction.set_rollback(True)
    assert _page(agreed) == "for everybody"
    assert _stored() == []


class Status(TextChoices):
    PAID = "paid"


def test_what_is_applied_is_what_the_buffer_would_have_given(
    make_segment: Callable[..., Segment],
) -> None:
    paid = make_segment("paid", rule(happened("Order", where=both(prop("status", "=", "paid")))))
    refresh_segments(now=NOW)
    shortcuts.track(
        "Order", user_id="u1", properties={"status": Status.PAID, "sizes": (41,)}, apply=True
    )
    assert Event.objects.get().properties == {"status": "paid", "sizes": [41]}
    assert paid.memberships.count() == 1


# -- who sent the request -----------------------------------------------------------------


def test_an_event_is_of_the_visitor_of_the_cookie(agreed: Client) -> None:
    agreed.post("/add/")
    assert _stored() == [("Product Added", "anonymous")]
    assert Event.objects.get().identity == Identity.objects.get()


def test_an_event_is_of_the_user_who_is_logged_in(client: Client) -> None:
    user = User.objects.create_user("ann")
    client.force_login(user)
    client.post("/add/")
    assert _stored() == [("Product Added", "user")]
    assert Event.objects.get().identity.value == str(user.pk)


def test_a_visitor_who_is_logged_in_is_both(agreed: Client) -> None:
    agreed.force_login(User.objects.create_user("ann"))
    agreed.post("/add/")
    assert _stored() == [("Product Added", "user")]
    assert Profile.objects.count() == 1
    assert set(Identity.objects.values_list("namespace", flat=True)) == {"user", "anonymous"}
    assert _page(agreed) == "still thinking it over?"


def test_who_logs_in_with_the_request_is_the_user_already(agreed: Client) -> None:
    agreed.post("/sign-up/")
    assert ("Signed Up", "user") in _stored()
    assert Profile.objects.get().snapshot.traits == {"plan": "free"}


def test_who_logs_out_with_the_request_is_somebody_else(agreed: Client) -> None:
    agreed.force_login(User.objects.create_user("ann"))
    agreed.post("/add/")
    agreed.post("/leave/")
    assert _stored()[-1] == ("Left", "anonymous")
    assert Profile.objects.count() == 2


def test_what_is_given_outweighs_what_the_request_says(agreed: Client) -> None:
    agreed.force_login(User.objects.create_user("ann"))
    agreed.post("/add/as/")
    assert _stored() == [("Product Added", "user")]
    assert Event.objects.get().identity.value == "u7"
    assert Identity.objects.filter(namespace="anonymous", value="a7").exists()


def test_a_page_has_the_address_of_the_request(agreed: Client) -> None:
    agreed.get("/shoes/?size=42", headers={"referer": "https://search.example/"})
    drain()
    assert Event.objects.get().properties == {
        "name": "Shoes",
        "category": "shoes",
        "path": "/shoes/",
        "url": "http://testserver/shoes/?size=42",
        "referrer": "https://search.example/",
    }
    Event.objects.all().delete()
    agreed.get("/shoes/")
    drain()
    assert "referrer" not in Event.objects.get().properties


# -- of whom nothing is kept --------------------------------------------------------------


@pytest.mark.parametrize("logged_in", [False, True])
@pytest.mark.parametrize("path", ["/add/", "/add/as/"])
def test_nothing_is_kept_of_who_refused(client: Client, logged_in: bool, path: str) -> None:
    consent(client)
    if logged_in:
        client.force_login(User.objects.create_user("ann"))
    assert client.post(path).status_code == 302
    assert not BufferedBatch.objects.exists()
    assert _stored() == []


def test_nothing_is_kept_of_who_agrees_no_more(agreed: Client) -> None:
    consent(agreed)
    agreed.post("/add/")
    assert _stored() == []


@pytest.mark.parametrize("logged_in", [False, True])
def test_marketing_alone_allows_no_events(client: Client, logged_in: bool) -> None:
    consent(client, "marketing")
    if logged_in:
        client.force_login(User.objects.create_user("ann"))
    client.post("/add/")
    assert _stored() == []


def test_nothing_is_kept_of_who_was_not_asked(client: Client) -> None:
    assert client.post("/add/").status_code == 302
    assert _stored() == []


def test_an_answer_to_an_earlier_policy_is_none(agreed: Client) -> None:
    with override_settings(PERSONALIZATION_POLICY_VERSION="2"):
        agreed.post("/add/")
        assert _stored() == []
        agreed.force_login(User.objects.create_user("ann"))
        agreed.post("/add/")
        # The site vouches for its users; the visitor of the cookie has to be asked again.
        assert _stored() == [("Product Added", "user")]
        assert Profile.objects.count() == 2


def test_a_forged_cookie_is_nobody(client: Client) -> None:
    client.cookies["pz_id"] = f"{new_visitor_id()}:forged"
    client.cookies["pz_consent"] = "1.analytics"
    client.post("/add/")
    assert _stored() == []


def test_a_request_without_the_middleware_has_its_cookies(rf: RequestFactory) -> None:
    visitor_id = new_visitor_id()
    rf.cookies["pz_id"], rf.cookies["pz_consent"] = signed(visitor_id), "1.analytics"
    shortcuts.track("E", request=rf.get("/"), apply=True)
    drain()
    assert Event.objects.get().identity.value == visitor_id
