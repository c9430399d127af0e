"""The rights for programs: the same data, the same doors, and never those of another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from django.utils import timezone

from personalization.events.models import Event
from personalization.exceptions import BufferUnavailable
from personalization.privacy.consent import record_consent
from personalization.privacy.encryption import seal
from personalization.privacy.erasure.finish import finish_erasures
from personalization.privacy.erasure.receipt import verified
from personalization.privacy.models import AuditEntry, Erasure, Mechanism
from personalization.profiles.models import Identity, Profile
from personalization.rights import api
from personalization.segments.models import Segment
from personalization.segments.rebuild import rebuild_profiles
from personalization.segments.refresh import refresh_segments
from tests.rights.conftest import OWN, Person
from tests.rules.building import happened, rule

pytestmark = pytest.mark.django_db

JSON = "application/json"
FOREIGN = {"sec-fetch-site": "cross-site"}
NOBODY = "00000000-0000-4000-8000-000000000000"


def read(client: Client, path: str = "", **headers: str) -> Any:
    return client.get(f"/p/v1/me{path}", headers={**OWN, **headers})


def whole(response: Any) -> Any:
    """Return the streamed document."""
    assert response.status_code == 200, response.content
    return json.loads(b"".join(response.streaming_content))


def correct(client: Client, body: Any, query: str = "", **kwargs: Any) -> Any:
    sent = body if isinstance(body, str) else json.dumps(body)
    options = {"content_type": JSON, "headers": OWN, **kwargs}
    return client.patch(f"/p/v1/me/traits{query}", sent, **options)


def erase(client: Client, query: str = "", headers: Any = OWN) -> Any:
    return client.delete(f"/p/v1/me{query}", headers=headers)


def refused(response: Any, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["message"]


def test_it_tells_what_the_page_tells(make_person: Callable[..., Person]) -> None:
    person = make_person(("Product Viewed", 1, {"name": "Boots"}), traits={"city": "Kraków"})
    found = read(person.client).json()
    assert (found["of"], found["isWhole"]) == ("device", True)
    [identity] = found["identities"]
    assert (identity["namespace"], identity["value"]) == ("anonymous", person.visitor_id)
    assert found["traits"] == {"city": "Kraków"}
    assert ["Product Viewed", "name: Boots"] in [
        [d["name"], d["details"]] for d in found["lastDone"]
    ]


def test_it_tells_why_somebody_is_in_a_segment(
    make_person: Callable[..., Person], make_segment: Callable[..., Segment]
) -> None:
    make_segment("viewers", rule(happened("Product Viewed", ">=", 2)), name="Keen viewers")
    person = make_person(("Product Viewed", 2), ("Product Viewed", 1))
    refresh_segments(now=timezone.now())
    rebuild_profiles([person.profile.pk], now=timezone.now())
    [segment] = read(person.client).json()["segments"]
    assert (segment["slug"], segment["by"]) == ("viewers", "rule")
    assert segment["sentence"].startswith("Visitors who viewed a product at least twice")
    assert segment["reasons"][0]["holds"] is True


def test_it_tells_answers_and_what_each_store_is_for(make_person: Callable[..., Person]) -> None:
    found = read(make_person().client).json()
    answers = {each["purpose"]: each["granted"] for each in found["consents"]}
    assert answers == {"analytics": True, "personalization": True, "marketing": False}
    stores = {store["name"]: store for store in found["stores"]}
    assert stores["consents"]["count"] == 3
    assert all(store["usedFor"] and store["kept"] for store in stores.values())


def test_who_was_not_asked_has_given_no_answer(make_person: Callable[..., Person]) -> None:
    found = read(make_person(agreed=False).client).json()
    assert {each["granted"] for each in found["consents"]} == {None}


def test_it_tells_what_else_could_be_seen(make_person: Callable[..., Person]) -> None:
    person = make_person(account="ada")
    assert read(person.client).json()["access"] == {
        "device": "open",
        "person": "confirmation_needed",
    }
    assert read(make_person().client).json()["access"]["person"] == "login_needed"
    person.confirm()
    assert read(person.client).json()["access"]["person"] == "open"


@pytest.mark.parametrize("path", ["", "/export"])
def test_nobody_is_told_nothing(client: Client, path: str) -> None:
    refused(read(client, path), 401, "nobody_known")
    refused(read(client, f"{path}?of=person"), 401, "login_needed")
    refused(read(client, f"{path}?of=everybody"), 400, "unknown_scope")


def test_nobody_changes_nothing(client: Client) -> None:
    refused(erase(client), 401, "nobody_known")
    refused(correct(client, {"traits": {"city": "Lviv"}}), 401, "nobody_known")


def test_a_forged_cookie_opens_nothing(make_person: Callable[..., Person]) -> None:
    person = make_person()
    stranger = Client()
    stranger.cookies["pz_id"] = f"{person.visitor_id}:forged"
    refused(read(stranger), 401, "nobody_known")
    refused(erase(stranger), 401, "nobody_known")


def test_an_account_stays_closed_until_it_is_confirmed(make_person: Callable[..., Person]) -> None:
    person = make_person(account="ada", traits={"city": "Kraków"})
    body = {"traits": {"city": "Lviv"}}
    for answer in (
        read(person.client, "?of=person"),
        read(person.client, "/export?of=person"),
        correct(person.client, body, "?of=person"),
        erase(person.client, "?of=person"),
    ):
        refused(answer, 403, "confirmation_needed")
    assert not AuditEntry.objects.exists()
    assert not Erasure.objects.exists()


def test_a_device_of_an_account_opens_nothing_of_the_account(
    make_person: Callable[..., Person],
) -> None:
    person = make_person(account="ada", traits={"city": "Kraków"})
    found = read(person.client, "?of=device").json()
    assert (found["isWhole"], found["traits"], found["segments"]) == (False, {}, [])
    assert [each["namespace"] for each in found["identities"]] == ["anonymous"]


def test_no_parameter_names_somebody_else(make_person: Callable[..., Person]) -> None:
    person, other = make_person(account="ada"), make_person(account="bob")
    person.confirm()
    assert other.user is not None
    aims = f"&userId={other.user.pk}&anonymousId={other.visitor_id}&profileId={other.profile.pk}"
    for scope in ("device", "person"):
        text = json.dumps(whole(read(person.client, f"/export?of={scope}{aims}")))
        assert person.visitor_id in text
        assert other.visitor_id not in text
        assert other.visitor_id not in read(person.client, f"?of={scope}{aims}").content.decode()
    erase(person.client, f"?of=person{aims}")
    assert Profile.objects.filter(pk=other.profile.pk).exists()
    assert not Profile.objects.filter(pk=person.profile.pk).exists()


def test_the_cookie_of_another_adds_nothing_to_an_account(
    make_person: Callable[..., Person],
) -> None:
    person, other = make_person(account="ada"), make_person(("Order Completed", 1), account="bob")
    person.confirm()
    person.client.cookies["pz_id"] = other.client.cookies["pz_id"].value
    assert other.visitor_id not in json.dumps(read(person.client, "?of=person").json())
    assert erase(person.client, "?of=person").status_code == 202
    assert Identity.objects.filter(value=other.visitor_id).exists()


def test_the_export_is_the_document_of_the_page_and_is_noted(
    make_person: Callable[..., Person],
) -> None:
    person = make_person(("Product Viewed", 1))
    response = read(person.client, "/export")
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert whole(response)["complete"] is True
    entry = AuditEntry.objects.get(action="exported")
    assert entry.actor_name == "visitor"
    assert person.visitor_id not in entry.name


def test_no_other_site_makes_a_browser_export(make_person: Callable[..., Person]) -> None:
    refused(read(make_person().client, "/export", **FOREIGN), 403, "foreign_origin")
    assert not AuditEntry.objects.exists()


@pytest.fixture
def sealed(settings: Any) -> str:
    """A bank account as it is kept."""
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ("iban",)
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    return seal("iban", "PL61 1090")


def test_what_is_encrypted_can_be_read_by_whose_it_is(
    make_person: Callable[..., Person], sealed: str
) -> None:
    person = make_person(traits={"iban": sealed})
    assert person.profile.snapshot.traits == {"iban": sealed}
    assert read(person.client).json()["traits"] == {"iban": "PL61 1090"}
    stores = whole(read(person.client, "/export"))["stores"]
    assert stores["profiles"]["entries"][0]["traits"] == {"iban": "PL61 1090"}
    assert stores["events"]["entries"][0]["properties"] == {"iban": "PL61 1090"}


def test_what_was_sealed_for_another_is_not_opened_by_stating_it(
    make_person: Callable[..., Person], sealed: str
) -> None:
    person = make_person(traits={"iban": seal("iban", "DE02 1203")})
    refused(correct(person.client, {"traits": {"iban": sealed}}), 400, "invalid_value")


def test_a_correction_is_one_more_event_and_null_takes_away(
    make_person: Callable[..., Person], django_capture_on_commit_callbacks: Any
) -> None:
    person = make_person(traits={"age": 36, "city": "Kraków"})
    with django_capture_on_commit_callbacks(execute=True):
        answer = correct(person.client, {"traits": {"age": 37, "city": None}})
    assert (answer.status_code, answer.json()) == (202, {"corrected": ["age", "city"]})
    assert read(person.client).json()["traits"] == {"age": 37}
    assert Event.objects.filter(type="identify").count() == 2
    assert AuditEntry.objects.get(action="corrected").detail == {"fields": ["age", "city"]}


def test_nothing_new_is_kept_of_who_refused(make_person: Callable[..., Person]) -> None:
    person = make_person(traits={"city": "Kraków"})
    record_consent(person.device, granted=[], mechanism=Mechanism.BANNER, now=timezone.now())
    refused(correct(person.client, {"traits": {"city": "Lviv"}}), 409, "no_consent")
    assert Event.objects.filter(type="identify").count() == 1


def test_who_was_never_asked_corrects_nothing_where_the_site_is_strict(
    make_person: Callable[..., Person], settings: Any
) -> None:
    settings.PERSONALIZATION_PRIVACY = "strict"
    person = make_person(traits={"city": "Kraków"}, agreed=False)
    refused(correct(person.client, {"traits": {"city": "Lviv"}}), 409, "no_consent")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (" ", "invalid_json"),
        ("{", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ([], "missing_traits"),
        ({}, "missing_traits"),
        ({"traits": {}}, "missing_traits"),
        ({"traits": ["city"]}, "missing_traits"),
        ({"traits": {"plan": "gold"}}, "unknown_trait"),
        ({"traits": {"city": "a\u0000b"}}, "poison_value"),
    ],
)
def test_a_body_that_states_nothing_is_refused(
    make_person: Callable[..., Person], body: Any, code: str
) -> None:
    refused(correct(make_person(traits={"city": "Kraków"}).client, body), 400, code)


@pytest.mark.parametrize("stated", ["text/plain", "application/x-www-form-urlencoded"])
def test_what_a_form_can_send_is_not_taken(make_person: Callable[..., Person], stated: str) -> None:
    person = make_person(traits={"city": "Kraków"})
    answer = correct(person.client, {"traits": {"city": "Lviv"}}, content_type=stated)
    refused(answer, 415, "unsupported_type")


@pytest.mark.parametrize(
    "headers", [FOREIGN, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}, {}]
)
def test_pages_of_other_sites_change_nothing(
    make_person: Callable[..., Person], headers: dict[str, str]
) -> None:
    person = make_person(traits={"city": "Kraków"})
    body = {"traits": {"city": "Lviv"}}
    refused(correct(person.client, body, headers=headers), 403, "foreign_origin")
    refused(erase(person.client, headers=headers), 403, "foreign_origin")
    assert Profile.objects.filter(pk=person.profile.pk).exists()


def test_a_script_needs_no_token(make_person: Callable[..., Person]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies["pz_id"] = make_person().client.cookies["pz_id"].value
    assert erase(strict).status_code == 202


def test_erasing_tells_the_number_and_takes_the_cookie(make_person: Callable[..., Person]) -> None:
    person = make_person(("Product Viewed", 1))
    answer = erase(person.client)
    erasure = Erasure.objects.get()
    assert answer.status_code == 202
    assert (answer.json()["uid"], answer.json()["status"]) == (str(erasure.uid), "waiting")
    assert answer.json()["signed"] is None
    assert erasure.channel == "api"
    assert not Identity.objects.filter(value=person.visitor_id).exists()
    assert person.client.cookies["pz_id"].value == ""


def test_erasing_one_device_leaves_the_account(make_person: Callable[..., Person]) -> None:
    person = make_person(account="ada")
    assert erase(person.client, "?of=device").json()["of"] == "device"
    assert [each.namespace for each in person.profile.identities.all()] == ["user"]


def test_the_receipt_is_there_when_every_place_was_searched(
    make_person: Callable[..., Person], client: Client
) -> None:
    person = make_person(("Product Viewed", 1))
    uid = erase(person.client).json()["uid"]
    assert client.get(f"/p/privacy/receipt/{uid}.json").status_code == 404
    finish_erasures(now=timezone.now())
    found = read(client, f"/erasures/{uid}").json()
    assert (found["status"], found["uid"]) == ("done", uid)
    assert verified(json.dumps(found["signed"]))["uid"] == uid
    assert person.visitor_id not in json.dumps(found)
    file = client.get(f"/p/privacy/receipt/{uid}.json")
    assert file.headers["Content-Disposition"] == f'attachment; filename="erasure-{uid}.json"'
    assert verified(file.content.decode())["found"] == 0


@pytest.mark.parametrize("uid", [NOBODY, "1", "%00", "' OR 1=1", "x" * 500])
def test_a_number_that_is_guessed_leads_to_nothing(
    make_person: Callable[..., Person], uid: str
) -> None:
    client = make_person().client
    erase(client)
    refused(read(client, f"/erasures/{uid}"), 404, "unknown_erasure")
    assert client.get(f"/p/privacy/receipt/{uid}").status_code == 404


@pytest.mark.parametrize("path", ["", "/export", "/traits", f"/erasures/{NOBODY}"])
def test_nobody_keeps_an_answer(client: Client, path: str) -> None:
    for method in (client.get, client.patch, client.delete, client.post):
        answer = method(f"/p/v1/me{path}", headers=OWN)
        assert "no-store" in answer.headers["Cache-Control"]
        assert "Cookie" in answer.headers["Vary"]


def test_what_an_address_does_not_do_is_said(client: Client) -> None:
    answer = client.post("/p/v1/me", headers=OWN)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, DELETE"


@pytest.mark.usefixtures("endless_minute")
def test_too_many_questions_are_answered_later(client: Client, settings: Any) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 2
    answers = [read(client) for _ in range(3)]
    refused(answers[-1], 429, "too_many_requests")
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_a_buffer_that_is_away_is_said(
    make_person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise BufferUnavailable

    monkeypatch.setattr(api, "correct", away)
    refused(correct(make_person().client, {"traits": {"city": "Lviv"}}), 503, "unavailable")
