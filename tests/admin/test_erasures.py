"""Erasures and suppressions in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.privacy.erasure.finish import erase
from personalization.privacy.erasure.receipt import verified
from personalization.privacy.models import Erasure
from personalization.privacy.subjects import person_of
from personalization.profiles.identity import Key, find, find_or_create
from personalization.profiles.stores import stores
from personalization.profiles.suppressed import suppressed
from personalization.profiles.suppressions import Suppression

pytestmark = pytest.mark.django_db

USER = Key("user", "ann-4711")
LIST = reverse("admin:personalization_erasure_changelist")
SUPPRESSIONS = reverse("admin:personalization_suppression_changelist")
ADD = reverse("admin:personalization_suppression_add")


@pytest.fixture
def erasure(db: None) -> Erasure:
    find_or_create([USER])
    return erase(person_of([USER]), channel="command", now=timezone.now())


def address(erasure: Erasure, page: str = "change") -> str:
    return reverse(f"admin:personalization_erasure_{page}", args=[erasure.pk])


def act(client: Client, page: str, action: str, row: Any) -> Any:
    return client.post(page, {"action": action, "_selected_action": [row.pk]}, follow=True)


def test_the_list_and_the_page_name_nobody(owner: Client, erasure: Erasure) -> None:
    for page in (LIST, address(erasure)):
        text = owner.get(page).content.decode()
        assert str(erasure.uid) in text
        assert USER.value not in text


def test_the_receipt_is_handed_out_as_a_file(owner: Client, erasure: Erasure) -> None:
    response = owner.get(address(erasure, "receipt"))
    assert response["Content-Disposition"].startswith("attachment")
    assert "no-store" in response["Cache-Control"]
    assert verified(response.content.decode())["uid"] == str(erasure.uid)


def test_a_receipt_needs_the_permission(sign_in: Callable[..., Client], erasure: Erasure) -> None:
    assert sign_in("view_profile").get(address(erasure, "receipt")).status_code == 403
    assert sign_in("view_erasure").get(address(erasure, "receipt")).status_code == 200


def test_what_is_left_is_shown_and_can_be_tried_again(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores.get("buffer"), "search", lambda self, needles: iter(["stream"]))
    left = erase(person_of([USER]), channel="command", now=timezone.now())
    assert "buffer: stream" in owner.get(address(left)).content.decode()
    assert owner.get(address(left, "receipt")).status_code == 302
    act(owner, LIST, "try_again", left)
    left.refresh_from_db()
    assert left.next_at is not None
    assert left.next_at <= timezone.now()


def test_whoever_may_only_look_tries_nothing_again(
    sign_in: Callable[..., Client], erasure: Erasure
) -> None:
    page = sign_in("view_erasure").get(LIST).content.decode()
    assert "try_again" not in page


def test_an_operator_puts_somebody_on_the_list(owner: Client) -> None:
    find_or_create([USER])
    data = {"namespace": "user", "value": USER.value, "whole": "on", "note": "asked by letter"}
    response = owner.post(ADD, data, follow=True)
    assert response.status_code == 200
    row = suppressed([USER])[USER]
    assert (row.reason, row.note) == (Suppression.Reason.OPERATOR, "asked by letter")
    assert not find([USER])


def test_who_is_listed_is_found_by_the_id_that_the_list_does_not_hold(
    owner: Client, erasure: Erasure
) -> None:
    row = suppressed([USER])[USER]
    found = owner.get(SUPPRESSIONS, {"q": f"user:{USER.value}"}).content.decode()
    assert f"{row.digest[:12]}…" in found
    missing = owner.get(SUPPRESSIONS, {"q": "user:somebody-else"}).content.decode()
    assert f"{row.digest[:12]}…" not in missing


def test_the_page_of_a_suppression_opens(owner: Client, erasure: Erasure) -> None:
    row = suppressed([USER])[USER]
    page = reverse("admin:personalization_suppression_change", args=[row.pk])
    assert row.digest in owner.get(page).content.decode()


def test_a_suppression_is_lifted(owner: Client, erasure: Erasure) -> None:
    act(owner, SUPPRESSIONS, "lift", suppressed([USER])[USER])
    assert suppressed([USER])[USER].lifted_at is not None


def test_putting_somebody_on_the_list_needs_the_right_to_erase(
    sign_in: Callable[..., Client],
) -> None:
    assert sign_in("view_suppression", "add_suppression").get(ADD).status_code == 403
    allowed = sign_in("view_suppression", "add_suppression", "erase_profile")
    assert allowed.get(ADD).status_code == 200
