"""Who may see whose data: by the cookie what was done here, by the account what a person is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from personalization.exceptions import RequestRejected
from personalization.privacy.models import Erasure
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.visitor import new_visitor_id, signed
from personalization.rights.access import Access, access_of, asked_scope, holder_of
from personalization.rights.confirmation import FRESH, confirm
from tests.rights.conftest import Person

pytestmark = pytest.mark.django_db

DEVICE, PERSON = Erasure.Scope.DEVICE, Erasure.Scope.PERSON


class Session(dict[str, Any]):
    """A session that says whether it got a new key."""

    cycled = False

    def cycle_key(self) -> None:
        self.cycled = True


def request_of(*, visitor_id: str = "", user: User | None = None) -> HttpRequest:
    request = RequestFactory().get("/p/privacy/")
    request.session = Session()  # type: ignore[assignment]
    request.user = user or AnonymousUser()
    if visitor_id:
        request.COOKIES["pz_id"] = signed(visitor_id)
    if user:
        request.COOKIES["sessionid"] = "any"
    return request


def access(*, now: datetime | None = None, **who: Any) -> Access:
    return access_of(request_of(**who), now=now or timezone.now())


def refusal(found: Access, scope: Erasure.Scope) -> str:
    with pytest.raises(RequestRejected) as caught:
        holder_of(found, scope=scope)
    return caught.value.code


def confirmed(user: User) -> Access:
    return Access(device=None, user=Key(Identity.USER, str(user.pk)), confirmed=True)


def test_a_browser_without_a_cookie_is_nobody() -> None:
    assert access() == Access(device=None, user=None, confirmed=False)
    assert refusal(access(), DEVICE) == "nobody_known"


def test_a_cookie_that_was_not_signed_is_nobody() -> None:
    request = request_of()
    request.COOKIES["pz_id"] = f"{new_visitor_id()}:forged"
    assert access_of(request, now=timezone.now()).device is None


def test_a_cookie_opens_all_of_a_profile_that_is_nothing_else(
    make_person: Callable[..., Person],
) -> None:
    person = make_person()
    holder = holder_of(access(visitor_id=person.visitor_id), scope=DEVICE)
    assert holder.subject.profile_ids == {person.profile.pk}
    assert holder.key == person.device


@pytest.mark.parametrize("namespace", ["user", "email", "anonymous"])
def test_a_profile_that_is_more_than_the_browser_stays_closed_to_its_cookie(
    make_person: Callable[..., Person], namespace: str
) -> None:
    person = make_person(("Product Viewed", 1))
    Identity.objects.create(profile=person.profile, namespace=namespace, value="somewhere-else")
    holder = holder_of(access(visitor_id=person.visitor_id), scope=DEVICE)
    assert holder.subject.keys == {person.device}
    assert len(holder.subject.identity_ids) == 1
    assert not holder.subject.is_whole


def test_an_id_that_there_are_no_rows_for_has_a_right_to_what_may_wait_for_it() -> None:
    visitor_id = new_visitor_id()
    holder = holder_of(access(visitor_id=visitor_id), scope=DEVICE)
    assert holder.subject.keys == {Key("anonymous", visitor_id)}


def test_a_person_has_to_be_logged_in(make_person: Callable[..., Person]) -> None:
    person = make_person(account="ada")
    assert refusal(access(visitor_id=person.visitor_id), PERSON) == "login_needed"


def test_being_logged_in_is_not_enough(make_person: Callable[..., Person]) -> None:
    person = make_person(account="ada")
    found = access(visitor_id=person.visitor_id, user=person.user)
    assert not found.confirmed
    assert refusal(found, PERSON) == "confirmation_needed"


def test_who_has_confirmed_it_sees_the_whole_person(make_person: Callable[..., Person]) -> None:
    person = make_person(account="ada")
    assert person.user is not None
    holder = holder_of(confirmed(person.user), scope=PERSON)
    assert holder.subject.profile_ids == {person.profile.pk}
    assert person.device in holder.subject.keys


def test_a_cookie_of_somebody_else_adds_nothing_to_a_person(
    make_person: Callable[..., Person],
) -> None:
    person, other = make_person(account="ada"), make_person(account="bob")
    assert person.user is not None
    mixed = Access(device=other.device, user=confirmed(person.user).user, confirmed=True)
    assert holder_of(mixed, scope=PERSON).subject.profile_ids == {person.profile.pk}
    assert holder_of(mixed, scope=DEVICE).subject.keys == {other.device}


def test_a_session_without_its_cookie_is_not_looked_up(make_person: Callable[..., Person]) -> None:
    request = request_of(user=make_person(account="ada").user)
    del request.COOKIES["sessionid"]
    assert access_of(request, now=timezone.now()).user is None


def test_a_site_without_accounts_knows_browsers_all_the_same() -> None:
    request = RequestFactory().get("/p/privacy/")
    request.COOKIES |= {"pz_id": signed(new_visitor_id()), "sessionid": "of something else"}
    found = access_of(request, now=timezone.now())
    assert (found.device is not None, found.user) == (True, None)


@pytest.mark.parametrize(
    ("device", "user", "is_confirmed", "scope"),
    [
        (True, False, False, DEVICE),
        (False, False, False, DEVICE),
        (True, True, False, DEVICE),
        (False, True, False, PERSON),
        (True, True, True, PERSON),
    ],
)
def test_what_is_usually_meant(
    device: bool, user: bool, is_confirmed: bool, scope: Erasure.Scope
) -> None:
    found = Access(
        device=Key("anonymous", "a") if device else None,
        user=Key("user", "1") if user else None,
        confirmed=is_confirmed,
    )
    assert asked_scope("", found) == scope
    assert asked_scope("device", found) == DEVICE
    assert asked_scope("person", found) == PERSON


def test_anything_else_is_refused_by_name() -> None:
    with pytest.raises(RequestRejected, match=r"'everybody'\. Allowed: person, device"):
        asked_scope("everybody", access())


def test_a_confirmation_lasts_ten_minutes_and_is_of_one_user(
    make_person: Callable[..., Person],
) -> None:
    ada, bob = make_person(account="ada").user, make_person(account="bob").user
    request, now = request_of(user=ada), timezone.now()
    confirm(request, now=now)
    assert access_of(request, now=now).confirmed
    assert access_of(request, now=now + FRESH * 0.99).confirmed
    assert not access_of(request, now=now + FRESH).confirmed
    assert not access_of(request, now=now - FRESH * 0.01).confirmed
    request.user = bob
    assert not access_of(request, now=now).confirmed


def test_a_confirmed_session_gets_a_new_key(make_person: Callable[..., Person]) -> None:
    request = request_of(user=make_person(account="ada").user)
    confirm(request, now=timezone.now())
    assert request.session.cycled


@pytest.mark.parametrize("said", [None, "yes", [], ["1"], ["1", 2, 3], [1, 2]])
def test_a_strange_session_confirms_nothing(make_person: Callable[..., Person], said: Any) -> None:
    request = request_of(user=make_person(account="ada").user)
    request.session["personalization.confirmed"] = said
    assert not access_of(request, now=timezone.now()).confirmed


def test_the_log_calls_a_holder_by_a_pseudonym(make_person: Callable[..., Person]) -> None:
    person = make_person()
    holder = holder_of(access(visitor_id=person.visitor_id), scope=DEVICE)
    assert len(holder.pseudonym) == 64
    assert person.visitor_id not in holder.pseudonym
