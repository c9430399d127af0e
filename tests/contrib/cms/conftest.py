from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.contrib.cms.board import Board
from tests.delivery.people import make_person
from tests.delivery.staff import staff_client

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def board(browser: Browser, live_server: Any) -> Iterator[Board]:
    """The board of somebody who has logged in as an editor."""
    User.objects.create_superuser("editor", password="secret")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/login/")
    page.fill("#id_username", "editor")
    page.fill("#id_password", "secret")
    page.click("[type=submit]")
    page.wait_for_selector("#user-tools")
    yield Board(page)
    context.close()


@pytest.fixture
def editor() -> Client:
    """The browser of an editor, who agreed to everything as a visitor."""
    client, user = staff_client()
    user.is_superuser = True
    user.save()
    client.cookies.load(make_person().cookies)
    return client
