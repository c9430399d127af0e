from __future__ import annotations

import re

import pytest
from django.core.management import call_command

from tests.housekeeping.repository import PACKAGE, ROOT

MIGRATIONS = [
    path
    for folder in (PACKAGE / "migrations", ROOT / "project" / "shop" / "migrations")
    for path in sorted(folder.glob("[0-9]*.py"))
]


@pytest.mark.django_db
def test_every_model_change_has_its_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=3)


def test_migrations_are_named_for_what_they_do() -> None:
    pattern = re.compile(r"\d{4}_[a-z][a-z0-9_]+")
    names = [path.stem for path in MIGRATIONS]
    assert names
    assert [name for name in names if "_auto_" in name or not pattern.fullmatch(name)] == []


def test_migration_numbers_are_unique() -> None:
    numbers = [(path.parent, path.stem[:4]) for path in MIGRATIONS]
    assert len(set(numbers)) == len(numbers)
