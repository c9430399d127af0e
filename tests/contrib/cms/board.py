"""Pages as an editor sees them, in a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.contrib.looking import photograph
from tests.in_flight import settle

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Locator, Page


class Board:
    """The structure board of a page, as an editor uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> Board:
        self.page.goto(url)
        self.page.click(".cms-toolbar-item-cms-mode-switcher a")
        self.placeholder.locator(".cms-submenu-add").first.wait_for()
        return self

    @property
    def placeholder(self) -> Locator:
        return self.page.locator(".cms-structure .cms-dragarea").filter(
            has=self.page.locator(".cms-dragbar-title[title=Content]")
        )

    def plugin(self, name: str) -> Locator:
        """Return the newest plugin called so, with all inside of it."""
        item = self.page.locator(f"xpath=./*[contains(@class, 'cms-dragitem')]//*[text()='{name}']")
        return self.placeholder.locator(".cms-draggable").filter(has=item).last

    def add(self, inside: Locator, kind: str, fill: Callable[[FrameLocator], None]) -> None:
        """Press +, choose a kind of plugin, fill in its form, save, and see it on the board."""
        before = self.placeholder.locator(".cms-draggable").count()
        inside.locator(".cms-submenu-add").first.click()
        self.page.locator(f".cms-modal .cms-plugin-picker a[href={kind}]").click()
        form = self.page.frame_locator(".cms-modal-frame iframe")
        fill(form)
        photograph(self.page, f"cms-add-{kind}")
        self.page.locator(".cms-modal-buttons .cms-btn-action").first.click()
        self.placeholder.locator(".cms-draggable").nth(before).wait_for(state="attached")
        self.page.locator(".cms-modal").last.wait_for(state="hidden")
        settle(self.page)

    def offers(self, inside: Locator) -> list[str]:
        inside.locator(".cms-submenu-add").first.click()
        names = self.page.locator(".cms-modal .cms-plugin-picker a[data-rel=add]")
        names.first.wait_for()
        found = names.all_inner_texts()
        self.page.locator(".cms-modal-close").first.click()
        self.page.locator(".cms-modal").last.wait_for(state="hidden")
        return found

    def labels(self) -> list[str]:
        """Return what the page beside the board says for whom its parts are."""
        return self.page.locator(".pz-cms-label").all_inner_texts()
