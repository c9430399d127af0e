"""What a page costs: one read for a visitor we know, none for anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from personalization.delivery.models import Variation
from personalization.experiments.models import Arm, Experiment
from personalization.privacy.texts import texts_of
from tests.delivery.people import Person, make_person, make_segments, make_variation
from tests.delivery.rendering import HERO, render, render_in, request_of

# Not in a transaction: there a read is guarded by a savepoint.
pytestmark = pytest.mark.django_db(transaction=True)

SLOTS, SEGMENTS = 20, 50


@contextmanager
def queries(n: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as captured:
        yield
    assert [query["sql"] for query in captured][n:] == []
    assert len(captured) == n


def page() -> str:
    """Return a template of 20 slots, each with two variants and one for anybody in both."""
    return "".join(
        f'{{% personalized_block "slot-{i}" %}}default {i} '
        f'{{% variant "segment-{i}" %}}first {i} {{% variant "segment-{i + 20}" %}}second {i} '
        f'{{% variant "segment-{i + 1}" "segment-{i + 2}" %}}both {i} {{% endpersonalized_block %}}'
        f'{{% in_segment "segment-{i}" as flag %}}{{{{ flag }}}} '
        for i in range(SLOTS)
    )


@pytest.fixture
def person() -> Person:
    make_segments(*(f"segment-{i}" for i in range(SEGMENTS)))
    for i in range(SLOTS):
        for segment in (5 * i, 5 * i + 1):
            make_variation(f"segment-{segment % SEGMENTS}", f"admin {i}", slot=f"slot-{i}")
    return make_person("segment-3", "segment-14", "segment-25", "segment-36")


def test_a_known_visitor_costs_one_read(person: Person) -> None:
    warm = render(page(), person)
    with queries(1):
        assert render(page(), person) == warm
    kinds = {word for word in warm.split() if word.isalpha()}
    assert kinds >= {"admin", "default", "first", "second", "both"}


def test_asking_the_request_and_rendering_costs_one_read_together(person: Person) -> None:
    render(HERO, person)
    request = request_of(person)
    visitor = request.personalization  # type: ignore[attr-defined]
    with queries(1):
        assert visitor.in_segment("segment-3")
        assert visitor.has_consent("personalization")
        assert len(visitor.segments) == 4
        render_in(page(), request)


def test_a_visitor_without_an_id_costs_nothing(person: Person) -> None:
    with queries(0):
        assert "default 0" in render(page())


def test_a_visitor_of_whom_nothing_is_known_costs_one_read(person: Person) -> None:
    render(HERO, person)
    person.profile.delete()
    with queries(1):
        assert "default 0" in render(page(), person)


def test_a_visitor_who_did_not_agree_costs_one_read(person: Person) -> None:
    render(HERO, person)
    person.agree_to("analytics")
    with queries(1):
        assert "default 0" in render(page(), person)


def test_a_request_that_is_not_asked_costs_nothing(person: Person) -> None:
    request = request_of(person)
    texts_of("en")  # the process knows them from then on
    with queries(0):
        render_in("{% personalization_tracker %}{% consent_banner %}", request)


def test_more_segments_and_slots_cost_no_more(person: Person) -> None:
    make_segments(*(f"more-{i}" for i in range(30)))
    make_variation("more-3", "more", slot="another")
    render(HERO, person)
    with queries(1):
        render(page() + page().replace("slot-", "more-slot-"), person)


def test_experiments_and_holdouts_cost_no_read(person: Person) -> None:
    """Fifty of all kinds, on every slot of the page."""
    for n in range(50):
        kind = ("variations", "strategies", "rules", "models")[n % 4]
        slot = f"slot-{n % SLOTS}"
        contents = {
            "variations": ("", Variation.objects.filter(slot__slug=slot)[0].key),
            "strategies": ("priority", "weight"),
            "rules": (f"segment-{n}:1", f"segment-{n}:2"),
            "models": ("recommend:1", "recommend:2"),
        }[kind]
        experiment = Experiment.objects.create(
            slug=f"test-{n}", name="Test", kind=kind, place=slot, status="running"
        )
        for place, content in enumerate(contents):
            Arm.objects.create(
                experiment=experiment, key=f"arm{place}", content=content, position=place
            )
    held = override_settings(PERSONALIZATION_HOLDOUT=0.1, PERSONALIZATION_GLOBAL_HOLDOUT=0.02)
    with held:
        warm = render(page(), person)
        with queries(1):
            assert render(page(), person) == warm
    asked = request_of(person).personalization  # type: ignore[attr-defined]
    assert len(asked.decide("slot-0").assigned) == 1
