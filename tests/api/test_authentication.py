"""Who may use the API: whoever shows the key of a server source, and nobody else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from personalization.events.models import Source, WriteKey
from personalization.segments.models import Segment
from tests.api.conftest import KEY, Api

pytestmark = pytest.mark.django_db

BROWSER_KEY = "browser-key-of-the-tests"
ADDRESSES = [
    "segments", "segments/vips", "segments/vips/members", "memberships", "reports", "reports/1",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _site(make_source: Callable[..., Source], make_segment: Callable[..., Segment]) -> None:
    make_source(write_key=KEY, slug="crm")
    make_source(write_key=BROWSER_KEY, kind=Source.Kind.BROWSER, slug="shop")
    make_segment("vips")


def basic(user: str, password: str = "") -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer  {KEY}", basic(KEY), basic(KEY, "x")])
def test_the_key_is_a_token_or_a_user(header: str) -> None:
    assert Api(authorization=header).get("segments")["segments"][0]["slug"] == "vips"


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("header", ["", "Bearer nobodys", basic("nobodys"), "Bearer", "Digest x"])
def test_without_a_good_key_nothing_is_told(address: str, header: str) -> None:
    headers = {"authorization": header} if header else {}
    assert Api(**headers).get(address, status=401)["code"] == "invalid_write_key"


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_key_of_a_browser_source_opens_nothing(address: str) -> None:
    told = Api(authorization=f"Bearer {BROWSER_KEY}").get(address, status=403)
    assert told["code"] == "server_key_needed"
    assert "server source" in told["message"]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(("key", "status"), [("", 401), (BROWSER_KEY, 403)])
def test_nobody_else_changes_members(method: str, key: str, status: int) -> None:
    api = Api(authorization=f"Bearer {key}")
    api.send(method, "segments/vips/members", '{"members": []}', status=status)


def test_a_key_in_the_address_or_the_body_is_none() -> None:
    Api().get("segments", writeKey=KEY, status=401)
    Api().post("segments/vips/members", {"writeKey": KEY, "members": []}, status=401)


def test_a_member_of_staff_needs_a_key_too() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("owner"))
    assert client.get("/p/v1/segments").status_code == 401


def test_a_source_that_is_off_and_a_key_that_ended_open_nothing() -> None:
    api = Api(authorization=f"Bearer {KEY}")
    source = Source.objects.get(slug="crm")
    source.active = False
    source.save()
    api.get("segments", status=401)
    source.active = True
    source.save()
    api.get("segments")
    [key] = WriteKey.objects.filter(source=source)
    key.expires_at = timezone.now() - timedelta(seconds=1)
    key.save()
    api.get("segments", status=401)


@pytest.mark.usefixtures("endless_minute")
def test_a_source_may_ask_as_often_as_it_may_send() -> None:
    source = Source.objects.get(slug="crm")
    source.rate_limit = 2
    source.save()
    client = Client(headers={"authorization": f"Bearer {KEY}"})
    answers = [client.get("/p/v1/segments") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "too_many_requests"
    assert int(answers[2]["Retry-After"]) >= 1
    assert answers[2]["X-RateLimit-Reset"] == answers[2]["Retry-After"]


@pytest.mark.usefixtures("endless_minute")
def test_who_tries_keys_is_slowed_down(settings: Any) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 3
    client = Client(headers={"authorization": "Bearer guess"})
    statuses = [client.get("/p/v1/segments").status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "DELETE", "POST"])
def test_another_method_is_refused_with_those_that_are_taken(method: str) -> None:
    client = Client(headers={"authorization": f"Bearer {KEY}"})
    answer = client.generic(method, "/p/v1/segments")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize("address", ["segments/", "segments/vips/", "segments/vips/members/"])
def test_every_address_answers_with_a_slash_too(address: str) -> None:
    Api(authorization=f"Bearer {KEY}").get(address)


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", ""])
def test_the_answer_is_json_whatever_a_client_would_rather_have(accept: str) -> None:
    Api(authorization=f"Bearer {KEY}", accept=accept).get("segments", format="html")


def test_a_database_that_is_away_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(headers={"authorization": f"Bearer {KEY}"})
    client.get("/p/v1/segments")  # the key is known now

    def away(*args: Any, **options: Any) -> Any:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(Segment.objects, "listed", away)
    answer = client.get("/p/v1/segments")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer["Retry-After"] == "2"


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **options: Any) -> Any:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(Segment.objects, "listed", broken)
    with pytest.raises(RuntimeError, match="a mistake"):
        Client(headers={"authorization": f"Bearer {KEY}"}).get("/p/v1/segments")
