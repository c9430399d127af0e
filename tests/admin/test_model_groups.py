"""Groups of visitors in the admin: seen, read as rules, and made segments with a click."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization import hints
from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Options
from personalization.ml.clusters.distil import DistilConfig, distil
from personalization.ml.clusters.personas import Personas, PersonasConfig
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.threads import one_thread
from personalization.privacy.models import AuditEntry
from personalization.profiles.derived import fields
from personalization.rules.catalogue import Catalogue
from personalization.rules.explain import sentence
from personalization.rules.parse import parse
from personalization.segments.catalogue import catalogue
from personalization.segments.models import Segment
from tests.ml.training.conftest import damage

pytestmark = pytest.mark.django_db

FEATURES = ("orders.count", "visits.count")
MAY = ("view_modelversion", "add_segment", "view_segment")


def people() -> np.ndarray[Any, Any]:
    """Return who buys often and who only comes, a third and two thirds."""
    rng = np.random.default_rng(0)
    buyers = np.stack([rng.integers(8, 12, 60), rng.integers(1, 4, 60)], axis=1)
    guests = np.stack([rng.integers(0, 2, 120), rng.integers(9, 14, 120)], axis=1)
    return np.concatenate([buyers, guests]).astype(float)


def learned(**config: Any) -> Personas:
    rows = people()
    with one_thread():
        model = Personas(PersonasConfig(rounds=2, most=3, k=2, **config))
        model.features = FEATURES
        model.fit(rows, Options())
        ids = model.score(rows)
        for one in model.ids:
            found = distil(
                rows, ids == one, features=FEATURES, catalogue=Catalogue(features=fields()),
                config=DistilConfig(rounds=2), options=Options(),
            )  # fmt: skip
            model.keep_rule(one, found)
    return model


@pytest.fixture(scope="module")
def model() -> Personas:
    return learned()


def kept(model: Personas) -> ModelVersion:
    content = packed(model)
    version = ModelVersion.objects.create(
        name="cluster.personas", number=3, algorithm=model.algorithm, rows=180,
        status=ModelVersion.Status.CANDIDATE, checksum=checksum(content),
        trained_at=timezone.now(), remarks=["A <b>remark</b>."],
    )  # fmt: skip
    ModelArtefact.objects.create(version=version, content=content)
    return version


@pytest.fixture
def version(model: Personas) -> ModelVersion:
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


def adopted(client: Client, version: ModelVersion, one: int = 1) -> Any:
    return client.post(address("group_segment", version.pk, one), follow=True)


# -- what is shown ------------------------------------------------------------------------


def test_the_page_of_the_version_leads_there(owner: Client, version: ModelVersion) -> None:
    page = text_of(owner.get(address("change", version.pk)))
    assert f'href="{address("groups", version.pk)}"' in page


def test_the_page_says_how_numbers_were_cleaned(owner: Client, version: ModelVersion) -> None:
    text = text_of(owner.get(address("groups", version.pk)))
    said = text.split("Numbers were cleaned by:")[1].split("</span>")[0]
    names = [each.split(" (")[0].strip(" .") for each in said.split("; ")]
    assert names == ["log", "z-score", "impute", "standard"]


def test_each_group_stands_there_with_name_share_and_rule(
    owner: Client, version: ModelVersion, model: Personas
) -> None:
    text = text_of(owner.get(address("groups", version.pk)))
    assert set(model.names.values()) == {"many visits, rarely buys", "few visits, buys often"}
    for name in model.names.values():
        assert f"{name}</h2>" in text
    assert "66.7 % of the visitors." in text
    assert "33.3 % of the visitors." in text
    for stored in model.rules.values():
        assert f"{sentence(parse(stored['rule']), catalogue())}." in text
    assert "number of orders 1.4 σ above the mean" in text
    assert "Two trainings on visitors drawn anew agree in 1.00 of 1." in text


def test_pictures_are_drawn_and_remarks_escaped(owner: Client, version: ModelVersion) -> None:
    response = owner.get(address("groups", version.pk))
    raw = response.content.decode()
    assert raw.count('<svg class="pz-picture"') == 5
    assert raw.count('<svg class="pz-legend"') == 2
    assert "A &lt;b&gt;remark&lt;/b&gt;." in raw
    assert "personalization/admin/clusters.css" in raw
    content = raw.split('id="content-main"')[1].split("</main>")[0]
    assert not re.search(r"\sstyle=|<script", content)


def test_of_a_hierarchy_the_tree_is_drawn(owner: Client) -> None:
    version = kept(learned(clusterer="hierarchical"))
    assert 'id="pz-dendrogram-title"' in text_of(owner.get(address("groups", version.pk)))


def test_it_asks_the_database_no_more_for_more_groups(
    owner: Client, version: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(25):
        owner.get(address("groups", version.pk))


def test_a_group_without_a_rule_says_so(owner: Client) -> None:
    model = learned()
    del model.rules[1]
    version = kept(model)
    assert "No rule says who is in it." in text_of(owner.get(address("groups", version.pk)))
    assert "There is no rule for such a group." in text_of(adopted(owner, version))
    assert not Segment.objects.exists()


def test_a_damaged_artefact_is_told_and_nothing_breaks(
    owner: Client, version: ModelVersion
) -> None:
    damage(version)
    assert "has the checksum" in text_of(owner.get(address("groups", version.pk), follow=True))
    assert "has the checksum" in text_of(adopted(owner, version))


def test_a_version_of_something_else_has_no_such_page(owner: Client, version: ModelVersion) -> None:
    ModelVersion.objects.update(algorithm="ease")
    assert address("groups", version.pk) not in text_of(owner.get(address("change", version.pk)))
    text = text_of(owner.get(address("groups", version.pk), follow=True))
    assert "This version has no groups to show." in text


def test_where_there_is_no_such_version_the_list_is_shown(owner: Client, db: None) -> None:
    assert "no such model version any more" in text_of(
        owner.get(address("groups", 99), follow=True)
    )
    text = text_of(owner.post(address("group_segment", 99, 0), follow=True))
    assert "no such model version any more" in text


# -- a segment of it ----------------------------------------------------------------------


def test_a_click_makes_a_segment_of_the_rule(
    owner: Client, version: ModelVersion, model: Personas, hinted: list[str]
) -> None:
    text = text_of(adopted(owner, version))
    segment = Segment.objects.get()
    assert segment.name == "few visits, buys often"
    assert segment.slug == "few-visits-buys-often"
    assert segment.rule == model.rules[1]["rule"]
    assert segment.description == (
        "From “few visits, buys often” of cluster.personas 3. "
        "Of those in the segment, 100.0 % are in the group, of which it has 100.0 %."
    )
    assert "“few visits, buys often” was added." in text
    assert hinted == [hints.REFRESH_SEGMENTS]


def test_who_did_it_and_why_is_written_down(owner: Client, version: ModelVersion) -> None:
    adopted(owner, version)
    segment = Segment.objects.get()
    made = segment.versions.get()
    assert made.created_by is not None
    assert made.note == "From “few visits, buys often” of cluster.personas 3."
    entry = AuditEntry.objects.get(kind="segment", number=str(segment.pk))
    assert entry.action == AuditEntry.Action.ADDED


def test_once_it_is_there_the_page_leads_to_it_and_offers_another(
    owner: Client, version: ModelVersion
) -> None:
    adopted(owner, version)
    text = text_of(owner.get(address("groups", version.pk)))
    assert "There as “few visits, buys often”" in text
    assert "Make it a segment once more" in text
    adopted(owner, version)
    assert sorted(Segment.objects.values_list("slug", flat=True)) == [
        "few-visits-buys-often",
        "few-visits-buys-often-2",
    ]


@pytest.mark.parametrize("missing", ["view_modelversion", "add_segment"])
def test_it_takes_the_permission_to_see_models_and_to_add_segments(
    sign_in: Any, version: ModelVersion, missing: str
) -> None:
    client = sign_in(*(name for name in MAY if name != missing))
    assert adopted(client, version).status_code == 403
    assert not Segment.objects.exists()
    seen = client.get(address("groups", version.pk))
    assert seen.status_code == (403 if missing == "view_modelversion" else 200)
    assert "Make it a segment" not in seen.content.decode()


def test_who_may_do_both_may_make_it_and_need_not_see_segments(
    sign_in: Any, version: ModelVersion
) -> None:
    assert Segment.objects.count() == 0
    text = text_of(adopted(sign_in("view_modelversion", "add_segment"), version))
    assert "was added." in text
    assert Segment.objects.count() == 1


def test_it_is_not_made_by_following_a_link_or_from_another_site(
    owner: Client, version: ModelVersion
) -> None:
    assert owner.get(address("group_segment", version.pk, 1)).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert strict.post(address("group_segment", version.pk, 1)).status_code == 403
    assert not Segment.objects.exists()


def test_a_rule_that_cannot_be_used_any_more_is_told_and_not_made(owner: Client) -> None:
    model = learned()
    for stored in model.rules.values():
        stored["rule"]["root"]["rules"][0]["field"] = "gone.count"  # type: ignore[index, call-overload]
    version = kept(model)
    text = text_of(owner.get(address("groups", version.pk)))
    assert "There is no feature “gone.count”" in text
    assert "Make it a segment" not in text
    assert "There is no feature “gone.count”" in text_of(adopted(owner, version))
    assert not Segment.objects.exists()
