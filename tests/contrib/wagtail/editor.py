"""Pages as an editor sees them, in a browser."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.contrib.looking import photograph

if TYPE_CHECKING:
    from playwright.sync_api import Page


#: How long a preview that was chosen may take, in milliseconds, before it is chosen again.
TRY = 3_000
MOST_TRIES = 10


class Editor:
    """The form of a page, as an editor uses it. A path is as in body-0-value-slot."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.page.locator("[name=body-count] + [data-streamfield-stream-container]").wait_for()

    def add(self, path: str, kind: str) -> None:
        """Press the first + of a stream, and choose a kind of block."""
        beside = f"[name={path}-count] + [data-streamfield-stream-container]"
        # By keyboard: what was just added still moves, and a click might miss.
        self.page.locator(beside).locator(".c-sf-add-button").first.press("Enter")
        option = self.page.get_by_role("option", name=kind, exact=True)
        option.dispatch_event("click")
        option.wait_for(state="detached")
        self.page.locator(f"[name={path}-0-type]").wait_for(state="attached")

    def write(self, path: str, words: str) -> None:
        """Have a stream hold these words and nothing else."""
        self.add(path, "Words")
        self.page.locator(f"[name={path}-0-value]").fill(words)

    def boxes(self, path: str) -> dict[str, bool]:
        """Return the segments that are offered, by what they are called, with what is chosen."""
        boxes = self.page.locator(f"input[name={path}]").all()
        return {box.locator("..").inner_text().strip(): box.is_checked() for box in boxes}

    def choose(self, path: str, segment: str) -> None:
        box = self.page.locator(f"input[name={path}][value={segment}]")
        box.press("Space")  # by keyboard, as in `add`
        assert box.is_checked()

    def send(self, button: str) -> None:
        if button != "Save draft":
            self.page.locator("footer [data-w-dropdown-target=toggle]").click()
        with self.page.expect_navigation():
            self.page.locator("footer").get_by_role("button", name=button).click()

    def closed(self) -> str:
        """Return what says which block it is, once it is closed."""
        self.page.locator("[data-streamfield-child] [data-panel-toggle]").first.click()
        title = self.page.locator("[data-streamfield-child] [data-panel-heading-text]").first
        title.filter(has_text=re.compile(r"\w")).wait_for()
        photograph(self.page, "wagtail-closed")
        return title.inner_text()

    def preview(self, mode: str, words: str) -> None:
        """Choose a mode of the preview beside the form, and wait for what it is to show."""
        from playwright.sync_api import TimeoutError as TookTooLong

        toggle = self.page.get_by_role("button", name="Toggle preview")
        if toggle.get_attribute("aria-expanded") != "true":
            toggle.click()
        shown = self.page.frame_locator("#w-preview-iframe").locator("body")
        for _ in range(MOST_TRIES):
            # Again: Wagtail does not hear what is chosen while the preview before still loads.
            self.page.locator("#id_preview_mode").select_option(mode)
            with suppress(TookTooLong):
                shown.filter(has_text=f"«{words}»").wait_for(timeout=TRY)
                break
        else:
            raise AssertionError(f"no preview of “{mode}” shows “{words}”: {shown.inner_text()}")
        photograph(self.page, f"wagtail-preview-{mode.partition(':')[2] or 'default'}")
