"""The places of lists that a site uses: in templates, slots and settings, and where lists were shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from personalization.delivery import list_places
from personalization.delivery.list_places import known_places
from personalization.delivery.models import Slot, Variation
from personalization.delivery.templates import places_named
from personalization.events.models import Event
from tests.delivery.people import make_person, make_segments
from tests.delivery.recommending import look_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def write(settings: Any, tmp_path: Path) -> Callable[[str], None]:
    """Let the site have one template, and no other."""
    settings.TEMPLATES = [
        {**settings.TEMPLATES[0], "DIRS": [tmp_path], "APP_DIRS": False},
    ]

    def make(text: str) -> None:
        (tmp_path / "page.html").write_text(text)

    make("")
    return make


def shown(place: Any) -> None:
    look_at(make_person(), "x", event="Recommendation Shown")
    event = Event.objects.latest("pk")
    event.properties = {"place": place, "items": ["hat"]}
    event.save()


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{% recommend "home" limit=4 as found %}', {"home"}),
        ("{%recommend 'side-bar' %}{% recommend \"foot_1\" %}", {"side-bar", "foot_1"}),
        ('{{ recommend("jinja", limit=2) }}', {"jinja"}),
        ("{{ recommend( place='named' ) }}", {"named"}),
        ("{% recommend place limit=4 %}", set()),
        ('We recommend "nothing" here. {% recommended "other" %}', set()),
        ("", set()),
    ],
)
def test_places_are_read_from_tags(write: Any, text: str, places: set[str]) -> None:
    write(text)
    assert places_named() == places


def test_slots_and_lists_in_their_variations_are_places(write: Any) -> None:
    segment = make_segments("loyal")["loyal"]
    slot = Slot.objects.create(slug="hero", name="Hero")
    for name, content in (
        ("a", "[[recommend limit=2 place=footer]]"),
        ("b", "[[recommend limit=2]]"),
        ("c", "[[recommend nonsense]]"),
        ("d", "<p>place=nowhere</p>"),
    ):
        Variation.objects.create(slot=slot, segment=segment, name=name, content=content)
    assert known_places() == {"hero", "footer"}


def test_settings_name_places_and_the_star_is_none(write: Any, settings: Any) -> None:
    settings.PERSONALIZATION_RECOMMENDATIONS = {"*": {"per_category": 2}, "news": {"explore": 0.1}}
    assert known_places() == {"news"}


def test_where_lists_were_shown_are_places(write: Any) -> None:
    for place in ("cart", "cart", "", 7, None):
        shown(place)
    assert known_places() == {"cart"}


def test_lists_of_long_ago_are_not_looked_at(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_places, "LOOKED_AT", 1)
    for place in ("old", "new"):
        shown(place)
    Event.objects.filter(properties__place="old").update(timestamp="2020-01-01T00:00:00Z")
    assert known_places() == {"new"}


def test_many_lists_take_no_more_queries_than_none(
    write: Any, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        with django_assert_num_queries(3):
            known_places()
        shown("cart")
