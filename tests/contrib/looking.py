"""Pages as visitors see them, in a browser of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.delivery.people import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def photograph(page: Page, name: str) -> None:
    """Take a picture, if PERSONALIZATION_SCREENSHOTS says to which folder."""
    folder = os.environ.get("PERSONALIZATION_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def look(browser: Browser, url: str, person: Person | None) -> str:
    """Return what a visitor is shown."""
    context = browser.new_context(viewport={"width": 800, "height": 300})
    cookies = person.cookies if person else {}
    context.add_cookies([{"name": name, "value": cookies[name], "url": url} for name in cookies])
    page = context.new_page()
    page.goto(url)
    photograph(page, "known" if person else "unknown")
    html = page.content()
    context.close()
    return html
