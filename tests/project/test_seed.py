from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.template.loader import get_template

from personalization.delivery.models import Slot, Variation
from personalization.delivery.templates import blocks_in_templates
from personalization.events.models import Source, WriteKey
from personalization.events.write_keys import digest_of
from personalization.management.commands.personalization_groups import EDITORS, PROTECTION
from personalization.segments.live import live_rules
from personalization.segments.models import Segment
from project import environment
from project.shop import seed
from project.shop.data.segments import SEGMENTS
from project.shop.data.shelves import PRODUCTS
from project.shop.data.slots import SLOTS
from project.shop.models import Article, Category, Product
from project.shop.palettes import PALETTES
from project.shop.playback import passing_key

pytestmark = pytest.mark.usefixtures("shop")

MODELS = (Category, Product, Article, Source, WriteKey, Segment, Slot, Variation)


def rows() -> list[list[Any]]:
    return [list(model._default_manager.order_by("pk").values()) for model in MODELS]


def test_seeding_again_changes_nothing() -> None:
    before = rows()
    seed.seed()
    assert rows() == before


def test_what_a_site_owner_changed_stays() -> None:
    Segment.objects.filter(slug="browsers").update(name="Window shoppers")
    Product.objects.filter(slug="tin-mug").update(price=12)
    seed.seed()
    assert Segment.objects.get(slug="browsers").name == "Window shoppers"
    assert Product.objects.get(slug="tin-mug").price == 12


def test_every_rule_can_be_used() -> None:
    live = live_rules()
    assert live.broken == {}
    caps = sum(slot.cap_daily is not None for slot in SLOTS)
    assert len(live.rules) == len(SEGMENTS) + caps


def test_every_rule_passes_the_check_of_the_admin() -> None:
    for segment in Segment.objects.listed():
        segment.full_clean()
        assert segment.description


def test_every_slot_of_a_template_is_seeded() -> None:
    blocks = [block for _, block in blocks_in_templates()]
    slots = {block.slot for block in blocks}
    assert slots == set(Slot.objects.values_list("slug", flat=True))
    named = {slug for block in blocks for one in block.candidates for slug in one.segments}
    assert named <= set(Segment.objects.values_list("slug", flat=True))


def test_the_tracker_has_the_key_of_a_browser_source() -> None:
    source = Source.objects.get(slug=seed.BROWSER_SOURCE)
    [key] = source.write_keys.all()
    assert key.digest == digest_of(environment.TRACKER_KEY)
    assert source.kind == Source.Kind.BROWSER


def test_the_simulator_is_believed_and_has_no_key_that_stands_in_the_sources() -> None:
    simulator = Source.objects.get(slug=seed.SIMULATOR_SOURCE)
    assert simulator.is_server
    assert not simulator.write_keys.exists()


def test_a_key_for_visitors_that_are_played_ends_with_them() -> None:
    simulator = Source.objects.get(slug=seed.SIMULATOR_SOURCE)
    with passing_key(simulator) as key:
        [row] = simulator.write_keys.all()
        assert row.digest == digest_of(key)
        assert row.expires_at is not None
    assert not simulator.write_keys.exists()


def test_every_product_has_a_picture() -> None:
    for product in PRODUCTS:
        assert product.palette in PALETTES
        get_template(f"shop/art/{product.art}.svg")


def test_enough_is_reduced_for_bargain_hunters() -> None:
    assert sum(product.discount >= 20 for product in Product.objects.all()) >= 8


def test_the_command_names_the_login() -> None:
    out = StringIO()
    call_command("seed_demo", stdout=out)
    assert "36 products" in out.getvalue()
    assert "admin / admin" in out.getvalue()


def test_the_demo_has_somebody_of_each_group() -> None:
    seed.seed()
    users = get_user_model().objects
    assert {str(each) for each in users.get(username="editor").groups.all()} == {EDITORS}
    assert {str(each) for each in users.get(username="privacy").groups.all()} == {PROTECTION}
    assert all(users.get(username=name).is_staff for name in seed.STAFF)
