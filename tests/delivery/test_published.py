"""What is published is kept in memory until the revision moves on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.delivery import published
from personalization.delivery.models import Slot, Variation
from personalization.delivery.published import Published, published_now
from personalization.segments.models import Segment
from tests.delivery.people import Person, make_person, make_segments, make_variation
from tests.delivery.rendering import HERO, render

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> Person:
    make_segments("loyal")
    make_variation("loyal", "from the admin")
    person = make_person("loyal")
    render(HERO, person)
    return person


def reads_of(person: Person) -> int:
    with CaptureQueriesContext(connection) as captured:
        render(HERO, person)
    return sum(query["sql"].startswith("SELECT") for query in captured)


def change_a_variation() -> None:
    variation = Variation.objects.get()
    variation.content = "changed"
    variation.save()


def add_a_slot() -> None:
    Slot.objects.create(slug="another", name="Another")


def remove_the_variation() -> None:
    Variation.objects.get().delete()


def pause_a_segment() -> None:
    segment = Segment.objects.get()
    segment.active = False
    segment.save()


CHANGES: dict[Callable[[], None], str] = {
    change_a_variation: "changed",
    add_a_slot: "from the admin",
    remove_the_variation: "for the loyal",
    pause_a_segment: "default",
}


@pytest.mark.parametrize(("change", "shown"), CHANGES.items())
def test_a_change_is_loaded_once_and_at_once(
    person: Person, change: Callable[[], None], shown: str
) -> None:
    assert [reads_of(person) for _ in range(2)] == [1, 1]
    change()
    first, *later = [reads_of(person) for _ in range(4)]
    assert (
        first == 1 + 7
    )  # slots, variations, segments, their rules, versions, weights, experiments
    assert later == [1, 1, 1]
    assert render(HERO, person) == shown


def test_two_changes_are_loaded_once(person: Person) -> None:
    add_a_slot()
    change_a_variation()
    assert [reads_of(person) for _ in range(3)] == [8, 1, 1]


def test_a_failed_load_is_tried_again(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    change_a_variation()
    with monkeypatch.context() as patch:
        patch.setattr(published, "_load", lambda revision: 1 / 0)
        assert render(HERO, person) == "default"
    assert render(HERO, person) == "changed"


def test_a_slot_that_comes_while_the_others_are_loaded_is_no_failure(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its variations are seen, it is not: two reads do not see the same instant.
    monkeypatch.setattr(Slot.objects, "values_list", lambda *names: [])
    published.forget()
    assert published_now().slots["hero"].candidates[0].content == "from the admin"


def test_a_thread_gets_the_revision_it_asked_for(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may put an older configuration in between."""
    older = Published(revision=1, segments={}, slots={})
    monkeypatch.setattr(published, "_load", lambda revision: Published(revision, {}, {}))

    class Interfering:
        revision = -1

        def __getattribute__(self, name: str) -> object:
            thread = threading.Thread(target=lambda: setattr(published, "_cached", older))
            thread.start()
            thread.join()
            return -1

    monkeypatch.setattr(published, "_cached", Interfering())
    assert published.published(7).revision == 7
