"""How many versions a page can have, counted from its templates, and how often one is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from personalization.delivery.models import Slot
from personalization.delivery.published import published_now
from personalization.delivery.versions import (
    PageVersions,
    hit_ratio,
    shares_of,
    versions_of_templates,
)
from personalization.experiments.models import Arm, Experiment
from personalization.segments.models import Segment
from tests.delivery.people import make_person, make_segments, make_slot, make_variation

pytestmark = pytest.mark.django_db

Write = Callable[..., list[PageVersions]]


@pytest.fixture
def write(tmp_path: Path, settings: Any) -> Iterator[Write]:
    """Return what writes templates, and then counts their versions."""
    backend = {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [tmp_path]}
    with override_settings(TEMPLATES=[backend]):

        def write(**sources: str) -> list[PageVersions]:
            for name, source in sources.items():
                text = "{% load personalization %}" + source
                if source.startswith("{% extends"):
                    tag, _, rest = source.partition("%}")
                    text = tag + "%}{% load personalization %}" + rest
                (tmp_path / f"{name}.html").write_text(text)
            return versions_of_templates(published_now())

        yield write


def slot(slug: str, *segments: str, default: str = "-", mode: str = " keyed", **of: str) -> str:
    variants = "".join(f'{{% variant "{one}" %}}{of.get(one, one)}' for one in segments)
    return (
        f'{{% personalized_block "{slug}"{mode} %}}{default}{variants}{{% endpersonalized_block %}}'
    )


def n_versions(pages: list[PageVersions], name: str = "page.html") -> int:
    return next(page.versions for page in pages if page.template == name)


def test_each_slot_multiplies_by_its_candidates_and_its_default(write: Write) -> None:
    (page,) = write(page=slot("hero", "a", "b") + slot("strip", "a", "b", "c"))
    assert page.versions == 3 * 4
    assert page.slots == ("hero", "strip")
    assert page.segments == {"a", "b", "c"}
    assert not page.personal


def test_variations_from_the_admin_are_candidates_too(write: Write) -> None:
    make_segments("a", "z")
    make_variation("z", "from the admin")
    (page,) = write(page=slot("hero", "a"))
    assert page.versions == 3
    assert page.segments == {"a", "z"}


def test_a_slot_within_a_variant_counts_there_only(write: Write) -> None:
    inner = slot("inner", "b", "c")
    assert n_versions(write(page=slot("hero", "a", "b", a=inner))) == 1 + 3 + 1
    assert n_versions(write(other=slot("hero", "a", default=inner)), "other.html") == 3 + 1


def test_a_slot_that_shows_all_that_match_counts_every_set_of_them(write: Write) -> None:
    row = make_slot("hero")
    row.strategy = Slot.Strategy.ALL
    row.save()
    assert n_versions(write(page=slot("hero", "a", "b", "c"))) == 2**3


def test_so_does_one_that_an_arm_of_an_experiment_has_show_all(write: Write) -> None:
    found = Experiment.objects.create(
        slug="test",
        kind="strategies",
        status="running",
        audience=Segment.objects.create(slug="vip"),
    )
    for n, content in enumerate(["priority", "all"]):
        Arm.objects.create(experiment=found, key=f"arm{n}", content=content, position=n)
    (page,) = write(page=slot("hero", "a", "b", "c"))
    assert page.versions == 2**3
    assert page.segments == {"a", "b", "c", "vip"}


def test_a_slot_that_waits_for_a_trigger_has_its_default_in_the_page(write: Write) -> None:
    row = make_slot("hero")
    row.trigger, row.trigger_value = Slot.Trigger.TIME, 5
    row.save()
    assert n_versions(write(page=slot("hero", "a", "b") + slot("strip", "a"))) == 2


def test_the_same_slot_twice_is_asked_once(write: Write) -> None:
    assert n_versions(write(page=slot("hero", "a", "b") * 2)) == 3


def test_slots_that_are_not_keyed_do_not_count(write: Write) -> None:
    (page,) = write(page=slot("hero", "a") + slot("aside", "a", "b", mode=" deferred"))
    assert (page.versions, page.personal) == (2, False)


def test_a_page_with_a_slot_for_one_visitor_is_personal(write: Write) -> None:
    (page,) = write(page=slot("hero", "a") + slot("aside", "a", "b", mode=""))
    assert (page.versions, page.personal) == (2, True)
    with override_settings(PERSONALIZATION_DELIVERY="keyed"):
        (page,) = versions_of_templates(published_now())
    assert (page.versions, page.personal) == (6, False)


def test_templates_without_keyed_slots_are_not_listed(write: Write) -> None:
    assert write(page=slot("hero", "a", mode=" inline"), other="nothing") == []


def test_slots_of_what_is_extended_and_included_count(write: Write) -> None:
    pages = write(
        base=slot("head", "a") + "{% block main %}{% endblock %}",
        part=slot("part", "a", "b"),
        page='{% extends "base.html" %}{% block main %}'
        + slot("hero", "a")
        + '{% include "part.html" %}{% include "page.html" %}{% endblock %}',
    )
    assert n_versions(pages) == 2 * 3 * 2
    assert pages[0].template == "page.html"  # most versions first


def test_asking_for_a_segment_counts_where_that_is_keyed(write: Write) -> None:
    flags = "{% in_segment 'a' as one %}{% in_segment 'a' as two %}{% in_segment 'b' as b %}"
    assert n_versions(write(page=slot("hero", "a") + flags)) == 2
    with override_settings(PERSONALIZATION_DELIVERY="keyed"):
        assert n_versions(versions_of_templates(published_now())) == 2 * 2 * 2


def test_the_shares_of_versions_are_those_of_profiles(write: Write) -> None:
    make_segments("a", "b")
    inner = slot("inner", "b")
    (page,) = write(page=slot("hero", "a", "b", a=inner))
    for segments in (("a",), ("a",), ("a", "b"), ("b",), ()):
        make_person(*segments)
    make_person("a", consents=("analytics",))
    shares = shares_of(page, published_now(), now=timezone.now())
    assert shares == [0.4, 0.2, 0.2, 0.2]
    assert len(shares) <= page.versions


def test_nobody_has_no_shares(write: Write) -> None:
    (page,) = write(page=slot("hero", "a"))
    assert shares_of(page, published_now(), now=timezone.now()) == []


@pytest.mark.parametrize(
    ("shares", "views", "expected"),
    [
        ([1.0], 1, 0.0),
        ([1.0], 10, 0.9),
        ([0.5, 0.5], 2, 0.25),  # the second view is of the first's version half the time
        ([1 / 1000] * 1000, 1, 0.0),
        ([], 0, 0.0),
    ],
)
def test_the_ratio_of_hits_follows_from_the_shares(
    shares: list[float], views: int, expected: float
) -> None:
    assert hit_ratio(shares, views=views) == pytest.approx(expected)


def test_many_rare_versions_are_found_less_often_than_few() -> None:
    few, many = [0.25] * 4, [0.01] * 100
    assert hit_ratio(few, views=200) > 0.97
    assert hit_ratio(many, views=200) < 0.6
