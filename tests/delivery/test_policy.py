"""A yes to an earlier policy is no yes to the current one."""

from __future__ import annotations

import pytest
from django.test import override_settings

from tests.delivery.people import make_person, make_segments
from tests.delivery.rendering import HERO, render, request_of

pytestmark = pytest.mark.django_db


def test_a_new_version_of_the_policy_suspends_what_was_agreed_to() -> None:
    make_segments("abandoners", "loyal")
    person = make_person("abandoners")
    assert render(HERO, person) == "for abandoners"
    with override_settings(PERSONALIZATION_POLICY_VERSION="2"):
        assert render(HERO, person) == "default"
        visitor = request_of(person).personalization  # type: ignore[attr-defined]
        assert not visitor.has_consent("personalization")
        assert visitor.has_consent("necessary")
