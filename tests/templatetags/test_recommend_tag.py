"""`{% recommend %}` as template authors write it, well and badly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.http import HttpRequest
from django.template import TemplateSyntaxError
from django.test import override_settings
from django.utils import timezone, translation
from django.utils.safestring import mark_safe

from personalization.delivery.recommendations import USUAL, Wanted, wanted_of
from personalization.delivery.visitor import Visitor
from personalization.ml.item_events import MAX_KEY
from personalization.ml.models import Item
from personalization.ml.serving.recommend import MOST
from tests.calm import CALM
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import render, render_in, request_of
from tests.ml.serving.stored import serve_what_follows

pytestmark = pytest.mark.django_db

CACHED = "{% load cache %}{% cache 60 lists %}LIST{% endcache %}"
EACH = "{% for one in items %}{{ one.item.key }} {% endfor %}"


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    with override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM):
        yield


@pytest.fixture
def person() -> Person:
    make_items("hat", "shoe", "sock", "scarf")
    make_crowd(["hat", "shoe", "sock", "scarf"])
    serve_what_follows({"shoe": ["sock", "scarf"]})
    person = make_person()
    look_at(person, "hat", "shoe")
    return person


def tag(words: str = '"home" limit=2') -> str:
    return f"{{% recommend {words} as items %}}{EACH}"


def visitor_of(request: HttpRequest) -> Visitor:
    visitor = request.personalization  # type: ignore[attr-defined]
    assert isinstance(visitor, Visitor)
    return visitor


class TestFragments:
    """What `{% cache %}` keeps, the first visitor sees and all others after them."""

    @pytest.mark.parametrize("delivery", ["inline", "keyed", "deferred"])
    @pytest.mark.parametrize("mode", ['"inline"', "'inline'", "chosen"])
    def test_a_list_that_may_be_personal_is_refused_however_the_site_delivers(
        self, delivery: str, mode: str
    ) -> None:
        with (
            override_settings(PERSONALIZATION_DELIVERY=delivery),
            pytest.raises(TemplateSyntaxError, match="recommend cannot stand inside"),
        ):
            render(CACHED.replace("LIST", tag(f'"home" mode={mode}')))

    @pytest.mark.parametrize("delivery", ["keyed", "deferred"])
    def test_where_lists_are_for_all_anyway_they_may_be_kept(
        self, person: Person, delivery: str
    ) -> None:
        with override_settings(PERSONALIZATION_DELIVERY=delivery):
            source = CACHED.replace("LIST", tag())
            assert render(source, person) == "hat shoe "
            assert render(source) == "hat shoe "

    def test_a_fragment_inside_the_list_is_no_obstacle(self, person: Person) -> None:
        source = (
            '{% load cache %}{% recommend "home" limit=1 as items %}{% for one in items %}'
            "{% cache 60 card one.item.key %}<b>{{ one.item }}</b>{% endcache %}{% endfor %}"
        )
        assert render(source, person) == "<b>The sock</b>"
        assert render(source) == "<b>The hat</b>"


class TestWhoseListItIs:
    @pytest.mark.parametrize("delivery", ["keyed", "deferred"])
    def test_a_site_that_caches_pages_gives_all_the_same_and_asks_for_nobody(
        self, person: Person, delivery: str
    ) -> None:
        request = request_of(person)
        with override_settings(PERSONALIZATION_DELIVERY=delivery):
            assert render_in(tag(), request) == "hat shoe "
        assert (visitor_of(request).used, visitor_of(request).asked) == (False, False)

    def test_one_tag_may_differ_from_how_the_site_delivers(self, person: Person) -> None:
        request = request_of(person)
        with override_settings(PERSONALIZATION_DELIVERY="deferred"):
            assert render_in(tag('"home" limit=2 mode="inline"'), request) == "sock scarf "
        assert visitor_of(request).used

    def test_a_personal_list_and_one_for_all_may_stand_in_one_page(self, person: Person) -> None:
        both = tag() + "/ " + tag('"home" limit=2 mode="keyed"') + "/ " + tag()
        assert render(both, person) == "sock scarf / hat shoe / sock scarf "

    def test_in_the_default_of_a_deferred_block_it_makes_the_page_its_visitors(
        self, person: Person
    ) -> None:
        block = (
            '{% personalized_block "hero" deferred %}' + tag() + '{% variant "a" %}-'
            "{% endpersonalized_block %}"
        )
        request = request_of(person)
        assert "sock scarf " in render_in(block, request)
        assert visitor_of(request).used

    def test_who_takes_their_consent_back_gets_what_all_get_from_the_next_page_on(
        self, person: Person
    ) -> None:
        assert render(tag(), person) == "sock scarf "
        person.agree_to("analytics")
        assert render(tag(), person) == "hat shoe "
        person.agree_to("analytics", "personalization")
        assert render(tag(), person) == "sock scarf "

    def test_a_cookie_that_we_did_not_sign_is_nobody(self, person: Person) -> None:
        for cookie in ("", "garbage", "x" * 5000, "a:b:c", "\x00", person.visitor_id):
            request = request_of(person)
            request.COOKIES["pz_id"] = cookie
            assert render_in(tag(), request) == "hat shoe ", cookie

    def test_the_cookie_of_somebody_else_gives_nothing_of_the_own_list(
        self, person: Person
    ) -> None:
        other = make_person()
        request = request_of(person)
        request.COOKIES["pz_id"] = other.cookies["pz_id"]
        assert render_in(tag(), request) == "hat shoe "


class TestWhatTemplatesShow:
    def test_titles_and_reasons_are_escaped(self, person: Person) -> None:
        odd = '<script>alert("x")</script> & %(title)s'
        Item.objects.filter(key__in=("shoe", "sock")).update(
            title=odd, image='"><b>', updated_at=timezone.now()
        )
        shown = render(
            '{% recommend "home" limit=1 as items %}{% for one in items %}{{ one.item }}|'
            '{{ one.item.title }}|{{ one.reason }}|<img src="{{ one.item.image }}">{% endfor %}',
            person,
        )
        escaped = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; %(title)s"
        assert shown == (
            f'{escaped}|{escaped}|Because you looked at {escaped}|<img src="&quot;&gt;&lt;b&gt;">'
        )

    def test_an_item_without_a_title_is_shown_by_its_key(self, person: Person) -> None:
        Item.objects.filter(key="sock").update(title="", updated_at=timezone.now())
        assert render('{% recommend "home" limit=1 as items %}{{ items.0.item }}', person) == "sock"

    def test_an_empty_list_is_false_and_has_a_length(self) -> None:
        source = (
            '{% recommend "home" as items %}{% if items %}some{% else %}none{% endif %}'
            "{{ items|length }}"
        )
        assert render(source, make_person()) == "none0"

    def test_it_can_be_gone_through_twice_and_asked_by_number(self, person: Person) -> None:
        twice = tag() + EACH + "{{ items.1.item.key }}{{ items.7.item.key }}"
        assert render(twice, person) == "sock scarf sock scarf scarf"

    def test_the_list_is_the_same_in_every_language(self, person: Person) -> None:
        here = render(tag(), person)
        with translation.override("de"):
            assert render(tag(), person) == here

    def test_words_and_numbers_may_come_from_the_page(self, person: Person) -> None:
        source = "{% load personalization %}" + tag("place limit=n item=about")
        found = render_in(source, request_of(person), place=mark_safe("home"), n=1, about="shoe")
        assert found == "sock "

    def test_a_page_that_is_about_nothing_says_so_by_none(self, person: Person) -> None:
        assert (
            render_in(tag('"home" limit=2 item=product.key'), request_of(person), product=None)
            == "sock scarf "
        )

    def test_what_the_page_is_about_may_be_a_number_or_nothing_we_know(
        self, person: Person
    ) -> None:
        make_items("42")
        assert "42 " not in render_in(tag('"home" limit=9 item=key'), request_of(person), key=42)
        assert render(tag('"home" limit=2 item="\'; DROP TABLE items; --"')) == "hat shoe "


class TestWhatIsWanted:
    def test_without_more_words_it_is_a_list_of_the_usual_length_for_its_visitor(self) -> None:
        assert wanted_of("home") == Wanted(place="home", n=USUAL, item="", mode="inline")
        assert wanted_of("home").is_personal
        assert not wanted_of("home", mode="keyed").is_personal

    @pytest.mark.parametrize("place", ["a", "A-1_b", "x" * 50])
    def test_places_are_slugs(self, place: str) -> None:
        assert wanted_of(place).place == place

    @pytest.mark.parametrize(
        "place",
        ["", " home", "home\n", "x" * 51, "hôme", "a.b", "a/b", "../x", "٣", None, 5, b"home"],
        ids=repr,
    )
    def test_any_other_place_is_refused(self, place: object) -> None:
        with pytest.raises(ValueError, match="The place is .*1 to 50 letters"):
            wanted_of(place)

    @pytest.mark.parametrize("n", [1, MOST])
    def test_a_list_has_one_item_at_least_and_not_more_than_the_longest(self, n: int) -> None:
        assert wanted_of("home", n=n).n == n

    @pytest.mark.parametrize(
        "n", [0, -1, MOST + 1, 2.0, "3", None, True, float("nan"), [3]], ids=repr
    )
    def test_any_other_limit_is_refused_by_its_name(self, n: object) -> None:
        with pytest.raises(ValueError, match=f"whole numbers from 1 to {MOST}"):
            wanted_of("home", n=n)

    def test_the_key_of_an_item_is_a_text_or_a_number(self) -> None:
        assert wanted_of("home", item=17).item == "17"
        assert wanted_of("home", item="x" * MAX_KEY).item == "x" * MAX_KEY

    @pytest.mark.parametrize(
        "item", ["x" * (MAX_KEY + 1), 1.5, ["a"], {"a": 1}, b"a", object], ids=lambda x: str(x)[:9]
    )
    def test_what_no_key_can_be_is_refused(self, item: object) -> None:
        with pytest.raises(ValueError, match=f"up to {MAX_KEY} characters"):
            wanted_of("home", item=item)

    def test_a_refusal_repeats_no_more_than_a_line_of_what_was_said(self) -> None:
        for said in ({"place": "x" * 9999}, {"place": "home", "n": "9" * 9999},
                     {"place": "home", "item": "y" * 9999}, {"place": "home", "mode": "z" * 999}):  # fmt: skip
            with pytest.raises(ValueError, match="is") as refused:
                wanted_of(**said)  # type: ignore[arg-type]
            assert len(str(refused.value)) < 200
