from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from personalization.exceptions import CannotDecrypt, CannotEncrypt
from personalization.privacy import encryption
from personalization.privacy.encryption import (
    PREFIX,
    is_of_newest_key,
    is_sealed,
    obstacle,
    opened,
    opened_traits,
    resealed,
    seal,
    sealed_traits,
)

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture(autouse=True)
def encrypted(settings):
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ("email", "diagnosis")
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (OLD,)


@pytest.mark.parametrize(
    "value", ["ada@example.org", 41, 1.5, True, ["a", {"b": None}], {"x": "é"}]
)
def test_what_is_sealed_is_opened_again_as_it_was(value):
    assert opened("email", seal("email", value)) == value


def test_only_the_named_traits_are_sealed():
    found = sealed_traits({"email": "ada@example.org", "plan": "gold"}, trusted=False)
    assert found["plan"] == "gold"
    assert is_sealed(found["email"])
    assert "ada@" not in found["email"]  # three letters may be there by chance


def test_without_named_traits_nothing_is_touched(settings):
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ()
    traits = {"email": "ada@example.org"}
    assert sealed_traits(traits, trusted=False) is traits


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_not_known_is_not_sealed(nothing):
    assert sealed_traits({"email": nothing}, trusted=False) == {"email": nothing}


def test_two_people_with_one_value_cannot_be_told_to_have_it():
    assert seal("email", "ada@example.org") != seal("email", "ada@example.org")


def test_a_trusted_source_hands_in_what_was_sealed_before():
    sealed = seal("email", "ada@example.org")
    assert sealed_traits({"email": sealed}, trusted=True) == {"email": sealed}


def test_a_browser_cannot_hand_in_what_was_sealed_of_somebody_else():
    stolen = seal("email", "ada@example.org")
    found = sealed_traits({"email": stolen}, trusted=False)
    assert opened("email", found["email"]) == stolen


def test_what_was_sealed_as_one_trait_is_not_opened_as_another():
    with pytest.raises(CannotDecrypt):
        opened("plan", seal("email", "ada@example.org"))


# -- keys --------------------------------------------------------------------------------------


def test_an_older_key_still_opens(settings):
    sealed = seal("email", "ada@example.org")
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (NEW, OLD)
    assert opened("email", sealed) == "ada@example.org"
    assert not is_of_newest_key(sealed)
    assert is_of_newest_key(seal("email", "kim@example.org"))


def test_a_key_that_is_gone_is_said_and_the_value_is_not(settings):
    sealed = seal("email", "ada@example.org")
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (OTHER,)
    with pytest.raises(CannotDecrypt, match="No key of PERSONALIZATION_ENCRYPTION_KEYS opens it"):
        opened("email", sealed)


@pytest.mark.parametrize("text", ["", "x", "gAAAAA==", "ä" * 40, PREFIX])
def test_what_only_looks_sealed_is_not_opened(text):
    with pytest.raises(CannotDecrypt):
        opened("email", PREFIX + text)


def test_resealing_turns_to_the_newest_key_and_leaves_what_has_it(settings):
    old = seal("email", "ada@example.org")
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (NEW, OLD)
    once = resealed({"email": old, "plan": "gold"})
    assert is_of_newest_key(str(once["email"]))
    assert once["plan"] == "gold"
    assert resealed(once) == once


def test_resealing_seals_what_was_kept_in_plain_text_before(settings):
    found = resealed({"diagnosis": "flu", "email": None})
    assert opened("diagnosis", str(found["diagnosis"])) == "flu"
    assert found["email"] is None


def test_resealing_keeps_what_is_sealed_though_it_need_not_be_any_more(settings):
    sealed = seal("email", "ada@example.org")
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ()
    assert resealed({"email": sealed}) == {"email": sealed}


# -- without a key, without the extra ----------------------------------------------------------


def test_without_a_key_the_value_is_left_out_rather_than_kept_in_plain_text(settings):
    settings.PERSONALIZATION_ENCRYPTION_KEYS = ()
    assert sealed_traits({"email": "ada@example.org", "plan": "gold"}, trusted=False) == {
        "plan": "gold"
    }


def test_a_key_that_is_none_is_told_without_saying_it(settings):
    settings.PERSONALIZATION_ENCRYPTION_KEYS = ("hunter2",)
    assert "no key of Fernet" in obstacle()
    assert "hunter2" not in obstacle()


def test_without_the_extra_it_is_said_what_to_install(monkeypatch):
    sealed = seal("email", "ada@example.org")
    monkeypatch.setattr(encryption, "IS_INSTALLED", False)
    assert "personalization[encryption]" in obstacle()
    with pytest.raises(CannotDecrypt, match="encryption"):
        opened("email", sealed)
    with pytest.raises(CannotEncrypt):
        seal("email", "x")
    assert sealed_traits({"email": "x"}, trusted=False) == {}


def test_with_a_key_there_is_no_problem():
    assert obstacle() == ""


# -- for the person ----------------------------------------------------------------------------


def test_all_that_is_sealed_in_an_export_is_opened():
    sealed = seal("email", "ada@example.org")
    data = {"traits": {"email": sealed}, "events": [{"properties": {"email": sealed, "n": 1}}]}
    assert opened_traits(data) == {
        "traits": {"email": "ada@example.org"},
        "events": [{"properties": {"email": "ada@example.org", "n": 1}}],
    }


def test_an_export_keeps_what_no_key_opens(settings):
    sealed = seal("email", "ada@example.org")
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (OTHER,)
    assert opened_traits({"email": sealed}) == {"email": sealed}
