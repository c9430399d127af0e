from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import override_settings

from personalization.privacy.consent import Answers, answers_of, profile_consents, record_consent
from personalization.privacy.models import Consent
from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.links import join
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.resolve import Link

NOW = datetime(2026, 5, 4, tzinfo=UTC)
PHONE, LAPTOP = Key(Identity.ANONYMOUS, "phone"), Key(Identity.ANONYMOUS, "laptop")


def answer(key: Key, *granted: str) -> int:
    mechanism = Consent.Mechanism.BANNER
    return record_consent(key, granted=granted, mechanism=mechanism, now=NOW).profile_id


@pytest.mark.django_db
def test_the_newest_answer_to_each_purpose_wins() -> None:
    answer(PHONE, "analytics", "marketing")
    profile = answer(PHONE, "personalization", "marketing")
    answers = answers_of([profile])[profile]
    assert answers.granted == {"personalization", "marketing"}
    assert answers.refused == {"analytics"}
    assert profile_consents(profile) == {"marketing": True, "personalization": True}
    assert Snapshot.objects.get().consents == profile_consents(profile)


@pytest.mark.django_db
def test_each_profile_has_answers_of_its_own() -> None:
    phone, laptop = answer(PHONE, "analytics"), answer(LAPTOP)
    silent = find_or_create([Key(Identity.USER, "u1")])[Key(Identity.USER, "u1")].profile_id
    answers = answers_of([phone, laptop, silent])
    assert answers[phone].granted == {"analytics"}
    assert answers[laptop].granted == set()
    assert silent not in answers
    assert profile_consents(silent) == {}
    assert answers_of([]) == {}


@pytest.mark.django_db
def test_of_joined_devices_the_newest_answer_wins() -> None:
    answer(PHONE, "analytics")
    answer(LAPTOP)
    user = Key(Identity.USER, "u1")
    found = find_or_create([PHONE, LAPTOP, user])
    profile = found[user].profile_id
    join([Link(user, device, 0, "m") for device in (LAPTOP, PHONE)], found, now=NOW)
    assert answers_of([profile])[profile].granted == set()
    answer(PHONE, "marketing")
    assert profile_consents(profile) == {"marketing": True}


@pytest.mark.django_db
def test_a_new_answer_has_rules_that_ask_for_consent_looked_at_again() -> None:
    profile = answer(PHONE, "analytics")
    Snapshot.objects.update(plan="something")
    answer(PHONE)
    assert Snapshot.objects.get(pk=profile).plan == ""


def test_joining_answers_does_not_depend_on_whose_come_first() -> None:
    one = Answers({"analytics": (1, True), "marketing": (4, False)})
    two = Answers({"analytics": (3, False), "marketing": (2, True), "personalization": (5, True)})
    both = one.joined(two)
    assert both == two.joined(one)
    assert both.granted == {"personalization"}
    assert both.refused == {"analytics", "marketing"}
    assert one.joined(Answers()) == one


@pytest.mark.django_db
def test_a_yes_to_another_version_of_the_policy_is_no_answer_but_a_no_stays_one() -> None:
    profile = answer(PHONE, "analytics")
    with override_settings(PERSONALIZATION_POLICY_VERSION="2"):
        found = answers_of([profile])[profile]
        assert found.granted == set()
        assert found.refused == {"personalization", "marketing"}
        assert profile_consents(profile) == {}
