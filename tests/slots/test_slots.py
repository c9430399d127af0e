"""`slots.js` in a browser: what it asks, what it shows, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.slots.site import Site, agree, block, consent, decision, events, html

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HERO = "[data-personalization-slot=hero]"
FOR_A = decision("template:0:a")
#: What the page does after its slots, so that a test need not guess how long they take.
SETTLED = 700


def text(page: Page, selector: str = HERO) -> str:
    return page.locator(selector).inner_text().strip()


def wait_for(page: Page, shown: str, selector: str = HERO) -> None:
    page.locator(selector).get_by_text(shown, exact=True).wait_for()


def visit(page: Page, site: Site, body: str | None = None) -> None:
    site.pages.setdefault("/", html(block() if body is None else body))
    agree(page, site)
    page.goto(f"{site.url}/?utm_campaign=spring", referer="https://search.example/")


def test_all_slots_are_asked_about_at_once(site: Site, page: Page) -> None:
    site.decisions = {"hero": FOR_A, "strip": decision("variation:3", "<p>from the admin</p>")}
    two = '{% variant "a" %}a{% variant "b" "c" %}b'
    visit(page, site, block(variants=two) + block("strip", variants=""))
    wait_for(page, "a")
    wait_for(page, "from the admin", "[data-personalization-slot=strip]")
    [question] = site.questions
    assert question["slots"] == [
        {
            "slot": "hero",
            "candidates": [
                {"key": "template:0:a", "segments": ["a"]},
                {"key": "template:1:b+c", "segments": ["b", "c"]},
            ],
        },
        {"slot": "strip", "candidates": []},
    ]
    assert question["page"] == {
        "path": "/",
        "search": "?utm_campaign=spring",
        "referrer": "https://search.example/",
    }


@pytest.mark.parametrize("answer", ["", "1.", "1.analytics-marketing", "0.personalization"])
def test_without_consent_nothing_is_asked_or_stored(site: Site, page: Page, answer: str) -> None:
    site.pages["/"] = html(block())
    if answer:
        agree(page, site, answer)
    page.goto(site.url)
    page.wait_for_timeout(SETTLED)
    assert text(page) == "everybody"
    assert site.questions == []
    assert "/static/personalization/triggers.js" not in site.requested
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert events(page) == []


def test_a_page_without_slots_asks_nothing(site: Site, page: Page) -> None:
    visit(page, site, "<p>plain</p>")
    page.wait_for_timeout(SETTLED)
    assert site.questions == []


def test_without_javascript_the_default_is_there(site: Site, browser, page: Page) -> None:  # type: ignore[no-untyped-def]
    site.pages["/"] = html(block())
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url)
    assert text(page) == "everybody"
    context.close()


def test_what_comes_too_late_is_not_shown(site: Site, page: Page) -> None:
    site.decisions["hero"] = FOR_A
    site.patience, site.delay = 500, 0.6
    visit(page, site)
    page.wait_for_timeout(1500)
    assert len(site.questions) == 1
    assert text(page) == "everybody"
    assert events(page) == []


def test_an_answer_whose_rest_comes_too_late_is_not_shown(site: Site, page: Page) -> None:
    site.decisions["hero"] = FOR_A
    site.patience, site.stall = 500, 0.7
    visit(page, site)
    page.wait_for_timeout(1500)
    assert text(page) == "everybody"


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_a_refusal_leaves_the_default(site: Site, page: Page, status: int) -> None:
    site.decisions["hero"] = FOR_A
    site.status = status
    visit(page, site)
    page.wait_for_timeout(SETTLED)
    assert text(page) == "everybody"


def test_an_error_of_one_slot_leaves_its_neighbours_alone(site: Site, page: Page) -> None:
    site.decisions["strip"] = FOR_A
    visit(page, site, block() + block("strip"))
    wait_for(page, "for a", "[data-personalization-slot=strip]")
    assert text(page) == "everybody"


def test_content_that_the_page_has_not_got_leaves_the_default(site: Site, page: Page) -> None:
    """A page out of a cache may be older than its template."""
    site.decisions["hero"] = decision("template:7:gone")
    visit(page, site)
    page.wait_for_timeout(SETTLED)
    assert text(page) == "everybody"
    assert events(page) == []


def test_several_contents_stand_one_after_the_other(site: Site, page: Page) -> None:
    parts = [
        {"key": "variation:3", "content": "<p>from the admin</p>"},
        {"key": "template:0:a", "content": None},
    ]
    site.decisions["hero"] = decision(
        "variation:3+template:0:a", "<p>from the admin</p>", parts=parts
    )
    visit(page, site)
    wait_for(page, "for a")
    assert page.locator(f"{HERO} p").all_inner_texts() == ["from the admin", "for a"]


def test_scripts_in_a_content_do_not_run(site: Site, page: Page) -> None:
    site.pages["/count.js"] = "window.runs = (window.runs ?? 0) + 1"
    script = '<script src="/count.js"></script>'
    site.decisions["hero"] = decision("variation:3", f"<p>new</p>{script}")
    visit(page, site, block(default=f"<p>everybody</p>{script}"))
    wait_for(page, "new")
    consent(page, site)
    wait_for(page, "everybody")
    page.wait_for_timeout(200)
    assert page.evaluate("window.runs") == 1, "that of the default, when the page was read"


def test_the_page_hears_of_what_is_shown(site: Site, page: Page) -> None:
    site.pages["/listen.js"] = (
        "window.heard = [];"
        "document.addEventListener('personalization:slot', (e) => window.heard.push(e.detail))"
    )
    site.decisions["hero"] = FOR_A
    site.pages["/"] = html(block(), head='<script src="/listen.js"></script>')
    visit(page, site)
    wait_for(page, "for a")
    consent(page, site)
    wait_for(page, "everybody")
    assert page.evaluate("window.heard") == [
        {"slot": "hero", "variation": "template:0:a"},
        {"slot": "hero", "variation": ""},
    ]


FIELD = '<p>everybody <input id="field" autofocus></p>'


def test_what_has_the_focus_is_not_taken_away(site: Site, page: Page) -> None:
    site.decisions["hero"] = FOR_A
    site.open.clear()
    visit(page, site, block(default=FIELD))
    page.locator("#field").focus()
    site.open.set()
    page.wait_for_timeout(SETTLED)
    assert text(page) == "everybody"
    assert page.evaluate("document.activeElement.id") == "field"
    assert events(page) == []


def test_what_was_typed_into_is_not_taken_away(site: Site, page: Page) -> None:
    site.decisions["hero"] = FOR_A
    site.open.clear()
    visit(page, site, block(default=FIELD))
    page.locator("#field").fill("42")
    page.evaluate("document.activeElement.blur()")
    site.open.set()
    page.wait_for_timeout(SETTLED)
    assert page.locator("#field").input_value() == "42"


def test_what_is_selected_is_not_taken_away(site: Site, page: Page) -> None:
    site.decisions["hero"] = FOR_A
    site.open.clear()
    visit(page, site)
    page.evaluate("sel => getSelection().selectAllChildren(document.querySelector(sel))", HERO)
    site.open.set()
    page.wait_for_timeout(SETTLED)
    assert text(page) == "everybody"


def test_the_focus_elsewhere_stays_where_it_is(site: Site, page: Page) -> None:
    site.decisions["hero"] = FOR_A
    site.open.clear()
    visit(page, site, '<input id="search">' + block())
    page.locator("#search").focus()
    site.open.set()
    wait_for(page, "for a")
    assert page.evaluate("document.activeElement.id") == "search"


# Consent


def test_agreeing_fills_the_slots_of_the_page_that_is_open(site: Site, page: Page) -> None:
    site.decisions["hero"] = FOR_A
    site.pages["/"] = html(block())
    page.goto(site.url)
    page.wait_for_timeout(SETTLED)
    consent(page, site, "personalization")
    wait_for(page, "for a")
    assert len(site.questions) == 1


def test_withdrawing_brings_the_default_back_without_a_reload(site: Site, page: Page) -> None:
    site.decisions["hero"] = FOR_A
    visit(page, site)
    wait_for(page, "for a")
    consent(page, site, "analytics")
    wait_for(page, "everybody")
    assert page.locator(f"{HERO} > template").count() == 1
    hero = page.locator(HERO)
    assert hero.get_attribute("data-personalization-variation") is None
    assert hero.get_attribute("data-personalization-decision") is None
    consent(page, site, "analytics", "personalization")
    wait_for(page, "for a")
    assert len(site.questions) == 2


def test_withdrawing_while_the_answer_is_on_its_way_shows_nothing(site: Site, page: Page) -> None:
    site.decisions["hero"] = FOR_A
    site.open.clear()
    visit(page, site)
    consent(page, site)
    site.open.set()
    page.wait_for_timeout(SETTLED)
    assert text(page) == "everybody"


def test_a_page_that_is_come_back_to_follows_what_was_answered_meanwhile(
    site: Site, page: Page
) -> None:
    site.decisions["hero"] = FOR_A
    visit(page, site)
    wait_for(page, "for a")
    agree(page, site, "1.")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    wait_for(page, "everybody")
    agree(page, site)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    wait_for(page, "for a")


def test_places_that_come_later_are_asked_about_when_the_page_says_so(
    site: Site, page: Page
) -> None:
    site.decisions = {"hero": FOR_A, "late": FOR_A}
    visit(
        page,
        site,
        block() + f'<div id="hidden"><template id="more">{block("late")}</template></div>',
    )
    wait_for(page, "for a")
    page.evaluate(
        "document.getElementById('hidden').append(document.getElementById('more').content);"
        "document.dispatchEvent(new Event('personalization:slots'))"
    )
    wait_for(page, "for a", "[data-personalization-slot=late]")
    assert [[asked["slot"] for asked in one["slots"]] for one in site.questions] == [
        ["hero"],
        ["late"],
    ]


def test_a_slot_inside_of_what_is_shown_is_filled_too(site: Site, page: Page) -> None:
    site.decisions = {"hero": FOR_A, "inner": decision("variation:9", "<p>innermost</p>")}
    visit(page, site, block(variants='{% variant "a" %}' + block("inner", variants="")))
    wait_for(page, "innermost", "[data-personalization-slot=inner]")


def test_a_page_of_very_many_slots_is_asked_about_in_turns(site: Site, page: Page) -> None:
    site.decisions = {f"slot-{n}": FOR_A for n in range(60)}
    visit(page, site, "".join(block(f"slot-{n}", options="deferred") for n in range(60)))
    wait_for(page, "for a", "[data-personalization-slot=slot-59]")
    assert [len(question["slots"]) for question in site.questions] == [50, 10]


# Exposures

HELD_OUT = {"global": {"arm": "held_out", "probability": 0.02}}


def test_what_is_seen_is_reported_once_with_its_decision(site: Site, page: Page) -> None:
    site.decisions["hero"] = shown = decision("template:0:a", probability=0.5)
    visit(page, site)
    wait_for(page, "for a")
    page.wait_for_function("() => window.personalization?.q?.length === 1")
    page.evaluate("scrollTo(0, 5000); scrollTo(0, 0)")
    page.wait_for_timeout(200)
    assert events(page) == [
        [
            "track",
            "Slot Shown",
            {
                "slot": "hero",
                "variation": "template:0:a",
                "decision_id": shown["decision_id"],
                "probability": 0.5,
                "reason": "segment",
            },
            {"messageId": shown["decision_id"]},
        ]
    ]
    hero = page.locator(HERO)
    assert hero.get_attribute("data-personalization-variation") == "template:0:a"
    assert hero.get_attribute("data-personalization-decision") == shown["decision_id"]


def test_what_is_further_down_is_reported_when_half_of_it_is_in_sight(
    site: Site, page: Page
) -> None:
    site.pages["/tall.css"] = ".tall { height: 2000px }"
    site.decisions["hero"] = FOR_A
    link = '<link rel="stylesheet" href="/tall.css">'
    visit(page, site, f'{link}<div class="tall"></div>{block()}<div class="tall"></div>')
    wait_for(page, "for a")
    page.wait_for_timeout(300)
    assert events(page) == []
    page.evaluate("scrollTo(0, 2000 - innerHeight + 60)")  # 60 of 160 pixels
    page.wait_for_timeout(300)
    assert events(page) == []
    page.evaluate("scrollTo(0, 2000 - innerHeight + 100)")
    page.wait_for_function("() => window.personalization?.q?.length === 1")


def test_a_place_higher_than_the_window_is_seen_when_it_fills_half_of_it(
    site: Site, page: Page
) -> None:
    site.pages["/tall.css"] = ".tall { height: 5000px }"
    site.decisions["hero"] = decision("variation:1", '<div class="tall">long</div>')
    visit(page, site, '<link rel="stylesheet" href="/tall.css">' + block())
    page.wait_for_function("() => window.personalization?.q?.length === 1")


def test_a_tracker_that_is_there_is_told_at_once(site: Site, page: Page) -> None:
    site.pages["/tracker.js"] = (
        "window.told = []; window.personalization = { track: (...args) => window.told.push(args) }"
    )
    site.decisions["hero"] = FOR_A
    site.pages["/"] = html(block(), head='<script src="/tracker.js"></script>')
    visit(page, site)
    page.wait_for_function("() => window.told.length === 1")
    assert page.evaluate("window.told[0][0]") == "Slot Shown"


def test_a_default_is_reported_where_an_experiment_had_a_say(site: Site, page: Page) -> None:
    site.decisions = {"hero": decision(assigned="holdout"), "strip": decision()}
    visit(page, site, block() + block("strip"))
    page.wait_for_function("() => window.personalization?.q?.length === 1")
    page.wait_for_timeout(200)
    [[_, name, properties, _options]] = events(page)
    assert (name, properties["slot"], properties["assigned"]) == ("Slot Shown", "hero", "holdout")
    assert "variation" not in properties


@pytest.mark.parametrize("variation", ["", "template:0:a"])
def test_who_is_busy_with_a_place_counts_in_no_arm(site: Site, page: Page, variation: str) -> None:
    """They would see nothing new in it, whatever their arm shows."""
    site.decisions["hero"] = decision(variation, assigned=HELD_OUT)
    site.pages["/"] = html(block(default=FIELD))
    site.open.clear()
    agree(page, site)
    page.goto(site.url)
    page.locator("#field").focus()
    site.open.set()
    page.wait_for_load_state("networkidle")
    assert len(site.questions) == 1
    assert page.evaluate("document.activeElement.id") == "field"
    assert events(page) == []


def test_the_proof_of_a_decision_is_handed_on(site: Site, page: Page) -> None:
    site.decisions["hero"] = decision("template:0:a", proof="signed", assigned=HELD_OUT)
    visit(page, site)
    page.wait_for_function("() => window.personalization?.q?.length === 1")
    [[_, _name, properties, _options]] = events(page)
    assert (properties["proof"], properties["assigned"]) == ("signed", HELD_OUT)


def test_what_staff_preview_is_shown_without_consent_and_never_reported(
    site: Site, page: Page
) -> None:
    site.decisions["hero"] = FOR_A
    site.pages["/"] = html(block(), after="<div data-personalization-preview></div>")
    page.goto(site.url)
    wait_for(page, "for a")
    page.wait_for_timeout(300)
    assert events(page) == []
