"""Pages of groups and sequences: for whom, by which way, and with whatever names."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization import hints
from personalization.events.catalogue import known_events
from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Model, Options
from personalization.ml.clusters.personas import Personas
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.sequences.rules import SequenceRules
from personalization.ml.training.groups import NoGroups, groups_of, said_rule
from personalization.privacy.models import AuditEntry
from personalization.rules.catalogue import Catalogue
from personalization.segments.models import Segment
from tests.admin.test_model_groups import learned
from tests.ml.sequences.test_suggest import PEOPLE

pytestmark = pytest.mark.django_db
#: A page that shows, and the one that makes a segment.
PAGES = {"groups": "group_segment", "sequences": "sequence_segment"}
ODD = "<script>alert(1)</script> Größe 年齢 ‮"


@pytest.fixture(scope="module")
def models() -> dict[str, Model[Any]]:
    sequences = SequenceRules().fit(
        PEOPLE,
        Options(),
        goal="Order Completed",
        gap=timedelta(minutes=30),
        catalogue=Catalogue(events=known_events()),
    )
    return {"groups": learned(), "sequences": sequences}


def kept(model: Model[Any], **fields: Any) -> ModelVersion:
    content = packed(model)
    version = ModelVersion.objects.create(
        number=4, name=f"tests.{model.algorithm}", algorithm=model.algorithm, rows=10,
        status=ModelVersion.Status.CANDIDATE, checksum=checksum(content),
        trained_at=timezone.now(), **fields,
    )  # fmt: skip
    ModelArtefact.objects.create(version=version, content=content)
    return version


@pytest.fixture(params=sorted(PAGES))
def page(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def version(page: str, models: dict[str, Model[Any]]) -> ModelVersion:
    return kept(models[page])


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


def nothing_was_done(hinted: list[str]) -> bool:
    return not (
        Segment.objects.exists()
        or AuditEntry.objects.filter(kind="segment").exists()
        or LogEntry.objects.exists()
        or hinted
    )


# -- for whom ---------------------------------------------------------------------------------


def test_who_is_not_signed_in_is_asked_to(
    page: str, version: ModelVersion, hinted: list[str]
) -> None:
    for asked in (
        Client().get(address(page, version.pk)),
        Client().post(address(PAGES[page], version.pk, 0)),
    ):
        assert asked.status_code == 302
        assert "/login/" in asked.headers["Location"]
    assert nothing_was_done(hinted)


def test_who_is_not_of_the_staff_sees_nothing_whatever_may_be_done(
    sign_in: Any, page: str, version: ModelVersion, hinted: list[str]
) -> None:
    client = sign_in("view_modelversion", "add_segment", "view_segment", staff=False)
    assert client.get(address(page, version.pk)).status_code == 302
    assert client.post(address(PAGES[page], version.pk, 0)).status_code == 302
    assert nothing_was_done(hinted)


@pytest.mark.parametrize("may", ["promote_modelversion", "train_modelversion", "add_segment"])
def test_who_may_do_something_else_does_not_see_them(
    sign_in: Any, page: str, version: ModelVersion, may: str
) -> None:
    assert sign_in(may).get(address(page, version.pk)).status_code == 403


def test_who_may_look_sees_it_all_and_is_offered_nothing(
    sign_in: Any, page: str, version: ModelVersion
) -> None:
    content = text_of(sign_in("view_modelversion").get(address(page, version.pk)))
    assert "Make it a segment" not in content
    assert address(PAGES[page], version.pk, 0) not in content


# -- by which way -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_a_segment_is_made_by_post_and_by_nothing_else(
    owner: Client, page: str, version: ModelVersion, hinted: list[str], method: str
) -> None:
    asked = getattr(owner, method)(address(PAGES[page], version.pk, 0))
    assert asked.status_code == 403
    assert nothing_was_done(hinted)


def test_a_post_makes_one_segment_with_one_entry_of_each_log(
    owner: Client, page: str, version: ModelVersion, hinted: list[str]
) -> None:
    owner.post(address(PAGES[page], version.pk, 0))
    segment = Segment.objects.get()
    entry = AuditEntry.objects.get(kind="segment")
    assert (entry.action, entry.number) == (AuditEntry.Action.ADDED, str(segment.pk))
    logged = LogEntry.objects.get()
    assert (logged.object_id, logged.is_addition()) == (str(segment.pk), True)
    assert str(version) in logged.change_message
    assert hinted == [hints.REFRESH_SEGMENTS]


def test_what_is_posted_beside_is_not_listened_to(
    owner: Client, page: str, version: ModelVersion
) -> None:
    told = {"name": "mine", "slug": "mine", "rule": "{}", "kind": "manual", "one": "7"}
    owner.post(address(PAGES[page], version.pk, 0), told)
    segment = Segment.objects.get()
    assert segment.slug != "mine"
    assert segment.kind == Segment.Kind.RULE
    assert segment.rule["root"]["rules"]


@pytest.mark.parametrize("place", [7, 10**6, 10**30])
def test_one_that_there_is_not_is_told_and_nothing_is_made(
    owner: Client, page: str, version: ModelVersion, hinted: list[str], place: int
) -> None:
    found = owner.post(address(PAGES[page], version.pk, place), follow=True)
    assert "There is no " in text_of(found)
    assert found.redirect_chain == [(address(page, version.pk), 302)]
    assert nothing_was_done(hinted)


@pytest.mark.parametrize("number", [0, 2**31, 2**63, 10**30])
def test_a_version_of_any_number_that_there_is_not_leads_to_the_list(
    owner: Client, page: str, number: int
) -> None:
    for found in (
        owner.get(address(page, number), follow=True),
        owner.post(address(PAGES[page], number, 0), follow=True),
    ):
        assert "no such model version any more" in text_of(found)


@pytest.mark.parametrize("tail", ["-1/", "x/", "1.5/", "%00/"])
def test_what_is_no_number_is_no_page(owner: Client, page: str, tail: str) -> None:
    root = reverse("admin:personalization_modelversion_changelist")
    assert owner.get(f"{root}{tail}{page}/").status_code in (302, 404)


def test_the_pages_of_the_other_kind_say_that_there_is_nothing(
    owner: Client, page: str, version: ModelVersion
) -> None:
    (other,) = set(PAGES) - {page}
    found = owner.get(address(other, version.pk), follow=True)
    assert f"no {other} to show" in text_of(found)
    assert found.redirect_chain == [(address("change", version.pk), 302)]


@pytest.mark.parametrize("lost", ["checksum", "artefact"])
def test_of_what_is_not_kept_nothing_is_shown_or_made(
    owner: Client, page: str, version: ModelVersion, hinted: list[str], lost: str
) -> None:
    if lost == "checksum":
        ModelVersion.objects.update(checksum="")
    else:
        ModelArtefact.objects.all().delete()
    for found in (
        owner.get(address(page, version.pk), follow=True),
        owner.post(address(PAGES[page], version.pk, 0), follow=True),
    ):
        assert found.redirect_chain == [(address("change", version.pk), 302)]
        assert 'class="error"' in found.content.decode()
    assert nothing_was_done(hinted)


@pytest.mark.parametrize(
    "status", [ModelVersion.Status.SERVING, ModelVersion.Status.FAILED, ModelVersion.Status.RETIRED]
)
def test_it_is_shown_whether_it_serves_or_not(
    owner: Client, page: str, version: ModelVersion, status: str
) -> None:
    ModelVersion.objects.update(status=status)
    assert "Make it a segment" in text_of(owner.get(address(page, version.pk)))


def test_looking_changes_nothing(owner: Client, page: str, version: ModelVersion) -> None:
    before = ModelVersion.objects.values().get()
    owner.get(address(page, version.pk))
    assert ModelVersion.objects.values().get() == before
    assert not AuditEntry.objects.filter(kind="segment").exists()


# -- with whatever names ----------------------------------------------------------------------


def called(*names: str) -> Personas:
    """Return a model whose groups have these names."""
    model = learned()
    model.names = dict(zip(model.ids, names, strict=True))
    return model


def test_a_name_is_shown_as_it_is_and_does_nothing(owner: Client, hinted: list[str]) -> None:
    version = kept(called(ODD, "“quoted” & more"))
    raw = owner.get(address("groups", version.pk)).content.decode()
    assert "<script>alert" not in raw
    assert ODD in html.unescape(raw)
    found = owner.post(address("group_segment", version.pk, 0), follow=True)
    assert "<script>alert" not in found.content.decode()
    assert Segment.objects.get().name == ODD
    assert Segment.objects.get().slug.startswith("scriptalert1script")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("年齢", "group"), ("!!!", "group"), ("Größe", "groe"), ("--x--", "x"),
        ("a" * 300, "a" * 45), ("Ä" * 300, "a" * 45), ("x " * 200, ("x-" * 23)[:45]),
    ],
)  # fmt: skip
def test_a_segment_of_any_name_has_a_name_and_an_address_that_fit(
    owner: Client, name: str, slug: str
) -> None:
    version = kept(called(name, "other"))
    owner.post(address("group_segment", version.pk, 0))
    owner.post(address("group_segment", version.pk, 0))
    first, second = Segment.objects.order_by("pk")
    assert first.name == second.name == name[:100]
    assert (first.slug, second.slug) == (slug, f"{slug}-2")
    first.full_clean()
    note = first.versions.get().note
    assert note.startswith(f"From “{name[:90]}")
    assert len(note) <= 200


def test_of_a_damaged_rule_the_group_is_shown_and_the_problem_told(owner: Client) -> None:
    model = learned()
    for broken in ({"root": {}}, {"root": {"kind": "group", "combinator": "xor", "rules": []}}):
        for stored in model.rules.values():
            stored["rule"] = broken
        version = kept(model)
        text = text_of(owner.get(address("groups", version.pk)))
        assert "Make it a segment" not in text
        owner.post(address("group_segment", version.pk, 0), follow=True)
        assert not Segment.objects.exists()
        version.delete()


def test_groups_without_any_difference_rule_or_member_have_a_page(owner: Client) -> None:
    model = learned()
    model.rules, model.shares = {}, (0.0, 0.0)
    model.differences = ((), ())
    version = kept(model)
    text = text_of(owner.get(address("groups", version.pk)))
    assert text.count("No rule says who is in it.") == 2
    assert "Make it a segment" not in text
    shown = groups_of(version)
    assert shown.outside == pytest.approx(1)
    assert [group.said for group in shown.groups] == [None, None]


def test_sequences_of_odd_names_are_shown_and_do_nothing(
    owner: Client, models: dict[str, Model[Any]]
) -> None:
    version = kept(models["sequences"])
    ModelVersion.objects.update(remarks=[ODD], name="tests.odd", error=ODD)
    raw = owner.get(address("sequences", version.pk)).content.decode()
    assert "<script>alert" not in raw
    assert "<script>alert" not in owner.get(address("change", version.pk)).content.decode()


@pytest.mark.parametrize("stored", [None, {}])
def test_no_rule_is_no_rule(stored: Any) -> None:
    assert said_rule(stored) is None


def test_a_version_in_training_has_no_groups_yet(db: None) -> None:
    waiting = ModelVersion.objects.create(
        name="cluster.personas", number=1, algorithm="personas",
        status=ModelVersion.Status.TRAINING,
    )  # fmt: skip
    with pytest.raises(NoGroups):
        groups_of(waiting)
