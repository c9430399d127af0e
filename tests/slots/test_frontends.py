"""The examples for other front ends, as the documentation has them, against a real site."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import machine
from tests.acceptance.clients.installed import NotInstalled, node_folder
from tests.conftest import BROWSER
from tests.delivery.people import Person, make_person, make_segments, make_slot, make_variation
from tests.housekeeping.repository import ROOT
from tests.slots import pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django.live_server_helper import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.clients,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.slots.pages"),
]

TEXT = (ROOT / "docs" / "howto" / "headless.md").read_text()
MODULES = dict(re.findall(r"```js\n// (\w+\.js)\n(.*?)```", TEXT, re.DOTALL))
VARIANTS = '[{ key: "mine", segments: ["a"], content: "for a" }]'
REACT = f"""
import {{ createElement }} from "react";
import {{ createRoot }} from "react-dom/client";
import {{ Slot }} from "./react.js";
createRoot(document.getElementById("app")).render([
  createElement(Slot, {{ key: 1, name: "hero", variants: {VARIANTS} }}, "everybody"),
  createElement(Slot, {{ key: 2, name: "strip" }}, "everybody"),
]);
"""
VUE = f"""
import {{ createApp, h }} from "vue";
import {{ Slot }} from "./vue.js";
createApp({{
  render: () => [
    h(Slot, {{ name: "hero", variants: {VARIANTS} }}, () => "everybody"),
    h(Slot, {{ name: "strip" }}, () => "everybody"),
  ],
}}).mount("#app");
"""
HERO, STRIP = (f"[data-personalization-slot={slug}]" for slug in ("hero", "strip"))


@pytest.fixture(scope="module")
def modules() -> Path:
    try:
        return node_folder(Path(__file__).parent / "frontends", name="frontends")
    except NotInstalled as missing:
        machine.lacks(str(missing))
        pytest.skip(str(missing))


@pytest.fixture
def person() -> Person:
    make_segments("a")
    make_slot("hero")
    make_variation("a", "<b>from the admin</b>", slot="strip")
    return make_person("a")


@pytest.fixture
def visitor(browser: Browser, live_server: LiveServer, person: Person) -> Iterator[Page]:
    context = browser.new_context(user_agent=BROWSER)
    for name, value in person.cookies.items():
        context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
    yield context.new_page()
    context.close()


def bundled(entry: str, *, modules: Path, folder: Path) -> str:
    """Return one script of the examples, an app that uses them, and the library."""
    (folder / "node_modules").symlink_to(modules)
    for name, text in {**MODULES, "entry.js": entry}.items():
        (folder / name).write_text(text)
    command = [
        str(modules / ".bin" / "esbuild"), "entry.js", "--bundle", "--format=esm",
        '--define:process.env.NODE_ENV="production"', "--log-level=error",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def open_until(page: Page, url: str, shown: str) -> None:
    """Open a page until what is decided comes in time."""
    for _ in range(20):
        page.goto(url)
        page.wait_for_timeout(900)
        if shown in page.locator("body").inner_text():
            return
    raise AssertionError(f"{url} never showed {shown!r} in time")


@pytest.mark.parametrize("entry", [REACT, VUE], ids=["react", "vue"])
def test_components_show_what_is_decided_and_report_it(
    visitor: Page,
    browser: Browser,
    live_server: LiveServer,
    modules: Path,
    tmp_path: Path,
    entry: str,
) -> None:
    pages.FILES["app.js"] = bundled(entry, modules=modules, folder=tmp_path)
    pages.FILES["app"] = (
        '<!doctype html><title>App</title><div id="app"></div>'
        '<script type="module" src="/front/app.js"></script>'
    )
    questions: list[Any] = []
    visitor.on(
        "request",
        lambda sent: questions.append(sent.post_data_json) if "decide" in sent.url else None,
    )
    open_until(visitor, f"{live_server.url}/front/app", "from the admin")
    assert visitor.locator(HERO).inner_text() == "for a"
    assert visitor.locator(f"{STRIP} b").inner_text() == "from the admin"
    assert [one["slot"] for one in questions[-1]["slots"]] == ["hero", "strip"], "asked at once"
    visitor.wait_for_function("() => window.personalization?.q?.length === 2")
    events = visitor.evaluate("window.personalization.q")
    assert [(call[0], call[1], call[2]["slot"]) for call in events] == [
        ("track", "Slot Shown", "hero"),
        ("track", "Slot Shown", "strip"),
    ]
    decision_id = visitor.locator(HERO).get_attribute("data-personalization-decision")
    assert events[0][3] == {"messageId": decision_id}

    stranger = browser.new_context(user_agent=BROWSER).new_page()
    stranger.goto(f"{live_server.url}/front/app")
    stranger.wait_for_timeout(900)
    assert stranger.locator(HERO).inner_text() == "everybody"
    assert stranger.evaluate("window.personalization") is None
    stranger.context.close()


def test_htmx_fetches_a_slot_and_keeps_its_default(
    visitor: Page, browser: Browser, live_server: LiveServer, modules: Path
) -> None:
    element, config = re.findall(r"```html\n(.*?)```", TEXT, re.DOTALL)
    pages.FILES["htmx.js"] = (modules / "htmx.org" / "dist" / "htmx.min.js").read_text()
    pages.FILES["htmx"] = (
        f"<!doctype html><title>App</title>{config}"
        '<script src="/front/htmx.js"></script>'
        + element.replace("slots/hero", "slots/strip")
        + element.replace("slots/hero", "slots/unknown")
    )
    complaints: list[str] = []
    visitor.on(
        "console",
        lambda line: "Content Security Policy" in line.text and complaints.append(line.text),
    )
    visitor.goto(f"{live_server.url}/front/htmx")
    visitor.locator(STRIP).get_by_text("from the admin").wait_for()
    assert visitor.get_by_text("What everybody sees").count() == 1, "where no slot is known"
    stranger = browser.new_context(user_agent=BROWSER).new_page()
    stranger.goto(f"{live_server.url}/front/htmx")
    stranger.wait_for_timeout(900)
    assert stranger.get_by_text("What everybody sees").count() == 2
    stranger.context.close()
    assert complaints == []
