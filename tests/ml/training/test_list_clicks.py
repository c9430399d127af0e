"""What lists led to by version: beside popularity and the other versions, with what is chance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from personalization.events.models import Event
from personalization.ml.evaluation.intervals import wilson
from personalization.ml.models import ModelVersion
from personalization.ml.training.list_clicks import SPAN, Clicked, Clicks, clicks_of
from personalization.profiles.models import Identity, Profile
from tests.factories import make_source
from tests.ml.training.conftest import DAY, MINUTE, NOW

__all__ = ["make_source"]


def clicked(share: float, lists: int = 1000, by: str = "recommend 7") -> Clicked:
    return Clicked(by=by, lists=lists, clicked=int(share * lists))


def clicks(**fields: Any) -> Clicks:
    given = {"own": clicked(0.1), "popularity": clicked(0.1, by="popularity"), "others": ()}
    return Clicks(since=NOW - SPAN, **given | fields)


def test_a_share_has_the_interval_of_wilson() -> None:
    assert clicked(0.1).interval == wilson(100, 1000)
    assert clicked(0.1).words() == "10.0% (8.3% to 12.0%)"
    assert Clicked(by="x", lists=0, clicked=0).share == 0


@pytest.mark.parametrize(
    ("own", "other", "found"),
    [
        (clicked(0.2), clicked(0.1), "better"),
        (clicked(0.1), clicked(0.2), "worse"),
        (clicked(0.11), clicked(0.1), "alike"),
        (clicked(0.2, 99), clicked(0.1), "unknown"),
        (clicked(0.2), clicked(0.1, 0), "unknown"),
        (clicked(0.12, 100), clicked(0.1), "alike"),
    ],
)
def test_only_what_chance_does_not_explain_is_a_difference(
    own: Clicked, other: Clicked, found: str
) -> None:
    assert own.beside(other) == found


def test_other_versions_are_compared_as_one() -> None:
    found = clicks(others=(clicked(0.3, 60, "recommend 6"), clicked(0.3, 60, "recommend 5")))
    assert (found.together.lists, found.together.clicked) == (120, 36)
    assert found.beside_others == "worse"
    assert found.beside_popularity == "alike"


def test_what_leads_to_less_is_told() -> None:
    assert clicks().remarks() == []
    assert clicks(own=clicked(0.2)).remarks() == []
    worse = clicks(own=clicked(0.05))
    assert worse.remarks() == [
        "Its lists lead to an item in 5.0% (3.8% to 6.5%), those of popularity in 10.0% (8.3% to "
        "12.0%)."
    ]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, ""),
        ({"popularity": clicked(0, 0), "others": (clicked(0.1, by="recommend 6"),)}, ""),
        ({"own": clicked(0, 0), "popularity": clicked(0, 0)}, "No list was shown since 2026-01-31"),
        (
            {"own": clicked(0, 0)},
            "No list of recommend 7 was shown since 2026-01-31, of others 1000.",
        ),
        ({"own": clicked(0.1, 40)}, "Too few lists to compare: recommend 7 has 40, needs 100."),
        (
            {"popularity": clicked(0.1, 3)},
            "nothing to compare with: 3 lists of popularity and 0 of",
        ),
    ],
    ids=["nothing", "no popularity", "no lists", "none of its own", "too few", "no others"],
)
def test_what_is_missing_is_said(fields: Any, says: str) -> None:
    found = clicks(**fields).missing()
    assert says in found if says else not found


# -- of the log --------------------------------------------------------------------------------


@pytest.fixture
def show(make_source: Callable[..., Any], db: None) -> Callable[..., None]:
    """Show lists of one item to as many visitors; some of them look at it."""
    source = make_source()
    number = iter(range(10**6))

    def fill(model: str, *, lists: int, clicked: int, ago: timedelta = DAY) -> None:
        events = []
        for place in range(lists):
            identity = Identity.objects.create(
                profile=Profile.objects.create(), namespace="anonymous", value=f"v{next(number)}"
            )
            said = {"place": "home", "items": ["hat"], "model": model}
            deeds = [("Recommendation Shown", NOW - ago, said)]
            if place < clicked:
                deeds.append(("Product Viewed", NOW - ago + 5 * MINUTE, {"product_id": "hat"}))
            events += [
                Event(
                    identity=identity, source=source, message_id=f"{identity.value}-{step}",
                    type="track", name=name, timestamp=at, properties=properties,
                )
                for step, (name, at, properties) in enumerate(deeds)
            ]  # fmt: skip
        Event.objects.bulk_create(events)

    return fill


@pytest.fixture
def version(db: None) -> ModelVersion:
    """The version that serves since yesterday, after three others."""
    retired = ModelVersion.Status.RETIRED
    for number, ago in ((4, 50), (5, 40), (6, 20)):
        ModelVersion.objects.create(
            name="recommend", number=number, status=retired, promoted_at=NOW - ago * DAY
        )
    return ModelVersion.objects.create(
        name="recommend", number=7, status=ModelVersion.Status.SERVING, promoted_at=NOW - 2 * DAY
    )


def test_each_version_that_served_of_late_has_figures_of_its_own(
    version: ModelVersion, show: Callable[..., None]
) -> None:
    show("recommend 7", lists=4, clicked=3)
    show("popularity", lists=5, clicked=1)
    show("recommend 6", lists=3, clicked=2, ago=10 * DAY)
    show("recommend 5", lists=2, clicked=1, ago=25 * DAY)
    show("recommend 4", lists=6, clicked=6, ago=35 * DAY)
    found = clicks_of(version, now=NOW)
    assert (found.own.lists, found.own.clicked) == (4, 3)
    assert (found.popularity.lists, found.popularity.clicked) == (5, 1)
    assert [(each.by, each.lists, each.clicked) for each in found.others] == [
        ("recommend 6", 3, 2), ("recommend 5", 2, 1),
    ]  # fmt: skip


def test_lists_of_others_do_not_crowd_out_its_own(
    version: ModelVersion, show: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("personalization.ml.serving.clicks.LISTS", 3)
    show("recommend 7", lists=2, clicked=1, ago=2 * DAY)
    show("popularity", lists=9, clicked=0)
    found = clicks_of(version, now=NOW)
    assert (found.own.lists, found.popularity.lists) == (2, 3)


def test_where_no_list_was_shown_that_is_said(version: ModelVersion) -> None:
    found = clicks_of(version, now=NOW)
    assert found.others == []
    assert found.missing().startswith("No list was shown since")


def test_visitors_cost_no_queries(
    version: ModelVersion,
    show: Callable[..., None],
    django_assert_num_queries: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("personalization.ml.feedback.FRESH", 3600.0)
    show("recommend 7", lists=1, clicked=1)
    clicks_of(version, now=NOW)
    # The versions that served, their lists, and deeds.
    with django_assert_num_queries(3):
        clicks_of(version, now=NOW)
    show("recommend 7", lists=30, clicked=10)
    show("recommend 6", lists=3, clicked=1)
    with django_assert_num_queries(3):
        assert clicks_of(version, now=NOW).own.lists == 31


def test_many_visitors_are_looked_at_in_parts(
    version: ModelVersion, show: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a visitor saw of several models stays together, and of each model nothing is lost."""
    monkeypatch.setattr("personalization.ml.serving.clicks._CHUNK", 2)
    show("recommend 7", lists=5, clicked=3)
    show("popularity", lists=4, clicked=1)
    identity = Identity.objects.earliest("pk")
    Event.objects.filter(identity=identity, name="Recommendation Shown").update(timestamp=NOW - DAY)
    for place, model in enumerate(("recommend 6", "popularity", "popularity")):
        shown = Event.objects.filter(name="Recommendation Shown").latest("pk")
        shown.pk, shown.message_id, shown.identity = None, f"again-{place}", identity
        shown.properties = {**shown.properties, "model": model}
        shown.save()
    found = clicks_of(version, now=NOW)
    assert (found.own.lists, found.own.clicked) == (5, 3)
    assert (found.popularity.lists, found.popularity.clicked) == (6, 3)
    assert [(each.by, each.lists, each.clicked) for each in found.others] == [("recommend 6", 1, 1)]
