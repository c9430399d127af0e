"""Sequences in the admin: read as rules, and made segments with a click."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization import hints
from personalization.events.catalogue import known_events
from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Options
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.sequences.rules import SequenceRules
from personalization.ml.training import findings
from personalization.rules.catalogue import Catalogue
from personalization.rules.writing import feature, rule
from personalization.segments.models import Segment
from tests.ml.sequences.test_suggest import PEOPLE
from tests.ml.training.conftest import damage

pytestmark = pytest.mark.django_db
MAY = ("view_modelversion", "add_segment", "view_segment")


@pytest.fixture(scope="module")
def model() -> SequenceRules:
    return SequenceRules().fit(
        PEOPLE,
        Options(),
        goal="Order Completed",
        gap=timedelta(minutes=30),
        catalogue=Catalogue(events=known_events()),
    )


def kept(model: SequenceRules) -> ModelVersion:
    content = packed(model)
    version = ModelVersion.objects.create(
        name="sequences.order", number=2, algorithm=model.algorithm, rows=340,
        status=ModelVersion.Status.CANDIDATE, checksum=checksum(content),
        trained_at=timezone.now(), remarks=["A <b>remark</b>."],
    )  # fmt: skip
    ModelArtefact.objects.create(version=version, content=content)
    return version


@pytest.fixture
def version(model: SequenceRules) -> ModelVersion:
    return kept(model)


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(hints, "hint", seen.append)
    return seen


def address(page: str, *args: int) -> str:
    return reverse(f"admin:personalization_modelversion_{page}", args=args)


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def adopted(client: Client, version: ModelVersion, place: int = 0) -> Any:
    return client.post(address("sequence_segment", version.pk, place), follow=True)


def test_the_page_of_the_version_leads_there(owner: Client, version: ModelVersion) -> None:
    page = text_of(owner.get(address("change", version.pk)))
    assert f'href="{address("sequences", version.pk)}"' in page


def test_each_sequence_stands_there_with_its_figures_and_rule(
    owner: Client, version: ModelVersion, model: SequenceRules
) -> None:
    response = owner.get(address("sequences", version.pk))
    text = text_of(response)
    assert "What leads to “Order Completed”" in text
    assert "/ → /guide" in text
    assert "75.0 %" in text
    for each in model.found:
        assert f"{each.sentence}." in text
    assert "A &lt;b&gt;remark&lt;/b&gt;." in response.content.decode()


def cells(text: str, row: str) -> list[str]:
    """Return what stands in the cells of the row with this heading, without markup."""
    (found,) = re.findall(rf'<th scope="row">{re.escape(row)}\b.*?</tr>', text, re.DOTALL)
    return [
        " ".join(re.sub(r"<[^>]+>", " ", each).split())
        for each in re.findall(r"<td>(.*?)</td>", found, re.DOTALL)
    ]


def section(text: str, heading: str) -> str:
    return text.split(f'id="pz-{heading}-heading"')[1].split("</section>")[0]


def test_what_leads_there_says_how_likely_it_is_by_chance_and_who_is_left(
    owner: Client, version: ModelVersion
) -> None:
    text = section(text_of(owner.get(address("sequences", version.pk))), "leading")
    assert cells(text, "/ → /guide")[:5] == ["80", "75.0 %", "4.3", "< 0.1 %", "20 people"]


def test_where_people_stop_says_what_is_usual_and_how_others_went_on(
    owner: Client, version: ModelVersion, model: SequenceRules
) -> None:
    text = section(text_of(owner.get(address("sequences", version.pk))), "stopping")
    visits, ended, reached, ways, chance, left, _button = cells(text, "Product Added")
    usual = round(100 * model.found[1].usual, 1)
    assert (visits, ended) == ("160", f"100 (62.5 %) {usual} % at any step")
    assert (reached, ways) == ("37.5 %", "Order Completed 100.0 %")
    assert (chance, left) == ("< 0.1 %", "100 people")


def test_what_comes_next_is_told_of_each_step_with_who_leaves(
    owner: Client, version: ModelVersion
) -> None:
    version.metrics = {"next_step": 0.615, "usual.next_step": 0.25}
    version.save()
    text = section(text_of(owner.get(address("sequences", version.pk))), "onward")
    times, ways, ends, reaches = cells(text, "Product Added")
    assert times == "160"
    assert ways == "Order Completed 36.5 %"
    assert float(ends.split()[0]) == pytest.approx(62.5, abs=2)
    assert float(reaches.split()[0]) == pytest.approx(37.5, abs=1)
    assert (
        "the right one in 61.5 %; always saying the most usual one would have been in 25.0 %"
        in text
    )
    assert '<th scope="row">Order Completed' not in text


def test_of_few_visits_the_page_says_that_they_tell_nothing(owner: Client) -> None:
    empty = SequenceRules()
    empty.goal = "Order Completed"
    text = section(text_of(owner.get(address("sequences", kept(empty).pk))), "onward")
    assert "There are too few visits to tell." in text


def test_it_asks_the_database_no_more_for_more_sequences(
    owner: Client, version: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(25):
        owner.get(address("sequences", version.pk))


def test_where_nothing_was_found_it_says_so(owner: Client) -> None:
    empty = SequenceRules()
    empty.goal = "Order Completed"
    version = kept(empty)
    text = text_of(owner.get(address("sequences", version.pk)))
    assert text.count("Nothing that is more than chance.") == 1
    assert "likelier than each part of it does by itself" in text
    assert "There is no such sequence." in text_of(adopted(owner, version))


def test_a_click_makes_a_segment_of_those_on_the_way(
    owner: Client, version: ModelVersion, model: SequenceRules, hinted: list[str]
) -> None:
    text = text_of(adopted(owner, version))
    segment = Segment.objects.get()
    assert segment.name == "On the way: / → /guide"
    assert segment.rule == model.found[0].rule
    assert segment.description == (
        "From sequences.order 2. Of 80 people who did it, 75.0 % reached the goal."
    )
    assert "was added." in text
    assert hinted == [hints.REFRESH_SEGMENTS]
    assert "There as “On the way: / → /guide”" in text_of(
        owner.get(address("sequences", version.pk))
    )


def test_a_click_makes_a_segment_of_those_who_stopped(
    owner: Client, version: ModelVersion, model: SequenceRules
) -> None:
    adopted(owner, version, 1)
    segment = Segment.objects.get()
    assert segment.name == "Stopped at Product Added"
    assert segment.rule == model.found[1].rule
    assert "visits that came by" in segment.description
    assert segment.versions.get().note == "From sequences.order 2."


@pytest.mark.parametrize("missing", ["view_modelversion", "add_segment"])
def test_it_takes_the_permission_to_see_models_and_to_add_segments(
    sign_in: Any, version: ModelVersion, missing: str
) -> None:
    client = sign_in(*(name for name in MAY if name != missing))
    assert adopted(client, version).status_code == 403
    assert not Segment.objects.exists()
    seen = client.get(address("sequences", version.pk))
    assert seen.status_code == (403 if missing == "view_modelversion" else 200)
    assert "Make it a segment" not in seen.content.decode()


def test_who_may_do_both_may_make_it_and_need_not_see_segments(
    sign_in: Any, version: ModelVersion
) -> None:
    text = text_of(adopted(sign_in("view_modelversion", "add_segment"), version))
    assert "was added." in text
    assert Segment.objects.count() == 1


def test_it_is_not_made_by_following_a_link_or_from_another_site(
    owner: Client, version: ModelVersion
) -> None:
    assert owner.get(address("sequence_segment", version.pk, 0)).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert strict.post(address("sequence_segment", version.pk, 0)).status_code == 403
    assert not Segment.objects.exists()


def test_a_rule_that_cannot_be_used_any_more_is_told_and_not_made(
    owner: Client, model: SequenceRules
) -> None:
    outdated = SequenceRules()
    outdated.goal = model.goal
    gone = rule(feature("gone.count", ">", 1))
    outdated.found = (replace(model.found[0], rule=gone),)
    version = kept(outdated)
    text = text_of(owner.get(address("sequences", version.pk)))
    assert "There is no feature “gone.count”" in text
    assert "Make it a segment" not in text
    assert "There is no feature “gone.count”" in text_of(adopted(owner, version))
    assert not Segment.objects.exists()


def test_a_damaged_artefact_is_told_and_nothing_breaks(
    owner: Client, version: ModelVersion
) -> None:
    damage(version)
    for response in (
        owner.get(address("sequences", version.pk), follow=True),
        adopted(owner, version),
    ):
        assert "has the checksum" in text_of(response)


def test_a_version_of_something_else_has_no_such_page(owner: Client, version: ModelVersion) -> None:
    ModelVersion.objects.update(algorithm="ease")
    assert address("sequences", version.pk) not in text_of(owner.get(address("change", version.pk)))
    text = text_of(owner.get(address("sequences", version.pk), follow=True))
    assert "This version has no sequences to show." in text


def test_where_there_is_no_such_version_the_list_is_shown(owner: Client) -> None:
    for response in (
        owner.get(address("sequences", 99), follow=True),
        owner.post(address("sequence_segment", 99, 0), follow=True),
    ):
        assert "no such model version any more" in text_of(response)


def test_without_the_extra_the_page_says_what_to_install(
    owner: Client, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "_READER", "personalization.ml.training.nowhere.read")
    text = text_of(owner.get(address("sequences", version.pk), follow=True))
    assert "The extra “ml” is not installed" in text
