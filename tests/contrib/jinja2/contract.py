"""What a block means, whichever engine renders it: one class of tests for all of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import override_settings

from personalization.delivery.models import Slot
from personalization.exceptions import UnknownSegment
from personalization.ml.serving import popular_now, shelf
from tests.contrib.jinja2.engines import Engine
from tests.delivery.people import Person, make_person, make_segments, make_slot, make_variation
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import HERO, counted, request_of

NESTED = (
    '{% personalized_block "outer" %}default'
    '{% variant "loyal" %}loyal, {% personalized_block "inner" %}inner default'
    '{% variant "abandoners" %}inner{% endpersonalized_block %}'
    "{% endpersonalized_block %}"
)
FAILING = (
    "{% personalized_block 'hero' %}default{% variant 'loyal' %}{{ broken.now }}"
    "{% endpersonalized_block %}"
)

MISTAKES = {
    "no slot": ("{% personalized_block %}x{% endpersonalized_block %}", "takes one quoted slug"),
    "a variable": ("{% personalized_block hero %}x{% endpersonalized_block %}", "got 'hero'"),
    "a filter": (
        "{% personalized_block 'a'|upper %}x{% endpersonalized_block %}",
        "takes one quoted slug",
    ),
    "two slots": (
        "{% personalized_block 'a' 'b' %}x{% endpersonalized_block %}",
        "takes one quoted slug",
    ),
    "a slot that nobody can ask for": (
        "{% personalized_block 'home/hero' deferred %}x{% endpersonalized_block %}",
        "takes slugs of 1 to 50 letters, digits, - and _; got 'home/hero'",
    ),
    "a slot without a name": ("{% personalized_block '' %}x{% endpersonalized_block %}", "got ''"),
    "a segment that nobody can be in": (
        "{% personalized_block 'a' %}x{% variant 'b' 'c d' %}y{% endpersonalized_block %}",
        "variant takes slugs of 1 to 50 letters, digits, - and _; got 'c d'",
    ),
    "a number": ("{% personalized_block 7 %}x{% endpersonalized_block %}", "takes one quoted slug"),
    "no such mode": (
        "{% personalized_block 'a' later %}x{% endpersonalized_block %}",
        "after it inline, keyed, deferred or nothing",
    ),
    "too much space": (
        "{% personalized_block 'a' deferred reserve=61 %}x{% endpersonalized_block %}",
        "reserves 1 to 60 rem, in whole numbers, as in reserve=20; got '61'",
    ),
    "no number": (
        "{% personalized_block 'a' reserve=much %}x{% endpersonalized_block %}",
        "got 'much'",
    ),
    "space that is filled": (
        "{% personalized_block 'a' keyed reserve=20 %}x{% endpersonalized_block %}",
        "it is keyed, so its content is there",
    ),
    "no default": (
        "{% personalized_block 'a' %}{% endpersonalized_block %}",
        "“a” needs a default before its first variant",
    ),
    "a blank default": (
        "{% personalized_block 'a' %} \n{# #}{% variant 'b' %}x{% endpersonalized_block %}",
        "“a” needs a default before its first variant",
    ),
    "a variant for nobody": (
        "{% personalized_block 'a' %}x{% variant %}y{% endpersonalized_block %}",
        "variant takes quoted slugs",
    ),
    "a variant by a variable": (
        "{% personalized_block 'a' %}x{% variant slug %}y{% endpersonalized_block %}",
        "got 'slug'",
    ),
    "no end": ("{% personalized_block 'a' %}x", "personalized_block"),
    "a variant of nothing": ("{% variant 'a' %}", "variant"),
}


class BlockContract:
    """Subclasses say which engine, and what it raises for a template it cannot read."""

    engine: Engine
    error: type[Exception]

    @pytest.fixture(autouse=True)
    def _segments(self) -> None:
        make_segments("abandoners", "loyal")
        make_slot("hero")

    def shown(self, source: str, person: Person | None = None, **context: Any) -> str:
        return self.engine.render(source, request_of(person), **context)

    def test_everybody_sees_the_default(self) -> None:
        assert self.shown(HERO) == "default"
        assert self.shown(HERO, make_person()) == "default"
        assert self.shown(HERO, make_person("loyal", consents=())) == "default"

    def test_who_is_in_a_segment_sees_its_variant(self) -> None:
        assert self.shown(HERO, make_person("loyal")) == "for the loyal"
        assert self.shown(HERO, make_person("loyal", "abandoners")) == "for abandoners"

    def test_a_variation_from_the_admin_comes_first_and_as_it_stands(self) -> None:
        make_variation("loyal", "<b>from the admin</b>")
        assert self.shown(HERO, make_person("loyal", "abandoners")) == "<b>from the admin</b>"

    def test_a_variant_of_several_segments_is_for_each_of_them(self) -> None:
        source = (
            '{% personalized_block "hero" %}default{% variant "loyal" "abandoners" %}both'
            "{% endpersonalized_block %}"
        )
        assert self.shown(source, make_person("abandoners")) == "both"

    def test_blocks_can_be_nested(self) -> None:
        assert self.shown(NESTED, make_person("loyal")) == "loyal, inner default"
        assert self.shown(NESTED, make_person("loyal", "abandoners")) == "loyal, inner"
        assert self.shown(NESTED, make_person("abandoners")) == "default"

    def test_all_that_match_are_shown_where_the_slot_says_so(self) -> None:
        Slot.objects.create(slug="both", name="both", strategy="all")
        source = HERO.replace('"hero"', '"both"')
        assert (
            self.shown(source, make_person("loyal", "abandoners")) == "for abandonersfor the loyal"
        )

    def test_a_block_sees_what_is_around_it_and_escapes(self) -> None:
        source = (
            "{% for word in words %}{% personalized_block 'hero' %}{{ word }}"
            f"{{% variant 'loyal' %}}{{{{ {self.engine.counter} }}}}{{{{ word }}}}"
            "{% endpersonalized_block %}{% endfor %}"
        )
        shown = self.shown(source, make_person("loyal"), words=["<i>", "b"])
        assert shown == "1&lt;i&gt;2b"
        assert self.shown(source, words=["<i>"]) == "&lt;i&gt;"

    def test_only_what_is_shown_is_rendered(self) -> None:
        rendered: list[str] = []
        source = (
            "{% personalized_block 'hero' %}{{ note.default }}{% variant 'loyal' %}{{ note.loyal }}"
            "{% endpersonalized_block %}"
        )

        class Note:
            def __getitem__(self, name: str) -> str:
                rendered.append(name)
                return name

        assert self.shown(source, make_person("loyal"), note=Note()) == "loyal"
        assert rendered == ["loyal"]

    def test_what_fails_behind_a_slot_is_counted_and_the_default_shown(self) -> None:
        before = counted("slots.failed")
        request = request_of(make_person("loyal"))
        assert self.engine.render(FAILING, request, broken=Broken()) == "default"
        assert counted("slots.failed") == before + 1
        assert request.personalization.failures == {"hero": "ValueError: broken"}  # type: ignore[attr-defined]

    def test_a_developer_sees_what_fails(self) -> None:
        with override_settings(DEBUG=True), pytest.raises(ValueError, match="broken"):
            self.shown(FAILING, make_person("loyal"), broken=Broken())

    def test_a_developer_hears_of_a_segment_that_is_none(self) -> None:
        source = HERO.replace("loyal", "disloyal", 1)
        assert self.shown(source, make_person("loyal")) == "default"
        with override_settings(DEBUG=True), pytest.raises(UnknownSegment, match="“disloyal”"):
            self.shown(source, make_person("loyal"))

    def test_without_a_request_the_default_is_shown_and_counted(self) -> None:
        before = counted("slots.without_request")
        assert self.engine.render(HERO, None) == "default"
        assert counted("slots.without_request") == before + 1

    def test_a_page_with_a_block_is_personal_for_those_we_know(self) -> None:
        request = request_of(make_person("loyal"))
        self.engine.render(HERO, request)
        assert visitor(request).used
        request = request_of(None)
        self.engine.render(HERO, request)
        assert visitor(request).asked
        assert not visitor(request).used

    def test_a_keyed_block_leaves_the_page_to_caches(self) -> None:
        request = request_of(make_person("loyal"))
        source = HERO.replace('"hero"', '"hero" keyed')
        assert self.engine.render(source, request) == "for the loyal"
        assert not visitor(request).used
        assert visitor(request).asks

    def test_a_deferred_block_is_the_same_for_everybody(self) -> None:
        source = HERO.replace('"hero"', '"hero" deferred reserve=20')
        request = request_of(make_person("loyal"))
        shown = self.engine.render(source, request)
        assert not visitor(request).asked
        assert shown == self.shown(source)
        assert shown.startswith(
            '<div class="pz-slot pz-reserve-20" data-personalization-slot="hero"'
        )
        assert (
            '<template data-personalization-variation="template:1:loyal" '
            'data-personalization-segments="loyal">for the loyal</template>'
        ) in shown

    @pytest.mark.parametrize(("source", "complaint"), MISTAKES.values(), ids=MISTAKES)
    def test_a_mistake_in_a_template_is_named(self, source: str, complaint: str) -> None:
        with pytest.raises(self.error, match=complaint):
            self.shown(source)

    def test_a_comment_will_do_for_a_default(self) -> None:
        source = "{% personalized_block 'a' %}<!-- nothing -->{% endpersonalized_block %}"
        assert self.shown(source) == "<!-- nothing -->"

    def test_whether_the_visitor_is_in_a_segment(self) -> None:
        source = self.engine.in_segment("loyal")
        assert self.shown(source) == "no"
        assert self.shown(source, make_person("abandoners")) == "no"
        assert self.shown(source, make_person("loyal")) == "yes"

    def test_what_is_recommended_is_listed(self) -> None:
        source = self.engine.recommended("home")
        assert self.shown(source) == ""
        shelf.forget()
        make_items("hat", "shoe", "sock")
        make_crowd(["hat", "shoe", "sock"])
        popular_now.forget()
        assert self.shown(source) == "hat shoe "
        person = make_person()
        look_at(person, "hat")
        assert self.shown(source, person) == "shoe sock "

    def test_the_tracker_has_the_nonce_of_the_page(self) -> None:
        source = self.engine.call("personalization_tracker", {"nonce": "abc"})
        assert '<script id="personalization-tracker" src=' in (shown := self.shown(source))
        assert 'nonce="abc"' in shown
        request = request_of(None)
        request.csp_nonce = "of-the-request"  # type: ignore[attr-defined]
        plain = self.engine.call("personalization_tracker", {})
        assert 'nonce="of-the-request"' in self.engine.render(plain, request)

    def test_the_banner_leads_back_to_the_page(self) -> None:
        shown = self.shown(self.engine.call("consent_banner", {"nonce": "abc"}))
        assert 'id="personalization-consent"' in shown
        assert '<input type="hidden" name="next" value="/">' in shown
        assert 'defer nonce="abc"></script>' in shown

    def test_what_fills_deferred_slots_is_the_same_for_everybody(self) -> None:
        source = self.engine.call("personalization_slots", {})
        request = request_of(make_person("loyal"))
        assert 'id="personalization-slots"' in self.engine.render(source, request)
        assert not visitor(request).asked


class Broken:
    @property
    def now(self) -> str:
        raise ValueError("broken")


def visitor(request: HttpRequest) -> Any:
    return request.personalization  # type: ignore[attr-defined]
