"""Logging in and out: on one device and on several, with Django's own views."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, TestCase, override_settings

from personalization.delivery.user import logged_in_user
from personalization.events.models import BufferedBatch, Event, Source
from personalization.exceptions import BufferUnavailable
from personalization.ingest import capture, pipeline
from personalization.ingest.merges import merge_profiles
from personalization.privacy.models import Consent
from personalization.profiles.models import Identity, Profile
from personalization.profiles.visitor import read_user_token, read_visitor_id
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from personalization.testing import drain
from tests.conftest import BROWSER
from tests.delivery.rendering import counted
from tests.ingest.sending import consent, send, track
from tests.profiles.test_links import NOW, of, persons, profile_of
from tests.rules.building import happened, rule

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.login_site")]

BOUGHT = "Order Completed"


@pytest.fixture(autouse=True)
def _shop(make_source: Callable[..., Source], make_segment: Callable[..., Segment]) -> None:
    make_source(kind=Source.Kind.BROWSER, write_key="browser-key")
    make_segment("buyers", rule(happened(BOUGHT)))
    refresh_segments(now=NOW)


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", password="secret")


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("bob", password="secret")


def new_client() -> Client:
    return Client(headers={"user-agent": BROWSER})


def visitor_of(client: Client) -> str | None:
    cookie = client.cookies.get("pz_id")
    return read_visitor_id({"pz_id": cookie.value}) if cookie else None


def log_in(client: Client, user: User) -> HttpResponse:
    with TestCase.captureOnCommitCallbacks(execute=True):
        response = client.post("/in/", {"username": user.username, "password": "secret"})
    assert response.status_code == 302
    return response


def log_out(client: Client) -> HttpResponse:
    return client.post("/out/")


def agree(client: Client) -> str:
    with TestCase.captureOnCommitCallbacks(execute=True):
        consent(client, "analytics", "personalization")
    visitor = visitor_of(client)
    assert visitor is not None
    return visitor


def buy(client: Client) -> None:
    send(client, track(BOUGHT, userId=...), key="browser-key")
    drain()


def sees(client: Client) -> str:
    return str(client.get("/").content.decode()).partition("<script")[0]


def test_who_logs_in_is_known_on_the_next_page(client: Client, ann: User) -> None:
    laptop = new_client()
    agree(laptop)
    log_in(laptop, ann)
    buy(laptop)
    device = agree(client)
    assert sees(client) == "for everybody"
    log_in(client, ann)
    assert persons() == of(
        f"user:{ann.pk} anonymous:{device} anonymous:{visitor_of(laptop)}",
    )
    assert sees(client) == "for buyers"


def test_what_was_done_before_the_login_counts_on_other_devices(ann: User) -> None:
    phone, laptop = new_client(), Client()
    for device in (phone, laptop):
        agree(device)
    buy(phone)
    log_in(laptop, ann)
    assert sees(laptop) == "for everybody"
    log_in(phone, ann)
    assert sees(laptop) == sees(phone) == "for buyers"


def test_without_consent_a_login_leaves_no_trace(client: Client, ann: User) -> None:
    log_in(client, ann)
    log_out(client)
    consent(client)
    log_in(client, ann)
    assert "pz_id" not in client.cookies or not client.cookies["pz_id"].value
    assert [model.objects.count() for model in (Identity, Profile, Event, BufferedBatch)] == [0] * 4


def test_the_same_user_again_is_no_switch(client: Client, ann: User) -> None:
    device = agree(client)
    log_in(client, ann)
    response = log_in(client, ann)
    assert "pz_id" not in response.cookies
    assert visitor_of(client) == device
    assert Profile.objects.count() == 1


def test_a_logout_gives_the_device_to_somebody_new(client: Client, ann: User) -> None:
    first = agree(client)
    log_in(client, ann)
    buy(client)
    response = log_out(client)
    second = visitor_of(client)
    assert second not in (None, first)
    assert "private" in response.headers["Cache-Control"]
    assert sees(client) == "for everybody"
    buy(client)
    assert persons() == of(f"user:{ann.pk} anonymous:{first}", f"anonymous:{second}")
    assert Event.objects.filter(identity__value=second).count() == 1
    assert Event.objects.exclude(identity__value=second).count() == 2  # bought and logged in


@pytest.mark.parametrize("agreed", [True, False])
def test_what_is_rendered_after_a_logout_is_for_somebody_new(
    client: Client, ann: User, agreed: bool
) -> None:
    agree(client)
    log_in(client, ann)
    buy(client)
    with override_settings(PERSONALIZATION_POLICY_VERSION="1" if agreed else "2"):
        client.cookies["pz_consent"] = client.cookies["pz_consent"].value
        response = client.post("/leave/")
    before, after = response.content.decode().split("|")
    assert before.startswith("for buyers" if agreed else "for everybody")
    assert after.startswith("for everybody")
    assert "data-user" not in after
    assert "private" in response.headers["Cache-Control"]
    assert "pz_id" in response.cookies


def test_a_response_that_renews_the_visitor_is_kept_by_no_cache(client: Client, ann: User) -> None:
    agree(client)
    assert "Cache-Control" not in client.get("/quietly/").headers
    log_in(client, ann)
    response = client.get("/quietly/")
    assert "pz_id" in response.cookies
    assert "private" in response.headers["Cache-Control"]


def test_the_answer_given_on_the_device_goes_along_as_a_record_of_its_own(
    client: Client, ann: User
) -> None:
    first = agree(client)
    log_in(client, ann)
    log_out(client)
    for visitor, mechanism in ((first, "banner"), (visitor_of(client), "device")):
        answers = Consent.objects.filter(identity__value=visitor)
        assert {answer.mechanism for answer in answers} == {mechanism}
        granted = answers.filter(granted=True).values_list("purpose", flat=True)
        assert set(granted) == {"analytics", "personalization"}
    consent(client)  # the one takes it back, and the other has not
    assert Consent.objects.filter(identity__value=first, granted=False).count() == 1


def test_an_answer_to_an_older_policy_does_not_go_along(client: Client, ann: User) -> None:
    agree(client)
    log_in(client, ann)
    with override_settings(PERSONALIZATION_POLICY_VERSION="2"):
        response = log_out(client)
    assert response.cookies["pz_id"]["max-age"] == 0
    assert visitor_of(client) is None
    assert Profile.objects.count() == 1


def test_who_has_not_answered_to_the_policy_as_it_stands_is_not_recorded(
    client: Client, ann: User
) -> None:
    device = agree(client)
    with override_settings(PERSONALIZATION_POLICY_VERSION="2"):
        log_in(client, ann)
        drain()
        assert persons() == of(f"anonymous:{device}")
    log_in(client, ann)
    assert persons() == of(f"user:{ann.pk} anonymous:{device}")


@pytest.mark.parametrize("said_goodbye", [True, False])
def test_a_second_user_of_the_device_is_a_switch_and_no_merge(
    client: Client, ann: User, bob: User, said_goodbye: bool
) -> None:
    first = agree(client)
    log_in(client, ann)
    buy(client)
    if said_goodbye:
        log_out(client)
    else:
        del client.cookies["sessionid"]  # it expired
    response = log_in(client, bob)
    second = visitor_of(client)
    assert second not in (None, first)
    assert ("pz_id" in response.cookies) is not said_goodbye
    assert persons() == of(f"user:{ann.pk} anonymous:{first}", f"user:{bob.pk} anonymous:{second}")
    assert sees(client) == "for everybody"
    buy(client)
    profiles = {name: profile_of(f"user:{user.pk}") for name, user in (("a", ann), ("b", bob))}
    bought = Event.objects.filter(name=BOUGHT)
    assert [bought.filter(identity__profile=pk).count() for pk in profiles.values()] == [1, 1]


def test_a_user_who_logs_in_over_another_is_a_switch_too(
    client: Client, ann: User, bob: User
) -> None:
    first = agree(client)
    log_in(client, ann)
    log_in(client, bob)
    assert visitor_of(client) != first
    assert persons() >= of(f"user:{ann.pk} anonymous:{first}")


def test_who_comes_back_to_the_device_is_known_again(client: Client, ann: User, bob: User) -> None:
    agree(client)
    for user in (ann, bob):
        log_in(client, user)
        if user == ann:
            buy(client)
        log_out(client)
    log_in(client, ann)
    assert sees(client) == "for buyers"
    assert len(persons()) == 2


def test_accounts_that_an_operator_made_one_person_share_their_device(
    client: Client, ann: User, bob: User
) -> None:
    device = agree(client)
    for user in (ann, bob):
        other = new_client()
        agree(other)
        log_in(other, user)
    merge_profiles(profile_of(f"user:{ann.pk}"), profile_of(f"user:{bob.pk}"), now=NOW)
    log_in(client, ann)
    log_in(client, bob)
    assert visitor_of(client) == device


def test_nobody_can_log_out(client: Client) -> None:
    device = agree(client)
    assert "pz_id" not in log_out(client).cookies
    assert visitor_of(client) == device


def test_who_agrees_while_logged_in_is_known_from_then_on(client: Client, ann: User) -> None:
    log_in(client, ann)
    device = agree(client)
    assert persons() == of(f"user:{ann.pk} anonymous:{device}")
    consent(client)
    assert not Identity.objects.exclude(value__in=(device, str(ann.pk))).exists()


def test_a_login_without_our_middleware_is_none_of_our_business(client: Client, ann: User) -> None:
    agree(client)
    client.force_login(ann)
    client.logout()
    assert len(persons()) == 1


# -- what the page says of who is logged in ------------------------------------------------


def token(response: HttpResponse) -> str:
    return str(response.content.decode()).partition('data-user="')[2].partition('"')[0]


def test_a_page_carries_the_proof_of_who_is_logged_in(client: Client, ann: User) -> None:
    device = agree(client)
    log_in(client, ann)
    response = client.get("/")
    assert read_user_token(token(response), visitor_id=device) == str(ann.pk)
    assert "private" in response.headers["Cache-Control"]


def test_a_page_that_was_open_during_the_switch_sends_nothing_for_the_next(
    client: Client, ann: User, bob: User
) -> None:
    agree(client)
    log_in(client, ann)
    proof = token(client.get("/"))
    log_out(client)
    log_in(client, bob)
    late = track("Left behind", userId=..., context={"userToken": proof})
    answer = send(client, late, key="browser-key")
    assert [each["code"] for each in answer["rejected"]] == ["another_visitor"]
    drain()
    assert not Event.objects.filter(name="Left behind").exists()


def test_who_is_not_logged_in_or_not_known_gets_a_page_without_it(
    client: Client, ann: User
) -> None:
    assert not token(client.get("/"))
    log_in(client, ann)
    assert not token(client.get("/"))  # logged in, and has not agreed
    log_out(client)
    agree(client)
    assert not token(client.get("/"))


def test_a_session_of_nobody_proves_nobody(client: Client, rf: Any, ann: User) -> None:
    agree(client)
    session = client.session
    session["cart"] = [1]
    session.save()
    client.cookies["sessionid"] = session.session_key
    assert not token(client.get("/"))
    request = rf.get("/")
    request.COOKIES["sessionid"] = "any"
    assert logged_in_user(request) is None  # a site without accounts


# -- when something fails ------------------------------------------------------------------


def _down(*args: Any, **kwargs: Any) -> Any:
    raise OperationalError("gone")


def test_a_login_that_meets_a_busy_database_is_left_to_the_worker(
    client: Client, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = agree(client)
    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "join", _down)
        log_in(client, ann)
        assert persons() == of(f"anonymous:{device}")
    drain()
    assert persons() == of(f"user:{ann.pk} anonymous:{device}")


def test_nobody_is_kept_from_logging_in(
    client: Client, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> Any:
        raise BufferUnavailable

    agree(client)
    before = counted("logins.failed")
    with monkeypatch.context() as broken:
        broken.setattr(capture, "buffer", full)
        log_in(client, ann)
    assert counted("logins.failed") == before + 1


def test_a_device_that_cannot_be_renewed_belongs_to_nobody(
    client: Client, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(client)
    log_in(client, ann)
    buy(client)
    with monkeypatch.context() as broken:
        broken.setattr("personalization.logins.record_consent", _down)
        log_out(client)
    assert visitor_of(client) is None
    assert sees(client) == "for everybody"
    assert json.dumps(persons(), default=list).count("anonymous") == 1
