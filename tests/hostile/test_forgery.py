"""Another site cannot have a browser change anything, and looking at a page changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from personalization.profiles.visitor import new_visitor_id, signed
from tests.hostile.addresses import about, admin_addresses, own_addresses
from tests.hostile.tally import Prober, Tally
from tests.hostile.world import World

#: What a form of another site can have a browser send along with a victim's cookies.
FOREIGN = {
    "origin": "https://evil.example",
    "sec-fetch-site": "cross-site",
    "referer": "https://evil.example/",
}
#: Addresses that a site opens to others on purpose: by a key, and never by a cookie.
BY_KEY = ("segment-", "rudderstack-", "cloudevents-", "ga4-", "plausible-", "posthog-", "umami-",
          "api-", "decide")  # fmt: skip
FORMS: list[dict[str, str]] = [
    {"choice": "all"}, {"purposes": "analytics"}, {"confirm": "yes", "post": "yes"},
    {"action": "delete_selected", "_selected_action": "1", "post": "yes"}, {"_save": "1"}, {},
]  # fmt: skip


@pytest.fixture
def guarded(db: None, tally: Tally) -> Prober:
    """The browser of the owner, on a site whose protection is on, as it is everywhere else."""
    prober = Prober(tally, enforce_csrf_checks=True)
    prober.force_login(User.objects.create_superuser("owner"))
    prober.cookies["pz_id"] = signed(new_visitor_id())
    return prober


def test_no_form_of_another_site_reaches_the_admin(
    guarded: Prober, world: World, contents: Callable[[], Any]
) -> None:
    before = contents()
    for model, address in admin_addresses():
        for form in FORMS:
            response = guarded.post(about(model, address, world), form, headers=FOREIGN)
            assert response.status_code == 403, address
    assert contents() == before


def test_no_form_of_another_site_speaks_for_a_visitor(
    guarded: Prober, world: World, contents: Callable[[], Any]
) -> None:
    before = contents()
    addresses = [one for one in own_addresses() if not one.name.startswith(BY_KEY)]
    assert "consent" in [one.name for one in addresses]
    for address in addresses:
        for form in FORMS:
            for headers in (FOREIGN, {"sec-fetch-site": "same-site"}, {"origin": "null"}, {}):
                response = guarded.post(address.filled("evil"), form, headers=headers)
                assert response.status_code >= 400, (address, headers)
                assert not response.cookies
    assert contents() == before


@pytest.mark.parametrize(
    "method", ["get", *(pytest.param(name, marks=pytest.mark.slow) for name in ("head", "options"))]
)
def test_looking_changes_nothing(
    staff: Prober, world: World, contents: Callable[[], Any], method: str
) -> None:
    before = contents()
    for model, address in admin_addresses():
        getattr(staff, method)(about(model, address, world))
    for address in own_addresses():
        getattr(staff, method)(address.filled("evil"))
    assert contents() == before


def test_a_stranger_sees_nothing_of_the_admin(stranger: Prober, world: World) -> None:
    for model, address in admin_addresses():
        for send in (stranger.get, stranger.post):
            response = send(about(model, address, world))
            assert response.status_code == 302, address
            assert response["Location"].startswith("/admin/login/")


def test_staff_without_permissions_see_nothing_of_it(tally: Tally, world: World) -> None:
    prober = Prober(tally)
    prober.force_login(User.objects.create_user("nobody", is_staff=True))
    for model, address in admin_addresses():
        for send in (prober.get, prober.post):
            response = send(about(model, address, world))
            assert response.status_code in (302, 403, 404, 405), address
            if response.status_code == 302:
                assert response["Location"].startswith("/admin/"), address
