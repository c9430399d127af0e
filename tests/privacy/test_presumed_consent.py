"""`consent/presume`: a yes that counts until it is taken back, where the law lets it."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from personalization.privacy.models import Consent, ConsentRecord

pytestmark = pytest.mark.django_db

HERE = {"sec-fetch-site": "same-origin"}
ALL = ["analytics", "marketing", "personalization"]


@pytest.fixture(autouse=True)
def _regions(settings: Any) -> None:
    settings.PERSONALIZATION_REGION_HEADER = "X-Region"
    settings.PERSONALIZATION_CONSENT_REGIMES = {"*": "opt-in", "US": "opt-out"}


def presume(client: Client, region: str = "US", **headers: str) -> HttpResponse:
    return client.post(
        "/p/consent/presume", "{}", "application/json",
        headers={**HERE, "x-region": region, **headers},
    )  # fmt: skip


def purposes(response: HttpResponse) -> Any:
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    return response.json()["purposes"]  # type: ignore[attr-defined]


def test_where_it_may_be_a_yes_is_recorded_with_how_it_came_about(client: Client) -> None:
    response = presume(client)
    assert purposes(response) == ALL
    assert response.cookies["pz_consent"].value == "1.analytics-marketing-personalization"
    assert set(Consent.objects.values_list("granted", "mechanism")) == {(True, "presumed")}
    record = ConsentRecord.objects.get()
    assert (record.mechanism, record.region, record.text_digest) == ("presumed", "US", "")


@pytest.mark.parametrize("region", ["DE", "XX", ""])
def test_everywhere_else_the_visitor_is_to_be_asked(client: Client, region: str) -> None:
    response = presume(client, region)
    assert purposes(response) is None
    assert not response.cookies
    assert not Consent.objects.exists()


@pytest.mark.parametrize("signal", ["sec-gpc", "dnt"])
def test_whose_browser_objects_is_asked_nothing_and_recorded_nowhere(
    client: Client, signal: str
) -> None:
    response = presume(client, **{signal: "1"})
    assert purposes(response) is None
    assert not response.cookies
    assert not ConsentRecord.objects.exists()


def test_an_answer_is_not_overruled(client: Client) -> None:
    client.post("/p/consent/", {"choice": "none"}, headers=HERE)
    assert purposes(presume(client)) == []
    assert client.cookies["pz_consent"].value == "1."
    assert not Consent.objects.exists()


def test_who_answered_an_earlier_policy_is_asked_about_this_one(
    client: Client, settings: Any
) -> None:
    client.post("/p/consent/", {"choice": "none"}, headers=HERE)
    settings.PERSONALIZATION_POLICY_VERSION = "2"
    assert purposes(presume(client)) is None
    client.cookies.clear()
    client.cookies["pz_id"] = "from earlier"
    assert purposes(presume(client)) is None


def test_it_can_be_taken_back_like_any_other(client: Client) -> None:
    presume(client)
    client.post("/p/consent/", {"choice": "none"}, headers=HERE)
    assert client.cookies["pz_consent"].value == "1."
    assert client.cookies["pz_id"].value == ""
    assert purposes(presume(client)) == []


def test_only_pages_of_the_site_may_ask(client: Client) -> None:
    response = presume(client, **{"sec-fetch-site": "cross-site"})
    assert response.status_code == 403
    assert response.json()["code"] == "foreign_origin"  # type: ignore[attr-defined]
    assert client.get("/p/consent/presume", headers=HERE).status_code == 405
    assert not Consent.objects.exists()
