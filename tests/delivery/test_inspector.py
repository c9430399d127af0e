"""Staff who look into a page are told of each slot what was decided, and what is odd."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError
from django.http import HttpRequest
from django.test import AsyncClient, Client, override_settings

from personalization.delivery.inspector import nonce_of
from personalization.segments.models import Segment
from tests.delivery.people import make_person, make_segments, make_slot, make_variation
from tests.delivery.rendering import counted
from tests.delivery.staff import give, inspected, looking_as, slot_of, staff_client, ticket_for

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.delivery.staff_site")]

MARK = "personalization-inspector"
HERO = (
    '{% personalized_block "hero" %}default{% variant "a" %}for a{% variant "b" %}for b'
    "{% endpersonalized_block %}"
)


@pytest.fixture(autouse=True)
def segments() -> Any:
    return make_segments("a", "b")


def see(source: str, *slugs: str, client: Client | None = None) -> str:
    client = client or looking_as(*slugs)
    response = client.get("/page/", {"source": f"<body>{source}</body>"})
    return str(response.content.decode())


# -- what it is added to -------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/page/", "/plain/", "/gzip/", "/etag/"])
def test_pages_are_added_to(address: str) -> None:
    response = looking_as("a").get(address, headers={"Accept-Encoding": "gzip"})
    html = response.content.decode()
    assert html.count(f'<div id="{MARK}"') == 1
    assert html.index(f'<div id="{MARK}"') < html.rindex("</body>")
    assert not response.has_header("ETag")
    assert not response.has_header("Content-Encoding")


@pytest.mark.parametrize("address", ["/json/", "/fragment/", "/streamed/"])
def test_what_is_no_whole_page_is_left_alone(address: str) -> None:
    response: Any = looking_as("a").get(address)
    content = b"".join(response.streaming_content) if response.streaming else response.content
    assert MARK.encode() not in content


def test_a_page_is_sent_although_the_browser_has_it() -> None:
    client = looking_as("a")
    assert client.get("/etag/", headers={"If-None-Match": '"1"'}).status_code == 200
    assert Client().get("/etag/", headers={"If-None-Match": '"1"'}).status_code == 304


def test_others_get_their_pages_encoded() -> None:
    response = Client().get("/gzip/?source=" + "x" * 300, headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(response.content).startswith(b"x")


def test_a_page_that_leaves_out_its_last_tags_is_added_to() -> None:
    client = looking_as("a")
    html = client.get("/page/", {"source": "<!doctype html><html><p>short"}).content.decode()
    assert html.index("short") < html.index(MARK)


def test_the_length_is_that_of_all_of_it() -> None:
    client = looking_as("a")
    response = client.get("/plain/")
    assert int(response["Content-Length"]) == len(response.content)


def test_pages_of_the_admin_are_left_alone() -> None:
    assert MARK not in looking_as("a").get("/admin/").content.decode()


def test_a_head_request_is_answered_without_it() -> None:
    assert looking_as("a").head("/plain/").content == b""


def test_a_broken_inspector_leaves_the_page_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("no names")

    monkeypatch.setattr("personalization.delivery.inspector.page_of", broken)
    html = see(HERO, "a")
    assert html.endswith("<body>for a</body>")


# -- the policy of the page --------------------------------------------------------------------


def test_nothing_of_it_is_inline() -> None:
    html = see(HERO, "a")
    added = html[html.index(f'<div id="{MARK}"') :]
    assert "style=" not in added
    assert "<style" not in added
    assert " onclick" not in added
    assert added.count("<script") == 2
    assert '<script type="application/json">' in added
    assert 'inspector.js" defer></script>' in added


@override_settings(
    MIDDLEWARE=[
        "personalization.delivery.middleware.PersonalizationMiddleware",
        "project.csp.ContentSecurityPolicyMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
)
def test_its_script_and_style_have_the_nonce_that_the_policy_names() -> None:
    response = looking_as("a").get("/plain/")
    html = response.content.decode()
    nonce = html.partition('inspector.js" defer nonce="')[2].partition('"')[0]
    assert nonce
    assert f"'nonce-{nonce}'" in response["Content-Security-Policy"]
    assert html.count(f'nonce="{nonce}"') == 2
    assert "nonce" not in Client().get("/plain/")["Content-Security-Policy"]


def test_the_nonce_of_django_itself_is_known_too() -> None:
    request = HttpRequest()
    assert nonce_of(request) == ""
    request._csp_nonce = "abc"  # type: ignore[attr-defined]
    assert nonce_of(request) == "abc"


# -- what it says -----------------------------------------------------------------------------


def test_each_slot_stands_in_the_order_of_the_page() -> None:
    source = HERO.replace("hero", "two") + HERO.replace("hero", "one") + HERO.replace("hero", "two")
    slots: Any = inspected(see(source))["slots"]
    assert [slot["slot"] for slot in slots] == ["two", "one"]


def test_a_slot_says_what_was_decided_and_how() -> None:
    make_variation("b", "from the admin")
    hero = slot_of(see(HERO, "b"), "hero")
    assert hero["name"] == "hero"
    assert hero["shown"] == ["from the admin"]
    assert hero["probability"] == 1
    assert len(hero["decision"]) == 32
    assert "is in a segment" in hero["reason"]
    assert [step["name"] for step in hero["steps"]] == ["Preview", "Segments and strategy"]
    assert hero["steps"][-1]["left"] == ["from the admin"]
    assert [one["name"] for one in hero["candidates"]] == [
        "from the admin", "of the template, for a", "of the template, for b",
    ]  # fmt: skip
    assert [one["shown"] for one in hero["candidates"]] == [True, False, False]
    inside = [one["segments"][0]["inside"] for one in hero["candidates"]]
    assert inside == [True, False, True]


def test_staff_as_themselves_see_every_step_that_was_asked() -> None:
    slot = make_slot()
    client, user = staff_client()
    give(client, ticket_for(user, kind="self"))
    client.cookies.load(make_person("a").cookies)
    hero = slot_of(see(HERO, client=client), "hero")
    assert [(step["name"], step["answer"]) for step in hero["steps"]] == [
        ("Visitor and consent", "known, and agreed to personalization"),
        ("Segments and strategy", "the first by priority whose segment matches"),
    ]
    assert hero["url"].endswith(f"/slot/{slot.pk}/change/")


def test_staff_who_are_nobody_known_are_told_so() -> None:
    client, user = staff_client()
    give(client, ticket_for(user, kind="self"))
    hero = slot_of(see(HERO, client=client), "hero")
    assert "no visitor cookie" in hero["reason"]
    assert [one["segments"][0]["inside"] for one in hero["candidates"]] == [False, False]
    make_variation("a", "from the admin")
    with override_settings(PERSONALIZATION_DELIVERY="keyed"):
        hero = slot_of(see(HERO, client=client), "hero")
    assert hero["candidates"][0]["name"] == "from the admin"
    assert "caches keep once for each version" in hero["mode"]
    assert hero["warnings"] == []


def test_a_question_for_a_segment_is_no_slot_that_lacks_a_row() -> None:
    html = see("{% in_segment 'a' as x %}{{ x }}", "a")
    flag = slot_of(html, "in_segment:a")
    assert flag["flag"]
    assert flag["name"] == "Is in “a”?"
    assert flag["warnings"] == []


def test_schedules_are_said() -> None:
    variation = make_variation("a", "scheduled")
    type(variation).objects.update(starts_at="2031-05-01T10:00Z", ends_at="2031-06-01T10:00Z")
    hero = slot_of(see(HERO, "a"), "hero")
    assert hero["candidates"][0]["when"] == "from 1 May 2031, 10:00 until 1 Jun 2031, 10:00"
    assert hero["shown"] == ["of the template, for a"]


def test_content_cannot_break_out_of_what_the_page_has_for_the_panel(segments: Any) -> None:
    name = "</script></template><script>alert(1)</script>"
    Segment.objects.filter(slug="a").update(name=name)
    html = see(HERO, "a")
    assert "<script>alert" not in html
    assert slot_of(html, "hero")["candidates"][0]["segments"][0]["name"] == name


# -- warnings ---------------------------------------------------------------------------------


def warnings(source: str, *slugs: str, slot: str = "hero") -> list[str]:
    found: list[str] = slot_of(see(source, *slugs), slot)["warnings"]
    return found


def test_a_slot_as_it_should_be_has_none() -> None:
    make_slot()
    assert warnings(HERO, "a") == []


def test_a_slot_that_is_not_in_the_admin() -> None:
    (said,) = warnings(HERO)
    assert "no slot “hero” in the admin" in said


def test_a_segment_that_does_not_exist() -> None:
    make_slot()
    (said,) = warnings(HERO.replace('"b"', '"typo"'))
    assert "no segment “typo”" in said


def test_a_segment_that_is_not_active() -> None:
    make_slot()
    Segment.objects.get(slug="b").delete()
    Segment.objects.create(slug="b", name="Bees", kind=Segment.Kind.MANUAL, active=False)
    (said,) = warnings(HERO)
    assert "“Bees” is not active" in said


def test_a_segment_that_does_not_follow_its_rule_yet() -> None:
    make_slot()
    rule = {
        "combinator": "and",
        "rules": [{"type": "trait", "field": "plan", "operator": "=", "value": "gold"}],
    }
    Segment.objects.create(slug="fresh", name="Fresh", rule=rule)
    (said,) = warnings(HERO.replace('"b"', '"fresh"'))
    assert "“Fresh” does not follow its rule yet" in said


def test_a_variation_whose_segment_is_not_active() -> None:
    make_variation("b", "never seen")
    Segment.objects.filter(slug="b").update(active=False)
    said = warnings(HERO.replace('{% variant "b" %}for b', ""), "a")
    assert said == ["Variation “never seen” is never shown: “b” is not active."]


def test_a_slot_that_has_nothing_but_its_default() -> None:
    make_slot()
    (said,) = warnings('{% personalized_block "hero" %}d{% endpersonalized_block %}')
    assert "Everybody sees the default" in said


def test_a_slot_that_failed_says_what_the_exception_said() -> None:
    make_slot()
    source = HERO.replace("for a", "{{ broken.now }}{{ broken }}")
    html = see(source, "a")
    hero = slot_of(html, "hero")
    assert html.startswith("<body>default")
    assert hero["warnings"] == [
        "It failed, and the default is shown: RuntimeError: the shelf is empty"
    ]
    assert hero["shown"] == []
    assert hero["reason"] == "The default: it failed."


def test_a_template_that_is_not_there_shows_the_default_and_is_named() -> None:
    make_slot()
    before = counted("slots.failed")
    html = see(HERO.replace("for a", "{% include 'gone.html' %}"), "a")
    assert html.startswith("<body>default")
    assert slot_of(html, "hero")["warnings"] == [
        "It failed, and the default is shown: TemplateDoesNotExist: gone.html"
    ]
    assert counted("slots.failed") == before + 1


def test_a_variation_that_has_gone_shows_the_default_and_says_what_is_left() -> None:
    make_variation("a", "x").delete()
    html = see('{% personalized_block "hero" %}d{% endpersonalized_block %}', "a")
    assert html.startswith("<body>d<")
    assert "Everybody sees the default" in slot_of(html, "hero")["warnings"][0]


def test_a_visitor_who_cannot_be_read_sees_defaults_and_staff_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*args: object, **kwargs: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("personalization.delivery.visitor.read_visitor", gone)
    make_slot()
    client, user = staff_client()
    give(client, ticket_for(user, kind="self"))
    client.cookies.load(make_person("a").cookies)
    html = see(HERO, client=client)
    assert html.startswith("<body>default")
    (said,) = inspected(html)["warnings"]
    assert said.endswith("show their defaults: OperationalError: server closed the connection")
    assert "1 warning<" in html


def test_a_slot_that_waits_for_a_trigger_with_the_page() -> None:
    make_variation("a", "x")
    type(make_slot("other")).objects.filter(slug="hero").update(
        trigger="scroll_depth", trigger_value=50
    )
    hero = slot_of(see(HERO, "a"), "hero")
    assert "until the browser sees the trigger" in hero["reason"]
    assert hero["steps"][-1]["answer"] == "when so many percent were scrolled to"
    (said,) = hero["warnings"]
    assert "let its tag say “deferred”" in said


def test_the_number_of_slots_with_warnings_stands_in_the_bar() -> None:
    assert "1 warning<" in see(HERO)
    make_slot()
    assert "warning<" not in see(HERO)


# -- under an asynchronous server ----------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_asynchronous_site_shows_it_as_well() -> None:
    client = AsyncClient()
    client.cookies = looking_as("a").cookies
    html = async_to_sync(client.get)("/page/").content.decode()
    assert slot_of(html, "hero")["shown"] == ["of the template, for a"]
