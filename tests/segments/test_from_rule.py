"""Segments of a rule that something else has found."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User

from personalization.rules.writing import feature, rule
from personalization.segments.from_rule import add_segment_of_rule, segments_of_rules
from personalization.segments.models import Segment, SegmentVersion
from tests.factories import make_segment

__all__ = ["make_segment"]

pytestmark = pytest.mark.django_db
RULE = rule(feature("orders.count", ">", 3))


def add(name: str = "buys often", stored=RULE, **others):
    by = others.pop("by", AnonymousUser())
    return add_segment_of_rule(
        stored, name=name, description="Found.", note="From a model.", by=by, **others
    )


def test_it_is_a_segment_by_this_rule_that_waits_for_a_worker():
    segment = add()
    assert (segment.name, segment.slug, segment.rule) == ("buys often", "buys-often", RULE)
    assert segment.is_by_rule
    assert segment.active
    assert segment.refreshed_at is None


def test_its_first_version_says_who_and_why():
    user = User.objects.create_user("anna")
    version = SegmentVersion.objects.get(segment=add(by=user))
    assert (version.number, version.created_by, version.note) == (1, user, "From a model.")


def test_slugs_are_free_short_and_never_empty():
    assert [add().slug, add().slug, add().slug] == ["buys-often", "buys-often-2", "buys-often-3"]
    assert add("多い").slug == "group"
    long = add("very long name " * 20)
    assert len(long.slug) <= 50
    assert len(long.name) == 100
    assert not long.slug.endswith("-")


def test_those_of_the_very_same_rule_are_found_the_newest_first(make_segment):
    make_segment("other", rule(feature("orders.count", ">", 4)))
    make_segment("by-hand")
    first, second = add(), add()
    hidden = add()
    Segment.objects.filter(pk=hidden.pk).update(internal=True)
    other = rule(feature("orders.count", ">", 99))
    assert segments_of_rules([RULE, other]) == [[second, first], []]
