"""What is no visitor's: programs, and pages that nobody looked at."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import reload
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import BufferedBatch, Event, Source
from personalization.ingest import agents
from personalization.ingest.bots import (
    BOTS,
    NO_VIEWS,
    PURPOSES,
    Agent,
    agent_of,
    sentence,
    verdict,
    verdict_on_event,
    verdict_on_request,
)
from personalization.ingest.models import DeadLetter
from personalization.profiles.models import Profile
from personalization.testing import drain
from tests.conftest import BROWSER
from tests.ingest.sending import codes, consent, post, problem, send, track

PEOPLE = [
    BROWSER,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    # A phone of the maker Cubot, and apps with a browser inside.
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.6099.43 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/140.0 Mobile Safari/537.36 Instagram 300.0",
    "okhttp/4.12.0",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
]
PROGRAMS = {
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "crawler",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)": "crawler",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)": "crawler",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)": "crawler",
    "Mozilla/5.0 (compatible; Yahoo! Slurp)": "crawler",
    "Screaming Frog SEO Spider/19.0": "crawler",
    "WhatsApp/2.23.20.0": "crawler",
    "curl/8.9.1": "library",
    "Wget/1.24.5": "library",
    "python-requests/2.32.3": "library",
    "Python-urllib/3.11": "library",
    "Go-http-client/2.0": "library",
    "node": "library",
    "Java/17.0.2": "library",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "HeadlessChrome/141.0.0.0 Safari/537.36": "headless",
    "Mozilla/5.0 (Unknown; Linux x86_64) PhantomJS/2.1.1 Safari/538.1": "headless",
    "": "no_user_agent",
    "   ": "no_user_agent",
}


@pytest.mark.parametrize("user_agent", PEOPLE)
def test_a_browser_may_be_a_persons(user_agent: str) -> None:
    assert verdict(user_agent) == ""


@pytest.mark.parametrize("user_agent", PROGRAMS)
def test_a_program_is_told_by_its_name(user_agent: str) -> None:
    assert verdict(user_agent) == PROGRAMS[user_agent]


@pytest.mark.parametrize("name", PURPOSES)
@pytest.mark.parametrize("value", ["prefetch", "Prefetch;prerender", "preview"])
def test_what_a_browser_fetches_ahead_is_not_viewed(name: str, value: str) -> None:
    assert verdict(BROWSER, headers={name: value}) == "prefetch"


def test_other_purposes_are_views() -> None:
    assert verdict(BROWSER, headers={"Purpose": "navigation", "X-Moz": "", "Accept": "x"}) == ""


def test_a_head_request_shows_nothing() -> None:
    assert verdict(BROWSER, method="HEAD") == "head_request"
    assert verdict(BROWSER, method="GET") == ""


@pytest.mark.parametrize("status", [404, "404", 410])
@pytest.mark.parametrize("place", ["properties", "context", "page"])
def test_a_page_that_was_not_there_was_not_viewed(status: Any, place: str) -> None:
    told: dict[str, Any] = {"status": status}
    context = {"page": told} if place == "page" else told if place == "context" else {}
    properties = told if place == "properties" else {}
    assert verdict_on_event(context, properties=properties) == "page_not_found"
    assert verdict_on_event(context, properties=properties, is_view=False) == ""


@pytest.mark.parametrize("status", [200, 304, 500, "ok", None, True, [404], {"code": 404}, 404.5])
def test_any_other_status_is_no_objection(status: Any) -> None:
    assert verdict_on_event({"status": status, "page": "/"}, properties={"status": status}) == ""


@pytest.mark.parametrize("automated", [True, False, None, "true", 1])
def test_the_tracker_says_when_a_program_drives_the_browser(automated: Any) -> None:
    found = verdict_on_event({"automated": automated})
    assert found == ("automated" if automated is True else "")


def test_a_borrowed_name_is_seen_through_inside() -> None:
    headless = next(name for name, kind in PROGRAMS.items() if kind == "headless")
    assert verdict(BROWSER, context={"userAgent": headless}) == "headless"
    for stated in ("", None, 17, ["curl/8"], PEOPLE[1]):
        assert verdict(BROWSER, context={"userAgent": stated}) == ""


def test_every_verdict_has_its_sentence() -> None:
    for reason in (*BOTS, *NO_VIEWS):
        assert sentence(reason).endswith(".")


def test_of_a_request_only_what_is_looked_at_is_remembered() -> None:
    headers = {"User-Agent": "x" * 5000, "Cookie": "secret", "Sec-Purpose": "prefetch" * 100}
    agent = agent_of(headers, method="GET")
    assert len(agent.user_agent) == agents.MAX_LENGTH
    assert set(agent.headers) == {"Sec-Purpose"}
    assert len(agent.headers["Sec-Purpose"]) <= 100
    assert Agent(**agent.to_json()) == agent
    assert verdict_on_request(agent) == "prefetch"


def test_an_endless_name_is_judged_by_its_beginning() -> None:
    assert verdict("Mozilla/5.0 " + "x" * 10**6 + " bot") == ""


# -- with and without the library ---------------------------------------------------------

#: Known to the database of the library, and to no pattern of ours.
OBSCURE = "Mozilla/5.0 (compatible; heritrix/3.4.0 +https://example.com)"


@pytest.fixture
def load_agents(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load the module anew, with the library or as if it were not installed."""

    def load(*, installed: bool) -> Any:
        if not installed:
            monkeypatch.setitem(sys.modules, "ua_parser", None)
        return reload(agents)

    yield load
    monkeypatch.undo()
    reload(agents)


def test_the_short_list_is_enough_to_begin_with(load_agents: Callable[..., Any]) -> None:
    alone = load_agents(installed=False)
    assert alone.program(OBSCURE) == ""
    for user_agent in PEOPLE:
        assert alone.program(user_agent) == ""
    assert alone.program("Mozilla/5.0 (compatible; Googlebot/2.1)") == "crawler"


def test_the_library_knows_more(load_agents: Callable[..., Any]) -> None:
    pytest.importorskip("ua_parser")
    assert load_agents(installed=True).program(OBSCURE) == "crawler"


# -- at the door --------------------------------------------------------------------------


def browse(client: Client, *calls: Any, user_agent: str = BROWSER, **headers: str) -> Any:
    """Send a batch as the browser source does; return the codes of what was refused."""
    headers = {"user-agent": user_agent, **headers}
    body = json.dumps({"batch": calls})
    response = client.post(
        "/p/v1/batch?writeKey=browser-key",
        body,
        content_type="application/json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    assert response.status_code == 200, response.content
    return codes(response.json()["rejected"])


@pytest.mark.django_db
def test_a_bot_is_told_so_and_makes_no_profile(client: Client, browser: Source) -> None:
    assert browse(client, track(), track(), user_agent="curl/8.9.1") == {0: "bot", 1: "bot"}
    assert not BufferedBatch.objects.exists()
    assert not DeadLetter.objects.exists(), "without a yes nothing is written down"
    drain()
    assert not Profile.objects.exists()


@pytest.mark.django_db
def test_what_a_bot_sends_with_a_visitors_cookie_is_set_aside(
    client: Client, browser: Source
) -> None:
    consent(client, "analytics")
    assert browse(client, track("Seen"), user_agent="curl/8.9.1") == {0: "bot"}
    letter = DeadLetter.objects.get()
    assert (letter.code, letter.source) == ("bot", browser)
    assert letter.message == "The user agent is that of a program, not of a browser. (library)"
    assert letter.sender["agent"]["user_agent"] == "curl/8.9.1"
    drain()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_server_may_call_itself_what_it_likes(client: Client, server: Source) -> None:
    response = client.post(
        "/p/v1/track?writeKey=server-key", track(context={"automated": True}),
        content_type="application/json", headers={"user-agent": "python-requests/2"},
    )  # fmt: skip
    assert response.status_code == 200
    drain()
    assert Event.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("call", "headers", "code"),
    [
        (track(), {"sec_purpose": "prefetch;prerender"}, "prefetch"),
        (track(type="page", properties={"status": 404}), {}, "page_not_found"),
    ],
)
def test_what_nobody_looked_at_is_refused_and_not_kept(
    client: Client, browser: Source, call: Any, headers: dict[str, str], code: str
) -> None:
    consent(client, "analytics")
    assert browse(client, call, **headers) == {0: code}
    assert not DeadLetter.objects.exists()


@pytest.mark.django_db
def test_one_automated_event_takes_no_neighbour_along(client: Client, browser: Source) -> None:
    consent(client, "analytics")
    calls = track("Seen"), track("Driven", context={"automated": True})
    assert browse(client, *calls) == {1: "bot"}
    drain()
    assert [event.name for event in Event.objects.all()] == ["Seen"]


@pytest.mark.django_db
def test_a_single_call_of_a_bot_is_a_bad_request(client: Client, browser: Source) -> None:
    body = json.dumps(track(anonymousId="a1"))
    response = post(client, body, path="track", key="browser-key", headers={"user-agent": "curl/8"})
    assert response.status_code == 400
    assert problem(response) == "bot"


@pytest.mark.django_db
def test_a_site_may_let_programs_in(client: Client, browser: Source, settings: Any) -> None:
    settings.PERSONALIZATION_FILTER_BOTS = False
    consent(client, "analytics")
    assert browse(client, track(context={"automated": True}), user_agent="curl/8.9.1") == {}
    assert send(client, track(), key="browser-key")["accepted"] == 1
