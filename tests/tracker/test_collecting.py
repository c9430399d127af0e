"""What the manifest names is collected in a real browser, and nothing else is listened to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.tracker.stub_site import POLICY, STATIC, TRACKER, Site, html, send_now, stop_clock

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CARD = '<div data-personalization-hover="Card">Hover me</div>'
#: Notes what the window is asked to listen to.
SPY = """window.listened = [];
const add = EventTarget.prototype.addEventListener;
EventTarget.prototype.addEventListener = function (type, handler, options) {
  window.listened.push([type, options]);
  return add.call(this, type, handler, options);
};"""
#: Scrolls, and is done when all who watch what is in view have heard of it.
SCROLL = """y => new Promise((done) => {
  scrollTo(0, y);
  new IntersectionObserver((_, own) => { own.disconnect(); done(); }).observe(document.body);
})"""
#: Longer than the pointer has to rest.
REST = 500


def hover(page: Page) -> None:
    page.mouse.move(0, 0)
    page.hover("[data-personalization-hover]")
    page.wait_for_timeout(REST)


def properties(site: Site, name: str) -> list[dict[str, Any]]:
    return [event["properties"] for event in site.events(name)]


def test_without_a_rule_about_hovering_nothing_listens_for_it(
    site: Site, page: Page, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html(CARD)
    site.collect = []
    page.add_init_script(SPY)
    visit()
    hover(page)
    page.mouse.wheel(0, 500)
    send_now(page)
    heard = {kind for kind, _ in page.evaluate("listened")}
    assert heard.isdisjoint({"pointerover", "pointerout", "scroll", "mousemove", "input", "play"})
    assert not any(r.path.endswith("tracker-more.js") for r in site.requests)
    assert site.names() == ["page"]


def test_with_one_it_is_collected_until_the_rule_is_deleted(
    site: Site, page: Page, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html(CARD)
    site.collect = ["hover"]
    page.add_init_script(SPY)
    visit()
    hover(page)
    site.wait_for(lambda: properties(site, "Element Hovered") == [{"name": "Card"}])
    assert all(options["passive"] for _, options in page.evaluate("listened"))
    site.collect = []
    # The page that is open asks again when it is seen again, and every fifteen seconds.
    with page.expect_response("**/p/v1/manifest") as answer:
        page.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
    answer.value.finished()
    hover(page)
    send_now(page)
    page.goto(site.url)
    page.wait_for_load_state("networkidle")
    hover(page)
    send_now(page)
    assert len(properties(site, "Element Hovered")) == 1


def test_parts_of_a_page_are_viewed_as_long_as_they_are_in_view(
    site: Site, page: Page, visit: Callable[..., Page]
) -> None:
    site.pages["/tall.css"] = "section { height: 3000px; margin-top: 2000px }"
    site.pages["/"] = html(
        '<section data-personalization-section="Prices"'
        ' data-personalization-properties=\'{"plan": "pro"}\'>Prices</section>',
        head=TRACKER + '<link rel="stylesheet" href="/tall.css">',
    )
    site.collect = ["section"]
    stop_clock(page)
    visit()
    page.evaluate(SCROLL, 2500)
    page.clock.run_for(1_400)
    page.evaluate(SCROLL, 0)
    page.clock.run_for(1_000)
    site.wait_for(
        lambda: (
            properties(site, "Section Viewed") == [{"name": "Prices", "plan": "pro", "seconds": 1}]
        )
    )


def test_playback_is_told_in_the_words_of_the_video_spec(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html("<video></video>")
    site.collect = ["video"]
    page = visit()
    for kind in ("play", "pause", "play", "ended"):
        page.evaluate("k => document.querySelector('video').dispatchEvent(new Event(k))", kind)
    names = [
        "page",
        *(f"Video Playback {w}" for w in ("Started", "Paused", "Resumed", "Completed")),
    ]
    site.wait_for(lambda: site.names() == names)
    assert len({one["session_id"] for name in names[1:] for one in properties(site, name)}) == 1


FORM = (
    '<form name="signup" action="/done"><input name="mail"><input name="town">'
    "<button>Sign up</button></form>"
)


def test_a_form_is_begun_and_given_up(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/"] = html(FORM)
    site.collect = ["form"]
    page = visit()
    page.fill("[name=mail]", "someone@example.com")
    page.fill("[name=town]", "Oslo")
    page.goto("about:blank")
    site.wait_for(lambda: site.names() == ["page", "Form Started", "Form Abandoned"])
    assert properties(site, "Form Abandoned") == [{"form": "signup", "last_field": "town"}]
    assert not any("Oslo" in post.body for post in site.posts())


def test_a_form_is_begun_and_sent(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/"] = html(FORM)
    site.pages["/done"] = html(head="")
    site.collect = ["form"]
    page = visit()
    page.fill("[name=mail]", "someone@example.com")
    page.click("button")
    page.wait_for_url("**/done*")
    site.wait_for(lambda: site.names() == ["page", "Form Started", "Form Submitted"])


def test_a_marked_search_is_told_with_its_words(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/"] = html(
        '<form data-personalization-search="words" action="/found"><input name="words"></form>'
    )
    site.pages["/found"] = html(head="")
    site.collect = ["search"]
    page = visit()
    page.fill("input", "trail shoes")
    page.press("input", "Enter")
    page.wait_for_url("**/found*")
    site.wait_for(lambda: properties(site, "Products Searched") == [{"query": "trail shoes"}])


def test_a_link_to_another_site_is_told_before_the_page_goes(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html('<a href="http://localhost:1/path?token=1">Away</a>')
    site.collect = ["outbound"]
    page = visit()
    page.click("a", no_wait_after=True)
    site.wait_for(
        lambda: properties(site, "Outbound Link Clicked") == [{"url": "http://localhost:1/path"}]
    )


def test_a_click_in_a_slot_names_the_decision(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/"] = html(
        '<div data-personalization-slot="hero" data-personalization-variation="variation:7"'
        ' data-personalization-decision="d-1"><p><a href="/sale">Sale</a></p></div>'
    )
    site.pages["/sale"] = html(head="")
    page = visit()
    page.click("a")
    page.wait_for_url("**/sale")
    clicked = {"slot": "hero", "variation": "variation:7", "decision_id": "d-1"}
    site.wait_for(lambda: properties(site, "Slot Clicked") == [clicked])


def test_a_page_says_under_which_id_an_event_counts_once(
    site: Site, visit: Callable[..., Page]
) -> None:
    page = visit()
    page.evaluate("personalization.track('Slot Shown', {slot: 'hero'}, {messageId: 'd-1'})")
    site.wait_for(lambda: site.events("Slot Shown"))
    assert site.events("Slot Shown")[0]["messageId"] == "d-1"


def test_the_rate_of_a_sample_is_in_its_events_and_in_no_other(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/tall.css"] = "body { height: 8000px }"
    site.pages["/"] = html(head=TRACKER + '<link rel="stylesheet" href="/tall.css">')
    site.collect, site.sample = ["scroll"], 0.999
    page = visit()
    page.evaluate("localStorage.pz_draw = 0.5; scrollTo(0, 8000); personalization.track('Asked')")
    site.wait_for(lambda: len(site.events("Scroll Depth Reached")) == 4 and site.events("Asked"))
    rates = {event["context"].get("sample") for event in site.events("Scroll Depth Reached")}
    assert rates == {0.999}
    assert "sample" not in site.events("Asked")[0]["context"]


@pytest.mark.parametrize("signal", ["globalPrivacyControl: true", "doNotTrack: '1'"])
def test_a_browser_that_objects_is_left_alone(
    site: Site, page: Page, agree: Callable[..., None], signal: str
) -> None:
    agree()
    name, value = signal.split(": ")
    page.add_init_script(f"Object.defineProperty(navigator, '{name}', {{value: {value}}})")
    page.goto(site.url)
    send_now(page)
    assert (site.posts(), site.manifests()) == ([], [])


def integrity(name: str) -> str:
    digest = hashlib.sha384((STATIC / name).read_bytes()).digest()
    return f"sha384-{base64.b64encode(digest).decode()}"


def strict(site: Site, *, more: str) -> str:
    """Return a page that lets in scripts with its nonce only, and only as they are known."""
    site.policy = POLICY.replace("script-src 'self'", "script-src 'nonce-n1'")
    hashes = f'nonce="n1" integrity="{integrity("tracker.js")}" data-more-integrity="{more}"'
    return html(CARD, head=TRACKER.replace(" defer", f" defer {hashes}"))


def test_both_files_run_under_a_nonce_and_their_hashes(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = strict(site, more=integrity("tracker-more.js"))
    site.collect = ["hover"]
    hover(visit())
    site.wait_for(lambda: site.events("Element Hovered"))


def test_a_second_file_that_is_another_does_not_run_and_the_first_goes_on(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = strict(site, more=integrity("tracker.js"))
    site.collect = ["hover"]
    page = visit()
    hover(page)
    page.evaluate("personalization.track('Asked')")
    site.wait_for(lambda: site.names() == ["page", "Asked"])


def test_the_tag_manager_is_told_and_listened_to_if_asked(
    site: Site, page: Page, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html(head=TRACKER.replace(" defer", ' defer data-bridge="in out"'))
    page.add_init_script("window.dataLayer = [{event: 'gtm.js'}]")
    visit()
    page.evaluate(
        "dataLayer.push({event: 'add_to_cart', ecommerce: {items: [{item_id: 's1'}]}});"
        "personalization.track('Asked')"
    )
    site.wait_for(lambda: site.names() == ["page", "Product Added", "Asked"])
    assert properties(site, "Product Added")[0]["product_id"] == "s1"
    told = page.evaluate("dataLayer.filter((one) => one.personalization).map((one) => one.event)")
    assert told[-2:] == ["Product Added", "Asked"]


def test_another_banner_speaks_by_google_s_consent_mode(site: Site, page: Page) -> None:
    site.pages["/"] = html(
        head=TRACKER.replace(" defer", ' defer data-bridge="consent" data-consent="/p/consent/"')
    )
    page.goto(site.url)
    page.wait_for_load_state("networkidle")
    page.evaluate(
        "(function () { dataLayer.push(arguments) })"
        "('consent', 'update', {personalization_storage: 'granted'})"
    )
    site.wait_for(lambda: site.names() == ["page"] or (send_now(page), False)[1])
    (asked,) = site.posts("/p/consent/")
    assert asked.body == '{"purposes":["personalization"],"mechanism":"consent_mode"}'
