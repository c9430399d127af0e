"""`triggers.js` in a browser: slots that wait, and the dialogs they open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from personalization.delivery.triggers import rule_of
from tests.slots.site import Json, Site, agree, block, consent, decision, events, html
from tests.tracker.stub_site import stop_clock

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HERO = "[data-personalization-slot=hero]"
DIALOG = "dialog.pz-dialog"
CODE = "/static/personalization/triggers.js"
TALL = '<link rel="stylesheet" href="/tall.css"><div class="tall"></div>'
OFFER = '<h2>Before you go</h2><p>Ten percent off</p><a href="/offer">Take it</a>'
#: How long a test waits for what must not happen.
A_MOMENT = 400


def waits(kind: str, value: int | None = None, *, presentation: str = "place") -> Json:
    trigger = {
        "kind": kind,
        "value": value,
        "presentation": presentation,
        "name": "Newsletter",
        "rule": rule_of(kind, value=value),
    }
    return decision("variation:3", OFFER, trigger=trigger)


def visit(page: Page, site: Site, decided: Json, body: str = "") -> None:
    site.decisions["hero"] = decided
    site.pages["/tall.css"] = ".tall { height: 5000px }"
    site.pages.setdefault(
        "/", html('<input id="search"><a id="out" href="#x">x</a>' + block() + body)
    )
    agree(page, site)
    # So the decision has come, and whoever waits does so already.
    with page.expect_response("**/rules/values.js"):
        page.goto(site.url)
    page.evaluate("code => import(code).then(() => {})", CODE)


def is_default(page: Page) -> bool:
    return page.locator(HERO).first.inner_text() == "everybody"


def wait_until_shown(page: Page) -> None:
    page.locator(HERO).get_by_text("Ten percent off").wait_for()


def wait_until_open(page: Page) -> Any:
    dialog = page.locator(DIALOG)
    dialog.wait_for()
    return dialog


def leave(page: Page) -> None:
    """Move the pointer out at the top, as to the tabs of the browser."""
    page.evaluate(
        "document.documentElement.dispatchEvent("
        "new MouseEvent('mouseleave', { clientX: 400, clientY: -1 }))"
    )


def test_the_code_is_loaded_by_the_first_slot_that_waits(site: Site, page: Page) -> None:
    site.pages["/"] = html(block())
    site.decisions["hero"] = decision("template:0:a")
    agree(page, site)
    page.goto(site.url)
    page.get_by_text("for a").wait_for()
    assert CODE not in site.requested
    visit(page, site, waits("exit_intent"))
    assert CODE in site.requested


def test_time_on_the_page(site: Site, page: Page) -> None:
    visit(page, site, waits("time_on_page", 2))
    wait_until_shown(page)
    assert page.evaluate("performance.now()") >= 2000


def test_time_does_not_pass_while_nobody_sees_the_page(site: Site, page: Page) -> None:
    stop_clock(page)
    visit(page, site, waits("time_on_page", 4))
    hide(page, "hidden")
    page.clock.run_for(4500)
    hide(page, "visible")
    page.clock.run_for(3900)
    assert is_default(page)
    page.clock.run_for(200)
    wait_until_shown(page)
    assert page.evaluate("performance.now()") >= 8000


def hide(page: Page, state: str) -> None:
    page.evaluate(
        "state => { Object.defineProperty(document, 'hidden',"
        " { configurable: true, get: () => state === 'hidden' });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        state,
    )


def test_scroll_depth(site: Site, page: Page) -> None:
    visit(page, site, waits("scroll_depth", 50), TALL)
    page.evaluate("scrollTo(0, 1000)")
    page.wait_for_timeout(A_MOMENT)
    assert is_default(page)
    page.evaluate("scrollTo(0, 2500)")
    wait_until_shown(page)


def test_a_page_that_nobody_scrolled_has_no_depth(site: Site, page: Page) -> None:
    visit(page, site, waits("scroll_depth", 1))
    page.wait_for_timeout(A_MOMENT)
    assert is_default(page)


def test_clicks(site: Site, page: Page) -> None:
    visit(page, site, waits("click_depth", 3))
    for _ in range(2):
        page.locator("#search").click()
    page.wait_for_timeout(A_MOMENT)
    assert is_default(page)
    page.locator("#search").click()
    wait_until_shown(page)


def test_leaving_at_the_top_and_nowhere_else(site: Site, page: Page) -> None:
    visit(page, site, waits("exit_intent"))
    page.evaluate(
        "document.documentElement.dispatchEvent("
        "new MouseEvent('mouseleave', { clientX: -1, clientY: 400 }))"
    )
    page.wait_for_timeout(A_MOMENT)
    assert is_default(page)
    page.mouse.move(400, 5)
    page.mouse.move(300, -5)
    wait_until_shown(page)


def scroll(page: Page, y: int) -> None:
    """Scroll, and wait until the page has heard of it."""
    page.evaluate(
        "y => { scrollTo(0, y); return new Promise((done) => requestAnimationFrame(done)); }", y
    )


def test_a_finger_that_scrolls_up_in_a_hurry_leaves(site: Site, browser: Browser) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    visit(page, site, waits("exit_intent", presentation="dialog"), TALL)
    scroll(page, 3000)
    page.wait_for_timeout(A_MOMENT)
    assert page.locator(DIALOG).count() == 0
    scroll(page, 2900)  # reading once more
    page.wait_for_timeout(A_MOMENT)
    scroll(page, 2850)
    assert page.locator(DIALOG).count() == 0
    page.wait_for_timeout(150)
    scroll(page, 200)
    wait_until_open(page)
    context.close()


def test_idleness_is_counted_from_the_last_thing_done(site: Site, page: Page) -> None:
    stop_clock(page)
    visit(page, site, waits("inactivity", 4))
    for step in range(4):
        page.mouse.move(100 + step, 300)
        page.clock.run_for(1200)
        assert is_default(page)
    page.clock.run_for(2700)
    assert is_default(page)
    page.clock.run_for(200)
    wait_until_shown(page)


def test_what_is_shown_in_its_place_is_reported_when_seen(site: Site, page: Page) -> None:
    decided = waits("click_depth", 1)
    visit(page, site, decided)
    page.wait_for_timeout(A_MOMENT)
    assert events(page) == [], "nothing is shown before the trigger fires"
    page.locator("#search").click()
    wait_until_shown(page)
    page.wait_for_function("() => window.personalization?.q?.length === 1")
    [[_, name, properties, options]] = events(page)
    assert (name, properties["variation"]) == ("Slot Shown", "variation:3")
    assert options == {"messageId": decided["decision_id"]}
    assert (
        page.locator(HERO).get_attribute("data-personalization-decision")
        == (decided["decision_id"])
    )


# Whose arm of an experiment is the default


@pytest.mark.parametrize("presentation", ["place", "dialog"])
def test_who_is_held_out_counts_when_the_trigger_fires_and_not_before(
    site: Site, page: Page, presentation: str
) -> None:
    arms = {"hero/variation:3": {"arm": "held_out", "probability": 0.1}}
    shown = waits("exit_intent", presentation=presentation)
    visit(page, site, {**shown, "variation": "", "content": None, "assigned": arms})
    page.wait_for_timeout(A_MOMENT)
    assert events(page) == []
    leave(page)
    page.wait_for_function("() => window.personalization?.q?.length === 1")
    [[_, name, properties, _options]] = events(page)
    assert (name, properties["assigned"]) == ("Slot Shown", arms)
    assert "variation" not in properties
    assert is_default(page)
    assert page.locator(DIALOG).count() == 0
    leave(page)
    page.wait_for_timeout(A_MOMENT)
    assert len(events(page)) == 1


# The dialog


def opened(page: Page, site: Site, content: str = OFFER) -> Any:
    decided = waits("exit_intent", presentation="dialog")
    visit(page, site, {**decided, "content": content})
    leave(page)
    return wait_until_open(page)


def test_a_dialog_is_named_after_its_heading_and_takes_the_focus(site: Site, page: Page) -> None:
    opened(page, site)
    dialog = page.get_by_role("dialog", name="Before you go")
    assert dialog.count() == 1
    close = dialog.get_by_role("button", name="Close")
    assert close.evaluate("button => button === document.activeElement")
    assert page.locator(DIALOG).evaluate("dialog => dialog.matches(':modal')")
    assert page.locator(f"div{HERO}").inner_text() == "everybody"


def test_a_dialog_without_a_heading_is_named_after_its_slot(site: Site, page: Page) -> None:
    opened(page, site, "<p>Ten percent off</p>")
    assert page.get_by_role("dialog", name="Newsletter").count() == 1


def test_the_keyboard_stays_in_the_dialog_and_comes_back(site: Site, page: Page) -> None:
    decided = waits("exit_intent", presentation="dialog")
    visit(page, site, decided)
    page.locator("#out").focus()
    leave(page)
    wait_until_open(page)
    seen = set()
    for _ in range(6):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "document.activeElement.closest('dialog') ? 'in' : document.activeElement.tagName"
            )
        )
    assert seen <= {"in", "BODY"}, "the browser's own controls count as body"
    page.keyboard.press("Escape")
    page.locator(DIALOG).wait_for(state="detached")
    assert page.evaluate("document.activeElement.id") == "out"


def by_escape(page: Page) -> None:
    page.keyboard.press("Escape")


def by_button(page: Page) -> None:
    page.get_by_role("button", name="Close").click()


def beside(page: Page) -> None:
    page.mouse.click(5, 5)


@pytest.mark.parametrize("dismiss", [by_escape, by_button, beside])
def test_a_dialog_that_is_dismissed_says_so(site: Site, page: Page, dismiss: Any) -> None:
    page.emulate_media(reduced_motion="reduce")  # it stays where it is
    opened(page, site)
    box = page.locator(DIALOG).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 4, box["y"] + 4)  # its own edge is no click beside it
    assert page.locator(DIALOG).count() == 1
    dismiss(page)
    page.locator(DIALOG).wait_for(state="detached")
    shown, dismissed = events(page)
    assert shown[1] == "Slot Shown"
    assert dismissed == [
        "track",
        "Slot Dismissed",
        {
            "slot": "hero",
            "variation": "variation:3",
            "decision_id": site.decisions["hero"]["decision_id"],  # type: ignore[index]
        },
    ]


def test_a_dialog_that_its_own_form_closes_was_not_dismissed(site: Site, page: Page) -> None:
    opened(page, site, '<form method="dialog"><button>Yes</button></form>')
    page.get_by_role("button", name="Yes").click()
    page.locator(DIALOG).wait_for(state="detached")
    assert [call[1] for call in events(page)] == ["Slot Shown"]


def test_clicks_in_a_dialog_can_be_told_by_their_decision(site: Site, page: Page) -> None:
    dialog = opened(page, site)
    assert dialog.get_attribute("data-personalization-slot") == "hero"
    assert dialog.get_attribute("data-personalization-variation") == "variation:3"
    assert (
        dialog.get_attribute("data-personalization-decision")
        == (
            site.decisions["hero"]["decision_id"]  # type: ignore[index]
        )
    )


def test_who_types_is_not_interrupted(site: Site, page: Page) -> None:
    decided = waits("time_on_page", 1, presentation="dialog")
    site.pages["/"] = html('<input id="search" autofocus>' + block())
    visit(page, site, decided)
    page.locator("#search").focus()
    page.wait_for_timeout(1500)
    assert page.locator(DIALOG).count() == 0
    page.evaluate("document.activeElement.blur()")
    wait_until_open(page)


def test_two_dialogs_open_one_after_the_other(site: Site, page: Page) -> None:
    site.decisions["strip"] = waits("exit_intent", presentation="dialog")
    visit(page, site, waits("exit_intent", presentation="dialog"), block("strip"))
    leave(page)
    wait_until_open(page)
    page.wait_for_timeout(A_MOMENT)
    assert page.locator(DIALOG).count() == 1
    page.keyboard.press("Escape")
    page.wait_for_function(
        "() => document.querySelectorAll('dialog').length === 1"
        " && document.querySelector('dialog').open"
    )
    assert page.locator(DIALOG).count() == 1


def test_a_dialog_fits_a_phone_and_scrolls_inside(site: Site, browser: Browser) -> None:
    context = browser.new_context(
        viewport={"width": 320, "height": 480},
        reduced_motion="reduce",  # while it comes in, it is some fraction of a pixel smaller
    )
    page = context.new_page()
    opened(page, site, "<h2>Terms</h2>" + "<p>on and on and on</p>" * 100)
    box = page.locator(DIALOG).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 480
    page.locator(DIALOG).evaluate("dialog => dialog.scrollTo(0, 2000)")
    close = page.get_by_role("button", name="Close").bounding_box()
    assert close is not None
    assert 0 <= close["y"] < 480, "the button stays in sight"
    assert min(close["width"], close["height"]) >= 44
    context.close()


@pytest.mark.parametrize(
    ("motion", "name"), [("reduce", "none"), ("no-preference", "pz-dialog-in")]
)
def test_who_wants_less_motion_gets_none(
    site: Site, browser: Browser, motion: Any, name: str
) -> None:
    context = browser.new_context(reduced_motion=motion)
    page = context.new_page()
    opened(page, site)
    style = "dialog => getComputedStyle(dialog).animationName"
    assert page.locator(DIALOG).evaluate(style) == name
    context.close()


def test_a_site_gives_the_dialog_its_colours(site: Site, page: Page) -> None:
    site.pages["/theme.css"] = ":root { --pz-dialog-surface: rgb(1, 2, 3); }"
    site.pages["/"] = html(block(), head='<link rel="stylesheet" href="/theme.css">')
    dialog = opened(page, site)
    assert dialog.evaluate("d => getComputedStyle(d).backgroundColor") == "rgb(1, 2, 3)"


# Once in a visit, and only with consent


def test_a_reload_does_not_open_it_again(site: Site, page: Page) -> None:
    opened(page, site)
    page.reload()
    page.wait_for_timeout(1000)
    leave(page)
    page.wait_for_timeout(A_MOMENT)
    assert page.locator(DIALOG).count() == 0
    assert len(site.questions) == 2, "the server is asked all the same"


def test_after_half_an_hour_it_may_be_shown_again(site: Site, page: Page) -> None:
    opened(page, site)
    page.evaluate(
        "sessionStorage.setItem('pz_slots_shown', JSON.stringify({ hero: Date.now() - 1800001 }))"
    )
    visit(page, site, waits("exit_intent", presentation="dialog"))
    leave(page)
    wait_until_open(page)


@pytest.mark.parametrize("kept", ["nonsense", "null", "7", '{"hero": "x"}'])
def test_what_somebody_else_wrote_there_does_no_harm(site: Site, page: Page, kept: str) -> None:
    site.pages["/"] = html(block())
    page.goto(site.url)
    page.evaluate("kept => sessionStorage.setItem('pz_slots_shown', kept)", kept)
    opened(page, site)


def test_withdrawing_closes_it_and_forgets_that_it_was_shown(site: Site, page: Page) -> None:
    opened(page, site)
    consent(page, site)
    page.locator(DIALOG).wait_for(state="detached")
    assert page.evaluate("sessionStorage.length") == 0
    assert [call[1] for call in events(page)] == ["Slot Shown"]


def test_withdrawing_before_the_trigger_fires_ends_the_waiting(site: Site, page: Page) -> None:
    visit(page, site, waits("exit_intent", presentation="dialog"))
    consent(page, site)
    leave(page)
    page.wait_for_timeout(A_MOMENT)
    assert page.locator(DIALOG).count() == 0


def test_staff_who_preview_see_it_every_time(site: Site, page: Page) -> None:
    site.pages["/"] = html(block(), after="<div data-personalization-preview></div>")
    opened(page, site)
    assert page.evaluate("sessionStorage.length") == 0
    visit(page, site, waits("exit_intent", presentation="dialog"))
    leave(page)
    wait_until_open(page)
    assert events(page) == []


def test_a_page_that_is_come_back_to_begins_anew(site: Site, page: Page) -> None:
    visit(page, site, waits("click_depth", 2))
    page.locator("#search").click()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.locator("#search").click()
    page.wait_for_timeout(A_MOMENT)
    assert is_default(page)
    page.locator("#search").click()
    wait_until_shown(page)


def test_a_trigger_that_this_page_does_not_know_breaks_nothing(site: Site, page: Page) -> None:
    decided = waits("exit_intent")
    decided["trigger"] = {
        **decided["trigger"],
        "kind": "shaking",
        "rule": {
            "version": 1,
            "root": {"combinator": "and", "rules": [{"kind": "trait", "field": "x"}]},
        },
    }
    visit(page, site, decided)
    page.locator("#search").click()
    page.wait_for_timeout(A_MOMENT)
    assert is_default(page)
