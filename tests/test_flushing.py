"""A test with transactions of its own leaves the database as migrating does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db.models.signals import post_migrate

from personalization.events.partitions import Month, make_months, months
from personalization.segments.models import Segment


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(3))  # as Django fills it, and twice from what was seen
def test_every_model_has_its_content_type_and_permissions(turn: int) -> None:
    assert not Segment.objects.exists()
    Segment.objects.create(slug="left", name="Left")
    for model in apps.get_models():
        kind = ContentType.objects.get_for_model(model, for_concrete_model=False)
        assert ContentType.objects.get(pk=kind.pk).model_class() is model
        of_model = Permission.objects.filter(content_type=kind)
        about = model._meta
        expected = {f"{action}_{about.model_name}" for action in about.default_permissions}
        expected |= {name for name, _ in about.permissions}
        assert set(of_model.values_list("codename", flat=True)) == expected
    assert Permission.objects.filter(content_type__model="segment").exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_no_test_has_the_months_of_another() -> None:
    assert make_months(first=Month(2026, 10), now=datetime(2026, 11, 20, tzinfo=UTC))
    call_command("flush", interactive=False)  # as what ends such a test does
    assert months() == []


def test_whoever_migrates_still_has_them_made() -> None:
    names = {getattr(each[0][0], "__name__", each[0][0]) for each in post_migrate.receivers}
    assert "django.contrib.auth.management.create_permissions" in names
    assert len(post_migrate.receivers) >= 2
