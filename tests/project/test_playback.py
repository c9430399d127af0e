"""Visitors are introduced to the site first, and then do what follows from what it shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from personalization.events.models import Event, Source
from personalization.experiments.trial import holdout
from personalization.ingest.pipeline import process_events
from project.shop import playback
from project.shop.journey import Json
from project.shop.models import SimulationRun
from project.shop.planted import planted_until
from project.shop.playback import Cast, play, profiles_of, unfinished_run
from project.shop.post import PostError
from project.shop.simulate import shop_shelves

pytestmark = [pytest.mark.usefixtures("shop"), pytest.mark.urls("project.urls")]


class Post:
    """Hands events in without a server; the `worker` takes them at once, if there is one."""

    sent: list[list[Json]]
    worker: bool = True

    def __init__(self, url: str, *, write_key: str) -> None:
        self._key = write_key

    def __enter__(self) -> Post:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def send(self, events: list[Json]) -> None:
        body = json.dumps({"batch": events, "writeKey": self._key})
        response = Client().post("/p/v1/batch", body, content_type="application/json")
        assert response.json()["rejected"] == []
        self.sent.append(events)
        if self.worker:
            process_events(now=timezone.now())


@pytest.fixture(autouse=True)
def _post(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Post.sent, Post.worker = [], True
    monkeypatch.setattr(playback, "Poster", Post)
    yield
    Post.sent = []


def run_of(cast: Cast, *, visitors: int = 8) -> SimulationRun:
    run = unfinished_run(seed=3, visitors=visitors, cast=cast)
    assert run is not None
    return run


def played(run: SimulationRun) -> list[int]:
    """Play a run; return what the progress was told."""
    told: list[int] = []
    play(run, url="http://shop.example/p/v1/batch", progress=told.append)
    return told


@pytest.mark.parametrize("cast", [Cast.PERSONAS, Cast.CROWD])
def test_everybody_is_introduced_before_anybody_goes_on(cast: Cast) -> None:
    run = run_of(cast)
    told = played(run)
    everybody = [event for batch in Post.sent for event in batch]
    introduced = everybody[: run.visitors]
    assert len({event["anonymousId"] for event in introduced}) == run.visitors
    assert not any(event.get("event") == "Slot Shown" for event in introduced)
    assert told[-1] == run.visitors
    assert sorted(told) == told
    assert run.finished_at is not None
    assert not Source.objects.get(slug="simulator").write_keys.exists()


def test_who_is_planted_does_what_is_planted_and_is_shown_nothing() -> None:
    run = run_of(Cast.PLANTED, visitors=4)
    told = played(run)
    planted = list(planted_until(run.now, seed=3, visitors=4, shelves=shop_shelves()))
    sent = [event for batch in Post.sent for event in batch]
    assert sent == [event for somebody in planted for event in somebody.events]
    assert Event.objects.filter(identity__value__startswith="planted3-").count() == len(sent)
    assert not Event.objects.filter(name="Slot Shown").exists()
    assert told[-1] == 4
    assert run.finished_at is not None


@override_settings(PERSONALIZATION_HOLDOUT=0.4, PERSONALIZATION_GLOBAL_HOLDOUT=0.1)
def test_chance_has_decided_by_the_profiles_that_the_site_made() -> None:
    played(run_of(Cast.CROWD, visitors=12))
    shares = {"global": 0.1}
    shown = Event.objects.filter(name="Slot Shown").select_related("identity")
    drawn = 0
    for event in shown:
        for name, one in event.properties["assigned"].items():
            if name == "cheapest-first":
                continue
            unit = str(event.identity.profile_id)
            expected = holdout(name, unit=unit, share=shares.get(name, 0.4))
            assert expected is not None
            assert (one["arm"], one["probability"]) == (expected.arm, expected.probability)
            drawn += 1
    assert drawn >= 12


def test_a_run_that_was_interrupted_is_played_again_and_counted_once() -> None:
    run = run_of(Cast.CROWD)
    played(run)
    events = Event.objects.count()
    run.finished_at = None
    run.save()
    played(run)
    assert Event.objects.count() == events


def test_without_a_worker_nobody_can_be_shown_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    Post.worker = False
    monkeypatch.setattr(playback, "PATIENCE", 0.0)
    run = run_of(Cast.CROWD)
    with pytest.raises(PostError, match="Of 8 visitors, 0 have a profile: does the worker run"):
        played(run)
    assert run.finished_at is None
    assert profiles_of(["crowd00001-3"]) == {}
    assert not Source.objects.get(slug="simulator").write_keys.exists()


def test_nobody_has_more_than_one_profile() -> None:
    run = run_of(Cast.PERSONAS, visitors=12)
    played(run)
    ids = {event["anonymousId"] for batch in Post.sent for event in batch}
    profiles = profiles_of(ids)
    assert profiles.keys() == ids
    assert len(set(profiles.values())) == run.visitors
    assert run.now < datetime.now(UTC)
