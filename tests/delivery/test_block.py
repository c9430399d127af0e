"""What `{% personalized_block %}` shows to whom."""

from __future__ import annotations

import pytest
from django.template import TemplateSyntaxError, engines

from personalization.segments.models import Segment
from tests.delivery.people import make_person, make_segments, make_slot, make_variation
from tests.delivery.rendering import HERO, render, render_in, request_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("abandoners", "loyal", "asleep")
    make_slot("hero")


def test_a_visitor_without_an_id_sees_the_default() -> None:
    assert render(HERO) == "default"


@pytest.mark.parametrize(
    ("segments", "shown"),
    [
        ((), "default"),
        (("asleep",), "default"),
        (("abandoners",), "for abandoners"),
        (("loyal",), "for the loyal"),
        (("loyal", "abandoners"), "for abandoners"),
    ],
)
def test_the_first_variant_whose_segment_matches_is_shown(
    segments: tuple[str, ...], shown: str
) -> None:
    assert render(HERO, make_person(*segments)) == shown


@pytest.mark.parametrize("consents", [(), ("analytics",), ("analytics", "marketing")])
def test_without_consent_to_personalization_the_default_is_shown(
    consents: tuple[str, ...],
) -> None:
    make_variation("abandoners", "from the admin")
    assert render(HERO, make_person("abandoners", consents=consents)) == "default"


def test_a_consent_that_is_stored_as_no_is_no_consent() -> None:
    person = make_person("abandoners")
    person.profile.snapshot.consents = {"personalization": False}
    person.profile.snapshot.save(update_fields=["consents"])
    assert render(HERO, person) == "default"


def test_a_variation_from_the_admin_comes_before_a_variant_of_the_template() -> None:
    make_variation("loyal", "<b>from the admin</b>")
    assert render(HERO, make_person("abandoners", "loyal")) == "<b>from the admin</b>"


def test_variations_are_tried_by_priority_and_then_by_age() -> None:
    make_variation("loyal", "second", priority=2)
    make_variation("abandoners", "first", priority=1)
    make_variation("loyal", "younger", priority=1)
    make_variation("abandoners", "youngest", priority=1)
    assert render(HERO, make_person("abandoners", "loyal")) == "first"
    assert render(HERO, make_person("loyal")) == "younger"


def test_an_inactive_variation_is_not_shown() -> None:
    make_variation("loyal", "from the admin", active=False)
    assert render(HERO, make_person("loyal")) == "for the loyal"


def test_nobody_is_in_an_inactive_segment() -> None:
    person = make_person("loyal")
    make_variation("loyal", "from the admin")
    segment = Segment.objects.get(slug="loyal")
    segment.active = False
    segment.save()
    assert render(HERO, person) == "default"


def test_a_variation_of_another_slot_stays_there() -> None:
    make_variation("loyal", "a footer", slot="footer")
    assert render(HERO, make_person("loyal")) == "for the loyal"


def test_a_slot_that_nobody_made_shows_the_variants_of_the_template() -> None:
    source = HERO.replace('"hero"', '"nowhere"')
    assert render(source, make_person("loyal")) == "for the loyal"


def test_a_variant_of_several_segments_is_shown_to_each_of_them() -> None:
    source = (
        '{% personalized_block "hero" %}default{% variant "loyal" "abandoners" %}both'
        "{% endpersonalized_block %}"
    )
    assert render(source, make_person("loyal")) == "both"
    assert render(source, make_person("abandoners")) == "both"
    assert render(source, make_person("asleep")) == "default"


NESTED = (
    '{% personalized_block "outer" %}default'
    '{% variant "loyal" %}loyal, {% personalized_block "inner" %}inner default'
    '{% variant "abandoners" %}inner{% endpersonalized_block %}'
    "{% endpersonalized_block %}"
)


def test_blocks_can_be_nested() -> None:
    assert render(NESTED, make_person("loyal")) == "loyal, inner default"
    assert render(NESTED, make_person("loyal", "abandoners")) == "loyal, inner"
    assert render(NESTED, make_person("abandoners")) == "default"


def test_a_block_sees_the_context_around_it() -> None:
    source = (
        "{% for word in words %}{% personalized_block 'hero' %}{{ word }}"
        "{% variant 'loyal' %}{{ forloop.counter }}{{ word }}{% endpersonalized_block %}{% endfor %}"
    )
    request = request_of(make_person("loyal"))
    assert render_in(source, request, words=["<i>", "b"]) == "1&lt;i&gt;2b"


def test_a_block_works_in_a_template_that_gets_nothing_but_its_own_variables() -> None:
    # `only` leaves the variable `request` behind.
    source = '{% include part with a="1" only %}'
    part = "{% load personalization %}{{ a }}{{ request }}" + HERO
    request = request_of(make_person("loyal"))
    context = {"part": engines["django"].from_string(part).template}
    assert render_in(source, request, **context) == "1for the loyal"


def test_a_variable_called_request_does_not_hide_the_real_one() -> None:
    request = request_of(make_person("loyal"))
    source = '{% with request="for holidays" %}' + HERO + "{% endwith %}"
    assert render_in(source, request) == "for the loyal"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("{% personalized_block %}x{% endpersonalized_block %}", "takes one quoted slug"),
        ("{% personalized_block hero %}x{% endpersonalized_block %}", "got 'hero'"),
        ("{% personalized_block 'a'|upper %}x{% endpersonalized_block %}", "takes one quoted slug"),
        ("{% personalized_block 'a' 'b' %}x{% endpersonalized_block %}", "takes one quoted slug"),
        ("{% personalized_block 7 %}x{% endpersonalized_block %}", "takes one quoted slug"),
        ("{% personalized_block 'a' %}{% endpersonalized_block %}", "“a” needs a default"),
        (
            "{% personalized_block 'a' %} \n{% variant 'b' %}x{% endpersonalized_block %}",
            "“a” needs a default before its first variant",
        ),
        (
            "{% personalized_block 'a' %}x{% variant %}y{% endpersonalized_block %}",
            "variant takes quoted slugs",
        ),
        (
            "{% personalized_block 'a' %}x{% variant slug %}y{% endpersonalized_block %}",
            "got 'slug'",
        ),
        ("{% personalized_block 'a' %}x", "personalized_block"),
        ("{% variant 'a' %}", "variant"),
        (
            "{% load cache %}{% cache 60 'x' %}{% personalized_block 'a' %}x"
            "{% endpersonalized_block %}{% endcache %}",
            "“a” cannot stand inside {% cache %}",
        ),
        (
            "{% load cache %}{% cache 60 'x' %}{% if 1 %}{% in_segment 'a' as b %}{% endif %}"
            "{% endcache %}",
            "in_segment cannot stand inside {% cache %}",
        ),
    ],
)
def test_a_mistake_in_a_template_is_named(source: str, complaint: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=complaint.replace("{", r"\{")):
        render(source)


def test_a_fragment_cache_may_stand_inside() -> None:
    source = (
        "{% load cache %}{% personalized_block 'hero' %}default{% variant 'loyal' %}"
        "{% cache 60 'x' %}for the loyal{% endcache %}{% endpersonalized_block %}"
    )
    assert render(source, make_person("loyal")) == "for the loyal"
    assert render(source) == "default"


def test_a_comment_will_do_for_a_default() -> None:
    source = "{% personalized_block 'a' %}<!-- nothing -->{% endpersonalized_block %}"
    assert render(source) == "<!-- nothing -->"
