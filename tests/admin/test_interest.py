"""What events weigh, as a site owner edits it."""

from __future__ import annotations

import html

import pytest
from django.urls import reverse
from django.utils import timezone

from personalization import hints
from personalization.profiles.models import Snapshot
from personalization.segments.interest import InterestWeight, weights_in_force
from personalization.segments.refresh import refresh_segments

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_interestweight_changelist")
ADD = reverse("admin:personalization_interestweight_add")


@pytest.fixture
def hinted(monkeypatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(hints, "hint", found.append)
    return found


def text_of(response) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def weigh(client, event="Article Viewed", weight="2"):
    return client.post(ADD, {"event": event, "weight": weight})


def test_what_is_shipped_is_listed_with_a_way_to_change_it(owner):
    response = owner.get(LIST)
    text = text_of(response)
    assert [(event, points) for event, points, _ in response.context["shipped"]] == [
        ("Element Clicked", 1), ("Product Clicked", 1), ("Product Added", 3),
        ("Order Completed", 5),
    ]  # fmt: skip
    assert f'href="{ADD}?event=Product+Added"' in text
    form = owner.get(f"{ADD}?event=Product+Added").context["adminform"].form
    assert (form.initial["event"], form.initial["weight"]) == ("Product Added", 3)


def test_events_that_are_known_are_suggested(owner):
    text = text_of(owner.get(ADD))
    assert 'list="pz-known-events"' in text
    assert '<option value="Article Viewed"></option>' in text


def test_a_weight_that_is_added_takes_the_place_of_the_shipped_one(owner, hinted):
    assert weigh(owner, "Product Added", "10").status_code == 302
    assert weights_in_force()["Product Added"] == 10
    assert hinted == [hints.REFRESH_SEGMENTS]
    response = owner.get(LIST)
    assert "in place of the shipped 3" in text_of(response)
    assert "Product Added" not in [event for event, *_ in response.context["shipped"]]


@pytest.mark.parametrize("weight", ["1001", "-1001", "1.5", "much", ""])
def test_a_weight_is_a_whole_number_of_a_bounded_size(owner, hinted, weight):
    assert weigh(owner, weight=weight).status_code == 200
    assert not InterestWeight.objects.exists()
    assert hinted == []


def test_an_event_is_weighed_once(owner):
    weigh(owner)
    response = weigh(owner, weight="3")
    assert response.status_code == 200
    assert "already exists" in str(response.context["adminform"].form.errors)


def test_points_are_edited_in_the_list_and_every_score_follows(owner, make_visitor, hinted):
    visitor = make_visitor(("Article Viewed", 2), ("Article Viewed", 1), ("Element Clicked", 1))
    weigh(owner)
    weight = InterestWeight.objects.get()
    form = {
        "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": weight.pk,
        "form-0-weight": "7", "_save": "Save",
    }  # fmt: skip
    assert owner.post(LIST, form).status_code == 302
    refresh_segments(now=timezone.now())
    assert Snapshot.objects.get(pk=visitor.pk).features["interest.score"] == 7 + 7 + 1
    assert hinted == [hints.REFRESH_SEGMENTS] * 2


def test_a_weight_that_is_taken_away_brings_the_shipped_one_back(owner, hinted):
    for remove in ("one", "several"):
        weigh(owner, "Product Added", "0")
        pk = InterestWeight.objects.get().pk
        assert "Product Added" not in weights_in_force()
        if remove == "one":
            delete = reverse("admin:personalization_interestweight_delete", args=[pk])
            owner.post(delete, {"post": "yes"})
        else:
            chosen = {"action": "delete_selected", "_selected_action": pk, "post": "yes"}
            owner.post(LIST, chosen)
        assert weights_in_force()["Product Added"] == 3
    assert hinted == [hints.REFRESH_SEGMENTS] * 4


def test_who_may_only_look_can_change_nothing(sign_in):
    client = sign_in("view_interestweight")
    text = text_of(client.get(LIST))
    assert "Product Added" in text
    assert "otherwise" not in text
    assert client.get(ADD).status_code == 403
    assert weigh(client).status_code == 403
    assert sign_in("view_segment").get(LIST).status_code == 403
