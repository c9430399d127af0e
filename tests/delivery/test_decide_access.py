"""Who may ask `/v1/decide`, and about whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from personalization.delivery.models import Slot
from personalization.events.models import Event, Source
from personalization.profiles.models import Identity
from personalization.testing import drain
from tests.delivery.deciding import (
    BROWSER_KEY,
    KEY,
    OWN,
    STRIP,
    URL,
    Asker,
    browser,
    queries,
    server,
)
from tests.delivery.people import Person, make_person, make_segments, make_variation

pytestmark = pytest.mark.django_db

ELSEWHERE = "https://app.example"


@pytest.fixture
def person() -> Person:
    make_segments("a", "b", "c")
    make_variation("a", "<p>for a</p>")
    return make_person("a")


def test_a_page_of_another_site_needs_a_key(person: Person) -> None:
    told = Asker(person, origin=ELSEWHERE).ask("hero", status=403)
    assert told["code"] == "origin_not_allowed"
    assert ELSEWHERE in told["message"]


@pytest.mark.parametrize("allowed", [True, False])
def test_a_page_of_another_site_asks_with_a_key_whose_source_lists_it(
    person: Person, allowed: bool, make_source: Callable[..., Source]
) -> None:
    origins = ELSEWHERE if allowed else "https://other.example"
    make_source(write_key=BROWSER_KEY, kind=Source.Kind.BROWSER, allowed_origins=origins)
    asker = Asker(person, origin=ELSEWHERE)
    body = json.dumps({"slots": ["hero"], "writeKey": BROWSER_KEY})
    answer = asker.client.post(URL, body, content_type="text/plain")
    assert answer.status_code == (200 if allowed else 403)
    assert answer.get("Access-Control-Allow-Origin") == (ELSEWHERE if allowed else None)
    if allowed:
        assert answer["Access-Control-Allow-Credentials"] == "true"
        assert answer.json()["decisions"][0]["content"] == "<p>for a</p>"
        asked_before = asker.client.options(URL)
        assert (asked_before.status_code, asked_before["Access-Control-Allow-Origin"]) == (
            204,
            ELSEWHERE,
        )


@pytest.mark.parametrize("name", ["anonymousId", "userId"])
@pytest.mark.parametrize("origin", [OWN, ELSEWHERE, ""])
def test_the_key_of_a_browser_never_tells_of_somebody_else(
    person: Person, name: str, origin: str, make_source: Callable[..., Source]
) -> None:
    make_source(write_key=BROWSER_KEY, kind=Source.Kind.BROWSER, allowed_origins=ELSEWHERE)
    asker = Asker(make_person(), origin=origin, authorization=f"Bearer {BROWSER_KEY}")
    told = asker.ask("hero", status=403, **{name: person.visitor_id})
    assert told["code"] == "server_key_needed"
    assert asker.ask("hero", status=403, **{name: person.visitor_id}, writeKey=BROWSER_KEY)


def test_without_a_key_nobody_is_asked_about(person: Person) -> None:
    told = browser(person).ask("hero", status=401, anonymousId=person.visitor_id)
    assert told["code"] == "invalid_write_key"


def test_a_password_in_front_of_the_site_is_no_key(person: Person) -> None:
    asker = browser(person, authorization="Basic c3RhZ2luZzpzZWNyZXQ=")
    assert asker.variations("hero") != [""]


@pytest.mark.parametrize("key", ["nobodys", KEY])
def test_a_key_that_nobody_has_is_refused(person: Person, key: str) -> None:
    told = server(authorization=f"Bearer {key}").ask("hero", status=401, userId="7")
    assert told["code"] == "invalid_write_key"
    assert Asker(person).ask("hero", writeKey="nobodys", status=401)


def test_a_server_asks_about_a_visitor(person: Person, make_source: Callable[..., Source]) -> None:
    make_source(write_key=KEY)
    asker = server(authorization=f"Bearer {KEY}")
    assert asker.variations("hero", STRIP, anonymousId=person.visitor_id)[1] == "template:0:a"
    with queries(1):
        asker.ask("hero", STRIP, anonymousId=person.visitor_id)


def test_a_server_asks_about_a_user(person: Person, make_source: Callable[..., Source]) -> None:
    make_source(write_key=KEY)
    Identity.objects.create(profile=person.profile, namespace=Identity.USER, value="7")
    asker = server(authorization=f"Bearer {KEY}")
    assert asker.variations(STRIP, userId=7) == ["template:0:a"]
    # Namespaces are kept apart: a user is not a visitor of the same name.
    assert asker.ask(STRIP, anonymousId="7")[0]["reason"] == "no_consent"
    assert asker.ask(STRIP, userId=person.visitor_id)[0]["reason"] == "no_consent"


def test_a_server_hands_on_the_cookie_of_its_visitor(
    person: Person, make_source: Callable[..., Source]
) -> None:
    make_source(write_key=KEY)
    asker = server(authorization=f"Bearer {KEY}")
    asker.client.cookies.load(person.cookies)
    assert asker.variations(STRIP) == ["template:0:a"]
    assert asker.ask(STRIP, page={"userAgent": "Googlebot/2.1"})[0]["reason"] == "bot"


def test_a_server_says_whom_it_asks_about(make_source: Callable[..., Source]) -> None:
    make_source(write_key=KEY)
    told = server(authorization=f"Bearer {KEY}").ask("hero", status=400)
    assert told["code"] == "missing_ids"


def test_a_server_without_the_visitors_agreement_gets_the_default(
    make_source: Callable[..., Source],
) -> None:
    make_source(write_key=KEY)
    make_segments("a")
    make_variation("a", "for a")
    person = make_person("a", consents=["analytics"])
    [hero] = server(authorization=f"Bearer {KEY}").ask("hero", anonymousId=person.visitor_id)
    assert (hero["variation"], hero["reason"]) == ("", "no_consent")


def test_chance_falls_for_a_server_as_it_does_for_the_browser(
    person: Person, make_source: Callable[..., Source]
) -> None:
    make_source(write_key=KEY)
    Slot.objects.filter(slug="hero").update(strategy="random")
    for n in range(6):
        make_variation("a", f"{n}")
    seen = browser(person).variations("hero")
    asker = server(authorization=f"Bearer {KEY}")
    assert asker.variations("hero", anonymousId=person.visitor_id) == seen


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_refused_with_those_that_are_taken(method: str) -> None:
    answer = browser().client.generic(method, URL)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer["Allow"] == "POST, OPTIONS"


def test_it_answers_with_a_slash_too(person: Person) -> None:
    body = json.dumps({"slots": ["hero"]})
    asker = browser(person)
    assert asker.client.post(URL + "/", body, content_type="text/plain").status_code == 200


@pytest.mark.usefixtures("endless_minute")
def test_who_asks_too_often_is_sent_away(person: Person, settings: Any) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 2
    asker = browser(person)
    asker.ask("hero")
    asker.ask("hero")
    assert asker.ask("hero", status=429)["code"] == "too_many_requests"


@pytest.mark.usefixtures("endless_minute")
def test_a_source_may_ask_as_often_as_it_may_send(make_source: Callable[..., Source]) -> None:
    make_source(write_key=KEY, rate_limit=1)
    asker = server(authorization=f"Bearer {KEY}")
    asker.ask("hero", userId="7")
    assert asker.ask("hero", status=429, userId="7")["code"] == "too_many_requests"


def test_a_key_that_cannot_be_looked_up_may_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("personalization.delivery.askers.authenticated_source", broken)
    told = server(authorization=f"Bearer {KEY}").ask("hero", status=503, userId="7")
    assert told["code"] == "unavailable"


def test_a_server_reports_what_it_has_shown_once(
    person: Person, make_source: Callable[..., Source]
) -> None:
    make_source(write_key=KEY)
    asker = server(authorization=f"Bearer {KEY}")
    [hero] = asker.ask("hero", anonymousId=person.visitor_id)
    event = {
        "event": "Slot Shown",
        "anonymousId": person.visitor_id,
        "messageId": hero["decision_id"],
        "properties": {name: hero[name] for name in ("slot", "variation", "decision_id")},
    }
    for _ in range(2):
        sent = asker.client.post("/p/v1/track", json.dumps(event), content_type="application/json")
        assert sent.status_code == 200
    drain()
    [stored] = Event.objects.filter(name="Slot Shown")
    assert stored.message_id == hero["decision_id"]
    assert stored.properties["variation"] == hero["variation"]
