"""Every model of the app is a store's, or holds nobody; and a search finds what was left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db.models import ForeignKey, Model

from personalization.events.models import Source
from personalization.privacy.erasure.finish import erase
from personalization.privacy.models import Erasure
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.stores import stores
from tests.privacy.erasure.conftest import NOW, USER, whole

#: What is of the site and not of its visitors.
IMPERSONAL = {
    "Arm": "one of the things that are compared",
    "BanditState": "what is worth how much to whom, learned of a hundred visitors at least",
    "BudgetEntry": "how much reports have told in all",
    "ConsentText": "what everybody is asked",
    "CounterPlan": "what rules need",
    "EventSchema": "what events look like",
    "Experiment": "what somebody of the site compares",
    "FeedbackWeight": "what events say about items",
    "Finding": "sums and means of visitors, and none of few",
    "Goal": "an event that the site wants",
    "InterestWeight": "what events count",
    "Item": "something the site has",
    "Measure": "by what something is judged",
    "Metric": "what the site wants to know of an event",
    "ModelArtefact": "numbers about items and kinds of behaviour",
    "ModelVersion": "how a model came to be",
    "PopularityCount": "what many did with items, and nothing of a segment of few",
    "RecommendationRule": "what the site says about items",
    "Refresh": "how far a refresh has come",
    "Report": "counts with noise, and none of few",
    "Revision": "a number",
    "Segment": "a rule that somebody of the site wrote",
    "SegmentVersion": "a rule that somebody of the site wrote",
    "Slot": "a place in a page",
    "Source": "a client of the site",
    "Variation": "what is shown in a place",
    "Webhook": "an address of another system",
    "WriteKey": "a digest of a key of the site",
}


def stored() -> set[type[Model]]:
    return {model for _, store in stores.items() for model in store.models}


def leads_to_a_profile(model: type[Model], seen: frozenset[type[Model]] = frozenset()) -> bool:
    """Return whether foreign keys lead from the model to somebody."""
    if model in (Profile, Identity):
        return True
    return any(
        leads_to_a_profile(other, seen | {model})
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey)
        and (other := field.remote_field.model) not in seen
        and other is not model
    )


def of_app() -> Iterator[type[Model]]:
    yield from apps.get_app_config("personalization").get_models()


def test_every_model_with_a_path_to_a_profile_has_a_store() -> None:
    lost = {model.__name__ for model in of_app() if leads_to_a_profile(model)}
    assert lost - {model.__name__ for model in stored()} == set()


def test_the_way_to_a_profile_is_seen_over_other_models() -> None:
    assert leads_to_a_profile(Snapshot)
    assert not leads_to_a_profile(Source)


def test_every_model_has_a_store_or_a_reason_to_have_none() -> None:
    known = {model.__name__ for model in stored()} | IMPERSONAL.keys()
    assert {model.__name__ for model in of_app()} == known


def test_no_model_is_called_impersonal_that_a_store_has() -> None:
    assert not IMPERSONAL.keys() & {model.__name__ for model in stored()}


@pytest.mark.parametrize("name", stores.names())
def test_every_store_says_what_it_holds_and_what_for(name: str) -> None:
    store = stores.get(name)
    assert store is not None
    assert str(store.holds).endswith(".")
    assert str(store.used_for)


#: Stores whose rows name an id of their own, which nothing else takes along.
ALONE = (
    "events",
    "buffer",
    "dead letters",
    "held events",
    "schema findings",
    "imports",
    "merge log",
)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ALONE)
def test_the_search_finds_what_a_store_forgot(
    life: Source, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.get(name)
    assert store is not None
    monkeypatch.setattr(store, "erase", lambda self, subject: 0)
    monkeypatch.setattr(store, "erase_slowly", lambda self, subject: 0)
    erasure = erase(whole(USER), channel="operator", now=NOW)
    assert name in erasure.found
    assert erasure.status == Erasure.Status.FAILED
    assert erasure.receipt == ""


@pytest.mark.django_db
def test_the_search_finds_what_is_left_in_the_files(
    life: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.get("event archive")
    monkeypatch.setattr(store, "erase_slowly", lambda self, subject: 0)
    erasure = erase(whole(USER), channel="operator", now=NOW)
    assert list(erasure.found) == ["event archive"]
