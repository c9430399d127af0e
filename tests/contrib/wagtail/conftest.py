from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import override_settings
from django.urls import reverse

from tests.contrib.wagtail.building import home
from tests.contrib.wagtail.editor import Editor

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def site(live_server: Any) -> Iterator[str]:
    """The address of a server whose pages Django's cache keeps, by keys."""
    caches["default"].clear()
    with override_settings(
        ROOT_URLCONF="tests.contrib.wagtail.site.cached_urls", PERSONALIZATION_DELIVERY="keyed"
    ):
        yield live_server.url
    caches["default"].clear()


@pytest.fixture
def editor(browser: Browser, site: str) -> Iterator[Editor]:
    """The browser of somebody who has logged in as an editor."""
    home()
    User.objects.create_superuser("editor", password="secret")
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(site + reverse("wagtailadmin_login"))
    page.fill("#id_username", "editor")
    page.fill("#id_password", "secret")
    page.click("[type=submit]")
    page.wait_for_selector("#wagtail-sidebar", state="attached")
    yield Editor(page)
    context.close()
