"""The recommender learns from the log of the site, and has to find what is planted there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.ml.history import history_of
from personalization.ml.models import Item, ModelArtefact, ModelVersion
from personalization.ml.ranking import top
from personalization.ml.recommenders.stack import Stack
from personalization.ml.training import recommending
from personalization.ml.training.arrivals import has_arrived, last_event
from personalization.ml.training.attempts import request, take
from personalization.ml.training.audit import recounted
from personalization.ml.training.known import plan_of
from personalization.ml.training.plans import Order, Plan
from personalization.ml.training.recommend_plan import RECOMMEND
from personalization.ml.training.recommending import learn, stored
from personalization.ml.training.renewal import refresh_models
from personalization.ml.training.train import Mode, train
from personalization.ml.training.versions import serving
from personalization.privacy.models import Consent
from personalization.profiles.models import Identity, Profile, Snapshot
from tests.factories import make_source
from tests.ml.training.conftest import DAY, HOUR, MINUTE, NOW, damage

__all__ = ["make_source"]

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
#: Engines that learn in no time, so that tests are about what is done with them.
QUICK = {"engines": {"popularity": {}, "markov": {}}}
CHAIN = 8


@pytest.fixture
def log(make_source: Callable[..., Any]) -> Callable[..., None]:
    """Log visitors who go round one of two circles of items, in steps of a minute."""
    source = make_source()

    def fill(
        *, visitors: int = 60, until: datetime = NOW, items: str = "ab", tag: str = ""
    ) -> None:
        rng = np.random.default_rng(3)
        events = []
        for visitor in range(visitors):
            profile = Profile.objects.create()
            identity = Identity.objects.create(
                profile=profile, namespace=Identity.ANONYMOUS, value=f"{tag}{visitor}"
            )
            Snapshot.objects.create(profile=profile, consents={"personalization": True})
            begin, circle = int(rng.integers(CHAIN)), items[visitor % len(items)]
            at = until - (visitors - visitor) * HOUR
            events += [
                Event(
                    identity=identity,
                    source=source,
                    message_id=f"{tag}{visitor}-{step}",
                    type="track",
                    name="Product Viewed",
                    properties={"product_id": f"{circle}{(begin + step) % CHAIN}"},
                    timestamp=at + step * MINUTE,
                )
                for step in range(5)
            ]
        Event.objects.bulk_create(events)

    return fill


def quick(**values: Any) -> Plan:
    shipped = plan_of(RECOMMEND)
    ways = {"recipe": shipped.recipe, "refresh": shipped.refresh, "algorithm": "stack"}
    return Plan(**{"name": RECOMMEND, "config": QUICK, **ways, **values})


def made(plan: Plan, *, now: datetime = NOW, mode: Mode = "auto") -> ModelVersion:
    attempt = take(request(plan, now=now), now=now)
    assert attempt is not None
    return train(attempt, plan, mode=mode)


def best(version: ModelVersion, *items: str) -> str:
    model = stored(version)
    history = history_of(*items, now=microseconds(NOW))
    scores = model.score(history)
    scores[[model.items.index(key) for key in items]] = -np.inf
    return model.items[top(scores, 1)[0]]


def test_what_visitors_do_next_is_found_and_serves(log: Callable[..., None]) -> None:
    log()
    version = made(quick())
    assert (version.status, version.error) == (Status.SERVING, "")
    assert version.algorithm == "stack"
    assert version.rows == 300
    assert best(version, "a2", "a3") == "a4"
    assert best(version, "b6") == "b7"
    figures = version.metrics
    assert figures["ndcg_20"] > figures["popularity.ndcg_20"]
    assert figures["hr_20"] >= figures["popularity.hr_20"]
    assert figures["cases"] > 10


def test_the_shipped_plan_learns_with_all_engines(log: Callable[..., None]) -> None:
    log()
    Item.objects.create(key="a1", title="A blue shoe", tags=["shoe"])
    Item.objects.create(key="new", title="A new blue shoe", tags=["shoe"])
    version = made(plan_of(RECOMMEND))
    assert (version.status, version.error) == (Status.SERVING, "")
    model = stored(version)
    assert isinstance(model, Stack)
    assert {"popularity"} < set(model.weights)
    assert best(version, "a2", "a3") == "a4"


def test_the_same_log_gives_the_same_bytes(log: Callable[..., None]) -> None:
    log()
    order = Order(plan=quick(), since=NOW - 30 * DAY, until=NOW, progress=lambda share, words: None)
    assert learn(order).content() == learn(order).content()


def test_how_far_it_is_only_goes_on(log: Callable[..., None]) -> None:
    log()
    told: list[float] = []
    learn(
        Order(
            plan=quick(),
            since=NOW - 30 * DAY,
            until=NOW,
            progress=lambda share, words: told.append(share),
        )
    )
    assert told == sorted(told)
    assert 0 <= told[0] < 0.1
    assert told[-1] <= 1


def test_too_little_is_told_in_numbers_and_popularity_stands_in(log: Callable[..., None]) -> None:
    log(visitors=4)
    version = made(quick())
    assert version.status == Status.LACKING
    n_items = len(set(Event.objects.values_list("properties__product_id", flat=True)))
    assert version.error == (
        f"Needs 200 interactions of 20 visitors with 5 items, has 20 of 4 with {n_items}; "
        "what is popular stands in."
    )
    assert serving(RECOMMEND) is None


def test_only_the_window_is_learned_from(log: Callable[..., None]) -> None:
    log(until=NOW - 40 * DAY, items="x", tag="old")
    log()
    version = made(quick(window=30 * DAY))
    assert {key[0] for key in stored(version).items} == {"a", "b"}


def test_what_is_no_recommender_is_refused_with_those_that_are(log: Callable[..., None]) -> None:
    log()
    version = made(quick(algorithm="kmeans", config={}))
    assert version.status == Status.FAILED
    assert "“kmeans” recommends nothing; allowed: " in version.error
    assert "stack" in version.error


# -- beside what serves --------------------------------------------------------------------


def test_the_one_that_serves_is_asked_the_same(log: Callable[..., None]) -> None:
    log()
    made(quick())
    version = made(quick(), now=NOW + HOUR)
    assert version.status == Status.SERVING
    figures = version.metrics
    # The same configuration and the same data: the same answers to the same questions.
    assert figures["serving.ndcg_20"] == figures["ndcg_20"]


def test_the_one_that_serves_gains_nothing_by_having_seen_what_is_asked(
    log: Callable[..., None],
) -> None:
    """What is asked of the latest visits, to items that are new, nobody knew before them."""
    log(until=NOW - 8 * HOUR)
    log(visitors=7, items="c", tag="new")
    first = made(quick(), mode="always")
    assert best(first, "c2", "c3") == "c4"
    figures = made(quick()).metrics
    assert figures["cases"] > 10
    assert figures["serving.ndcg_20"] == pytest.approx(figures["ndcg_20"], abs=0.05)


def test_a_worse_configuration_does_not_push_a_better_one_aside(log: Callable[..., None]) -> None:
    log()
    good = made(quick())
    version = made(quick(config={"engines": {"popularity": {}}}), now=NOW + HOUR)
    assert version.status == Status.CANDIDATE
    assert any("worse than the version that serves" in each for each in version.remarks)
    assert serving(RECOMMEND) == good


def test_popularity_alone_is_not_better_than_popularity(log: Callable[..., None]) -> None:
    log()
    version = made(quick(algorithm="popularity", config={}))
    assert version.status == Status.CANDIDATE
    assert "not better than popularity" in version.remarks[-1]


def test_another_algorithm_is_compared_too(log: Callable[..., None]) -> None:
    log()
    made(quick(algorithm="popularity", config={}), mode="always")
    version = made(quick(), now=NOW + HOUR)
    assert version.status == Status.SERVING
    assert version.metrics["serving.ndcg_20"] == version.metrics["popularity.ndcg_20"]


def test_a_damaged_one_is_not_compared_but_replaced(log: Callable[..., None]) -> None:
    log()
    damage(made(quick()))
    version = made(quick(), now=NOW + HOUR)
    assert version.status == Status.SERVING
    assert any("could not be compared with version 1" in each for each in version.remarks)
    assert "serving.ndcg_20" not in version.metrics


# -- every few minutes ---------------------------------------------------------------------


def test_what_was_logged_since_is_recommended_within_minutes(log: Callable[..., None]) -> None:
    log()
    before = made(quick())
    assert refresh_models(now=NOW + MINUTE) == 0  # nothing was logged
    log(visitors=40, items="c", until=NOW + 41 * HOUR, tag="later")
    assert refresh_models(now=NOW + 42 * HOUR) == 1
    after = ModelVersion.objects.get()
    assert after.number == before.number
    assert after.window_until == NOW + 42 * HOUR
    found = recounted(after)
    assert found is not None
    assert (found.counted, found.difference) == (after.rows, 0)
    assert after.rows > before.rows
    assert best(after, "c3") == "c4"
    model = stored(after)
    assert isinstance(model, Stack)
    assert best(after, "a2", "a3") == "a4"


def test_what_came_late_is_learned_though_it_happened_before_the_training(
    log: Callable[..., None],
) -> None:
    log()
    made(quick())
    log(visitors=40, items="c", until=NOW - HOUR, tag="late")
    # It was received before the training, too, and waited for a worker.
    Event.objects.filter(message_id__startswith="late").update(received_at=NOW - MINUTE)
    assert refresh_models(now=NOW + 5 * MINUTE) == 1
    assert best(ModelVersion.objects.get(), "c3") == "c4"
    assert refresh_models(now=NOW + 10 * MINUTE) == 0


def test_what_is_learned_from_nobody_has_nothing_renewed(log: Callable[..., None]) -> None:
    log()
    made(quick())
    log(visitors=4, items="c", tag="refuses")
    Snapshot.objects.filter(profile__identities__value__startswith="refuses").update(
        consents={"personalization": False}
    )
    log(visitors=4, items="c", until=NOW - 100 * DAY, tag="old")
    log(visitors=4, items="c", tag="reads")
    Event.objects.filter(message_id__startswith="reads").update(name="Help Opened")
    assert refresh_models(now=NOW + 5 * MINUTE) == 0
    log(visitors=4, items="c", tag="likes")
    assert refresh_models(now=NOW + 10 * MINUTE) == 1


def test_whether_anything_came_costs_two_queries(
    log: Callable[..., None], django_assert_num_queries: Any
) -> None:
    log()
    last = last_event()
    with django_assert_num_queries(2):
        assert not has_arrived(after=last, since=NOW - 90 * DAY, until=NOW)
    assert has_arrived(after=last - 1, since=NOW - 90 * DAY, until=NOW + DAY)
    assert has_arrived(after=None, since=NOW - 90 * DAY, until=NOW)


def test_before_anything_was_logged_there_is_no_last_event(db: None) -> None:
    assert last_event() == 0


def test_what_is_stored_while_it_is_renewed_is_new_to_the_next_time(
    log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    log()
    made(quick())
    log(visitors=4, items="c", until=NOW - HOUR, tag="late")
    whole = recommending.catalogue

    def meanwhile(keys: Any) -> Any:
        monkeypatch.setattr(recommending, "catalogue", whole)
        log(visitors=4, items="d", until=NOW - HOUR, tag="later")
        return whole(keys)

    monkeypatch.setattr(recommending, "catalogue", meanwhile)
    assert refresh_models(now=NOW + 5 * MINUTE) == 1
    assert refresh_models(now=NOW + 10 * MINUTE) == 1
    assert {key[0] for key in stored(ModelVersion.objects.get()).items} == set("abcd")
    assert refresh_models(now=NOW + 15 * MINUTE) == 0


def test_the_weights_stay(log: Callable[..., None]) -> None:
    log()
    version = made(quick())
    one = stored(version)
    log(visitors=40, items="c", until=NOW + 41 * HOUR, tag="later")
    refresh_models(now=NOW + 42 * HOUR)
    other = stored(ModelVersion.objects.get())
    assert isinstance(one, Stack)
    assert isinstance(other, Stack)
    assert one.weights == other.weights


def test_what_is_no_stack_waits_for_the_night(log: Callable[..., None]) -> None:
    log()
    made(quick(algorithm="markov", config={}), mode="always")
    log(visitors=4, until=NOW + HOUR * 5, tag="later")
    kept = bytes(ModelArtefact.objects.get().content)
    assert refresh_models(now=NOW + 6 * HOUR) == 0
    assert bytes(ModelArtefact.objects.get().content) == kept


def test_who_takes_the_consent_back_is_learned_from_no_more(log: Callable[..., None]) -> None:
    log()
    made(quick())
    Snapshot.objects.update(consents={"personalization": False})
    version = made(quick(), now=NOW + HOUR)
    assert "has 0 of 0 with 0" in version.error


def answers(value: str, *granted: bool, at: datetime) -> None:
    identity = Identity.objects.get(value=value)
    for number, each in enumerate(granted):
        Consent.objects.create(
            identity=identity, purpose="personalization", granted=each, policy_version="1",
            mechanism="banner", recorded_at=at - (len(granted) - 1 - number) * DAY,
        )  # fmt: skip
    snapshots = Snapshot.objects.filter(profile=identity.profile)
    snapshots.update(consents={"personalization": granted[-1]})


def test_who_takes_the_consent_back_is_forgotten_within_minutes_though_nothing_is_logged(
    log: Callable[..., None],
) -> None:
    log()
    made(quick())
    rows = ModelVersion.objects.get().rows
    answers("1", False, at=NOW + HOUR)  # who never agreed is in no model
    Snapshot.objects.update(consents={"personalization": True})
    assert refresh_models(now=NOW + 2 * HOUR) == 0
    answers("2", True, False, at=NOW + 3 * HOUR)
    assert refresh_models(now=NOW + 3 * HOUR + 4 * MINUTE) == 1
    assert ModelVersion.objects.get().rows == rows - 5
    assert refresh_models(now=NOW + 5 * HOUR) == 1  # what was written meanwhile is not missed
    assert refresh_models(now=NOW + 6 * HOUR) == 0


def test_nobody_is_in_an_artefact(log: Callable[..., None]) -> None:
    log(tag="somebody-")
    version = made(quick())
    model = stored(version)
    texts = [
        text
        for array in model.arrays().values()
        if array.dtype.kind == "U"
        for text in array.ravel().tolist()
    ]
    assert texts
    assert not [text for text in texts if "somebody" in text]
    assert not {len(array) for array in model.arrays().values() if array.ndim} & {60}
