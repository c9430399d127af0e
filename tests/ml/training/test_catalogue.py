"""Items as columns of texts and tags."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.ml.models import Item
from personalization.ml.training import catalogue as module
from personalization.ml.training.catalogue import catalogue

pytestmark = pytest.mark.django_db


def test_what_is_known_is_told_in_the_order_that_is_asked_for() -> None:
    Item.objects.create(
        key="sock", title="Wool sock", category="Socks", tags=["wool", "Socks"], text="Warm."
    )
    Item.objects.create(key="shoe", title="Shoe")
    found = catalogue(["shoe", "hat", "sock"])
    assert found.items == ("shoe", "hat", "sock")
    assert found.texts == ("Shoe", "", "Wool sock\nSocks\nwool\nWarm.")
    assert found.tags == ((), (), ("Socks", "wool"))


def test_nothing_is_asked_of_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert catalogue([]).items == ()


@pytest.mark.parametrize("tags", [None, "wool", {"wool": 1}, [1, None, ["wool"]]])
def test_tags_that_are_no_texts_do_no_harm(tags: Any) -> None:
    Item.objects.create(key="sock", category="Socks", tags=tags if tags is not None else [])
    assert catalogue(["sock"]).tags == (("Socks",),)


def test_thousands_of_items_take_a_query_for_each_chunk(
    django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    keys = [f"item-{n}" for n in range(7)]
    Item.objects.bulk_create(Item(key=key, title=key.upper()) for key in keys)
    with django_assert_num_queries(3):
        assert catalogue(keys).texts == tuple(key.upper() for key in keys)
