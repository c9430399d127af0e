"""Whose views are counted, and that nothing else comes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.db import OperationalError
from django.test import Client

from personalization.events.models import Source
from personalization.ingest import audience_view
from personalization.ingest.audience_models import AudienceCount
from personalization.testing import drain
from tests.ingest.sending import consent, problem, send, track

HERE = {"sec-fetch-site": "same-origin"}


@pytest.fixture(autouse=True)
def _exempt(settings: Any) -> None:
    settings.PERSONALIZATION_PRIVACY = "exempt"


def view(client: Client, body: Any = None, **headers: str) -> Any:
    """Send what the script of a page sends, as the browser does."""
    stated = {"path": "/hats", "referrer": ""} if body is None else body
    text = stated if isinstance(stated, str) else json.dumps(stated)
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(
        "/p/v1/audience", text, content_type="text/plain;charset=UTF-8", headers={**HERE, **said}
    )


def counted(kind: str = "total") -> dict[str, int]:
    return dict(AudienceCount.objects.filter(kind=kind).values_list("name", "views"))


def rows() -> dict[str, int]:
    models = apps.get_app_config("personalization").get_models()
    found = {model.__name__: model._default_manager.count() for model in models}
    return {name: n for name, n in found.items() if n}


# -- who is counted ---------------------------------------------------------------------------


@pytest.mark.django_db
def test_who_has_not_answered_is_counted(client: Client) -> None:
    response = view(client, {"path": "/hats?for=jane#top", "referrer": "News.example"})
    assert (response.status_code, response.content) == (204, b"")
    assert counted("page") == {"/hats": 1}
    assert counted("referrer") == {"news.example": 1}
    assert counted("device") == {"desktop": 1}


@pytest.mark.django_db
def test_it_leaves_no_cookie_no_profile_and_no_event(client: Client) -> None:
    response = view(client)
    drain()
    assert not response.cookies
    assert rows().keys() == {"AudienceCount", "AudienceVisitor", "AudienceSalt"}
    assert response.headers["Cache-Control"] == "max-age=0, no-store, private"


@pytest.mark.django_db
@pytest.mark.parametrize("purposes", [(), ("analytics",), ("marketing",)])
def test_who_has_answered_is_not_counted_here(client: Client, purposes: tuple[str, ...]) -> None:
    consent(client, *purposes)
    assert view(client).status_code == 204
    assert not counted()


@pytest.mark.django_db
def test_who_agrees_is_an_event_from_then_on_and_not_both(client: Client, browser: Source) -> None:
    view(client)
    consent(client, "analytics")
    view(client)
    assert send(client, track(userId=...), key="browser-key")["accepted"] == 1
    assert counted() == {"": 1}


@pytest.mark.django_db
def test_a_refusal_holds_under_a_new_policy(client: Client, settings: Any) -> None:
    consent(client)
    settings.PERSONALIZATION_POLICY_VERSION = "2"
    view(client)
    assert not counted()


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["sec_gpc", "dnt"])
@pytest.mark.parametrize(("signals", "n"), [("respect", {}), ("ignore", {"": 1})])
def test_a_browser_that_objects_is_heard(
    client: Client, settings: Any, header: str, signals: str, n: dict[str, int]
) -> None:
    settings.PERSONALIZATION_SIGNALS = signals
    assert view(client, **{header: "1"}).status_code == 204
    assert counted() == n


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (None, {"user_agent": "Googlebot/2.1"}),
        (None, {"user_agent": ""}),
        (None, {"sec_purpose": "prefetch"}),
        ({"path": "/", "automated": True}, {}),
    ],
)
@pytest.mark.parametrize(("filtered", "n"), [(True, {}), (False, {"": 1})])
def test_programs_are_not_counted(
    client: Client, settings: Any, body: Any, headers: Any, filtered: bool, n: dict[str, int]
) -> None:
    settings.PERSONALIZATION_FILTER_BOTS = filtered
    assert view(client, body, **headers).status_code == 204
    assert counted() == n


@pytest.mark.django_db
def test_visitors_of_one_network_with_one_browser_are_one(client: Client) -> None:
    for address in ("93.184.216.34", "93.184.216.99", "93.184.217.1"):
        client.defaults["REMOTE_ADDR"] = address
        view(client)
    total = AudienceCount.objects.get(kind="total")
    assert (total.views, total.visitors) == (3, 2)


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["testserver", "TESTSERVER", "", None, 5, "a b", "<i>", "x" * 300])
def test_a_page_of_the_site_and_what_is_no_host_refer_nobody(client: Client, host: Any) -> None:
    assert view(client, {"path": "/", "referrer": host}).status_code == 204
    assert not counted("referrer")
    assert counted() == {"": 1}


# -- what is refused ------------------------------------------------------------------------------


def refusal(response: Any, status: int) -> str:
    assert response.status_code == status
    assert "no-store" in response.headers["Cache-Control"]
    return problem(response)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_elsewhere_there_is_nothing(client: Client, settings: Any, mode: str) -> None:
    settings.PERSONALIZATION_PRIVACY = mode
    assert refusal(view(client), 404) == "not_found"
    assert not rows()


@pytest.mark.django_db
def test_only_pages_of_the_site_are_counted(client: Client) -> None:
    assert refusal(view(client, sec_fetch_site="cross-site"), 403) == "foreign_origin"
    assert not rows()


@pytest.mark.django_db
def test_it_is_only_posted_to(client: Client) -> None:
    response = client.get("/p/v1/audience", headers=HERE)
    assert refusal(response, 405) == "method_not_allowed"
    assert response.headers["Allow"] == "POST"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "invalid_json"), ("{", "invalid_json"), ("[" * 10_000, "invalid_json"),
        ([], "invalid_body"), ("5", "invalid_body"),
        ({}, "invalid_path"), ({"path": 5}, "invalid_path"), ({"path": "hats"}, "invalid_path"),
        ({"path": "/\0"}, "invalid_path"), ('{"path": "/\\ud800"}', "invalid_path"),
    ],
)  # fmt: skip
def test_what_is_no_view_is_told(client: Client, body: Any, code: str) -> None:
    response = view(client, body)
    expected = 413 if body == "[" * 10_000 else 400
    assert refusal(response, expected) == ("too_large" if expected == 413 else code)
    assert not rows()


@pytest.mark.django_db
def test_a_long_path_is_cut(client: Client) -> None:
    view(client, {"path": "/" + "ü" * 500})
    assert counted("page") == {"/" + "ü" * 299: 1}


@pytest.mark.django_db
@pytest.mark.usefixtures("endless_minute")
def test_too_many_from_one_address_are_told_to_wait(client: Client, settings: Any) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 2
    assert [view(client).status_code for _ in range(3)] == [204, 204, 429]
    assert "Retry-After" in view(client).headers


@pytest.mark.django_db
def test_a_database_that_is_away_breaks_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError

    monkeypatch.setattr(audience_view, "count_view", away)
    assert refusal(view(client), 503) == "unavailable"
