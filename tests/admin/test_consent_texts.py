"""What visitors are asked, in the admin: written in versions, kept once it was answered."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.privacy.consent import record_consent
from personalization.privacy.models import AuditEntry, ConsentText, Mechanism
from personalization.privacy.text_versions import next_version
from personalization.privacy.texts import texts_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_consenttext_changelist")
ADD = reverse("admin:personalization_consenttext_add")
COPY = reverse("admin:personalization_consenttext_copy")
FORM = {"version": "2", "language": "en", "purpose": "", "title": "Biscuits?", "text": "May we?"}


def own(**fields: str) -> ConsentText:
    return ConsentText.objects.create(**{**FORM, **fields})


def page_of(text: ConsentText, name: str = "change") -> str:
    return reverse(f"admin:personalization_consenttext_{name}", args=[text.pk])


def answer() -> None:
    """Somebody answers the version in force."""
    record_consent(
        Key(Identity.ANONYMOUS, "a1"),
        granted=["analytics"],
        mechanism=Mechanism.BANNER,
        now=timezone.now(),
    )


def test_a_text_is_written_and_asked_once_its_version_is_in_force(
    admin_client: Client, settings: Any
) -> None:
    texts_of("en")
    assert admin_client.post(ADD, FORM).status_code == 302
    assert texts_of("en").title == "May we remember your visit?"
    settings.PERSONALIZATION_POLICY_VERSION = "2"
    assert texts_of("en").title == "Biscuits?"


def test_a_change_is_asked_at_once_by_the_process_that_made_it(admin_client: Client) -> None:
    text = own(version="1")
    assert texts_of("en").title == "Biscuits?"
    admin_client.post(page_of(text), {**FORM, "version": "1", "title": "Cookies?"})
    assert texts_of("en").title == "Cookies?"


def test_what_was_answered_stays_as_it_is(admin_client: Client) -> None:
    text = own(version="1")
    answer()
    assert admin_client.get(page_of(text)).status_code == 200
    assert admin_client.post(page_of(text), {**FORM, "title": "Else"}).status_code == 403
    assert admin_client.post(page_of(text, "delete"), {"post": "yes"}).status_code == 403
    text.refresh_from_db()
    assert text.title == "Biscuits?"


def test_nothing_is_added_to_what_was_answered(admin_client: Client) -> None:
    answer()
    response = admin_client.post(ADD, {**FORM, "version": "1"})
    assert "was answered already" in response.content.decode()
    assert not ConsentText.objects.exists()


@pytest.mark.parametrize("version", ["a b", "2.1", "<b>", "x" * 21])
def test_a_version_is_one_that_the_cookie_can_hold(admin_client: Client, version: str) -> None:
    assert admin_client.post(ADD, {**FORM, "version": version}).status_code == 200
    assert not ConsentText.objects.exists()


def test_only_what_is_asked_for_has_a_text(admin_client: Client) -> None:
    assert admin_client.post(ADD, {**FORM, "purpose": "necessary"}).status_code == 200
    assert not ConsentText.objects.exists()


def test_a_click_copies_what_is_in_force_to_a_new_version(admin_client: Client) -> None:
    own(version="1")
    own(version="1", language="de", title="Kekse?")
    answer()
    response = admin_client.post(COPY, follow=True)
    assert "PERSONALIZATION_POLICY_VERSION" in response.content.decode()
    copied = ConsentText.objects.filter(version="2")
    assert sorted(copied.values_list("language", "title")) == [
        ("de", "Kekse?"),
        ("en", "Biscuits?"),
    ]
    assert AuditEntry.objects.filter(action="added", kind="consenttext").count() == 2


def test_without_own_texts_the_shipped_ones_are_copied(admin_client: Client) -> None:
    admin_client.post(COPY)
    copied = ConsentText.objects.filter(version="2", language="en")
    assert {text.purpose for text in copied} == {"", "analytics", "personalization", "marketing"}
    assert copied.get(purpose="").title == "May we remember your visit?"


@pytest.mark.parametrize(
    ("current", "taken", "version"),
    [("1", [], "2"), ("1", ["2", "7"], "8"), ("2026", [], "2027"), ("may", [], "may-1"),
     ("may", ["may-1"], "may-2"), ("x" * 20, [], "x" * 18 + "-1")],
)  # fmt: skip
def test_the_next_version_is_free(
    settings: Any, current: str, taken: list[str], version: str
) -> None:
    settings.PERSONALIZATION_POLICY_VERSION = current
    for each in taken:
        own(version=each)
    assert next_version() == version


def test_copying_is_a_post_by_who_may_add(admin_client: Client, client: Client) -> None:
    assert admin_client.get(COPY).status_code == 405
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_consenttext"))
    client.force_login(user)
    assert client.post(COPY).status_code == 403
    assert COPY not in client.get(LIST).content.decode()
    assert not ConsentText.objects.exists()


def test_the_list_says_which_is_asked_and_which_is_a_draft(admin_client: Client) -> None:
    own(version="1")
    own(version="2")
    shown = admin_client.get(LIST).content.decode()
    assert "Version 1 is asked now" in shown
    assert "asked now" in shown
    assert "draft" in shown
