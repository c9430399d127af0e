"""Whatever goes wrong behind a slot, the page stands and shows the default."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, transaction
from django.template import Context, Template
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext

from personalization.delivery import known, published
from personalization.exceptions import UnknownSegment
from personalization.shortcuts import choose, in_segment
from tests.delivery.people import Person, make_person, make_segments, make_variation
from tests.delivery.rendering import HERO, counted, render, render_in, request_of

pytestmark = pytest.mark.django_db

THREE = HERO + "|" + HERO + "|{% in_segment 'loyal' as loyal %}{{ loyal }}"
DEFAULTS = "default|default|False"


@pytest.fixture
def person() -> Person:
    make_segments("abandoners", "loyal")
    return make_person("loyal")


def set_snapshot(column: str, text: str) -> None:
    cast = "::jsonb" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE personalization_snapshot SET {column} = %s{cast}", [text])


@pytest.mark.parametrize("column", ["memberships", "consents"])
@pytest.mark.parametrize("text", ["[]", "7", "null", '"loyal"', '{"1": 7}', '{"x": [0, null, 1]}'])
def test_a_snapshot_of_another_shape_shows_the_default(
    person: Person, column: str, text: str
) -> None:
    set_snapshot(column, text)
    assert render(THREE, person) == DEFAULTS


@pytest.mark.parametrize(
    "text",
    [
        '{"1": ["then", null, 1]}',
        '{"1": []}',
        '{"1": {}}',
        '{"": [0, null, 1]}',
        '{"1.5": [0, null, 1]}',
    ],
)
def test_memberships_of_another_shape_show_the_default(person: Person, text: str) -> None:
    set_snapshot("memberships", text)
    before = counted("slots.failed")
    assert render(THREE, person) == DEFAULTS
    assert counted("slots.failed") == before + 1


@pytest.fixture
def keeps_broken_json(db: None) -> Iterator[None]:
    """No rollback takes such a setting back: all tests to come would go without constraints."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        yield
        cursor.execute("PRAGMA ignore_check_constraints = OFF")


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="other databases keep no broken JSON")
@pytest.mark.usefixtures("keeps_broken_json")
@pytest.mark.parametrize("text", ["{", "", "\x00", "{'a': 1}"])
def test_a_snapshot_that_is_no_json_shows_the_default(person: Person, text: str) -> None:
    set_snapshot("memberships", text)
    before = counted("slots.failed")
    assert render(THREE, person) == DEFAULTS
    assert counted("slots.failed") == before + 1


@pytest.fixture
def database_gone(monkeypatch: pytest.MonkeyPatch) -> Mock:
    cursor = Mock(side_effect=OperationalError("server closed the connection unexpectedly"))
    monkeypatch.setattr(connection, "cursor", cursor)
    return cursor


def test_without_a_database_the_default_is_shown(
    person: Person, database_gone: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted("slots.failed")
    with caplog.at_level(logging.ERROR, "personalization"):
        assert render(THREE, person) == DEFAULTS
    assert counted("slots.failed") == before + 1
    assert "Reading the visitor failed" in caplog.text
    assert "server closed the connection" in caplog.text


def test_a_database_that_is_gone_is_asked_once_for_the_whole_page(
    person: Person, database_gone: Mock
) -> None:
    render(THREE * 10, person)
    # Once by the read; its savepoint, if there is one, is the only other asker.
    assert database_gone.call_count <= 2


def test_code_that_asks_gets_an_answer_without_a_database(
    person: Person, database_gone: Mock
) -> None:
    request = request_of(person)
    visitor = request.personalization  # type: ignore[attr-defined]
    assert visitor.segments == frozenset()
    assert not visitor.in_segment("loyal")
    assert not visitor.has_consent("personalization")
    assert visitor.has_consent("necessary")
    assert not in_segment(request, "loyal")
    decision = choose(request, "hero", segments=["loyal"])
    assert decision is not None
    assert (decision.candidate, decision.reason) == (None, "no_consent")


def test_a_configuration_that_cannot_be_read_shows_the_default(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "_load", Mock(side_effect=OperationalError("gone")))
    before = counted("slots.failed")
    assert render(THREE, person) == DEFAULTS
    assert counted("slots.failed") == before + 1


def test_a_failed_read_leaves_the_transaction_of_the_page_alone(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL refuses everything after an error, up to the next savepoint."""
    monkeypatch.setattr(known, "_sql", lambda: "SELECT no_such_column, %s, %s, %s FROM nowhere")
    with transaction.atomic():
        assert render(THREE, person) == DEFAULTS
        Group.objects.create(name="written after the failure")
    assert Group.objects.filter(name="written after the failure").exists()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_broken_already_shows_the_default() -> None:
    make_segments("abandoners", "loyal")
    person = make_person("loyal")
    with transaction.atomic():
        transaction.set_rollback(True)
        assert render(THREE, person) == DEFAULTS


def test_a_variant_that_cannot_be_rendered_leaves_the_default(person: Person) -> None:
    source = HERO.replace("for the loyal", "{% url 'nowhere' %}")
    before = counted("slots.failed")
    assert render(source, person) == "default"
    assert counted("slots.failed") == before + 1


@override_settings(DEBUG=True)
def test_a_variant_that_cannot_be_rendered_is_shown_to_its_author(person: Person) -> None:
    with pytest.raises(Exception, match="nowhere"):
        render(HERO.replace("for the loyal", "{% url 'nowhere' %}"), person)


def test_without_a_request_the_default_is_shown() -> None:
    before = counted("slots.without_request")
    source = "{% load personalization %}" + THREE
    assert Template(source).render(Context()) == DEFAULTS
    assert counted("slots.without_request") == before + 3


def test_without_the_middleware_the_default_is_shown() -> None:
    before = counted("slots.without_request")
    assert render_in(THREE, RequestFactory().get("/")) == DEFAULTS
    assert counted("slots.without_request") == before + 3
    assert choose(RequestFactory().get("/"), "hero") is None


UNKNOWN = HERO.replace('"loyal"', '"loyall"')


@pytest.mark.parametrize("known_visitor", [True, False])
def test_an_unknown_segment_shows_the_default_in_production(
    person: Person, known_visitor: bool
) -> None:
    assert render(UNKNOWN, person if known_visitor else None) == "default"


@override_settings(DEBUG=True)
@pytest.mark.parametrize(
    "source", [UNKNOWN, "{% in_segment 'loyall' as loyal %}"], ids=["block", "in_segment"]
)
@pytest.mark.parametrize("known_visitor", [True, False])
def test_an_unknown_segment_is_an_error_in_debug(
    person: Person, source: str, known_visitor: bool
) -> None:
    with pytest.raises(UnknownSegment, match="“loyall”. Allowed: abandoners, loyal."):
        render(source, person if known_visitor else None)


@override_settings(DEBUG=True)
def test_an_unknown_segment_is_an_error_where_there_is_none_yet() -> None:
    with pytest.raises(UnknownSegment, match="Allowed: none yet"):
        render(HERO)


@override_settings(DEBUG=True)
def test_debug_looks_the_segments_up_once_a_page(person: Person) -> None:
    render(THREE, person)
    with CaptureQueriesContext(connection) as captured:
        render(THREE * 10)
    assert len(captured) == 1


@override_settings(DEBUG=True)
def test_in_debug_too_a_page_stands_without_a_database(person: Person, database_gone: Mock) -> None:
    assert render(THREE, person) == DEFAULTS
    assert render(THREE) == DEFAULTS


BREAKING: list[Callable[[pytest.MonkeyPatch], None]] = [
    lambda patch: patch.setattr(known.json, "loads", Mock(side_effect=RecursionError)),
    lambda patch: patch.setattr(known, "_segments_at", Mock(side_effect=KeyError("x"))),
    lambda patch: patch.setattr(known, "published", Mock(side_effect=MemoryError)),
]


@pytest.mark.parametrize("breaking", BREAKING)
def test_whatever_fails_the_default_is_shown(
    person: Person, monkeypatch: pytest.MonkeyPatch, breaking: Callable[[pytest.MonkeyPatch], None]
) -> None:
    make_variation("loyal", "from the admin")
    with monkeypatch.context() as patch:
        breaking(patch)
        assert render(THREE, person) == DEFAULTS
    assert render(HERO, person) == "from the admin"
