"""What another consent tool says with an event, by the rules that Segment has published."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.privacy.preferences import UPDATED, Preferences, statement_of

ALL = frozenset({"analytics", "personalization", "marketing"})


def stated(preferences: Any, name: str = "Seen") -> Preferences | None:
    return statement_of({"consent": {"categoryPreferences": preferences}}, name=name)


def granted(preferences: Any) -> frozenset[str]:
    said = stated(preferences)
    assert said is not None
    return said.granted


@pytest.mark.parametrize("context", [{}, {"consent": {}}, {"consent": None}, {"consent": "yes"}])
def test_without_preferences_nothing_is_stated(context: Any) -> None:
    assert statement_of(context, name="Seen") is None


@pytest.mark.parametrize("preferences", [{}, None, [], "analytics", True, 1])
def test_preferences_that_are_empty_or_unreadable_agree_to_nothing(preferences: Any) -> None:
    assert granted(preferences) == frozenset()


@pytest.mark.parametrize(
    ("preferences", "agreed"),
    [
        ({"analytics": True}, {"analytics"}),
        ({"analytics": True, "marketing": False}, {"analytics"}),
        ({"analytics": False, "marketing": False}, set()),
        ({"analytics": True, "personalization": True, "marketing": True}, ALL),
        ({"Advertising": True}, set()),
        ({"analytics": "true", "marketing": 1, "personalization": None}, set()),
    ],
)
def test_a_category_counts_when_it_is_true_and_nothing_else_does(
    preferences: Any, agreed: set[str]
) -> None:
    assert granted(preferences) == agreed


def test_categories_of_the_tool_stand_for_purposes_as_the_site_says(settings: Any) -> None:
    settings.PERSONALIZATION_CONSENT_CATEGORIES = {
        "C0002": ["analytics"], "C0004": ["marketing", "personalization"],
    }  # fmt: skip
    assert granted({"C0002": True}) == {"analytics"}
    assert granted({"C0002": True, "C0004": True}) == ALL
    assert granted({"C0001": True}) == frozenset()


def test_a_purpose_of_several_categories_needs_them_all(settings: Any) -> None:
    settings.PERSONALIZATION_CONSENT_CATEGORIES = {"C1": ["analytics"], "C2": ["analytics"]}
    assert granted({"C1": True}) == frozenset()
    assert granted({"C1": True, "C2": True}) == {"analytics"}
    assert granted({"C1": True, "C2": True, "analytics": False}) == frozenset()


def test_a_category_that_is_named_does_not_stand_for_the_purpose_called_so(settings: Any) -> None:
    settings.PERSONALIZATION_CONSENT_CATEGORIES = {"analytics": ["marketing"]}
    assert granted({"analytics": True}) == {"marketing"}


def test_whether_anything_may_be_kept_is_up_to_the_collecting_purposes() -> None:
    for preferences, allows in (({"analytics": True}, True), ({"marketing": True}, False)):
        said = stated(preferences)
        assert said is not None
        assert said.allows is allows


def test_only_one_event_is_an_answer_in_itself() -> None:
    said, repeated = stated({}, UPDATED), stated({}, "Seen")
    assert said is not None
    assert repeated is not None
    assert said.explicit
    assert not repeated.explicit


def test_of_categories_that_nobody_knows_nothing_goes_into_the_log() -> None:
    said = stated({"analytics": True, "ann@example.com": True})
    assert said is not None
    assert said.evidence == {
        "categoryPreferences": {"analytics": True, "marketing": False, "personalization": False}
    }
