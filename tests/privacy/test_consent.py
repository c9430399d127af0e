from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings

from personalization.privacy.consent import (
    Answer,
    Answers,
    answers_of,
    profile_consents,
    record_consent,
)
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.links import join
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.resolve import Link

NOW = datetime(2026, 5, 4, tzinfo=UTC)
PHONE, LAPTOP = Key(Identity.ANONYMOUS, "phone"), Key(Identity.ANONYMOUS, "laptop")


def answer(key: Key, *granted: str, hours: int = 0) -> int:
    now = NOW + timedelta(hours=hours)
    return record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=now).profile_id


@pytest.mark.django_db
def test_the_newest_answer_to_each_purpose_wins() -> None:
    answer(PHONE, "analytics", "marketing")
    profile = answer(PHONE, "personalization", "marketing")
    answers = answers_of([profile], now=NOW)[profile]
    assert answers.granted == {"personalization", "marketing"}
    assert answers.refused == {"analytics"}
    assert profile_consents(profile, now=NOW) == {"marketing": True, "personalization": True}
    assert Snapshot.objects.get().consents == profile_consents(profile, now=NOW)


@pytest.mark.django_db
def test_each_profile_has_answers_of_its_own() -> None:
    phone, laptop = answer(PHONE, "analytics"), answer(LAPTOP)
    silent = find_or_create([Key(Identity.USER, "u1")])[Key(Identity.USER, "u1")].profile_id
    answers = answers_of([phone, laptop, silent], now=NOW)
    assert answers[phone].granted == {"analytics"}
    assert answers[laptop].granted == set()
    assert silent not in answers
    assert profile_consents(silent, now=NOW) == {}
    assert answers_of([], now=NOW) == {}


@pytest.mark.django_db
def test_of_joined_devices_the_newest_answer_wins() -> None:
    answer(PHONE, "analytics")
    answer(LAPTOP)
    user = Key(Identity.USER, "u1")
    found = find_or_create([PHONE, LAPTOP, user])
    join([Link(user, device, 0, "m") for device in (LAPTOP, PHONE)], found, now=NOW)
    profile = found[user].profile_id
    assert answers_of([profile], now=NOW)[profile].granted == set()
    answer(PHONE, "marketing")
    assert profile_consents(profile, now=NOW) == {"marketing": True}


@pytest.mark.django_db
def test_a_new_answer_has_rules_that_ask_for_consent_looked_at_again() -> None:
    profile = answer(PHONE, "analytics")
    Snapshot.objects.update(plan="something")
    answer(PHONE)
    assert Snapshot.objects.get(pk=profile).plan == ""


def given(hour: int, granted: bool) -> Answer:
    return Answer(at=NOW + timedelta(hours=hour), number=1, granted=granted, policy_version="1")


def test_joining_answers_does_not_depend_on_whose_come_first() -> None:
    one = Answers({"analytics": given(1, True), "marketing": given(4, False)})
    two = Answers(
        {
            "analytics": given(3, False),
            "marketing": given(2, True),
            "personalization": given(5, True),
        }
    )
    both = one.joined(two)
    assert both == two.joined(one)
    assert both.granted == {"personalization"}
    assert both.refused == {"analytics", "marketing"}
    assert one.joined(Answers()) == one


def test_of_two_answers_of_one_instant_the_no_counts() -> None:
    yes, no = Answers({"analytics": given(1, True)}), Answers({"analytics": given(1, False)})
    assert yes.joined(no).refused == no.joined(yes).refused == {"analytics"}


@pytest.mark.django_db
def test_the_newest_answer_is_the_one_given_last_and_not_the_one_written_last() -> None:
    answer(PHONE, "analytics", hours=2)
    profile = answer(PHONE, hours=1)
    assert profile_consents(profile, now=NOW + timedelta(hours=3)) == {"analytics": True}


@pytest.mark.django_db
def test_a_yes_counts_for_so_long_and_a_no_for_ever(settings: Any) -> None:
    settings.PERSONALIZATION_CONSENT_AGE = timedelta(days=10)
    profile = answer(PHONE, "analytics")
    last = NOW + timedelta(days=10, microseconds=-1)
    assert answers_of([profile], now=last)[profile].granted == {"analytics"}
    over = answers_of([profile], now=NOW + timedelta(days=10))[profile]
    assert over.granted == set()
    assert over.refused == {"personalization", "marketing"}
    years = answers_of([profile], now=NOW + timedelta(days=4000))[profile]
    assert years.refused == {"personalization", "marketing"}


@pytest.mark.django_db
def test_behind_a_yes_that_is_over_no_older_answer_counts_again() -> None:
    answer(PHONE)
    profile = answer(PHONE, "analytics", hours=1)
    found = answers_of([profile], now=NOW + timedelta(days=200))[profile]
    assert "analytics" not in found.newest


@pytest.mark.django_db
def test_a_yes_to_another_version_of_the_policy_is_no_answer_but_a_no_stays_one() -> None:
    profile = answer(PHONE, "analytics")
    with override_settings(PERSONALIZATION_POLICY_VERSION="2"):
        found = answers_of([profile], now=NOW)[profile]
        assert found.granted == set()
        assert found.refused == {"personalization", "marketing"}
        assert profile_consents(profile, now=NOW) == {}
