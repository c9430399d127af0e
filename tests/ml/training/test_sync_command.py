"""The command and the task that bring items up to date."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from celery import current_app
from django.core.management import call_command
from django.utils import timezone

from personalization import hints, tasks
from personalization.management.commands.run_worker import Worker
from personalization.ml.models import Item
from personalization.ml.sources import item_sources, register
from personalization.ml.training import tables
from project.shop.models import Category
from tests.ml.training.visitors import Does, MakeProfile

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _categories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_sources, "_entries", {})
    register(Category, key="slug", title="name", url="tagline")
    Category.objects.create(slug="socks", name="Socks", tagline="/socks/")


def said(*options: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("sync_items", *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_says_how_many_items_it_made() -> None:
    assert said() == ("1 items made, changed or put out of use.\n", "")
    assert said() == ("0 items made, changed or put out of use.\n", "")


def test_the_command_says_what_is_wrong_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_PROBLEMS", 1)
    for number in range(3):
        Category.objects.create(slug=f"odd-{number}", name="Odd", tagline="nowhere")
    out, err = said()
    assert out.startswith("1 items")
    assert "has as its url 'nowhere'; allowed: a path of this site" in err
    assert "And 2 more rows of category are no items." in err


def test_all_events_are_read_again_when_asked_for(visitor: MakeProfile, does: Does) -> None:
    said()
    does(visitor(), "Product Viewed", 0, product_id="long-ago")
    assert said()[0].startswith("0 items")
    assert said("--all")[0].startswith("1 items")


def test_a_worker_finds_the_task_and_the_schedule_has_it() -> None:
    assert hints.SYNC_ITEMS in current_app.tasks
    assert hints.SYNC_ITEMS in hints.BEAT_SCHEDULE
    assert tasks.sync_items_task() == 1
    assert Item.objects.get().title == "Socks"


def test_a_worker_without_celery_is_as_quick_as_one_with_it() -> None:
    every = timedelta(seconds=hints.BEAT_SCHEDULE[hints.SYNC_ITEMS]["schedule"])
    work, begin = Worker(), timezone.now()
    work(now=begin)
    assert Item.objects.get(key="socks").title == "Socks"
    Category.objects.update(name="Stockings")
    work(now=begin + every - timedelta(seconds=1))
    assert Item.objects.get(key="socks").title == "Socks"
    work(now=begin + every)
    assert Item.objects.get(key="socks").title == "Stockings"
