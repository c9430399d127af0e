"""Recommenders are watched too: whom they are asked about, with what, and how sure their lists are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization import hints
from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Options
from personalization.ml.evaluation.splits import REMEMBERED
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.models import Item, ModelArtefact, ModelVersion
from personalization.ml.recommenders.item_knn import ItemKnn
from personalization.ml.training.drifting import check_drift, watched
from personalization.ml.training.drifting_lists import Asked, asked, leads
from personalization.ml.training.log import interactions
from personalization.ml.training.watched import SCORE, Watched
from personalization.ml.verdicts import ColumnDrift, worst
from personalization.profiles.models import Identity, Profile, Snapshot
from tests.factories import make_source
from tests.ml.training.conftest import DAY, HOUR, MINUTE, NOW

__all__ = ["make_source"]

Browse: TypeAlias = Callable[..., None]
ITEMS = tuple(f"item-{number}" for number in range(30))
TRAINED = NOW - 9 * DAY
US = microseconds(NOW)
DAY_US = 86_400_000_000


# -- one thing of each visitor -----------------------------------------------------------------


def rows(*of: tuple[int, str, float]) -> Asked:
    """Return what is asked of (visitor, item, days ago)."""
    known = interactions_of(
        [
            (visitor, visitor * 100 + int(ago), item, "Product Viewed", float("nan"),
             int(US - ago * DAY_US))
            for visitor, item, ago in of
        ]
    )  # fmt: skip
    return asked(known, until=US, rng=np.random.default_rng(0))


def test_of_each_visitor_of_the_week_one_thing_is_asked_about() -> None:
    found = rows((1, "a", 1), (1, "b", 2), (1, "c", 3), (2, "a", 5), (3, "z", 8), (4, "z", -1))
    assert len(found.chosen) == 2
    assert "z" not in found.items()


def test_a_history_is_what_the_same_visitor_did_before() -> None:
    found = rows((1, "new", 1.5), (1, "old", 9.5), (1, "older", 20), (2, "other", 2), (1, "x", 36))
    place = found.items().index("new")
    assert found.history(place).items == ("older", "old")
    assert found.lengths[place] == 2
    assert found.history(found.items().index("other")).items == ()


def test_what_belongs_to_the_visit_that_goes_on_is_known() -> None:
    known = interactions_of(
        [
            (1, visit, item, "Product Viewed", float("nan"), int(US - ago * DAY_US))
            for visit, item, ago in (
                (1, "long before", 9),
                (2, "just before", 7.01),
                (2, "now", 6.99),
            )
        ]
    )
    found = asked(known, until=US, rng=np.random.default_rng(0))
    steps = found.history(0).steps
    assert [(step.item, step.in_visit) for step in steps] == [
        ("long before", False), ("just before", True),
    ]  # fmt: skip


def test_older_steps_than_a_model_looks_at_are_not_counted() -> None:
    earlier = [(1, f"i{n}", 8 + n / 100) for n in range(REMEMBERED + 20)]
    found = rows((1, "last", 1), *earlier)
    assert found.lengths.tolist() == [REMEMBERED]
    assert len(found.history(0).steps) == REMEMBERED
    assert found.history(0).items[-1] == "i0"


def test_where_nothing_was_done_nothing_is_asked() -> None:
    found = rows((1, "a", 30))
    assert len(found.chosen) == 0
    assert leads(ItemKnn(), found).tolist() == []


# -- versions ----------------------------------------------------------------------------------


@pytest.fixture
def browse(make_source: Callable[..., Any]) -> Browse:
    """Have people look at items, a minute apart; each at `steps` of `among`."""
    source = make_source()
    number = iter(range(10**6))

    def fill(
        *, at: datetime, steps: Callable[[Any], int], people: int = 210,
        among: Sequence[str] = ITEMS, name: str = "Product Viewed", seed: int = 1,
    ) -> None:  # fmt: skip
        rng = np.random.default_rng(seed)
        profiles = Profile.objects.bulk_create(Profile() for _ in range(people))
        identities = Identity.objects.bulk_create(
            Identity(profile=profile, namespace="anonymous", value=f"v{next(number)}")
            for profile in profiles
        )
        events = [
            Event(
                identity=identity, source=source, message_id=f"{identity.value}-{step}",
                type="track", name=name, timestamp=at + step * MINUTE,
                properties={"product_id": among[int(rng.integers(len(among)))]},
            )
            for identity in identities
            for step in range(steps(rng))
        ]  # fmt: skip
        Event.objects.bulk_create(events)
        Snapshot.objects.bulk_create(
            Snapshot(
                profile=profile, consents={"personalization": True}, first_seen=at,
                last_seen=at + HOUR,
            )
            for profile in profiles
        )  # fmt: skip

    return fill


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(hints, "hint", seen.append)
    return seen


def some(rng: Any) -> int:
    return int(rng.integers(2, 6))


def lots(rng: Any) -> int:
    return int(rng.integers(14, 30))


def version_of(**fields: Any) -> ModelVersion:
    """Return a version that serves, of what was done until it was trained."""
    known = interactions(since=TRAINED - 60 * DAY, until=TRAINED)
    model = ItemKnn().fit(Dataset(interactions=known, until=microseconds(TRAINED)), Options())
    content = packed(model)
    given = {
        "name": "recommend", "number": 1, "algorithm": model.algorithm, "status": "serving",
        "window_from": TRAINED - 60 * DAY, "window_until": TRAINED, "created_at": TRAINED,
        "promoted_at": TRAINED, "checksum": checksum(content),
    }  # fmt: skip
    version = ModelVersion.objects.create(**given | fields)
    ModelArtefact.objects.create(version=version, content=content)
    return version


def seen(version: ModelVersion) -> Watched:
    found = watched(version, now=NOW)
    assert found is not None
    return found


def named(found: Sequence[ColumnDrift]) -> dict[str, ColumnDrift]:
    return {each.name: each for each in found}


pytestmark = pytest.mark.django_db


def test_the_same_visitors_are_steady(browse: Browse) -> None:
    browse(at=TRAINED - 4 * DAY, steps=some, people=400)
    version = version_of()
    browse(at=NOW - 4 * DAY, steps=some, people=400, seed=2)
    found = seen(version)
    assert found.problem == ""
    assert {each.verdict for each in found.columns} == {"steady"}
    assert set(named(found.columns)) == {
        "length of histories", "kinds of events", "unknown items", "new items", SCORE,
    }  # fmt: skip


def test_visitors_with_longer_histories_are_drift_and_have_it_trained_anew(
    browse: Browse, hinted: list[str]
) -> None:
    browse(at=TRAINED - 4 * DAY, steps=some)
    version_of()
    browse(at=NOW - 4 * DAY, steps=lots, seed=2)
    (found,) = check_drift(now=NOW)
    assert named(found.columns)["length of histories"].verdict == "drifted"
    assert ModelVersion.objects.get(status="training").name == "recommend"
    assert hinted == [hints.TRAIN_MODELS]


def test_items_that_the_model_does_not_know_are_drift(browse: Browse) -> None:
    browse(at=TRAINED - 4 * DAY, steps=some)
    version = version_of()
    browse(at=NOW - 4 * DAY, steps=some, among=[*ITEMS, *(f"other-{n}" for n in range(10))])
    found = named(seen(version).columns)
    assert found["unknown items"].verdict == "drifted"
    assert found["unknown items"].ks == pytest.approx(0.25, abs=0.1)
    assert found["length of histories"].verdict == "steady"


def test_items_that_are_new_to_the_site_are_drift(browse: Browse) -> None:
    Item.objects.bulk_create(Item(key=key, first_seen=NOW - 60 * DAY) for key in ITEMS)
    Item.objects.filter(key__in=ITEMS[:10]).update(first_seen=NOW - 5 * DAY)
    browse(at=TRAINED - 4 * DAY, steps=some, among=ITEMS[10:])
    version = version_of()
    browse(at=NOW - 4 * DAY, steps=some)
    found = named(seen(version).columns)
    assert found["new items"].verdict == "drifted"
    # A catalogue that is as old as all that was done with it is not new only for growing old.
    Item.objects.update(first_seen=NOW - 60 * DAY)
    assert named(seen(version).columns)["new items"].verdict == "steady"


def test_other_kinds_of_events_are_drift(browse: Browse) -> None:
    browse(at=TRAINED - 4 * DAY, steps=some)
    version = version_of()
    browse(at=NOW - 4 * DAY, steps=some, name="Product Added")
    assert named(seen(version).columns)["kinds of events"].verdict == "drifted"


def test_lists_that_are_less_sure_are_drift(browse: Browse) -> None:
    """Visitors keep to a few items, and then look at one and another of all that there are."""
    for group in range(6):
        browse(at=TRAINED - 4 * DAY, steps=lots, people=50, among=ITEMS[group * 5 : group * 5 + 5],
               seed=group)  # fmt: skip
    version = version_of()
    browse(at=NOW - 4 * DAY, steps=lots, people=300, seed=9)
    assert named(seen(version).columns)[SCORE].verdict == "drifted"


def test_a_refresh_is_no_training(browse: Browse) -> None:
    browse(at=TRAINED - 4 * DAY, steps=some)
    version = version_of(window_until=NOW)
    browse(at=NOW - 4 * DAY, steps=lots, seed=2)
    assert named(seen(version).columns)["length of histories"].verdict == "drifted"


def test_what_moved_slowly_is_told_though_the_training_is_of_last_night(
    browse: Browse, hinted: list[str]
) -> None:
    browse(at=NOW - 35 * DAY, steps=some)
    browse(at=TRAINED - 4 * DAY, steps=lots, seed=2)
    version_of(number=1, status="retired", promoted_at=NOW - 40 * DAY)
    version = version_of(number=2)
    browse(at=NOW - 4 * DAY, steps=lots, seed=3)
    found = seen(version)
    assert found.slow is not None
    assert found.slow.since == NOW - 30 * DAY
    assert named(found.columns)["length of histories"].verdict == "steady"
    assert named(found.slow.columns)["length of histories"].verdict == "drifted"
    check_drift(now=NOW)
    assert hinted == []


def test_too_few_visitors_say_nothing(browse: Browse) -> None:
    browse(at=TRAINED - 4 * DAY, steps=some)
    version = version_of()
    browse(at=NOW - 4 * DAY, steps=some, people=50)
    found = seen(version)
    assert worst(found.columns) == "unknown"
    assert {each.rows for each in found.columns} <= {50}
    assert found.columns[0].sentence().endswith("50 rows are too few to say, needs 200.")


def test_of_what_nobody_knows_the_window_it_is_said(browse: Browse) -> None:
    browse(at=TRAINED - 4 * DAY, steps=some)
    assert "Nobody knows" in seen(version_of(window_until=None)).problem


def test_more_visitors_cost_no_more_queries_each(
    browse: Browse, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("personalization.ml.feedback.FRESH", 3600.0)
    browse(at=TRAINED - 4 * DAY, steps=some, people=30)
    version = version_of()
    browse(at=NOW - 4 * DAY, steps=some, people=30)
    seen(version)
    with CaptureQueriesContext(connection) as few:
        seen(version)
    browse(at=NOW - 4 * DAY, steps=some, people=200, seed=4)
    with django_assert_num_queries(len(few)):
        seen(version)
