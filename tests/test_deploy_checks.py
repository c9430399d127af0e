"""What `check --deploy` says besides Django: each by its id, each with a hint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, Warning, run_checks

from tests.housekeeping.repository import ROOT

pytestmark = pytest.mark.django_db  # Django asks the database what it can

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
LONG = "kP3xq0vZrT8mWc5uYd1nLbH7sJ9aGfE2oQiR4tXyBzNw6VhUeC"


@pytest.fixture(autouse=True)
def live(settings: Any) -> Any:
    """A site that is set up as one on the internet has to be; a test makes one thing worse."""
    settings.SECRET_KEY = LONG
    settings.PERSONALIZATION_COOKIE_SECURE = True
    settings.PERSONALIZATION_HOLDOUT = settings.PERSONALIZATION_GLOBAL_HOLDOUT = 0.1
    settings.PERSONALIZATION_VISITOR_COOKIE = "__Host-pz_id"
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://x",
        }
    }
    return settings


def said() -> list[CheckMessage]:
    """Return what our own checks say, as `manage.py check --deploy` runs them."""
    found = run_checks(include_deployment_checks=True)
    ours = [each for each in found if str(each.id).startswith("personalization.")]
    for each in ours:
        assert each.hint, each
        assert isinstance(each, Warning), each
    return ours


def ids() -> list[str]:
    return [str(each.id).removeprefix("personalization.") for each in said()]


def test_a_site_that_is_ready_hears_nothing() -> None:
    assert ids() == []


def test_who_does_not_deploy_hears_nothing(live: Any) -> None:
    live.PERSONALIZATION_COOKIE_SECURE = False
    live.SECRET_KEY = "short"
    found = run_checks()
    assert [each for each in found if str(each.id).startswith("personalization.")] == []


def test_a_setting_that_cannot_be_used_is_told_as_an_error_and_breaks_no_check(live: Any) -> None:
    live.PERSONALIZATION_TRUSTED_PROXIES = "one"
    live.PERSONALIZATION_PRIVACY_KEYS = "no tuple"
    live.PERSONALIZATION_COOKIE_SECURE = 1
    live.PERSONALIZATION_EVENT_ARCHIVE = None
    found = run_checks(include_deployment_checks=True)
    ours = [each.id for each in found if str(each.id).startswith("personalization.")]
    assert ours == ["personalization.E001"] * 4


# -- W014, W015 ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pz_id", "__Secure-pz_id", "__Host-pz_id"])
def test_cookies_in_clear_text_are_told_first(live: Any, name: str) -> None:
    live.PERSONALIZATION_COOKIE_SECURE = False
    live.PERSONALIZATION_VISITOR_COOKIE = name
    assert ids() == ["W014"]


@pytest.mark.parametrize("name", ["pz_id", "__Secure-pz_id"])
def test_a_cookie_that_a_neighbour_can_set_is_told(live: Any, name: str) -> None:
    live.PERSONALIZATION_VISITOR_COOKIE = name
    [message] = said()
    assert message.id == "personalization.W015"
    assert repr(name) in message.msg
    assert "“__Host-pz_id”" in str(message.hint)


# -- W016 ------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["x" * 60, LONG[:49], f"django-insecure-{LONG}"])
def test_pseudonyms_of_a_secret_that_can_be_guessed_are_told(live: Any, secret: str) -> None:
    live.SECRET_KEY = secret
    assert ids() == ["W016"]
    live.PERSONALIZATION_PRIVACY_KEYS = (LONG,)
    assert ids() == []


def test_a_short_privacy_key_is_told_and_not_shown(live: Any) -> None:
    live.PERSONALIZATION_PRIVACY_KEYS = (LONG, "swordfish")
    [message] = said()
    assert message.id == "personalization.W016"
    assert "has 1 of fewer than 32" in message.msg
    assert "swordfish" not in f"{message.msg}{message.hint}"


# -- W017 ------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "deep/events"])
@pytest.mark.parametrize("name", ["MEDIA_ROOT", "STATIC_ROOT", "STATICFILES_DIRS"])
def test_an_archive_that_is_served_is_told(
    live: Any, tmp_path: Path, name: str, below: str
) -> None:
    live.PERSONALIZATION_EVENT_ARCHIVE = str(tmp_path / "served" / below)
    assert ids() == []
    served = tmp_path / "served"
    setattr(live, name, [("prefix", served)] if name == "STATICFILES_DIRS" else str(served))
    served.mkdir()
    [message] = said()
    assert message.id == "personalization.W017"
    assert name in message.msg


def test_a_link_does_not_hide_that_an_archive_is_served(live: Any, tmp_path: Path) -> None:
    served, link = tmp_path / "served", tmp_path / "elsewhere"
    served.mkdir()
    link.symlink_to(served)
    live.MEDIA_ROOT = str(served)
    live.PERSONALIZATION_EVENT_ARCHIVE = str(link)
    assert ids() == ["W017"]


def test_a_name_that_begins_alike_is_another_folder(live: Any, tmp_path: Path) -> None:
    live.MEDIA_ROOT = str(tmp_path / "media")
    live.PERSONALIZATION_EVENT_ARCHIVE = str(tmp_path / "media-events")
    assert ids() == []


@pytest.mark.skipif(os.name != "posix", reason="there are no such permissions")
@pytest.mark.parametrize(("mode", "expected"), [(0o755, ["W017"]), (0o740, ["W017"]), (0o700, [])])
def test_an_archive_that_others_read_is_told(
    live: Any, tmp_path: Path, mode: int, expected: list[str]
) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    folder.chmod(mode)
    live.PERSONALIZATION_EVENT_ARCHIVE = str(folder)
    assert ids() == expected


# -- W018 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        ("USE_X_FORWARDED_HOST", True),
        ("USE_X_FORWARDED_PORT", True),
    ],
)
def test_a_proxy_that_only_django_knows_of_is_told(live: Any, name: str, value: Any) -> None:
    setattr(live, name, value)
    [message] = said()
    assert message.id == "personalization.W018"
    assert name in message.msg
    live.PERSONALIZATION_TRUSTED_PROXIES = 1
    assert ids() == []


def test_clients_that_name_nobody_need_the_address_of_visitors(live: Any) -> None:
    live.PERSONALIZATION_PROTOCOLS = ("segment", "umami", "plausible")
    [message] = said()
    assert message.id == "personalization.W018"
    assert "plausible, umami" in message.msg
    live.PERSONALIZATION_TRUSTED_PROXIES = 1
    assert ids() == []


# -- W019 ------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [LOCMEM, "django.core.cache.backends.dummy.DummyCache"])
def test_a_cache_of_one_process_is_told(live: Any, backend: str) -> None:
    live.CACHES = {"default": {"BACKEND": backend}}
    [message] = said()
    assert message.id == "personalization.W019"
    assert backend.rpartition(".")[2] in message.msg


# -- on the command line ---------------------------------------------------------------


def test_a_new_site_is_told_what_is_missing() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "django", "check", "--deploy", "--settings=tests.settings"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, "warnings stop nothing"
    for number in (14, 16, 19):
        assert f"personalization.W0{number}" in run.stderr


# -- W021 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "what"),
    [("HOLDOUT", "from a content"), ("GLOBAL_HOLDOUT", "what personalization earns")],
)
def test_a_site_that_holds_nobody_out_is_told_what_it_cannot_know(
    live: Any, name: str, what: str
) -> None:
    setattr(live, f"PERSONALIZATION_{name}", 0.0)
    (message,) = said()
    assert message.id == "personalization.W021"
    assert f"PERSONALIZATION_{name} is 0" in message.msg
    assert what in message.msg
