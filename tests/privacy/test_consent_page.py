"""The page for visitors without JavaScript, or with second thoughts."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from personalization.privacy.models import Consent

pytestmark = pytest.mark.django_db


class Form(HTMLParser):
    """The first form of a page, as a browser without scripts sees it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.method = ""
        self.boxes: dict[str, bool] = {}
        self.hidden: dict[str, str] = {}
        self.buttons: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "form":
            self.action, self.method = values["action"] or "", values["method"] or ""
        elif tag == "input" and values["type"] == "checkbox":
            assert values["name"] == "purposes"
            self.boxes[values["value"] or ""] = "checked" in values
        elif tag == "input" and values["type"] == "hidden":
            self.hidden[values["name"] or ""] = values["value"] or ""
        elif tag == "button":
            self.buttons.append(values)

    def submit(self, client: Client, *, tick: list[str], choice: str = "") -> HttpResponse:
        data = {"purposes": tick, **self.hidden, **({"choice": choice} if choice else {})}
        return client.post(self.action, data, headers={"origin": "http://testserver"})


def opened(client: Client, query: str = "") -> Form:
    response = client.get(f"/p/consent/{query}")
    assert response.status_code == 200
    return Form(response.content.decode())


def test_nothing_is_ticked_before_the_visitor_ticks_it(client: Client) -> None:
    form = opened(client)
    assert form.method == "post"
    assert form.boxes == {"analytics": False, "personalization": False, "marketing": False}
    assert "script" not in form.tags


def test_refusing_is_as_easy_as_accepting(client: Client) -> None:
    choices = {button.get("value") for button in opened(client).buttons}
    assert choices == {"all", "none", None}, "and None saves what is ticked"


def test_the_page_shows_what_was_answered_and_takes_it_back(client: Client) -> None:
    form = opened(client, "?next=/cart/")
    response = form.submit(client, tick=["analytics"])
    assert (response.status_code, response.headers["Location"]) == (303, "/cart/")
    form = opened(client)
    assert form.boxes == {"analytics": True, "personalization": False, "marketing": False}
    assert form.submit(client, tick=["analytics"], choice="none").status_code == 303
    assert opened(client).boxes == dict.fromkeys(form.boxes, False)
    assert client.cookies["pz_id"].value == ""


def test_another_policy_asks_again(client: Client, settings: pytest.FixtureRequest) -> None:
    opened(client).submit(client, tick=[], choice="all")
    assert all(opened(client).boxes.values())
    settings.PERSONALIZATION_POLICY_VERSION = "2"
    assert not any(opened(client).boxes.values())
    opened(client).submit(client, tick=["marketing"])
    assert opened(client).boxes["marketing"]
    assert client.cookies["pz_consent"].value == "2.marketing"


@pytest.mark.parametrize("cookie", ["", "1", "1.", ".", "1.spying", "1.a-b", "x" * 5000, "1.é"])
def test_a_strange_cookie_ticks_nothing(client: Client, cookie: str) -> None:
    client.cookies["pz_consent"] = cookie
    assert not any(opened(client).boxes.values())


@pytest.mark.parametrize("version", ["2", "2.1", "2026-05-04", "v 3"])
def test_policies_may_be_numbered_as_one_likes(
    client: Client, settings: pytest.FixtureRequest, version: str
) -> None:
    settings.PERSONALIZATION_POLICY_VERSION = version
    body = json.dumps({"purposes": ["analytics"]})
    client.post("/p/consent/", body, "application/json", headers={"sec-fetch-site": "same-origin"})
    assert opened(client).boxes["analytics"]


def test_the_page_sets_no_cookie_and_asks_the_database_nothing(
    client: Client, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    opened(client)  # the process knows the texts from then on
    with django_assert_num_queries(0):
        response = client.get("/p/consent/")
    assert not response.cookies
    assert client.head("/p/consent/").status_code == 200


def text_of(client: Client, **headers: str) -> str:
    return client.get("/p/consent/", headers=headers).content.decode()


def test_the_page_says_since_when_what_counts(client: Client) -> None:
    assert "none yet: nothing is used" in text_of(client)
    opened(client).submit(client, tick=["analytics"])
    shown = text_of(client)
    assert '<span class="pz-consent-granted">Analytics</span>' in shown
    assert f'<time datetime="{Consent.objects.latest("pk").recorded_at:%Y-%m-%d}' in shown
    opened(client).submit(client, tick=[], choice="none")
    assert "you have said no to everything" in text_of(client)


def test_the_page_says_what_the_browser_says(client: Client) -> None:
    gpc = {"sec-gpc": "1"}
    assert "sends no signal against it" in text_of(client)
    assert "and that is heeded" in text_of(client, **gpc)
    client.post("/p/consent/", {"choice": "all"}, headers={"sec-fetch-site": "same-origin", **gpc})
    assert "you agreed all the same" in text_of(client, **gpc)


def test_the_page_says_where_the_visitor_is_and_what_holds_there(
    client: Client, settings: Any
) -> None:
    settings.PERSONALIZATION_REGION_HEADER = "X-Region"
    settings.PERSONALIZATION_CONSENT_REGIMES = {"*": "opt-in", "US": "opt-out"}
    assert "US: a yes counts until you take it back" in text_of(client, **{"x-region": "us"})
    assert "DE: nothing counts without your yes" in text_of(client, **{"x-region": "de"})


def test_the_page_leads_to_what_is_held(client: Client) -> None:
    assert f'href="{reverse("personalization:privacy")}"' in text_of(client)


def test_who_is_known_costs_one_query(client: Client, django_assert_max_num_queries: Any) -> None:
    opened(client).submit(client, tick=["analytics"])
    with django_assert_max_num_queries(1):
        text_of(client)
