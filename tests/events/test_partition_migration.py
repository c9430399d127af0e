"""The migration to partitions and back keeps rows, numbers, indexes and keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from personalization.events.models import Event
from personalization.events.partitions import Month, is_partitioned, make_months, months

migration = import_module("personalization.migrations.0002_event_partitions")

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def run(step: Callable[[Any, BaseDatabaseSchemaEditor], None]) -> None:
    with connection.schema_editor() as editor:
        step(None, editor)


def shape() -> Any:
    """Return the names and kinds of indexes and constraints, without the primary key."""
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "personalization_event")
    return {
        name: (facts["columns"], facts["foreign_key"], facts["index"], facts.get("type"))
        for name, facts in constraints.items()
        if not facts["primary_key"]
    }


def primary_key() -> list[str]:
    with connection.cursor() as cursor:
        columns = connection.introspection.get_primary_key_columns(cursor, "personalization_event")
    return list(columns or [])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_there_and_back(make_profile: Any, make_event: Any) -> None:
    profile = make_profile()
    make_months(first=Month(2026, 1), now=NOW)
    moments = [datetime(2026, month, 5, tzinfo=UTC) for month in (9, 10, 11, 12)]
    events = [make_event(profile, "E", at=at, properties={"n": [1, "ü"]}) for at in moments]
    before, rows = shape(), list(Event.objects.order_by("pk").values())
    assert primary_key() == ["id", "timestamp"]

    run(migration.flatten)
    assert not is_partitioned()
    assert months() == []
    assert list(Event.objects.order_by("pk").values()) == rows
    assert shape() == before
    assert primary_key() == ["id"]
    events.append(make_event(profile, "E", at=NOW))

    run(migration.partition)
    assert is_partitioned()
    assert shape() == before
    assert primary_key() == ["id", "timestamp"]
    events.append(make_event(profile, "E", at=NOW))
    assert list(Event.objects.order_by("pk").values())[:4] == rows
    assert [event.pk for event in events] == sorted({event.pk for event in events})
    made = make_months(first=Month(2026, 1), now=NOW)
    assert made[Month(2026, 11)] == 3
    assert Event.objects.count() == 6


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_table_that_nothing_was_ever_stored_in() -> None:
    run(migration.flatten)
    run(migration.partition)
    assert is_partitioned()


@pytest.mark.django_db
def test_elsewhere_it_does_nothing() -> None:
    if connection.vendor == "postgresql":
        pytest.skip("this is PostgreSQL")
    before = shape()
    migration.partition(None, _Editor)
    migration.flatten(None, _Editor)
    assert shape() == before


class _Editor:
    connection = connection
