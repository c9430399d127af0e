from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.models import Item
from personalization.ml.serving import shelf as module
from personalization.ml.serving.shelf import FRESH, shelf
from tests.delivery.recommending import make_items
from tests.effort import examples

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LATER = NOW + FRESH


@pytest.fixture(autouse=True)
def _forget():
    module.forget()


def keys(now=NOW) -> set[str]:
    return set(shelf(now=now).items)


def change(key: str, **fields) -> None:
    Item.objects.filter(key=key).update(**fields)


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


def test_what_was_written_since_costs_two_queries_and_no_text_is_read():
    make_items("hat", "shoe", text="long")
    shelf(now=NOW)
    change("shoe", title="Another shoe")
    with CaptureQueriesContext(connection) as captured:
        shelf(now=LATER)
    queries = [q["sql"] for q in captured if "SAVEPOINT" not in q["sql"]]
    assert len(queries) == 2
    assert not any('"text"' in sql for sql in queries)


@pytest.mark.parametrize("how", ["deactivated", "deleted"])
def test_what_is_gone_is_gone(how):
    make_items("hat", "shoe")
    assert keys() == {"hat", "shoe"}
    if how == "deactivated":
        change("shoe", is_active=False)
    else:
        Item.objects.filter(key="shoe").delete()
    assert keys(LATER) == {"hat"}


def test_prices_in_a_range_are_found_with_both_ends():
    for price in ("5.00", "10.00", "10.01"):
        make_items(f"at-{price}", price=Decimal(price))
    make_items("no price")
    found = shelf(now=NOW)
    assert found.priced(Decimal(5), Decimal(10)) == ("at-5.00", "at-10.00")
    assert found.priced(Decimal("10.005"), Decimal("Infinity")) == ("at-10.01",)
    assert found.priced(Decimal(6), Decimal(7)) == ()


def test_odd_values_of_a_row_are_no_obstacle():
    make_items("hat", tags={"a": 1}, attributes=[1])
    make_items("shoe", tags=["a", 5, None])
    found = shelf(now=NOW).items
    assert found["hat"].tags == ()
    assert found["shoe"].tags == ("a",)


def test_not_more_are_kept_than_fit(monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    make_items("old", "newer", "newest")
    assert keys() == {"newer", "newest"}
    change("old", title="As good as new")
    assert keys(LATER) == {"newest", "old"}
    change("old", is_active=False)
    assert keys(LATER + FRESH) == {"newer", "newest"}, "there is room for it again"


#: What happens to one of five items between two looks, or to none: `None`.
deeds = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from(["write", "withdraw", "delete", "look"])),
    max_size=25,
)


@given(deeds, st.sampled_from([2, 3, 100]))
@examples(60)
def test_whatever_happens_the_shelf_is_what_a_process_would_read_that_begins_now(happens, most):
    Item.objects.all().delete()
    module.forget()
    at = NOW
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST", most)
        for key, deed in [*happens, ("", "look")]:
            if deed == "write":
                said = {"price": Decimal(len(happens)), "tags": [key, deed], "is_active": True}
                Item.objects.update_or_create(key=key, defaults=said)
            elif deed == "withdraw":
                Item.objects.filter(key=key).update(is_active=False)
            elif deed == "delete":
                Item.objects.filter(key=key).delete()
            else:
                at += FRESH
                found = shelf(now=at)
                _ = found.index
        anew = module._read_whole()
    assert list(found.items.items()) == list(anew.items.items())
    assert found.revision == anew.revision
    assert set(found.newest) == set(found.items)
    assert all(set(found.find("tag", key)) == set(anew.find("tag", key)) for key in "abcde")
    assert found.index.prices == anew.index.prices
