from __future__ import annotations

import json
from datetime import timedelta
from http.cookies import Morsel
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from personalization.events.models import BufferedBatch, Event
from personalization.privacy.models import Consent
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visitor import read_visitor_id, signed

pytestmark = pytest.mark.django_db

HERE = {"sec-fetch-site": "same-origin"}
ALL = ["analytics", "marketing", "personalization"]
YEAR_AND_A_MONTH = timedelta(days=396)


def by_json(client: Client, body: Any, **headers: str) -> HttpResponse:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post("/p/consent/", data, "application/json", headers={**HERE, **headers})


def by_form(client: Client, **fields: Any) -> HttpResponse:
    return client.post("/p/consent/", fields, headers=HERE)


def rows() -> dict[str, int]:
    models = (Consent, Identity, Profile, Snapshot, Event, BufferedBatch)
    return {model.__name__: model.objects.count() for model in models}


def recorded() -> dict[str, bool]:
    newest = Consent.objects.order_by("pk")
    return {consent.purpose: consent.granted for consent in newest}


def is_deleted(cookie: Morsel[str]) -> bool:
    return cookie.value == "" and cookie["max-age"] == 0


@pytest.mark.parametrize("path", ["/p/consent/", "/p/consent"])
def test_a_json_answer_is_recorded_and_remembered(client: Client, path: str) -> None:
    body = json.dumps({"purposes": ["personalization", "analytics"]})
    response = client.post(path, body, "application/json", headers=HERE)
    assert response.status_code == 200
    assert response.json() == {"purposes": ["analytics", "personalization"]}
    assert response.cookies["pz_consent"].value == "1.analytics-personalization"
    assert recorded() == {"analytics": True, "personalization": True, "marketing": False}
    visitor_id = read_visitor_id({"pz_id": response.cookies["pz_id"].value})
    identity = Identity.objects.get()
    assert (identity.namespace, identity.value) == ("anonymous", visitor_id)
    snapshot = Snapshot.objects.get()
    assert snapshot.consents == {"analytics": True, "personalization": True}


@pytest.mark.parametrize(
    ("fields", "granted"),
    [
        ({"purposes": ["analytics"]}, ["analytics"]),
        ({"purposes": ALL}, ALL),
        ({"choice": "all"}, ALL),
        ({"choice": "all", "purposes": ["analytics"]}, ALL),
        ({"choice": "none", "purposes": ["analytics"]}, []),
        ({"choice": "none"}, []),
        ({}, []),
    ],
)
def test_a_form_is_recorded_and_leads_back(
    client: Client, fields: dict[str, Any], granted: list[str]
) -> None:
    response = by_form(client, next="/shoes/?page=2", **fields)
    assert response.status_code == 303
    assert response.headers["Location"] == "/shoes/?page=2"
    assert response.cookies["pz_consent"].value == f"1.{'-'.join(granted)}"
    assert sorted(p for p, yes in recorded().items() if yes) == granted


def test_the_proof_of_an_answer_says_when_how_and_to_which_policy(
    client: Client, settings: Any
) -> None:
    settings.PERSONALIZATION_POLICY_VERSION = "2026-05"
    by_json(client, {"purposes": ["analytics"]})
    assert set(Consent.objects.values_list("policy_version", "mechanism")) == {
        ("2026-05", "banner")
    }
    by_form(client, choice="all")
    assert list(Consent.objects.order_by("pk").values_list("mechanism", flat=True)) == [
        *["banner"] * 3,
        *["preferences"] * 3,
    ]
    assert Identity.objects.count() == 1


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookies_are_first_party_and_end(client: Client, settings: Any, secure: bool) -> None:
    settings.PERSONALIZATION_COOKIE_SECURE = secure
    cookies = by_json(client, {"purposes": ["analytics"]}).cookies
    assert set(cookies) == {"pz_id", "pz_consent"}
    for name, hidden in (("pz_id", True), ("pz_consent", False)):
        cookie = cookies[name]
        assert bool(cookie["httponly"]) is hidden
        assert bool(cookie["secure"]) is secure
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert cookie["domain"] == ""
        assert 0 < cookie["max-age"] <= YEAR_AND_A_MONTH.total_seconds()
    assert cookies["pz_id"]["max-age"] == timedelta(days=390).total_seconds()
    assert cookies["pz_consent"]["max-age"] == timedelta(days=182).total_seconds()


@pytest.mark.parametrize("name", ["__Host-id", "__Secure-id"])
def test_a_name_that_promises_https_keeps_it(client: Client, settings: Any, name: str) -> None:
    settings.PERSONALIZATION_VISITOR_COOKIE = name
    cookies = by_json(client, {"purposes": ["analytics"]}).cookies
    assert cookies[name]["secure"] is True
    assert (cookies[name]["path"], cookies[name]["domain"]) == ("/", "")
    assert not cookies["pz_consent"]["secure"]
    ended = by_json(client, {"purposes": []}).cookies[name]
    assert (ended.value, ended["max-age"]) == ("", 0)
    assert ended["secure"], "else browsers refuse to end it"


def test_the_names_and_the_life_of_the_cookies_are_settings(client: Client, settings: Any) -> None:
    settings.PERSONALIZATION_VISITOR_COOKIE = "vid"
    settings.PERSONALIZATION_CONSENT_COOKIE = "choice"
    settings.PERSONALIZATION_VISITOR_COOKIE_AGE = timedelta(days=30)
    cookies = by_json(client, {"purposes": ["analytics"]}).cookies
    assert {name: cookie["max-age"] for name, cookie in cookies.items()} == {
        "vid": 30 * 86400,
        "choice": 30 * 86400,
    }


def test_a_refusal_of_somebody_unknown_leaves_no_row(client: Client) -> None:
    for purposes in ([], ["marketing"]):
        cookies = by_json(client, {"purposes": purposes}).cookies
        assert is_deleted(cookies["pz_id"])
        assert cookies["pz_consent"].value == f"1.{'-'.join(purposes)}"
    assert not any(rows().values())


def test_withdrawal_is_recorded_and_ends_the_cookie_and_the_use(client: Client) -> None:
    by_json(client, {"purposes": ALL})
    assert client.cookies["pz_id"].value
    response = by_json(client, {"purposes": []})
    assert is_deleted(response.cookies["pz_id"])
    assert response.cookies["pz_consent"].value == "1."
    assert recorded() == dict.fromkeys(ALL, False)
    assert Snapshot.objects.get().consents == {}
    assert Consent.objects.count() == 6, "answers are added and never changed"


def test_who_comes_back_after_withdrawing_is_somebody_new(client: Client) -> None:
    first = by_json(client, {"purposes": ["analytics"]}).cookies["pz_id"].value
    by_json(client, {"purposes": []})
    second = by_json(client, {"purposes": ["analytics"]}).cookies["pz_id"].value
    assert first != second
    assert Identity.objects.count() == 2


def test_changing_the_purposes_keeps_the_id(client: Client) -> None:
    first = by_json(client, {"purposes": ["analytics"]}).cookies["pz_id"].value
    second = by_json(client, {"purposes": ["personalization"]}).cookies["pz_id"].value
    assert first == second
    assert Snapshot.objects.get().consents == {"personalization": True}


@pytest.mark.parametrize("cookie", ["garbage", "", "0" * 32, f"{'0' * 32}:x", signed("short")])
def test_a_forged_id_gets_a_new_one(client: Client, cookie: str) -> None:
    client.cookies["pz_id"] = cookie
    value = by_json(client, {"purposes": ["analytics"]}).cookies["pz_id"].value
    assert read_visitor_id({"pz_id": value})
    assert value != cookie


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://testserver.evil.example"},
        {"origin": "http://testserver:8080"},
        {"origin": "http://[broken"},
        {"origin": "testserver"},
        {"referer": "https://evil.example/testserver"},
        {"referer": "http://[::1"},
        {"origin": "https://evil.example", "referer": "http://testserver/"},
    ],
)
def test_an_answer_from_elsewhere_is_refused(client: Client, headers: dict[str, str]) -> None:
    body = json.dumps({"purposes": ALL})
    response = client.post("/p/consent/", body, "application/json", headers=headers)
    assert response.status_code == 403
    assert response.json()["code"] == "foreign_origin"
    assert not response.cookies
    assert not any(rows().values())
    assert client.post("/p/consent/", {"choice": "all"}, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"origin": "http://testserver"},
        {"referer": "http://testserver/some/page"},
        {"origin": "http://testserver", "referer": "https://elsewhere.example/"},
    ],
)
def test_an_answer_from_a_page_of_this_site_is_taken(
    client: Client, headers: dict[str, str]
) -> None:
    body = json.dumps({"purposes": ALL})
    response = client.post("/p/consent/", body, "application/json", headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        " ", "{", "[]", "17", "null", '"analytics"', "{}", b"\xff", "[" * 5000,
        {"purposes": None}, {"purposes": "analytics"}, {"purposes": {"analytics": True}},
        {"purpose": ["analytics"]},
    ],
)  # fmt: skip
def test_an_answer_without_purposes_is_refused(client: Client, body: Any) -> None:
    response = by_json(client, body)
    assert response.status_code == 400
    assert response.json()["code"] == "missing_purposes"
    assert not response.cookies


@pytest.mark.parametrize(
    "purposes",
    [
        ["analytics", "spying"], ["necessary"], [""], ["Analytics"], [None], [17], [["analytics"]],
        [{}], ["\ud800"], ["\x00"], ["analytics", ["x"]], ["x" * 100_000],
    ],
)  # fmt: skip
def test_an_unknown_purpose_is_named(client: Client, purposes: list[Any]) -> None:
    response = by_json(client, {"purposes": purposes})
    assert response.status_code == 400
    answer = response.json()
    assert answer["code"] == "unknown_purpose"
    assert str(purposes[-1:])[:40] in answer["message"]
    assert "Allowed: analytics, personalization, marketing." in answer["message"]
    assert len(answer["message"]) < 300
    assert not any(rows().values())


def test_an_unknown_purpose_in_a_form_is_named_too(client: Client) -> None:
    response = by_form(client, purposes=["analytics", "spying"])
    assert (response.status_code, response.json()["code"]) == (400, "unknown_purpose")


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain;charset=UTF-8", "x/y", ""])
def test_what_is_neither_json_nor_a_form_is_no_refusal(client: Client, content_type: str) -> None:
    by_json(client, {"purposes": ALL})
    body = json.dumps({"purposes": ALL})
    response = client.generic("POST", "/p/consent/", body, content_type=content_type, headers=HERE)
    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_type"
    assert recorded() == dict.fromkeys(ALL, True)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/", "//evil.example/", "///evil.example", "\\\\evil.example",
        "/\\evil.example", "http:evil.example", "javascript:alert(1)", "data:text/html,x", "",
        " //evil.example", "http://testserver@evil.example/", "\x00", "http://[",
    ],
)  # fmt: skip
def test_next_stays_on_this_host(client: Client, elsewhere: str) -> None:
    assert by_form(client, choice="all", next=elsewhere).headers["Location"] == "/"
    page = client.get("/p/consent/", {"next": elsewhere}).content.decode()
    assert 'name="next" value="/"' in page


def test_next_may_name_this_host(client: Client) -> None:
    response = by_form(client, choice="all", next="http://testserver/cart/")
    assert response.headers["Location"] == "http://testserver/cart/"


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    assert getattr(client, method)("/p/consent/").status_code == 405


def test_answers_and_the_page_are_kept_by_no_cache(client: Client) -> None:
    responses = [
        by_json(client, {"purposes": ALL}),
        by_form(client, choice="none"),
        client.get("/p/consent/"),
    ]
    for response in responses:
        assert "no-store" in response.headers["Cache-Control"]
        assert "private" in response.headers["Cache-Control"]
