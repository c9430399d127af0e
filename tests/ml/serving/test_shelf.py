from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.ml.models import Item
from personalization.ml.serving import shelf as module
from personalization.ml.serving.shelf import FRESH, shelf
from tests.delivery.recommending import make_items

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LATER = NOW + FRESH


@pytest.fixture(autouse=True)
def _forget():
    module.forget()


def keys(now=NOW) -> set[str]:
    return set(shelf(now=now).items)


def change(key: str, **fields) -> None:
    Item.objects.filter(key=key).update(updated_at=timezone.now(), **fields)


def test_an_item_has_what_pages_show():
    make_items("hat", kind="product", url="/hat/", image="/hat.png", category="clothes",
               tags=["new", "wool"], price=Decimal("4.50"), attributes={"size": 5})  # fmt: skip
    found = shelf(now=NOW).items["hat"]
    assert (found.title, found.url, found.image) == ("The hat", "/hat/", "/hat.png")
    assert (found.category, found.tags, found.price) == ("clothes", ("new", "wool"), Decimal("4.5"))
    assert found.attributes["size"] == 5
    assert found.marks == {"category:clothes", "tag:new", "tag:wool"}
    assert str(found) == "The hat"


def test_items_that_are_not_active_are_not_on_it():
    make_items("hat")
    make_items("shoe", is_active=False)
    assert keys() == {"hat"}


def test_they_are_found_by_kind_category_and_tag():
    make_items("hat", kind="product", category="clothes", tags=["new", "new"])
    make_items("guide", kind="article", tags=["new"])
    found = shelf(now=NOW)
    assert found.find("kind", "product") == ("hat",)
    assert found.find("category", "clothes") == ("hat",)
    assert set(found.find("tag", "new")) == {"hat", "guide"}
    assert found.find("tag", "old") == ()


def test_what_was_seen_first_last_is_the_newest():
    for n, key in enumerate(["old", "new", "middle"]):
        make_items(key, first_seen=NOW - timedelta(days=[9, 1, 5][n]))
    assert shelf(now=NOW).newest == ("new", "middle", "old")


def test_while_nothing_changes_looking_again_costs_one_query():
    make_items("hat", "shoe")
    before = shelf(now=NOW)
    with CaptureQueriesContext(connection) as captured:
        assert shelf(now=NOW) is before
        assert shelf(now=LATER) is before
    assert len([q for q in captured if "SAVEPOINT" not in q["sql"]]) == 1


def test_only_what_was_written_since_is_read_again():
    make_items("hat", "shoe", "sock")
    before = shelf(now=NOW)
    make_items("belt")
    change("shoe", title="Another shoe")
    after = shelf(now=LATER)
    assert set(after.items) == {"hat", "shoe", "sock", "belt"}
    assert after.items["shoe"].title == "Another shoe"
    assert after.items["hat"] is before.items["hat"]


@pytest.mark.parametrize("how", ["deactivated", "deleted", "by hand"])
def test_what_is_gone_is_gone(how):
    make_items("hat", "shoe")
    assert keys() == {"hat", "shoe"}
    if how == "deactivated":
        change("shoe", is_active=False)
    elif how == "deleted":
        Item.objects.filter(key="shoe").delete()
    else:  # without a word of when
        Item.objects.filter(key="shoe").update(is_active=False)
    assert keys(LATER) == {"hat"}


def test_what_is_gone_and_replaced_is_noticed():
    make_items("hat", "shoe")
    assert keys() == {"hat", "shoe"}
    Item.objects.filter(key="shoe").delete()
    make_items("sock")
    assert keys(LATER) == {"hat", "sock"}


def test_odd_values_of_a_row_are_no_obstacle():
    make_items("hat", tags={"a": 1}, attributes=[1])
    make_items("shoe", tags=["a", 5, None])
    found = shelf(now=NOW).items
    assert found["hat"].tags == ()
    assert found["shoe"].tags == ("a",)


def test_not_more_are_kept_than_fit(monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    for n, key in enumerate(["old", "newer", "newest"]):
        make_items(key, updated_at=NOW - timedelta(days=3 - n))
    assert keys() == {"newer", "newest"}
