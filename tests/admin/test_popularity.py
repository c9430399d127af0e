"""What is popular, in the admin: with everybody, in a category, in a segment; and what rises."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.ml.serving import popular_now
from personalization.ml.serving.popular_counting import VISITORS
from personalization.ml.serving.popular_worker import count_popularity
from tests.delivery.people import make_person, make_segments
from tests.delivery.recommending import look_at, make_items, make_viewers

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:personalization_item_popular")


def shown(client: Client, **query: object) -> Any:
    """Return the answer to who asks a process that has just begun."""
    popular_now.forget()
    answer = client.get(PAGE, query)
    assert answer.status_code == 200
    return answer


def keys(client: Client, **query: object) -> list[str]:
    return [line.key for line in shown(client, **query).context["lines"]]


def text(client: Client, **query: object) -> str:
    return html.unescape(shown(client, **query).content.decode())


@pytest.fixture
def shop() -> dict[str, Any]:
    """Many look at hats, of late more at caps; the loyal at shoes."""
    segments = make_segments("loyal", "small")
    make_items("hat", "cap", category="Heads")
    make_items("shoe", category="Feet")
    make_viewers(120, "hat", minutes=300)
    make_viewers(80, "cap")
    make_viewers(40, "shoe", segment="loyal", minutes=30)
    make_viewers(VISITORS - 1, "hat", segment="small", minutes=300)
    return segments


def staff(*permissions: str) -> Client:
    user = get_user_model().objects.create_user("seller", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_it_is_linked_from_the_items(owner: Client) -> None:
    listed = owner.get(reverse("admin:personalization_item_changelist"))
    assert PAGE in listed.content.decode()


def test_what_is_popular_is_shown_in_its_order(owner: Client, shop: dict[str, Any]) -> None:
    found = shown(owner).context["lines"]
    assert [line.position for line in found] == [1, 2, 3]
    assert found[0].percent == "100"
    assert {line.key for line in found} == {"hat", "cap", "shoe"}
    assert "The hat" in text(owner)


def test_it_is_what_pages_use(owner: Client, shop: dict[str, Any]) -> None:
    count_popularity(now=timezone.now())
    before = keys(owner)
    assert before == [key for key, _score in popular_now.popular(now=timezone.now()).ranked]
    assert "from 249 events since" in text(owner)


def test_what_rises_comes_first_if_asked(owner: Client, shop: dict[str, Any]) -> None:
    found = shown(owner, order="rising")
    first = found.context["lines"][0]
    assert (first.key, first.rises) == ("cap", True)
    assert "↗" in text(owner, order="rising")
    hat = next(line for line in found.context["lines"] if line.key == "hat")
    assert not hat.rises


def test_a_category_is_shown_alone(owner: Client, shop: dict[str, Any]) -> None:
    assert set(keys(owner, category="Heads")) == {"hat", "cap"}
    assert keys(owner, category="Feet") == ["shoe"]
    assert shown(owner, category="Feet").context["lines"][0].percent == "100"
    assert keys(owner, category="no such") == []
    assert "Nothing is popular yet" in text(owner, category="no such")


def test_a_segment_is_shown_as_its_members_have_it(owner: Client, shop: dict[str, Any]) -> None:
    assert keys(owner, segment=shop["loyal"].pk)[0] == "shoe"
    assert "Popular with “loyal”" in text(owner, segment=shop["loyal"].pk)


def test_a_segment_of_few_cannot_be_chosen(owner: Client, shop: dict[str, Any]) -> None:
    small = shop["small"].pk
    assert shown(owner).context["segments"].keys() == {str(shop["loyal"].pk)}
    assert keys(owner, segment=small) == keys(owner)


def test_odd_questions_are_answered_as_none(owner: Client, shop: dict[str, Any]) -> None:
    for odd in ("", "0", "x", "-1", "9" * 30, "<b>"):
        assert keys(owner, segment=odd, order=odd) == keys(owner), odd
        assert "<b>" not in shown(owner, category=odd).content.decode(), odd


def test_what_is_known_by_its_key_alone_is_shown_by_it(owner: Client) -> None:
    look_at(make_person(), "<i>odd</i>")
    assert "<i>odd" not in shown(owner).content.decode()
    assert keys(owner) == ["<i>odd</i>"]


def test_before_anything_was_done_it_says_so(owner: Client) -> None:
    assert "Nothing is popular yet" in text(owner)


def test_it_takes_the_right_to_see_items_and_for_segments_that_too(shop: dict[str, Any]) -> None:
    assert Client().get(PAGE).status_code == 302
    client = staff("view_segment")
    assert client.get(PAGE).status_code == 403
    get_user_model().objects.all().delete()
    client = staff("view_item")
    assert shown(client).context["segments"] == {}
    assert "loyal" not in text(client)
    assert keys(client, segment=shop["loyal"].pk) == keys(client)


def test_queries_do_not_rise_with_items(owner: Client, django_assert_max_num_queries: Any) -> None:
    make_items(*(f"item-{n}" for n in range(60)), category="Many")
    look_at(make_person(), *(f"item-{n}" for n in range(60)))
    count_popularity(now=timezone.now())
    owner.get(PAGE)
    popular_now.forget()
    with django_assert_max_num_queries(9):
        assert len(owner.get(PAGE).context["lines"]) == 50
