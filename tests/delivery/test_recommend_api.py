from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from personalization.events.models import Event, Source
from personalization.ml.models import Item
from personalization.testing import exposures_at_once, memory_buffer
from tests.calm import CALM
from tests.conftest import BROWSER
from tests.delivery.deciding import BROWSER_KEY, KEY, queries
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.showing import written
from tests.ml.serving.stored import serve_what_follows

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/p/v1/recommend"
OWN = "http://testserver"


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    with (
        memory_buffer(),
        exposures_at_once(),
        override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM),
    ):
        yield


@pytest.fixture
def person() -> Person:
    make_items("hat", "shoe", "sock", "scarf", "belt", category="clothes", tags=["new"])
    make_crowd(["hat", "shoe", "sock", "scarf", "belt"])
    serve_what_follows({"shoe": ["sock", "belt"]}, number=4)
    person = make_person()
    look_at(person, "hat", "shoe")
    return person


def ask(person: Person | None = None, *, status: int = 200, key: str = "", **said: Any) -> Any:
    headers = {"user-agent": BROWSER, "origin": OWN}
    if key:
        headers = {"user-agent": "python-requests/2.32", "authorization": f"Bearer {key}"}
    client = Client(headers=headers)
    if person is not None:
        client.cookies.load(person.cookies)
    answer = client.get(URL, {"place": "home", **said})
    assert answer.status_code == status, answer.content
    assert answer["Cache-Control"] == "private, no-store"
    assert "Origin" in answer["Vary"]
    assert not answer.cookies
    return answer.json()


def listed(answer: Any) -> list[str]:
    return [one["item"]["key"] for one in answer["recommendations"]]


def test_the_visitor_of_the_cookie_gets_their_own_list(person: Person) -> None:
    Item.objects.filter(key="sock").update(url="/socks/", image="/sock.png", price="4.50")
    answer = ask(person, limit=2)
    first = answer["recommendations"][0]
    assert first == {
        "position": 1,
        "item": {
            "key": "sock", "kind": "", "title": "The sock", "url": "/socks/",
            "image": "/sock.png", "category": "clothes", "tags": ["new"], "price": "4.50",
        },
        "score": 1.0,
        "propensity": 1.0,
        "reason": {
            "code": "viewed", "item": "shoe", "text": "Because you looked at The shoe",
        },
    }  # fmt: skip
    assert listed(answer) == ["sock", "belt"]
    assert answer["place"] == "home"
    assert answer["model_version"] == 4


def test_everybody_else_gets_what_is_popular(person: Person) -> None:
    answer = ask(limit=2)
    assert listed(answer) == ["hat", "shoe"]
    assert answer["model_version"] is None
    person.agree_to("analytics")
    assert listed(ask(person, limit=2)) == ["hat", "shoe"]


def test_an_empty_site_answers_with_nothing(db: None) -> None:
    assert listed(ask(make_person())) == []


def test_what_the_page_is_about_leads(person: Person) -> None:
    assert listed(ask(item="shoe", limit=2)) == ["sock", "belt"]


def test_it_counts_as_shown_unless_the_browser_says_otherwise(person: Person) -> None:
    ask(person, shown="0")
    assert written() == []
    answer = ask(person)
    [event] = written()
    assert event["message_id"] == answer["decision_id"]
    assert event["properties"]["place"] == "home"


def test_a_server_names_whom_it_asks_about_and_it_counts_for_nothing(
    person: Person, make_source: Callable[..., Source]
) -> None:
    make_source(write_key=KEY, kind=Source.Kind.SERVER)
    named = {"anonymousId": person.visitor_id}
    assert listed(ask(key=KEY, limit=2, **named)) == ["sock", "belt"]
    assert listed(ask(key=KEY, limit=2, anonymousId="somebody")) == ["hat", "shoe"]
    assert ask(key=KEY, status=400)["code"] == "missing_ids"
    assert ask(key=KEY, status=400, userId="1", **named)["code"] == "missing_ids"
    person.agree_to("analytics")
    assert listed(ask(key=KEY, limit=2, **named)) == ["hat", "shoe"]
    assert written() == []


def test_a_browser_hears_of_nobody_else(person: Person, make_source: Callable[..., Source]) -> None:
    refused = ask(person, status=401, anonymousId="somebody")
    assert refused["code"] == "invalid_write_key"
    make_source(write_key=BROWSER_KEY, kind=Source.Kind.BROWSER, allowed_origins=OWN)
    said = {"writeKey": BROWSER_KEY, "anonymousId": "somebody"}
    assert ask(person, status=403, **said)["code"] == "server_key_needed"


def test_a_page_of_another_site_is_refused_without_a_key(person: Person) -> None:
    client = Client(headers={"user-agent": BROWSER, "origin": "https://other.example"})
    client.cookies.load(person.cookies)
    answer = client.get(URL, {"place": "home"})
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"place": "no place"}, "no place"),
        ({"place": ""}, "place"),
        ({"limit": "0"}, "0"),
        ({"limit": "51"}, "1 to 50"),
        ({"limit": "many"}, "many"),
        ({"limit": "9" * 30}, "999"),
        ({"item": "x" * 201}, "200"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(said: dict[str, str], named: str) -> None:
    answer = ask(status=400, **said)
    assert answer["code"] == "invalid_list"
    assert named in answer["message"]


def test_who_names_no_place_is_told_so_and_hears_of_no_none() -> None:
    answer = Client(headers={"user-agent": BROWSER}).get(URL)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("The place is '';")


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_it_is_asked_by_get(method: str) -> None:
    browser = Client(headers={"user-agent": BROWSER}, enforce_csrf_checks=True)
    answer = getattr(browser, method)(URL)
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.usefixtures("endless_minute")
@override_settings(PERSONALIZATION_ADDRESS_RATE=2)
def test_who_asks_too_often_waits(person: Person) -> None:
    for _ in range(2):
        ask()
    assert ask(status=429)["code"] == "too_many_requests"


def test_it_costs_two_reads_however_long_the_list(person: Person) -> None:
    ask(person)
    with queries(2):
        ask(person, limit=50, shown="0")


def test_a_request_for_the_head_counts_for_nothing(person: Person) -> None:
    client = Client(headers={"user-agent": BROWSER, "origin": OWN})
    client.cookies.load(person.cookies)
    assert client.head(URL, {"place": "home"}).status_code == 200
    assert written() == []
    assert not Event.objects.filter(name="Recommendation Shown").exists()


def test_its_address_has_a_name() -> None:
    assert reverse("personalization:recommend") == URL


def test_who_asks_for_html_gets_it_with_what_to_report(person: Person) -> None:
    answer = ask(person, limit=2, html="1", shown="0")
    assert re.findall(r"The (\w+)</span>", answer["html"]) == ["sock", "belt"]
    assert answer["shown"].pop("proof")
    assert answer["shown"] == {
        "place": "home", "items": ["sock", "belt"], "propensities": [1.0, 1.0],
        "model": "recommend 4", "decision_id": answer["decision_id"],
    }  # fmt: skip
    assert "data-personalization-list" not in answer["html"]
    assert "html" not in ask(person, limit=2, html="0")
