"""Every page of ours in Chromium, under a policy that lets nothing but the site's own files run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.visitor import new_visitor_id, signed
from project import csp
from tests.admin.browsing import REPORT, browser
from tests.conftest import BROWSER
from tests.hostile.addresses import about, admin_addresses, own_addresses
from tests.hostile.evil import evil
from tests.hostile.world import made_of
from tests.in_flight import requests_in_flight

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

COMMON = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
)
#: Django's own scripts have no nonce, so they run because they are the site's.
OF_STAFF = COMMON + "script-src 'self'"
#: Of ours the tags ask for one, so nothing else runs, not even a file of the site.
OF_VISITORS = COMMON + "script-src 'nonce-{nonce}'"


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, url: str, complaints: list[str]) -> Iterator[Page]:
    """A page that notes what it was forbidden, what it threw and what it asked.

    It is closed before the server of `url` is.
    """
    context = browser.new_context(user_agent=BROWSER)
    context.add_init_script(REPORT)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("console", lambda said: _note_refusal(said, page, complaints))
    page.on("dialog", lambda dialog: (complaints.append(f"{page.url}: a dialog"), dialog.dismiss()))
    yield page
    context.close()


def _note_refusal(said: Any, page: Page, complaints: list[str]) -> None:
    """Note what the browser says of the policy; a page of 404 says that it is one."""
    if said.type == "error" and "Failed to load resource" not in said.text:
        complaints.append(f"{page.url}: {said.text}")


@pytest.fixture
def url(settings: Any, transactional_db: None) -> Iterator[str]:
    """A server of its own, whose middleware writes the policy of the demo on every page."""
    own, *others = settings.MIDDLEWARE
    settings.MIDDLEWARE = [own, "project.csp.ContentSecurityPolicyMiddleware", *others]
    server = LiveServer("localhost")
    with requests_in_flight() as in_flight:
        yield str(server.url)
        in_flight.wait_for_none()  # a page that was closed may have sent something
    server.stop()


def under(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csp, "policy", lambda nonce: policy.format(nonce=nonce))


def signed_in(page: Page, url: str) -> Client:
    """Give the page the session of somebody who may do everything; return a client with it."""
    client = Client(headers={"user-agent": BROWSER})
    client.force_login(User.objects.create_superuser("owner"))
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
    return client


def pages_of(client: Client, addresses: Iterable[str]) -> list[str]:
    """Return the addresses that answer with a page; what else there is Chromium dresses up itself."""
    answers = {address: client.get(address) for address in sorted(addresses)}
    return [
        address
        for address, answer in answers.items()
        if answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html")
    ]


def show(page: Page, address: str, complaints: list[str]) -> None:
    """Open the address, and note what its page was forbidden."""
    answer = page.goto(address, wait_until="load")
    assert answer is not None
    assert answer.headers["content-security-policy"].startswith(COMMON)
    complaints += [f"{address}: {one}" for one in page.evaluate("window.violations")]


@pytest.mark.slow
def test_no_page_of_the_admin_needs_more_than_files_of_the_site(
    url: str, page: Page, complaints: list[str], monkeypatch: Any
) -> None:
    under(OF_STAFF, monkeypatch)
    world = made_of(evil)
    client = signed_in(page, url)
    pages = pages_of(client, {about(*one, world) for one in admin_addresses()})
    for address in pages:
        show(page, url + address, complaints)
    assert complaints == []
    assert len(pages) > 40


@pytest.mark.parametrize("is_known", [False, True], ids=["a stranger", "a visitor"])
def test_no_page_of_visitors_needs_more_than_what_has_the_nonce(
    url: str,
    page: Page,
    complaints: list[str],
    monkeypatch: Any,
    is_known: bool,
) -> None:
    under(OF_VISITORS, monkeypatch)
    made_of(evil)
    client = Client(headers={"user-agent": BROWSER})
    if is_known:
        agree(page, client, url)
    pages = pages_of(client, [one.filled("evil") for one in own_addresses()])
    for address in pages:
        show(page, url + address, complaints)
    assert complaints == []
    assert "/p/consent" in pages


def agree(page: Page, client: Client, url: str) -> None:
    """Make both browsers that of somebody who agreed to everything."""
    visitor_id = new_visitor_id()
    granted = frozenset({"analytics", "personalization", "marketing"})
    key = Key(Identity.ANONYMOUS, visitor_id)
    record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=timezone.now())
    cookies = {"pz_id": signed(visitor_id), "pz_consent": f"1.{'-'.join(sorted(granted))}"}
    for name, value in cookies.items():
        client.cookies[name] = value
        page.context.add_cookies([{"name": name, "value": value, "url": url}])


def test_what_is_forbidden_is_noticed(
    url: str, page: Page, complaints: list[str], monkeypatch: Any
) -> None:
    under(COMMON + "script-src 'none'", monkeypatch)
    show(page, f"{url}/p/consent/", complaints)
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("document.body.setAttribute('onclick', 'alert(1)')")
    page.evaluate("document.body.click()")
    assert [one for one in complaints if "style" in one]
    assert [one for one in complaints if "script" in one]
