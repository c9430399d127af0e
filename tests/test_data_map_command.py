"""`manage.py data_map`: the map, and what is held that nothing uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from personalization.events.models import Event
from personalization.profiles.models import Profile
from personalization.profiles.stores import stores
from personalization.segments.models import Segment
from tests.reports.conftest import NOW
from tests.rules.building import happened, rule


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("data_map", *arguments, stdout=out)
    return out.getvalue()


def told_as_json(*arguments: str) -> Any:
    return json.loads(told("--json", *arguments))


def test_it_prints_every_store_with_its_tables() -> None:
    lines = told().splitlines()
    assert set(stores.names()) <= set(lines)
    [events] = [line for line in lines if line.startswith("  Table personalization_event:")]
    assert "properties" in events


def test_it_prints_the_same_as_json() -> None:
    found = told_as_json()["stores"]
    assert [each["store"] for each in found] == list(stores.names())


@pytest.mark.django_db
class TestUnused:
    @pytest.fixture(autouse=True)
    def _held(self, make_profile: Callable[..., Profile], make_event: Callable[..., Event]) -> None:
        make_event(make_profile(), "Video Watched", at=NOW, properties={"genre": "noir"})

    def test_it_prints_what_nothing_uses(self) -> None:
        assert told("--unused").splitlines() == [
            "event Video Watched: 1, since 2026-05-20", "1 held and not used.",
        ]  # fmt: skip

    def test_a_property_names_its_event(self, make_segment: Callable[..., Segment]) -> None:
        make_segment("fans", rule(happened("Video Watched")))
        assert told("--unused").startswith("property genre of Video Watched: 1, since")

    def test_it_says_when_everything_is_used(self) -> None:
        Event.objects.all().delete()
        assert told("--unused") == "Everything that is held is used.\n"

    def test_it_prints_the_same_as_json(self) -> None:
        [found] = told_as_json("--unused")["unused"]
        assert (found["what"], found["name"], found["count"]) == ("event", "Video Watched", 1)
