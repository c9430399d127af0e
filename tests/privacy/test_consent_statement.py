"""Answers as other tools and the browser's signal give them, and what is recorded with each."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from personalization.privacy import views
from personalization.privacy.models import ConsentRecord
from personalization.privacy.texts import texts_of
from tests.privacy.test_tcf import BARRED, EARLIER, PERSONAL

pytestmark = pytest.mark.django_db

HERE = {"sec-fetch-site": "same-origin"}
GPC = {"sec-gpc": "1"}
WRITTEN = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _just_written(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, WRITTEN + timedelta(days=3))


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(views.timezone, "now", lambda: now)


def state(client: Client, headers: dict[str, str] | None = None, **body: Any) -> HttpResponse:
    return client.post(
        "/p/consent/", json.dumps(body), "application/json", headers={**HERE, **(headers or {})}
    )


def agreed(response: HttpResponse) -> list[str]:
    assert response.status_code == 200, response.content
    purposes: list[str] = response.json()["purposes"]  # type: ignore[attr-defined]
    return purposes


def code(response: HttpResponse) -> str:
    assert response.status_code == 400
    return str(response.json()["code"])  # type: ignore[attr-defined]


def record() -> ConsentRecord:
    return ConsentRecord.objects.latest("recorded_at", "pk")


def test_a_tc_string_is_read_and_kept_as_evidence(client: Client) -> None:
    assert agreed(state(client, tcf=PERSONAL)) == ["personalization"]
    assert client.cookies["pz_consent"].value == "1.personalization"
    kept = record()
    assert (kept.mechanism, kept.language) == ("tcf", "en")
    assert kept.evidence == {"tcf": PERSONAL, "cmp": 7, "policy": 5}
    assert kept.answers["personalization"] is True


@pytest.mark.parametrize(("vendor", "purposes"), [(2, []), (755, ["personalization"]), (3, [])])
def test_a_site_in_the_list_of_vendors_needs_consent_as_one(
    client: Client, settings: Any, vendor: int, purposes: list[str]
) -> None:
    settings.PERSONALIZATION_TCF_VENDOR = vendor
    assert agreed(state(client, tcf=BARRED)) == purposes


def test_which_purposes_are_needed_is_a_setting(client: Client, settings: Any) -> None:
    settings.PERSONALIZATION_TCF_PURPOSES = {"analytics": (1,), "unknown": (1,)}
    assert agreed(state(client, tcf=PERSONAL)) == ["analytics"]


def test_a_string_without_consent_takes_back_what_was_given(client: Client) -> None:
    state(client, tcf=PERSONAL)
    assert agreed(state(client, tcf=EARLIER)) == []
    assert record().answers == {"analytics": False, "personalization": False, "marketing": False}


def test_a_string_that_is_too_old_is_no_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, WRITTEN + timedelta(days=183))
    assert code(state(client, tcf=PERSONAL)) == "stale_tc_string"
    assert not client.cookies


@pytest.mark.parametrize(
    "text", ["", "x", "C" * 16_001, PERSONAL[:50], "BOEFEAyO", None, 7, [], {}]
)
def test_what_is_no_tc_string_is_refused(client: Client, text: Any) -> None:
    assert code(state(client, tcf=text)) == "invalid_tc_string"
    assert not client.cookies


def test_the_record_says_what_was_shown_and_where(client: Client, settings: Any) -> None:
    settings.PERSONALIZATION_REGION_HEADER = "X-Region"
    shown = texts_of("de")
    where = {"x-region": "de"}
    state(client, where, purposes=["analytics"], texts=shown.digest, language="de")
    kept = record()
    assert (kept.text_digest, kept.language, kept.region) == (shown.digest, "de", "DE")
    assert (kept.mechanism, kept.signals, kept.evidence) == ("banner", [], {})


def test_the_form_says_so_too(client: Client) -> None:
    shown = texts_of("en")
    fields = {"choice": "all", "texts": shown.digest, "language": "en"}
    assert client.post("/p/consent/", fields, headers=HERE).status_code == 303
    assert (record().text_digest, record().mechanism) == (shown.digest, "preferences")


@pytest.mark.parametrize(
    ("field", "value"),
    [("texts", "abc"), ("texts", 7), ("texts", "G" * 64), ("language", "d"), ("language", "<b>"),
     ("language", "a" * 16), ("language", ["de"]), ("mechanism", "erasure"), ("mechanism", None)],
)  # fmt: skip
def test_what_could_not_have_been_shown_is_refused(client: Client, field: str, value: Any) -> None:
    said = code(state(client, purposes=["analytics"], **{field: value}))
    assert said == ("unknown_mechanism" if field == "mechanism" else f"invalid_{field}")
    assert not ConsentRecord.objects.exists()


def test_the_consent_mode_of_another_banner_is_named(client: Client) -> None:
    state(client, purposes=["analytics"], mechanism="consent_mode")
    assert record().mechanism == "consent_mode"


def test_an_explicit_yes_counts_although_the_browser_objects(client: Client) -> None:
    assert agreed(state(client, GPC, purposes=["analytics"])) == ["analytics"]
    assert client.cookies["pz_consent"].value == "1.analytics-signal"
    assert record().signals == ["gpc"]


def test_by_the_form_it_counts_as_well(client: Client) -> None:
    client.post("/p/consent/", {"purposes": ["analytics"]}, headers={**HERE, **GPC})
    assert client.cookies["pz_consent"].value == "1.analytics-signal"


def test_a_browser_that_tells_scripts_only_is_believed(client: Client) -> None:
    state(client, purposes=["analytics"], despite_signal=True)
    assert client.cookies["pz_consent"].value == "1.analytics-signal"


def test_a_no_needs_no_word_on_the_browser(client: Client) -> None:
    state(client, GPC, purposes=[], despite_signal=True)
    assert client.cookies["pz_consent"].value == "1."


@pytest.mark.parametrize(
    "body", [{"tcf": PERSONAL}, {"purposes": ["analytics"], "mechanism": "consent_mode"}]
)
def test_what_another_tool_states_does_not_outweigh_the_browser(
    client: Client, body: dict[str, Any], settings: Any
) -> None:
    assert agreed(state(client, GPC, **body)) == []
    assert client.cookies["pz_consent"].value == "1."
    settings.PERSONALIZATION_SIGNALS = "ignore"
    assert agreed(state(client, GPC, **body)) != []


def test_a_signal_that_comes_later_takes_the_answer_back(client: Client) -> None:
    state(client, purposes=["analytics", "marketing"])
    assert agreed(state(client, GPC, signal=True)) == []
    kept = record()
    assert (kept.mechanism, kept.signals) == ("signal", ["gpc"])
    assert not any(kept.answers.values())
    assert client.cookies["pz_id"].value == ""


@pytest.mark.parametrize("signals", ["respect", "ignore"])
def test_the_site_says_where_the_world_looks_whether_it_heeds_gpc(
    rf: Any, settings: Any, signals: str
) -> None:
    settings.PERSONALIZATION_SIGNALS = signals
    response = views.gpc(rf.get("/.well-known/gpc.json"), "2026-11-29")
    assert response.headers["Content-Type"] == "application/json"
    heeds = signals == "respect"
    assert json.loads(response.content) == {"gpc": heeds, "lastUpdate": "2026-11-29"}
