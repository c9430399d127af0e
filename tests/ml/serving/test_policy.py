from __future__ import annotations

import pytest
from django.test import override_settings

from personalization.exceptions import SettingError
from personalization.ml.serving.policy import Policy, policy_of
from personalization.monitoring.setting_values import problem_with_value

NAME = "PERSONALIZATION_RECOMMENDATIONS"


def said(value):
    return override_settings(**{NAME: value})


def test_without_a_word_a_list_is_made_as_shipped():
    assert policy_of("home") == Policy()


def test_a_place_is_as_it_is_said_and_else_as_all_are():
    with said({"*": {"explore": 0, "seen": "keep"}, "home": {"seen": "bought", "kinds": ["a"]}}):
        assert policy_of("home") == Policy(explore=0.0, seen="bought", kinds=("a",))
        assert policy_of("cart") == Policy(explore=0.0, seen="keep")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"home": {"seen": "never"}}, "'never'; allowed: hide, bought, keep"),
        ({"home": {"diversity": 2}}, "2; allowed: numbers from 0 to 1"),
        ({"home": {"explore": 0.6}}, "0.6; allowed: numbers from 0 to 0.5"),
        ({"home": {"explore": True}}, "True; allowed: numbers from 0 to 0.5"),
        ({"home": {"per_category": 1.5}}, "1.5; allowed: whole numbers from 0 to 100"),
        ({"home": {"kinds": "product"}}, "'product'; allowed: a list of kinds"),
        ({"home": {"kinds": [1]}}, "allowed: a list of kinds"),
        ({"home": {"sorted": 1}}, r"\['sorted'\] is 1; allowed: one of seen, diversity"),
        ({"*": 3}, r"\['\*'\] is 3; a mapping is needed"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(value, named):
    with said(value), pytest.raises(SettingError, match=named):
        policy_of("home")
    assert problem_with_value(NAME, {NAME: value}) != ""


def test_the_check_of_the_setting_looks_at_every_place():
    assert problem_with_value(NAME, {NAME: {"cart": {"seen": "bought"}}}) == ""
    assert "'never'" in problem_with_value(NAME, {NAME: {"x": {}, "cart": {"seen": "never"}}})
