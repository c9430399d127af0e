"""Nobody is taken for somebody else, or told of somebody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.signing import Signer
from django.utils import timezone

from personalization.delivery.models import Slot, Variation
from personalization.delivery.ticket import COOKIE
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visitor import new_visitor_id, signed, user_token
from personalization.segments.manual import add_members
from personalization.segments.models import Segment
from personalization.segments.rebuild import rebuild_profiles
from personalization.testing import drain
from tests.conftest import BROWSER
from tests.delivery.staff import give, make_staff, ticket_for
from tests.hostile.addresses import own_addresses
from tests.hostile.conftest import BROWSER_KEY
from tests.hostile.tally import Prober, Tally, body_of

#: What only who is Ada may read, on whatever page.
SECRETS = ("for-ada-only", "ada@example.com", "ada-lives-here", "patients-of-the-clinic")
AGREED = "1.analytics-personalization"


@pytest.fixture
def ada(db: None, keys: None, make_event: Callable[..., Any]) -> str:
    """Somebody with a secret in whatever the app tells people of themselves; their visitor id."""
    visitor_id, now = new_visitor_id(), timezone.now()
    profile = Profile.objects.create()
    Snapshot.objects.create(profile=profile)
    Identity.objects.create(profile=profile, namespace="anonymous", value=visitor_id)
    Identity.objects.create(profile=profile, namespace="email", value="ada@example.com")
    make_event(profile, "for-ada-only", at=now, properties={"address": "ada-lives-here"})
    rebuild_profiles([profile.pk], now=now)
    granted = frozenset({"analytics", "personalization"})
    key = Key("anonymous", visitor_id)
    record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=now)
    segment = Segment.objects.create(
        slug="patients-of-the-clinic", name="patients-of-the-clinic", kind=Segment.Kind.MANUAL
    )
    add_members(segment, [profile.pk], now=now)
    slot = Slot.objects.create(slug="hero", name="Hero")
    Variation.objects.create(slot=slot, segment=segment, name="x", content="for-ada-only")
    return visitor_id


def browser(tally: Tally, cookie: str = "", **cookies: str) -> Prober:
    prober = Prober(tally, headers={"user-agent": BROWSER, "sec-fetch-site": "same-origin"})
    for name, value in {"pz_id": cookie, "pz_consent": AGREED, **cookies}.items():
        prober.cookies[name] = value
    return prober


def everything(prober: Prober, **body: Any) -> str:
    """Return all that the public addresses say to who asks, in one text."""
    asked = {"slots": ["hero"], "writeKey": BROWSER_KEY, **body}
    found = [prober.post("/p/v1/decide", json.dumps(asked), content_type="application/json")]
    found += [prober.get(address.filled("hero"), body) for address in own_addresses()]
    return "".join(f"{body_of(one)}{dict(one.headers)}{one.cookies}" for one in found)


def test_who_is_ada_is_told(tally: Tally, ada: str) -> None:
    assert "for-ada-only" in everything(browser(tally, signed(ada))), (
        "else nothing below is worth much"
    )


def tampered(visitor_id: str) -> dict[str, str]:
    """Return cookies that are not the one the site has signed."""
    good = signed(visitor_id)
    value, signature = good.rsplit(":", 1)
    mine = signed(new_visitor_id())
    return {
        "unsigned": visitor_id,
        "no signature": value + ":",
        "half a signature": good[: len(good) - 10],
        "of another id": f"{value}:{mine.rsplit(':', 1)[1]}",
        "of another salt": Signer(salt="other").sign(visitor_id),
        "of another key": Signer(key="other", salt="personalization.visitor").sign(visitor_id),
        "of another's token": user_token(visitor_id, visitor_id=visitor_id) or "-",
        "other letters": f"{value.upper()}:{signature}",
        "another separator": good.replace(":", "."),
        "something before": f"x{good}",
        "something behind": f"{good}x",
        "a null byte": f"{good}\x00",
        "twice": f"{good}:{good}",
        "too long": good + "=" * 5000,
    }


@pytest.mark.parametrize("kind", tampered("0" * 32))
def test_a_cookie_that_the_site_has_not_signed_is_nobody(tally: Tally, ada: str, kind: str) -> None:
    said = everything(browser(tally, tampered(ada)[kind]))
    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.parametrize(
    "who",
    [
        {"anonymousId": "ada"}, {"userId": "ada@example.com"}, {"visitor": "ada"}, {"id": "ada"},
        {"profile": "ada"}, {"pz_id": "ada"}, {"anonymousId": ["ada"]}, {"user_id": "ada"},
    ],
)  # fmt: skip
def test_nobody_is_told_of_who_they_name(tally: Tally, ada: str, who: dict[str, Any]) -> None:
    named = json.loads(json.dumps(who).replace('"ada"', json.dumps(ada)))
    for cookie in ("", signed(new_visitor_id())):
        said = everything(browser(tally, cookie), **named)
        assert [secret for secret in SECRETS if secret in said] == []


def test_a_key_of_the_browser_opens_nothing_that_servers_may(tally: Tally, ada: str) -> None:
    prober = browser(tally, signed(new_visitor_id()))
    for address in own_addresses():
        if address.name.startswith("api-"):
            for slug in ("patients-of-the-clinic", ada):
                response = prober.get(
                    address.filled(slug), headers={"authorization": f"Bearer {BROWSER_KEY}"}
                )
                if not address.name.startswith("api-me"):  # which tell visitors of themselves
                    assert response.status_code in (401, 403), address
                said = body_of(response)
                assert [secret for secret in (*SECRETS, ada) if secret in said] == []


# -- previews and the inspector --------------------------------------------------------


def looking(tally: Tally, user: User | None, **ticket: Any) -> Prober:
    """Return a browser with a ticket of `user`, of whom nobody is logged in."""
    owner = user or make_staff("preview", "view_segment", "view_profile")
    return give(browser(tally), ticket_for(owner, **ticket))  # type: ignore[return-value]


def test_a_ticket_is_worth_nothing_to_who_is_not_logged_in(tally: Tally, ada: str) -> None:
    profile = Profile.objects.get(identities__value=ada)
    said = everything(looking(tally, None, kind="profile", profile=profile.pk))
    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.parametrize("codenames", [(), ("preview",), ("view_profile",)])
def test_a_ticket_of_a_colleague_is_worth_nothing(
    tally: Tally, ada: str, codenames: tuple[str, ...]
) -> None:
    profile = Profile.objects.get(identities__value=ada)
    prober = looking(tally, None, kind="profile", profile=profile.pk)
    prober.force_login(make_staff(*codenames))
    said = everything(prober)
    assert [secret for secret in SECRETS if secret in said] == []


def test_a_ticket_ends_with_the_permission(tally: Tally, ada: str) -> None:
    profile = Profile.objects.get(identities__value=ada)
    user = make_staff("preview", "view_segment", "view_profile")
    prober = looking(tally, user, kind="profile", profile=profile.pk)
    prober.force_login(user)
    assert "for-ada-only" in everything(prober)
    user.user_permissions.clear()
    assert "for-ada-only" not in everything(prober)


@pytest.mark.parametrize("value", ["", "x", ":::", "eyJhIjoxfQ:1:2", "\x00", "a" * 5000])
def test_a_ticket_that_is_none_is_none(tally: Tally, ada: str, value: str) -> None:
    prober = browser(tally, signed(new_visitor_id()), **{COOKIE: value})
    assert "for-ada-only" not in everything(prober)


# -- caches ----------------------------------------------------------------------------


def test_what_is_told_to_one_is_kept_by_no_cache(tally: Tally, ada: str) -> None:
    prober = browser(tally, signed(ada))
    for address in own_addresses():
        response = prober.get(address.filled("hero"))
        if any(secret in body_of(response) for secret in SECRETS):
            said = response.get("Cache-Control", "")
            assert "no-store" in said or "private" in said, address


@pytest.mark.parametrize(
    "name", ["X-Personalization-Segments", "X-Personalization-Key", "X-Personalization-Visitor"]
)
def test_a_header_of_ours_that_a_client_sends_is_worth_nothing(
    tally: Tally, ada: str, name: str
) -> None:
    prober = browser(tally)
    for value in ("patients-of-the-clinic", "1", ada):
        prober.defaults[f"HTTP_{name.upper().replace('-', '_')}"] = value
        said = everything(prober)
        assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host", "X-Original-Url", "X-Rewrite-Url", "Forwarded"]
)
def test_no_answer_names_the_host_that_a_client_invents(tally: Tally, ada: str, name: str) -> None:
    prober = browser(tally, signed(ada))
    prober.defaults[f"HTTP_{name.upper().replace('-', '_')}"] = "evil.example"
    assert "evil.example" not in everything(prober)


# -- where answers lead ----------------------------------------------------------------

ELSEWHERE = (
    "https://evil.example/", "//evil.example", "///evil.example", "\\\\evil.example", "/\\evil.example",
    "http:evil.example", "javascript:alert(1)", "data:text/html,x", " https://evil.example",
    "https:evil.example", "https://testserver@evil.example/", "https://testserver.evil.example/",
    "/\t/evil.example", "\x00//evil.example", "https:/\\evil.example", "ftp://evil.example",
)  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_answer_leads_to_another_site(tally: Tally, db: None, target: str) -> None:
    prober = browser(tally)
    for address in own_addresses():
        for send in (prober.get, prober.post):
            data = dict.fromkeys(("next", "url", "to", "return", "redirect", "continue"), target)
            response = send(address.filled("hero"), {**data, "choice": "none"})
            assert "evil" not in response.get("Location", "")
            assert not response.get("Location", "").startswith(("javascript:", "data:", "//"))
            assert 'href="' + target not in body_of(response)


def test_a_token_of_another_visitor_makes_nobody_a_user(tally: Tally, ada: str) -> None:
    call = {
        "type": "identify",
        "userId": "7",
        "anonymousId": "somebody",
        "context": {"userToken": user_token("7", visitor_id=ada)},
        "writeKey": BROWSER_KEY,
    }
    for cookie in (signed(new_visitor_id()), ""):
        prober = browser(tally, cookie)
        prober.post("/p/v1/identify", json.dumps(call), content_type="application/json")
    drain()
    assert not Identity.objects.filter(namespace="user", value="7").exists()
