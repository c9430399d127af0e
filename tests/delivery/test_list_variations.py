"""Variations that are lists of recommended items, wherever slots are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import strategies as st

from personalization.delivery.list_marker import is_list, problem_with, read_marker
from personalization.delivery.listed import wanted_by
from personalization.delivery.models import Slot, Variation
from personalization.ml.models import Item
from personalization.ml.serving.recommend import MOST
from personalization.segments.models import Segment
from personalization.testing import exposures_at_once, memory_buffer
from tests.calm import CALM
from tests.conftest import BROWSER
from tests.delivery.deciding import browser, server
from tests.delivery.people import Person, make_person, make_segments, make_variation
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import render
from tests.delivery.showing import written
from tests.ml.serving.stored import serve_what_follows

HERO = '{% personalized_block "hero" MODE %}default{% endpersonalized_block %}'
MARKER = "[[recommend limit=2]]"


class TestMarker:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("[[recommend]]", {}),
            ("  [[recommend limit=6]]\n", {"limit": 6}),
            ("[[recommend place=home limit=12]]", {"limit": 12, "place": "home"}),
            ("[[recommend place=\"home\" limit='3' ]]", {"limit": 3, "place": "home"}),
            ("[[recommend\n  limit=1\n]]", {"limit": 1}),
        ],
    )
    def test_it_says_how_many_and_where(self, content: str, said: dict[str, Any]) -> None:
        assert is_list(content)
        assert read_marker(content) == said
        assert problem_with(content) == ""

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            ("<p>Look:</p> [[recommend limit=6]]", "whole content"),
            ("[[recommend limit=6]] <b>now</b>", "whole content"),
            ("[[recommend limit=6", "whole content"),
            ("[[recommended]]", "whole content"),
            ("[[recommend limit=6]][[recommend]]", "whole content"),
            ("[[recommend limit=0]]", "from 1 to"),
            (f"[[recommend limit={MOST + 1}]]", f"to {MOST}"),
            ("[[recommend limit=six]]", "“six”"),
            ("[[recommend limit=٣]]", "from 1 to"),
            ("[[recommend limit=]]", "“limit=”"),
            ("[[recommend place=../x]]", "1 to 50 letters"),
            (f"[[recommend place={'x' * 51}]]", "1 to 50 letters"),
            ("[[recommend 6]]", "“6”"),
            ("[[recommend limit=6 limit=7]]", "“limit=7”"),
            ("[[recommend template=admin.html]]", "“template=admin.html”"),
        ],
    )
    def test_what_it_cannot_say_is_named(self, content: str, why: str) -> None:
        assert why in problem_with(content)

    @given(st.text(max_size=60))
    def test_html_without_a_marker_is_nobodys_business(self, content: str) -> None:
        assert "[[recommend" in content or problem_with(content) == ""

    @given(st.text(alphabet="[]recommend limit=6'\"\n", max_size=40).map("[[recommend".__add__))
    def test_whatever_is_written_is_a_list_that_can_be_made_or_a_problem(self, text: str) -> None:
        if not problem_with(text):
            wanted = wanted_by(text, slot="hero")
            assert 1 <= wanted.n <= MOST
            assert re.fullmatch(r"[-\w]{1,50}", wanted.place)


@pytest.mark.django_db
def test_the_admin_names_what_a_list_cannot_say() -> None:
    make_segments("a")
    slot = Slot.objects.create(slug="hero", name="Hero")
    row = Variation(
        slot=slot, segment=Segment.objects.get(slug="a"), name="x", content="[[recommend limit=99]]"
    )
    with pytest.raises(ValidationError, match="“99”; whole numbers from 1 to 50") as refused:
        row.full_clean()
    assert set(refused.value.message_dict) == {"content"}
    row.content = MARKER
    row.full_clean()


@pytest.fixture
def _calm() -> Iterator[None]:
    with (
        memory_buffer(),
        exposures_at_once(),
        override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM),
    ):
        yield


@pytest.fixture
def person(_calm: None) -> Person:
    make_segments("a")
    make_variation("a", MARKER)
    make_items("hat", "shoe", "sock", "scarf")
    make_crowd(["hat", "shoe", "sock", "scarf"])
    serve_what_follows({"shoe": ["sock", "scarf"]}, number=4)
    person = make_person("a")
    look_at(person, "hat", "shoe")
    return person


def titles(html: str) -> list[str]:
    return re.findall(r"The (\w+)</span>", html)


@pytest.mark.django_db(transaction=True)
class TestShown:
    def test_in_the_page_it_is_the_visitors_own_and_counts_as_shown(self, person: Person) -> None:
        html = render(HERO.replace("MODE", ""), person)
        assert titles(html) == ["sock", "scarf"]
        assert "Because you looked at The shoe" in html
        shown = {event["name"]: event["properties"] for event in written()}
        assert shown["Slot Shown"]["slot"] == "hero"
        assert shown["Recommendation Shown"]["place"] == "hero"
        assert shown["Recommendation Shown"]["items"] == ["sock", "scarf"]

    def test_in_a_page_that_caches_keep_it_is_everybodys_and_the_browser_may_fill_it(
        self, person: Person
    ) -> None:
        html = render(HERO.replace("MODE", "keyed"), person)
        assert titles(html) == ["hat", "shoe"]
        assert (
            'data-personalization-list="hero" data-personalization-limit="2" '
            'data-personalization-item=""' in html
        )
        assert "Because" not in html

    def test_the_browser_is_told_the_own_list_and_what_to_report(self, person: Person) -> None:
        [told] = browser(person).ask("hero")
        assert titles(told["content"]) == ["sock", "scarf"]
        assert told["variation"].startswith("variation:")
        [listed] = told["lists"]
        assert (listed["place"], listed["items"]) == ("hero", ["sock", "scarf"])
        assert listed["model"] == "recommend 4"
        assert re.fullmatch("[0-9a-f]{32}", listed["decision_id"])
        assert written() == [], "deciding counts for nothing"

    def test_a_piece_of_html_has_the_own_list_and_counts(self, person: Person) -> None:
        client = Client(headers={"user-agent": BROWSER})
        client.cookies.load(person.cookies)
        html = client.get("/p/v1/slots/hero").content.decode()
        assert titles(html) == ["sock", "scarf"]
        assert {event["name"] for event in written()} == {"Slot Shown", "Recommendation Shown"}

    def test_another_place_has_rules_and_a_template_of_its_own(self, person: Person) -> None:
        Variation.objects.update(content="[[recommend place=footer limit=1]]")
        [told] = browser(person).ask("hero")
        assert told["lists"][0]["place"] == "footer"
        assert len(titles(told["content"])) == 1

    def test_who_is_not_in_the_segment_sees_the_default(self, person: Person) -> None:
        assert render(HERO.replace("MODE", ""), make_person()) == "default"
        [told] = browser(make_person()).ask("hero")
        assert (told["content"], "lists" in told) == (None, False)

    @pytest.mark.parametrize("mode", ["", "keyed"])
    def test_an_empty_list_leaves_the_default_which_counts_for_nothing(
        self, person: Person, mode: str
    ) -> None:
        Item.objects.all().delete()
        assert render(HERO.replace("MODE", mode), person) == "default"
        [told] = browser(person).ask("hero")
        assert (told["variation"], told["content"]) == ("", None)
        client = Client(headers={"user-agent": BROWSER})
        client.cookies.load(person.cookies)
        assert client.get("/p/v1/slots/hero").status_code == 204
        assert written() == []

    def test_a_marker_that_nobody_checked_leaves_the_default(self, person: Person) -> None:
        Variation.objects.update(content="[[recommend limit=9999]]")
        assert render(HERO.replace("MODE", ""), person) == "default"

    def test_beside_others_an_empty_list_takes_nothing_along(self, person: Person) -> None:
        Item.objects.all().delete()
        make_variation("a", "<p>beside</p>")
        Slot.objects.update(strategy="all")
        assert render(HERO.replace("MODE", ""), person) == "<p>beside</p>"
        [told] = browser(person).ask("hero")
        assert told["content"] == "<p>beside</p>"

    def test_the_titles_of_items_are_escaped(self, person: Person) -> None:
        Item.objects.filter(key="sock").update(title="<script>x</script>", url='/"><b>')
        [told] = browser(person).ask("hero")
        assert "<script>" not in json.loads(json.dumps(told))["content"]
        assert '"><b>' not in told["content"]


@pytest.mark.django_db(transaction=True)
def test_a_server_gets_the_list_of_whom_it_names(person: Person, make_source: Any) -> None:
    from tests.delivery.deciding import KEY

    make_source(write_key=KEY)
    asker = server(authorization=f"Bearer {KEY}")
    [told] = asker.ask("hero", anonymousId=person.visitor_id)
    assert titles(told["content"]) == ["sock", "scarf"]
