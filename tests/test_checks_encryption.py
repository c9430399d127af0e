from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks

from personalization.privacy import encryption


def told() -> list[str]:
    return [each.msg for each in run_checks() if each.id == "personalization.E020"]


@pytest.fixture(autouse=True)
def named(settings):
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ("email",)
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)


def test_with_a_key_nothing_is_told():
    assert told() == []


def test_without_encrypted_traits_no_key_is_needed(settings):
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ()
    settings.PERSONALIZATION_ENCRYPTION_KEYS = ()
    assert told() == []


def test_traits_without_a_key_are_told(settings):
    settings.PERSONALIZATION_ENCRYPTION_KEYS = ()
    assert "PERSONALIZATION_ENCRYPTION_KEYS is empty" in told()[0]


def test_a_key_that_is_none_is_told_and_not_shown(settings):
    settings.PERSONALIZATION_ENCRYPTION_KEYS = ("hunter2",)
    assert "no key of Fernet" in told()[0]
    assert "hunter2" not in told()[0]


def test_the_missing_extra_is_told(monkeypatch):
    monkeypatch.setattr(encryption, "IS_INSTALLED", False)
    assert "personalization[encryption]" in told()[0]


def test_what_is_no_tuple_is_left_to_the_check_of_settings(settings):
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = "email"
    assert told() == []
