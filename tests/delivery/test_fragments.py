"""`GET /v1/slots/<slug>`: one slot as a piece of HTML."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.delivery import fragments
from personalization.delivery.choose import Decision
from personalization.delivery.models import Slot, Variation
from personalization.delivery.visitor import Visitor
from personalization.events.models import Event
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.testing import drain
from tests.conftest import BROWSER
from tests.delivery.people import Person, make_person, make_segments, make_slot, make_variation

pytestmark = pytest.mark.django_db

URL = "/p/v1/slots/hero"
CONTENT = "<p>Come <b>back</b></p>"


@pytest.fixture
def person() -> Person:
    make_segments("a", "b")
    make_variation("a", CONTENT)
    return make_person("a")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Decision]:
    """Whatever is noted as shown."""
    found: list[Decision] = []
    monkeypatch.setattr(Visitor, "expose", lambda self, decision: found.append(decision))
    return found


def get(person: Person | None, url: str = URL, *, status: int = 200, **headers: str) -> Any:
    client = Client(headers={"user-agent": BROWSER, **headers})
    if person is not None:
        client.cookies.load(person.cookies)
    answer = client.get(url)
    assert answer.status_code == status, answer.content
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies
    return answer


def test_the_variation_is_answered_as_html(person: Person, shown: list[Decision]) -> None:
    answer = get(person)
    [decision] = shown
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer.content.decode() == (
        '<div data-personalization-slot="hero"'
        f' data-personalization-variation="variation:{Variation.objects.get().pk}"'
        f' data-personalization-decision="{decision.id}">{CONTENT}</div>'
    )


def test_two_answers_are_two_decisions(person: Person) -> None:
    pattern = re.compile(rb'decision="([0-9a-f]{32})"')
    first, second = (pattern.search(get(person).content) for _ in range(2))
    assert first
    assert second
    assert first[1] != second[1]


def test_a_default_is_nothing_so_that_the_page_keeps_its_own(
    person: Person, shown: list[Decision]
) -> None:
    person.enter("b")
    assert get(person, status=204).content == b""
    assert get(make_person("a", consents=()), status=204).content == b""
    assert [decision.candidates for decision in shown] == [(), ()]


def test_who_has_no_id_is_shown_nothing(person: Person, shown: list[Decision]) -> None:
    get(None, status=204)
    assert shown == []


def test_all_that_match_stand_one_after_the_other(person: Person) -> None:
    Slot.objects.filter(slug="hero").update(strategy="all")
    make_variation("b", "<p>And this</p>")
    person.enter("a", "b")
    assert f"{CONTENT}<p>And this</p></div>" in get(person).content.decode()


def test_a_slot_with_a_trigger_shows_its_default(person: Person) -> None:
    slot = Slot.objects.get(slug="hero")
    slot.trigger = "exit_intent"
    slot.save()
    get(person, status=204)


@pytest.mark.parametrize("who", ["person", "nobody"])
@pytest.mark.parametrize("slug", ["hreo", "x" * 80, "cap:slot:hero", "%3Cb%3E"])
def test_an_unknown_slot_is_said_to_be_none(person: Person, who: str, slug: str) -> None:
    answer = get(person if who == "person" else None, f"/p/v1/slots/{slug}", status=404)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode().startswith("There is no slot “")


def test_it_costs_one_read(person: Person) -> None:
    get(person)
    for who in (person, None):
        with CaptureQueriesContext(connection) as captured:
            get(who, status=200 if who else 204)
        assert len([q for q in captured if "SAVEPOINT" not in q["sql"]]) == 1


def test_it_answers_with_a_slash_too(person: Person) -> None:
    make_slot("strip")
    get(person, URL + "/")
    get(person, "/p/v1/slots/strip/", status=204)


def test_a_page_of_another_site_is_refused(person: Person) -> None:
    answer = get(person, status=403, origin="https://elsewhere.example")
    assert "https://elsewhere.example" in answer.content.decode()
    assert "Access-Control-Allow-Origin" not in answer
    get(person, origin="http://testserver")


def test_another_method_is_refused(person: Person) -> None:
    browser = Client(headers={"user-agent": BROWSER}, enforce_csrf_checks=True)
    answer = browser.delete(URL)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.usefixtures("endless_minute")
def test_who_asks_too_often_is_sent_away(person: Person, settings: Any) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 1
    get(person)
    assert int(get(person, status=429)["Retry-After"]) >= 1


def test_a_rule_about_the_page_looks_at_the_page_that_asks(make_segment: Any) -> None:
    leaf = {"kind": "context", "field": "path", "operator": "=", "value": "/shoes/"}
    make_segment("here", {"version": 1, "root": {"combinator": "and", "rules": [leaf]}})
    make_variation("here", CONTENT)
    person = make_person()
    get(person, **{"hx-current-url": "https://shop.example/shoes/?size=42"})
    get(person, referer="http://testserver/shoes/")
    get(person, status=204, **{"hx-current-url": "https://shop.example/bags/"})
    get(person, status=204, **{"hx-current-url": "https://[/shoes/"})
    get(person, status=204)


def test_without_the_database_the_page_keeps_its_default(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("personalization.delivery.visitor.read_visitor", broken)
    monkeypatch.setattr("personalization.delivery.decide.published_now", broken)
    get(person, status=204)


def test_what_fails_is_the_default(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("an assigner of the site")

    monkeypatch.setattr(fragments.Visitor, "decision", broken)
    get(person, status=204)


def test_what_is_answered_is_counted_once_on_the_page_that_asks(
    person: Person, settings: Any
) -> None:
    settings.PERSONALIZATION_EXPOSURE_DELAY = timedelta(0)
    key = Key(Identity.ANONYMOUS, person.visitor_id)
    granted = frozenset({"analytics", "personalization"})
    record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=timezone.now())
    answer = get(person, referer="http://testserver/shoes/?size=42")
    Client(headers={"user-agent": BROWSER}).head(URL)
    drain()
    [event] = Event.objects.filter(name="Slot Shown")
    assert event.message_id.encode() in answer.content
    assert event.context["page"]["path"] == "/shoes/"
    assert event.properties["slot"] == "hero"
