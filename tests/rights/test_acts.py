"""Taking along, correcting and erasing: each by POST, from this site, of what is one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Event
from personalization.privacy.models import AuditEntry, Erasure
from personalization.profiles.models import Identity, Profile
from personalization.shortcuts import confirm_user
from tests.rights.conftest import OWN, Person

pytestmark = pytest.mark.django_db


def act(client: Client, name: str, **form: str) -> Any:
    return client.post(f"/p/privacy/{name}/", form, headers=OWN)


def test_the_file_has_everything_of_this_browser(make_person: Callable[..., Person]) -> None:
    person, other = make_person(("Product Viewed", 1)), make_person()
    response = act(person.client, "download")
    text = b"".join(response.streaming_content).decode()
    assert json.loads(text)["complete"] is True
    assert person.visitor_id in text
    assert other.visitor_id not in text
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert AuditEntry.objects.get(action="exported").actor_name == "visitor"


@pytest.mark.parametrize("name", ["download", "correct", "erase"])
def test_nothing_of_an_account_without_the_password(
    make_person: Callable[..., Person], name: str
) -> None:
    person = make_person(account="ada", traits={"city": "Kraków"})
    response = act(person.client, name, of="person", sure="yes", trait="city", value="Lviv")
    assert (response.status_code, response.headers["Location"]) == (303, "/p/privacy/confirm")
    assert not Erasure.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_wrong_password_opens_nothing(make_person: Callable[..., Person]) -> None:
    person = make_person(account="ada")
    assert act(person.client, "confirm", password="a guess").status_code == 403
    assert act(person.client, "download", of="person").status_code == 303


def test_passwords_cannot_be_tried_for_ever(make_person: Callable[..., Person]) -> None:
    client = make_person(account="ada").client
    answers = [act(client, "confirm", password="a guess").status_code for _ in range(6)]
    assert answers == [403] * 5 + [429]


@pytest.mark.parametrize("name", ["download", "correct", "erase", "confirm"])
def test_pages_of_other_sites_do_nothing(make_person: Callable[..., Person], name: str) -> None:
    person = make_person(account="ada")
    form = {"sure": "yes", "password": "x"}
    foreign = {"sec-fetch-site": "cross-site"}
    assert person.client.post(f"/p/privacy/{name}/", form, headers=foreign).status_code == 403
    assert Profile.objects.filter(pk=person.profile.pk).exists()


def test_a_form_without_its_token_is_refused(make_person: Callable[..., Person]) -> None:
    person = make_person()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies["pz_id"] = person.client.cookies["pz_id"].value
    assert act(strict, "erase", sure="yes").status_code == 403
    assert Profile.objects.filter(pk=person.profile.pk).exists()


def test_a_trait_is_corrected_by_one_more_event(
    make_person: Callable[..., Person], django_capture_on_commit_callbacks: Any
) -> None:
    person = make_person(traits={"age": 36, "city": "Kraków"})
    with django_capture_on_commit_callbacks(execute=True):
        assert act(person.client, "correct", trait="age", value="37").status_code == 303
    with django_capture_on_commit_callbacks(execute=True):
        act(person.client, "correct", trait="city", do="remove")
    person.profile.snapshot.refresh_from_db()
    assert person.profile.snapshot.traits == {"age": 37, "city": None}
    assert Event.objects.filter(type="identify").count() == 3
    assert AuditEntry.objects.filter(action="corrected").count() == 2


@pytest.mark.parametrize(("trait", "value"), [("age", "old"), ("age", "nan"), ("name", "Ada")])
def test_what_does_not_fit_is_refused(
    make_person: Callable[..., Person], trait: str, value: str
) -> None:
    person = make_person(traits={"age": 36})
    assert act(person.client, "correct", trait=trait, value=value).status_code == 400
    assert Event.objects.filter(type="identify").count() == 1


def test_erasing_leaves_nobody_and_leads_to_the_receipt(
    make_person: Callable[..., Person],
) -> None:
    person = make_person(("Product Viewed", 1))
    assert "What goes" in person.client.get("/p/privacy/erase/").content.decode()
    assert act(person.client, "erase").status_code == 400, "nobody said to be sure"
    response = act(person.client, "erase", sure="yes")
    erasure = Erasure.objects.get()
    assert response.headers["Location"] == f"/p/privacy/receipt/{erasure.uid}"
    assert not Identity.objects.filter(value=person.visitor_id).exists()
    assert person.client.cookies["pz_id"].value == ""
    page = person.client.get(response.headers["Location"]).content.decode()
    assert str(erasure.uid) in page
    assert person.visitor_id not in page


def test_what_stays_is_not_said_to_go(make_person: Callable[..., Person]) -> None:
    page = make_person(("Product Viewed", 1)).client.get("/p/privacy/erase/").content.decode()
    assert "What you agreed to and what you refused." in page
    assert "The proof of each of your answers" not in page


def test_a_receipt_is_shown_to_who_has_its_number_alone(client: Client) -> None:
    unknown = "/p/privacy/receipt/00000000-0000-4000-8000-000000000000/"
    assert client.get(unknown).status_code == 404


def test_who_confirmed_erases_the_person_and_nobody_else(
    make_person: Callable[..., Person],
) -> None:
    person, other = make_person(account="ada"), make_person(account="bob")
    person.confirm()
    assert act(person.client, "erase", of="person", sure="yes").status_code == 303
    assert not Profile.objects.filter(pk=person.profile.pk).exists()
    assert Profile.objects.filter(pk=other.profile.pk).exists()


def test_a_site_without_passwords_confirms_on_a_page_of_its_own(
    make_person: Callable[..., Person], settings: Any, rf: Any
) -> None:
    settings.PERSONALIZATION_CONFIRM_URL = "/by-letter/"
    person = make_person(account="ada")
    response = act(person.client, "download", of="person")
    assert response.headers["Location"] == "/by-letter/?next=%2Fp%2Fprivacy%3Fof%3Dperson"
    request = rf.get("/by-letter/")
    request.session, request.user = person.client.session, person.user
    confirm_user(request)
    request.session.save()
    person.client.cookies["sessionid"] = request.session.session_key
    assert act(person.client, "download", of="person").status_code == 200
