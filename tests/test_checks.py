"""The system checks: each by its id, each with a hint."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, run_checks
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import override_settings
from django.utils import timezone

from personalization import checks
from personalization.delivery.models import Slot
from tests.delivery.people import make_segments

# From 6.1 on Django asks the database what it can, whichever checks are run.
pytestmark = pytest.mark.django_db

PERSONALIZATION, CACHE_KEY, UPDATE = checks.MIDDLEWARE, checks.CACHE_KEY, checks.CACHES[0]
WAGTAIL = checks.CACHES[1]
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"


def messages(*, databases: list[str] | None = None) -> list[CheckMessage]:
    """Return what our own checks say, as `manage.py check` runs them."""
    found = run_checks(databases=databases)
    return [message for message in found if str(message.id).startswith("personalization.")]


def ids(*, databases: list[str] | None = None) -> list[str]:
    found = messages(databases=databases)
    for message in found:
        assert message.hint, message
        assert isinstance(message, Error) == str(message.id).startswith("personalization.E")
    return [str(message.id).removeprefix("personalization.") for message in found]


def test_a_site_that_is_set_up_well_hears_nothing() -> None:
    assert ids() == []


# -- E001 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("VISITOR_COOKIE", 7, "a str is needed"),
        ("VISIT_GAP", 1800, "a timedelta is needed"),
        ("VISIT_GAP", timedelta(0), "more than nothing"),
        ("RETENTION", timedelta(days=-1), "more than nothing"),
        ("WORKER_BATCH", 0, "more than nothing"),
        ("FEATURE_THRESHOLDS", (30, 60), "a dict is needed"),
        ("FEATURE_THRESHOLDS", {"rfm.recency": (60, 30, 120, 240)}, "more than the one before"),
        ("EVENT_MAX_BYTES", -1, "more than nothing"),
        ("ADDRESS_RATE", -1, "more than nothing"),
        ("ADDRESS_RATE", "10/s", "a int is needed"),
        ("TRUSTED_PROXIES", -1, "more than nothing"),
        ("TRUSTED_PROXIES", True, "a int is needed"),
        ("COOKIE_SECURE", "no", "a bool is needed"),
        ("IDENTITY_LIMITS", {"user": 0}, "a whole number above nothing"),
        ("IDENTITY_LIMITS", {"user": True}, "a whole number above nothing"),
        ("IDENTITY_LIMITS", {5: 5}, "a whole number above nothing"),
        ("IDENTITY_LIMITS", ["user"], "a dict is needed"),
        ("VISITOR_COOKIE", "", "no cookie can be called"),
        ("VISITOR_COOKIE", "my id", "no cookie can be called"),
        ("CONSENT_COOKIE", "a;b", "no cookie can be called"),
        ("CONSENT_COOKIE", "pz_id", "the name of the visitor cookie"),
        ("POLICY_VERSION", "1.0", "the consent cookie cannot hold"),
        ("POLICY_VERSION", "", "the consent cookie cannot hold"),
        ("POLICY_VERSION", "v" * 21, "the consent cookie cannot hold"),
        ("POLICY_VERSION", "zwölf", "the consent cookie cannot hold"),
        ("BUFFER", "personalization.events.buffers.nowhere.Buffer", "cannot be imported"),
        ("BUFFER", "personalization.events.buffers.database.Nothing", "cannot be imported"),
        ("BUFFER", "nodots", "cannot be imported"),
        ("BUFFER", None, "a str is needed"),
        ("OVERLAP", "heaviest", "allowed: priority, weight, random, all"),
        ("OVERLAP", "", "allowed: priority, weight, random, all"),
        ("OVERLAP", ["weight"], "a str is needed"),
        ("DELIVERY", "cached", "allowed: inline, keyed, deferred"),
        ("COLLECT", "everything", "allowed: needed, all"),
        ("OUTBOUND_NETWORKS", "10.0.0.0/8", "a tuple is needed"),
        ("OUTBOUND_NETWORKS", ("10.0.0.0/8", "intranet"), "intranet"),
        ("OUTBOUND_NETWORKS", ("10.0.0.1/8",), "has host bits set"),
    ],
)
def test_an_unusable_setting_is_an_error(name: str, value: Any, said: str) -> None:
    with override_settings(**{f"PERSONALIZATION_{name}": value}):
        assert ids() == ["E001"]
        (message,) = messages()
    assert f"PERSONALIZATION_{name}" in message.msg
    assert said in message.msg


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLICY_VERSION", "2026-01_b"),
        ("VISITOR_COOKIE", "__Host-id"),
        ("TRACKER_KEY", ""),
        ("ADDRESS_RATE", 0),
        ("TRUSTED_PROXIES", 0),
        ("TRUSTED_PROXIES", 2),
        ("COOKIE_SECURE", True),
        ("BUFFER", "personalization.events.buffers.memory.MemoryBuffer"),
    ],
)
def test_a_usable_setting_is_none(name: str, value: Any) -> None:
    with override_settings(**{f"PERSONALIZATION_{name}": value}):
        assert ids() == []


# -- E002, E003, W004 ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        ([], ["E002"]),
        ([SESSION, UPDATE, FETCH], ["E002"]),
        ([SESSION, PERSONALIZATION], ["E003"]),
        ([UPDATE, CACHE_KEY, PERSONALIZATION, FETCH], ["E003"]),
        ([UPDATE, PERSONALIZATION, FETCH], ["E003", "W004"]),
        ([PERSONALIZATION, UPDATE, FETCH], ["W004"]),
        ([PERSONALIZATION, UPDATE, SESSION, CACHE_KEY, FETCH], ["W004"]),
        ([PERSONALIZATION, CACHE_KEY, UPDATE, FETCH], ["W004"]),
        ([PERSONALIZATION, UPDATE], ["W004"]),
        ([PERSONALIZATION, WAGTAIL, SESSION, CACHE_KEY], ["W004"]),
        ([PERSONALIZATION, WAGTAIL, CACHE_KEY], []),
        ([PERSONALIZATION], []),
        ([PERSONALIZATION, SESSION, UPDATE, CACHE_KEY, FETCH], []),
    ],
)
def test_the_order_of_middleware_is_judged(middleware: list[str], expected: list[str]) -> None:
    with override_settings(MIDDLEWARE=middleware):
        found = run_checks(tags=[Tags.security])
    ours = [message for message in found if str(message.id).startswith("personalization.")]
    assert [str(message.id).removeprefix("personalization.") for message in ours] == expected
    assert all(message.hint for message in ours)


# -- W005 ------------------------------------------------------------------------------

TUNED = {"transaction_mode": "IMMEDIATE", "init_command": "pragma journal_mode=wal;"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["W005"]),
        ({"transaction_mode": "IMMEDIATE"}, ["W005"]),
        ({"init_command": "PRAGMA journal_mode=WAL;"}, ["W005"]),
        ({**TUNED, "transaction_mode": "DEFERRED"}, ["W005"]),
        (TUNED, []),
    ],
)
def test_sqlite_as_it_comes_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, str], expected: list[str]
) -> None:
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    assert ids() == expected


def test_other_databases_are_not_told_of_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})
    assert ids() == []


# -- W006, W007 ------------------------------------------------------------------------

PAGE = """{% extends "base.html" %}{% load personalization %}
{% block a %}{% if 1 %}{% for x in y %}{% personalized_block "hero" %}default
{% variant "loyal" "asleep" %}<b>{% personalized_block "inner" %}default{% variant "gone" %}x
{% endpersonalized_block %}</b>{% endpersonalized_block %}{% endfor %}{% endif %}{% endblock %}"""


@pytest.fixture
def templates(tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Return a function that writes a template; there are no others."""
    backend = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [tmp_path],
        "APP_DIRS": False,
        "OPTIONS": settings.TEMPLATES[0]["OPTIONS"],
    }

    def write(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    write("base.html", "{% block a %}{% endblock %}")
    with override_settings(TEMPLATES=[backend]):
        yield write


def said() -> list[str]:
    assert all(message.hint for message in messages(databases=["default"]))
    return [f"{message.id}: {message.msg}" for message in messages(databases=["default"])]


def test_slots_and_segments_that_do_not_exist_are_named(
    templates: Callable[[str, str], None],
) -> None:
    make_segments("loyal")
    templates("shop/page.html", PAGE)
    assert said() == [
        "personalization.W006: shop/page.html: there is no slot “hero”.",
        "personalization.W007: shop/page.html: there is no active segment “asleep”.",
        "personalization.W006: shop/page.html: there is no slot “inner”.",
        "personalization.W007: shop/page.html: there is no active segment “gone”.",
    ]
    hints = [message.hint for message in messages(databases=["default"])]
    assert hints[1] == "Known: loyal."


def test_a_page_of_too_many_versions_is_named(templates: Callable[[str, str], None]) -> None:
    make_segments("a", "b", "c")
    slots = ""
    for number in range(3):
        Slot.objects.create(slug=f"slot-{number}", name="Slot")
        variants = "".join(f"{{% variant '{slug}' %}}x" for slug in "abc")
        slots += f"{{% personalized_block 'slot-{number}' keyed %}}x{variants}"
        slots += "{% endpersonalized_block %}"
    templates("page.html", "{% load personalization %}" + slots)
    assert said() == []  # 4 ways, three times
    Slot.objects.create(slug="more", name="Slot")
    more = slots.replace("slot-2", "more") + slots
    templates("many.html", "{% load personalization %}" + more)
    assert said() == [
        "personalization.W012: many.html: caches keep up to 256 versions of it, by the keyed slots "
        "slot-0, slot-1, more, slot-2."
    ]


def test_slots_and_segments_that_exist_are_not(templates: Callable[[str, str], None]) -> None:
    make_segments("loyal", "asleep", "gone")
    for slug in ("hero", "inner"):
        Slot.objects.create(slug=slug, name=slug)
    templates("page.html", PAGE)
    assert said() == []


def test_an_inactive_segment_is_as_good_as_none(templates: Callable[[str, str], None]) -> None:
    segment = make_segments("loyal")["loyal"]
    segment.active = False
    segment.save()
    Slot.objects.create(slug="hero", name="Hero")
    templates(
        "page.html",
        "{% load personalization %}{% personalized_block 'hero' %}x{% variant 'loyal' %}y"
        "{% endpersonalized_block %}",
    )
    (message,) = messages(databases=["default"])
    assert message.id == "personalization.W007"
    assert message.hint == "Known: none yet."


@pytest.mark.parametrize(
    "text",
    [
        "{% personalized_block %}",
        "{% load personalization %}{% personalized_block 'a' %}",
        "\udcff",
    ],
)
def test_a_broken_template_is_left_to_django(
    templates: Callable[[str, str], None], tmp_path: Path, text: str
) -> None:
    templates("page.html", "")
    (tmp_path / "page.html").write_bytes(
        text.encode(errors="surrogateescape") + b"{% personalized_block %}"
    )
    assert said() == []


def test_a_file_that_is_no_template_of_ours_is_not_read_as_one(
    templates: Callable[[str, str], None], tmp_path: Path
) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\xfe")
    templates("mail.txt", "personalized_block is mentioned, {% broken")
    assert said() == []


@override_settings(
    TEMPLATES=[{"BACKEND": "tests.test_checks.Other", "DIRS": [], "APP_DIRS": True, "OPTIONS": {}}]
)
def test_other_template_engines_are_left_alone() -> None:
    assert list(checks.check_templates(None, databases=["default"])) == []


class Other:
    """A template engine that is not Django's."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.name = params["NAME"]
        self.app_dirname = None


def test_what_exists_is_read_only_when_the_database_is_to_be_checked(
    templates: Callable[[str, str], None],
) -> None:
    templates("page.html", PAGE)
    assert ids() == []
    assert list(checks.check_templates(None, databases=["other"])) == []
    assert ids(databases=["default"]) != []


# -- W013 ------------------------------------------------------------------------------

DEFERRED = (
    "{% load personalization %}{% personalized_block 'hero' deferred %}x{% endpersonalized_block %}"
)


def test_deferred_slots_that_nothing_fills_are_named(
    templates: Callable[[str, str], None],
) -> None:
    Slot.objects.create(slug="hero", name="Hero")
    templates("page.html", DEFERRED)
    assert said() == [
        "personalization.W013: page.html: the slot “hero” is deferred, and no template has "
        "{% personalization_slots %}."
    ]
    templates("base.html", "{% load personalization %}{% personalization_slots %}")
    assert said() == []


def test_a_site_that_defers_all_its_slots_needs_it_too(
    templates: Callable[[str, str], None],
) -> None:
    Slot.objects.create(slug="hero", name="Hero")
    templates("page.html", DEFERRED.replace(" deferred", ""))
    assert said() == []
    with override_settings(PERSONALIZATION_DELIVERY="deferred"):
        assert [one[:20] for one in said()] == ["personalization.W013"]
    assert ids() == []


# -- W010 ------------------------------------------------------------------------------


@pytest.mark.usefixtures("templates")
def test_a_pause_without_its_segment_is_told() -> None:
    make_segments("loyal")
    assert said() == []
    with override_settings(PERSONALIZATION_PAUSE_SEGMENT="inconsistent"):
        assert said() == [
            "personalization.W010: PERSONALIZATION_PAUSE_SEGMENT is 'inconsistent': there is no "
            "such active segment, and nobody is paused."
        ]
        [message] = messages(databases=["default"])
        assert message.hint == "Known: loyal."
        assert ids() == []  # without a database
        segment = make_segments("inconsistent")["inconsistent"]
        assert said() == []
        segment.active = False
        segment.save()
        assert len(said()) == 1


# -- W008 ------------------------------------------------------------------------------


@pytest.mark.usefixtures("templates")
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "browser"}, None),
        ({"kind": "browser", "active": False}, "no key that works"),
        ({"kind": "browser", "write_key": "another"}, "no key that works"),
        ({"kind": "server", "name": "Orders"}, "“Orders”, a source of the kind server"),
    ],
)
@override_settings(PERSONALIZATION_TRACKER_KEY="the-tracker-key")
def test_the_key_of_the_tracker_must_work_and_must_not_be_a_secret(
    make_source: Callable[..., Any], fields: dict[str, Any], said: str | None
) -> None:
    make_source(**{"write_key": "the-tracker-key", **fields})
    found = messages(databases=["default"])
    assert [message.id for message in found] == (["personalization.W008"] if said else [])
    assert all(message.hint and said in message.msg for message in found if said)
    assert ids() == [], "it is asked of the database only when that is to be checked"


@pytest.mark.usefixtures("templates")
@override_settings(PERSONALIZATION_TRACKER_KEY="the-tracker-key")
def test_a_key_of_the_tracker_that_has_ended_is_noticed(make_source: Callable[..., Any]) -> None:
    source = make_source(kind="browser", write_key="the-tracker-key")
    assert ids(databases=["default"]) == []
    source.write_keys.update(expires_at=timezone.now())
    assert ids(databases=["default"]) == ["W008"]


@pytest.mark.usefixtures("templates")
def test_a_site_without_a_tracker_needs_no_key() -> None:
    assert ids(databases=["default"]) == []


@override_settings(PERSONALIZATION_TRACKER_KEY="the-tracker-key")
def test_the_key_of_the_tracker_does_not_stop_the_first_migrate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_table(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("no such table: personalization_writekey")

    monkeypatch.setattr(checks, "source_of", no_table)
    assert list(checks.check_tracker_key(None, databases=["default"])) == []


# -- on the command line ---------------------------------------------------------------


def test_the_first_migrate_of_a_site_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """`migrate` runs the checks before there are tables."""

    def no_table() -> None:
        raise OperationalError("no such table: personalization_revision")

    monkeypatch.setattr(checks, "published_now", no_table)
    assert ids(databases=["default"]) == []


def test_a_site_can_be_migrated_from_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    run = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--settings=tests.settings", "-v0"],
        env={**os.environ, "DATABASE_URL": url},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_the_checks_say_so_on_the_command_line() -> None:
    with override_settings(MIDDLEWARE=[]), pytest.raises(Exception, match="E002"):
        call_command("check")
