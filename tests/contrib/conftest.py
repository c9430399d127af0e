"""Tests of what needs an optional app run where it is installed, on a site of their own.

`python -m pytest tests/contrib/cms --ds=tests.contrib.cms.settings`, and so for each folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import override_settings

from personalization.testing import exposures_at_once, memory_buffer
from tests import machine
from tests.browser.conftest import FLAGS
from tests.calm import CALM
from tests.contrib.items import make_shop, make_shopper
from tests.delivery.people import Person, make_segments

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Folder → the app without which its tests cannot even be imported.
NEEDED = {
    "cms": "personalization.contrib.cms",
    "wagtail": "personalization.contrib.wagtail",
}

collect_ignore = [folder for folder, app in NEEDED.items() if app not in settings.INSTALLED_APPS]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread, which makes Django expect async code.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def calm() -> Iterator[None]:
    """Lists of which nothing is left to chance, and exposures that no test has to wait for."""
    make_segments("a", "b")
    with (
        memory_buffer(),
        exposures_at_once(),
        override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM),
    ):
        yield


@pytest.fixture
def shopper() -> Person:
    make_shop()
    return make_shopper("a")
