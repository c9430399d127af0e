from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from personalization import hints
from personalization.delivery.models import Slot, Variation
from personalization.revisions import Revision
from personalization.segments.models import Membership, Segment, Webhook
from tests.admin.rules import CART, did, in_segment, rule

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_segment_changelist")


@pytest.fixture
def segment(make_segment) -> Segment:
    return make_segment("shoe-lovers", CART, name="Shoe lovers")


def delete(client, segment):
    address = reverse("admin:personalization_segment_delete", args=[segment.pk])
    return client.post(address, {"post": "yes"})


def delete_many(client, *segments):
    chosen = [segment.pk for segment in segments]
    form = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    return client.post(LIST, form)


def test_a_segment_nothing_uses_is_deleted_with_its_memberships(
    owner, segment, make_profile, monkeypatch, django_capture_on_commit_callbacks
):
    sent: list[str] = []
    monkeypatch.setattr(hints, "_send", sent.append)
    Membership.objects.create(segment=segment, profile=make_profile(), since=timezone.now())
    page = owner.get(reverse("admin:personalization_segment_delete", args=[segment.pk]))
    assert "1 membership" in page.content.decode()
    before = Revision.objects.get().number
    with django_capture_on_commit_callbacks(execute=True):
        assert delete(owner, segment).status_code == 302
    assert not Segment.objects.exists()
    assert not Membership.objects.exists()
    assert Revision.objects.get().number > before
    assert sent == [hints.REFRESH_SEGMENTS]


def test_a_segment_that_a_variation_is_shown_to_stays(owner, segment):
    slot = Slot.objects.create(slug="hero", name="Home: hero")
    Variation.objects.create(slot=slot, segment=segment, name="Come back", content="x")
    page = delete(owner, segment).content.decode()
    assert "cannot be deleted while it is in use" in page
    assert "Variation “Come back” of slot “Home: hero” is shown to “Shoe lovers”." in page
    assert Segment.objects.exists()


@pytest.mark.parametrize("active", [True, False])
def test_a_segment_that_another_rule_speaks_of_stays(owner, segment, make_segment, active):
    make_segment("boots", rule(did("Engaged"), in_segment("shoe-lovers")), active=active)
    page = delete(owner, segment).content.decode()
    assert "The rule of segment “Boots” speaks of “Shoe lovers”." in page
    assert Segment.objects.count() == 2


def test_deleting_several_is_refused_as_a_whole(owner, segment, make_segment):
    free = make_segment("free")
    make_segment("boots", rule(in_segment("shoe-lovers")))
    page = delete_many(owner, segment, free).content.decode()
    assert "“Boots”" in page
    assert Segment.objects.count() == 3


def test_segments_that_only_speak_of_each_other_go_together(owner, segment, make_segment):
    boots = make_segment("boots", rule(in_segment("shoe-lovers")))
    before = Revision.objects.get().number
    assert delete_many(owner, segment, boots).status_code == 302
    assert not Segment.objects.exists()
    assert Revision.objects.get().number > before


def test_many_memberships_are_counted_and_not_listed(
    owner, segment, make_profile, django_assert_max_num_queries
):
    since = timezone.now() - timedelta(days=1)
    Membership.objects.bulk_create(
        Membership(segment=segment, profile=make_profile(), since=since) for _ in range(50)
    )
    with django_assert_max_num_queries(9):
        page = owner.get(reverse("admin:personalization_segment_delete", args=[segment.pk]))
    assert "50 memberships" in page.content.decode()


def test_the_page_of_a_segment_shows_where_it_is_used(owner, segment, make_segment):
    slot = Slot.objects.create(slug="hero", name="Home: hero")
    Variation.objects.create(slot=slot, segment=segment, name="Come back", content="x")
    other = make_segment("boots", rule(in_segment("shoe-lovers")), name="Boots")
    page = owner.get(reverse("admin:personalization_segment_change", args=[segment.pk]))
    text = page.content.decode()
    assert reverse("admin:personalization_slot_change", args=[slot.pk]) in text
    assert reverse("admin:personalization_segment_change", args=[other.pk]) in text
    assert "Come back" in text


def test_a_broken_rule_elsewhere_hides_no_page(owner, segment, make_segment):
    wreck = make_segment("wreck", {"version": 9})
    for each in (segment, wreck):
        address = reverse("admin:personalization_segment_change", args=[each.pk])
        assert owner.get(address).status_code == 200


def test_a_segment_that_a_webhook_is_told_of_stays(owner, segment):
    webhook = Webhook.objects.create(name="CRM", url="https://crm.example/", segment=segment)
    Webhook.objects.create(name="Warehouse", url="https://warehouse.example/")
    page = delete(owner, segment).content.decode()
    assert "Webhook “CRM” is told of “Shoe lovers”." in page
    assert "Warehouse" not in page
    assert Segment.objects.exists()
    webhook.delete()
    assert delete(owner, segment).status_code == 302


def test_the_page_of_a_segment_shows_webhooks_and_templates_that_name_it(
    owner, segment, tmp_path, settings
):
    (tmp_path / "shop").mkdir()
    texts = {
        "shop/home.html": '{% personalized_block "x" %}…{% variant "shoe-lovers" %}…',
        "shop/flag.html": "{% in_segment 'shoe-lovers' as flag %}",
        "shop/several.html": '{% variant "boots" "shoe-lovers" %}',
        "shop/other.html": '{% variant "shoe-lovers-too" %} "shoe-lovers" {% in_segment "x" %}',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    settings.TEMPLATES = [
        {**settings.TEMPLATES[0], "DIRS": [tmp_path]},
    ]
    Webhook.objects.create(name="CRM", url="https://crm.example/", segment=segment, active=False)
    page = owner.get(reverse("admin:personalization_segment_change", args=[segment.pk]))
    text = page.content.decode()
    for name in ("shop/home.html", "shop/flag.html", "shop/several.html"):
        assert f"<code>{name}</code>" in text
    assert "shop/other.html" not in text
    assert "CRM</a> (not active)" in text
