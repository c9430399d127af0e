"""Models of recommendations are compared in lists, and the holdout from everything holds there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from personalization.delivery.list_arms import POPULAR, ListArms, list_arms, version_in
from personalization.delivery.standing import Standing
from personalization.experiments.models import Arm, Experiment
from personalization.experiments.trial import Assigned, Choice, Trial
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.versions import prune
from personalization.shortcuts import recommend
from personalization.testing import exposures_at_once, memory_buffer
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import request_of
from tests.delivery.showing import BROWSER, written
from tests.ml.serving.stored import serve_what_follows, spoil, store, what_follows

MODELS = Trial(
    key="which", kind="models", place="home", weights=(0.5, 0.5),
    arms=(Choice("old", "recommend:1"), Choice("new", "recommend:2")),
)  # fmt: skip
SOMEBODY = Standing(unit="7")


def arms(*trials: Trial, standing: Standing = SOMEBODY, **changed: Any) -> ListArms:
    usual = {"place": "home", "held_out_of_all": 0.0, "has_history": True, "has_item": False}
    return list_arms(trials, standing, **{**usual, **changed})


def test_without_experiments_what_serves_is_asked() -> None:
    assert arms() == ListArms()
    assert arms(MODELS, place="cart") == ListArms()


def test_one_about_no_place_is_about_all_of_them() -> None:
    everywhere = Trial(
        key="which", kind="models", weights=MODELS.weights, arms=MODELS.arms, seed="which"
    )
    assert arms(everywhere, place="cart").assigned == arms(everywhere).assigned != ()


def test_an_arm_says_which_version_is_asked() -> None:
    found = [arms(MODELS, standing=Standing(unit=str(n))) for n in range(50)]
    seen = {(one.assigned[0].arm, one.version) for one in found}
    assert seen == {("old", 1), ("new", 2)}


@pytest.mark.parametrize(
    ("content", "version"),
    [("recommend:7", 7), ("", POPULAR), ("recommend:", POPULAR), ("recommend:x", POPULAR),
     ("cluster:7", POPULAR), ("recommend:²", POPULAR), ("recommend:" + "9" * 20, POPULAR)],
)  # fmt: skip
def test_what_names_no_version_is_what_is_popular(content: str, version: int) -> None:
    assert version_in(content) == version


def test_who_did_nothing_yet_counts_only_where_the_page_is_about_an_item() -> None:
    """A model has nothing else to go by; nobody is held out from what everybody gets."""
    nobody = arms(MODELS, held_out_of_all=0.5, has_history=False)
    assert nobody.assigned == ()
    about = arms(MODELS, held_out_of_all=1e-9, has_history=False, has_item=True)
    assert [one.experiment for one in about.assigned] == ["which"]


def test_the_holdout_from_everything_comes_first() -> None:
    out = arms(MODELS, held_out_of_all=1.0)
    assert out == ListArms((Assigned("global", "held_out", 1.0),), for_all=True)
    both = arms(MODELS, held_out_of_all=1e-9)
    assert [one.experiment for one in both.assigned] == ["global", "which"]


def test_a_preview_sees_the_arm_that_is_chosen_and_no_other() -> None:
    staff = Standing(preview=True, unit="7")
    assert arms(MODELS, standing=staff, held_out_of_all=1.0) == ListArms()
    chosen = Standing(preview=True, unit="7", forced={"which": "new"})
    assert arms(MODELS, standing=chosen, held_out_of_all=1.0).version == 2


# -- in pages --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    with memory_buffer(), exposures_at_once():
        yield


@pytest.fixture
def person() -> Person:
    """Somebody who looked at the shoe, to which one model says sock, and another one belt."""
    make_items("hat", "shoe", "sock", "scarf", "belt")
    make_crowd(["hat", "scarf", "sock", "belt", "shoe"])
    store(what_follows({"shoe": ["belt"]}), number=2, status=ModelVersion.Status.CANDIDATE)
    serve_what_follows({"shoe": ["sock"]}, number=1)
    person = make_person(number=0)
    look_at(person, "shoe")
    return person


def run(*contents: str, coverage: float = 1.0) -> None:
    """Have everybody see the first of the contents."""
    experiment = Experiment.objects.create(
        slug="which", name="Which", kind="models", place="home", status="running", coverage=coverage
    )
    for n, content in enumerate(contents):
        Arm.objects.create(
            experiment=experiment, key=f"arm{n}", content=content, position=n, weight=float(n == 0)
        )


def page_of(person: Person) -> HttpRequest:
    request = request_of(person)
    request.META["HTTP_USER_AGENT"] = BROWSER
    return request


def first(person: Person, **options: Any) -> str:
    return recommend(page_of(person), "home", limit=3, **options)[0].item.key


pages = pytest.mark.django_db(transaction=True)


@pages
@pytest.mark.parametrize(
    ("content", "item", "model"),
    [("recommend:1", "sock", "recommend 1"), ("recommend:2", "belt", "recommend 2"),
     ("", "hat", "popularity"), ("recommend:9", "hat", "popularity")],
)  # fmt: skip
def test_the_version_of_the_arm_makes_the_list(
    person: Person, content: str, item: str, model: str
) -> None:
    run(content, "recommend:1")
    assert first(person) == item
    [event] = written()
    assert event["properties"]["model"] == model
    assert event["properties"]["assigned"] == {"which": {"arm": "arm0", "probability": 1.0}}


@pages
def test_a_version_that_cannot_be_read_is_what_is_popular_and_still_its_arm(
    person: Person,
) -> None:
    """Whoever looks at results would not find those otherwise whom the model let down."""
    run("recommend:2", "recommend:1")
    spoil(ModelVersion.objects.get(number=2))
    assert first(person) == "hat"
    [event] = written()
    assert event["properties"]["assigned"]["which"]["arm"] == "arm0"


@pages
def test_the_held_out_get_the_list_of_everybody_and_count(person: Person) -> None:
    with override_settings(PERSONALIZATION_GLOBAL_HOLDOUT=1.0):
        assert first(person) == "hat"
    with override_settings(PERSONALIZATION_GLOBAL_HOLDOUT=1e-9):
        assert first(person) == "sock"
    out, shown = (event["properties"]["assigned"]["global"]["arm"] for event in written())
    assert (out, shown) == ("held_out", "shown")


@pages
def test_who_did_nothing_yet_is_held_out_from_nothing(person: Person) -> None:
    with override_settings(PERSONALIZATION_GLOBAL_HOLDOUT=1.0):
        recommend(page_of(make_person()), "home")
    [event] = written()
    assert "assigned" not in event["properties"]


@pages
def test_a_version_is_read_once_and_kept(person: Person) -> None:
    run("recommend:2", "recommend:1")
    assert first(person) == "belt"
    request = page_of(person)
    with CaptureQueriesContext(connection) as captured:
        recommend(request, "home", limit=3, expose=False)
    assert not [one for one in captured if ModelArtefact._meta.db_table in one["sql"]]


@pytest.mark.django_db
def test_versions_that_are_compared_are_kept_while_they_are() -> None:
    """Every night trains another one, and deletes what nobody goes back to."""
    for number in range(1, 7):
        store(what_follows({"a": ["b"]}), number=number, status=ModelVersion.Status.RETIRED)
    run("recommend:1", "recommend:2", "")
    prune("recommend")

    def kept() -> set[int]:
        return set(ModelArtefact.objects.values_list("version__number", flat=True))

    assert kept() >= {1, 2}
    assert not kept() & {3, 4}
    Experiment.objects.update(status="stopped")
    prune("recommend")
    assert not kept() & {1, 2}
