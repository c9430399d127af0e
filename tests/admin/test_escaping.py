"""What visitors send and people type is text on every page, never markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from django.urls import reverse
from django.utils import timezone

from personalization.delivery.models import Slot, Variation
from personalization.events.models import BufferedBatch, Event
from personalization.profiles.models import Identity
from personalization.segments.manual import add_members
from personalization.segments.models import Segment, Webhook
from personalization.segments.rebuild import rebuild_profiles
from tests.admin.rules import did, group, in_segment, prop, rule, trait

pytestmark = pytest.mark.django_db

EVIL = "</script></textarea><img src=x onerror=alert(1)>'\"&"


@pytest.fixture
def pages(make_segment, make_visitor, make_event, make_source) -> dict[str, str]:
    """Every page with the evil text wherever somebody could have put it."""
    profile = make_visitor()
    now = timezone.now()
    Identity.objects.create(profile=profile, namespace="user", value=EVIL)
    make_event(profile, EVIL, at=now, properties={EVIL: EVIL, "deep": {EVIL: [EVIL]}})
    make_event(profile, "Identify", at=now, properties={EVIL: EVIL}, type="identify")
    guests = make_segment("guests", name=EVIL, description=EVIL)
    segment = make_segment(
        "evil",
        rule(
            did(EVIL, where=group(prop("x", "=", EVIL))),
            trait("plan", "=", EVIL),
            in_segment("guests"),
            combinator="or",
        ),
        name=EVIL,
        description=EVIL,
    )
    Segment.objects.filter(pk=segment.pk).update(refresh_error=EVIL)
    add_members(guests, [profile.pk], now=now)
    rebuild_profiles([profile.pk], now=now)
    slot = Slot.objects.create(slug="evil", name=EVIL, description=EVIL)
    Variation.objects.create(slot=slot, segment=segment, name=EVIL, content=EVIL)
    source = make_source(name=EVIL)
    batch = BufferedBatch.objects.create(
        source=source, payload=json.dumps([{EVIL: EVIL}]), error=EVIL
    )
    event = Event.objects.get(name=EVIL)
    webhook = Webhook.objects.create(
        name=EVIL, url="https://crm.example/", secret=EVIL, segment=guests
    )
    told = webhook.deliveries.create(payload={"changes": [{"segment": EVIL}]}, error=EVIL)
    records = [segment, guests, profile, slot, source, batch, event, webhook, told]
    addresses = {}
    for record in records:
        name = record._meta.model_name
        addresses[f"{name} {record.pk}"] = reverse(
            f"admin:personalization_{name}_change", args=[record.pk]
        )
        addresses[f"{name} list"] = reverse(f"admin:personalization_{name}_changelist")
    addresses["deletion"] = reverse("admin:personalization_segment_delete", args=[guests.pk])
    for number in (501, 502):
        segment.versions.create(number=number, rule=segment.rule, note=EVIL)
    addresses["versions"] = reverse("admin:personalization_segment_versions", args=[segment.pk])
    addresses["comparison"] = reverse(
        "admin:personalization_segment_comparison", args=[segment.pk, 501, 502]
    )
    addresses["upload"] = reverse("admin:personalization_segment_upload", args=[guests.pk])
    addresses["secret"] = reverse("admin:personalization_webhook_secret", args=[webhook.pk])
    addresses["add"] = reverse("admin:personalization_segment_add")
    return addresses


def test_no_page_lets_text_become_markup(owner, pages):
    for name, address in pages.items():
        text = owner.get(address).content.decode()
        assert "<img src=x" not in text, name
        assert EVIL not in text, name


class Inline(HTMLParser):
    """Collects what a policy of `default-src 'self'` would stop."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or "style" in given:
            self.found.append(f"style of {tag}")
        if tag == "script" and "src" not in given and given.get("type") != "application/json":
            self.found.append("inline script")
        self.found += [f"{name} of {tag}" for name in given if name.startswith("on")]
        self.found += [f"{tag}: {v}" for v in given.values() if (v or "").startswith("javascript:")]


def test_no_page_holds_inline_scripts_styles_or_handlers(owner, pages):
    for name, address in pages.items():
        parser = Inline()
        parser.feed(owner.get(address).content.decode())
        assert parser.found == [], name


def test_the_form_shows_a_refused_rule_as_text(owner, save_segment):
    for data in (EVIL, rule(did(EVIL, -1))):
        text = save_segment(owner, rule=data).content.decode()
        assert EVIL not in text
        assert "<img src=x" not in text
