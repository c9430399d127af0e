"""Segments know the pages whose blocks name them, and pages the segments of their blocks."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from personalization.contrib.cms.on_page import segments_on
from personalization.delivery.pages import pages_naming, segments_on_pages
from personalization.segments.models import Segment
from tests.contrib.cms.building import add_block, make_page, place_on
from tests.delivery.people import make_segments, make_slot, make_variation
from tests.rules.building import rule, trait

pytestmark = pytest.mark.django_db


def test_a_page_is_about_the_segments_of_its_blocks_and_of_their_slots() -> None:
    make_segments("a", "b", "c", "d")
    make_slot("hero")
    make_variation("c", "for c", slot="hero")
    make_variation("d", "for d", slot="hero", active=False)
    page = make_page()
    add_block(place_on(page), {"a+b": "for both"}, slot="hero")
    assert segments_on(page.get_content_obj("en")) == {"a", "b", "c"}
    assert segments_on(make_page("other").get_content_obj("en")) == set()
    assert segments_on(None) == set()


def test_segments_know_their_pages() -> None:
    segments = make_segments("a", "b", "c")
    add_block(place_on(make_page("first")), {"a": "for a", "a+b": "for both"})
    add_block(place_on(make_page("second")), {"b": "for b"})
    assert pages_naming("a") == ["First (en)"]
    assert pages_naming("b") == ["First (en)", "Second (en)"]
    assert segments_on_pages() == {"a", "b"}
    admin = Client()
    admin.force_login(User.objects.create_superuser("root"))
    address = reverse("admin:personalization_segment_change", args=[segments["b"].pk])
    html = admin.get(address).content.decode()
    assert "Page “First (en)”" in html
    assert "Page “Second (en)”" in html


def test_a_segment_that_only_a_page_names_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    for slug in ("on-a-page", "nowhere"):
        Segment.objects.create(slug=slug, name=slug, rule=rule(trait("plan", "=", slug)))
    add_block(place_on(make_page()), {"on-a-page": "for them"})
    call_command("personalization_lint", "--format", "json", "--fail-level", "never")
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [each["segments"] for each in findings if each["code"] == "unused"] == [["nowhere"]]
