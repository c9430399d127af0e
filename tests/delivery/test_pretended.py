"""What is pretended follows from the rules: of somebody made up, and of a profile at any time."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery.pretended import facts_at, made_up, segments_of
from personalization.delivery.preview import steps_of
from personalization.delivery.published import current_revision
from personalization.events.models import Event
from personalization.profiles.models import Profile, Snapshot
from personalization.segments.live import live_rules
from personalization.segments.manual import add_members, remove_members
from personalization.segments.models import Membership, Segment
from personalization.segments.rebuild import rebuild_profiles
from personalization.segments.templates import TEMPLATES
from tests.admin.rules import CART, did, group, in_segment, prop, rule, trait
from tests.delivery.staff import USUAL, give, inspected, make_staff, staff_client, ticket_for

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.delivery.staff_site")]

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
MakeEvent = Callable[..., Event]
MakeProfile = Callable[..., Profile]

#: One rule of each kind that looks at the past in a way of its own.
RULES = {
    "cart": CART,
    "often": rule(did("Product Viewed", 3, last="P5D")),
    "quiet": rule(group(did("Product Viewed", last="P2D"), negated=True)),
    "gold": rule(trait("plan", "=", "gold")),
    "shoes": rule(did("Product Viewed", where=group(prop("category", "=", "shoes")))),
    "buyers": rule({"kind": "feature", "field": "orders.count", "operator": ">=", "value": 1}),
    "comes-back": rule({"kind": "feature", "field": "visits.count", "operator": ">=", "value": 3}),
    "both": rule(in_segment("often"), in_segment("buyers"), combinator="or"),
}


@pytest.fixture
def world() -> dict[str, Segment]:
    return {
        slug: Segment.objects.create(slug=slug, name=slug, rule=each)
        for slug, each in RULES.items()
    }


def history(seed: int) -> list[tuple[str, str, datetime, dict[str, Any]]]:
    """Return what somebody did within twelve days, as (type, name, when, properties)."""
    dice = random.Random(seed)
    found: list[tuple[str, str, datetime, dict[str, Any]]] = []
    for _ in range(dice.randrange(1, 25)):
        at = NOW - timedelta(seconds=dice.randrange(12 * 86400))
        name = dice.choice(["Product Viewed", "Product Added", "Order Completed", "identify"])
        if name == "identify":
            found.append(("identify", "", at, {"plan": dice.choice(["gold", "free"])}))
        else:
            found.append(("track", name, at, {"category": dice.choice(["shoes", "hats"])}))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_a_profile_then_is_what_a_rebuild_then_would_have_made_of_it(
    world: dict[str, Segment], make_profile: MakeProfile, make_event: MakeEvent, seed: int
) -> None:
    whole, then = make_profile(), make_profile()
    at = NOW - timedelta(seconds=random.Random(-seed).randrange(12 * 86400))
    for kind, name, when, properties in history(seed):
        for profile in (whole, then):
            if profile is whole or when <= at:
                make_event(profile, name, at=when, type=kind, properties=properties)
    rebuild_profiles([whole.pk], now=NOW)
    rebuild_profiles([then.pk], now=at)
    live = live_rules()
    facts = facts_at(Snapshot.objects.get(pk=whole.pk), live, at=microseconds(at))
    found = segments_of(facts, live, at=microseconds(at), context={})
    rows = Membership.objects.in_force(now=at).filter(profile=then)
    assert found == set(rows.values_list("segment__slug", flat=True))


def test_a_profile_at_a_date_to_come_is_what_time_alone_makes_of_it(
    world: dict[str, Segment], make_profile: MakeProfile, make_event: MakeEvent
) -> None:
    profile = make_profile()
    make_event(profile, "Product Added", at=NOW - timedelta(hours=1))
    rebuild_profiles([profile.pk], now=NOW)
    live, snapshot = live_rules(), Snapshot.objects.get(pk=profile.pk)
    for hours, inside in ((0, True), (22.9, True), (23, False)):
        at = microseconds(NOW + timedelta(hours=hours))
        found = segments_of(facts_at(snapshot, live, at=at), live, at=at, context={})
        assert ("cart" in found) is inside


def test_members_by_hand_are_those_of_then(
    make_profile: MakeProfile, make_event: MakeEvent
) -> None:
    segment = Segment.objects.create(slug="hand", name="Hand", kind=Segment.Kind.MANUAL)
    profile = make_profile()
    make_event(profile, "Product Viewed", at=NOW)
    rebuild_profiles([profile.pk], now=NOW)
    add_members(segment, [profile.pk], now=NOW - timedelta(days=5))
    remove_members(segment, [profile.pk], now=NOW - timedelta(days=2))
    live, snapshot = live_rules(), Snapshot.objects.get(pk=profile.pk)
    for days, inside in ((6, False), (5, True), (3, True), (2, False), (1, False)):
        at = microseconds(NOW - timedelta(days=days))
        found = segments_of(facts_at(snapshot, live, at=at), live, at=at, context={})
        assert ("hand" in found) is inside


def test_the_page_is_that_of_then(
    world: dict[str, Segment], make_profile: MakeProfile, make_event: MakeEvent
) -> None:
    profile = make_profile()
    now = timezone.now()
    make_event(profile, "Product Added", at=now - timedelta(days=3))
    make_event(profile, "Order Completed", at=now - timedelta(days=2))
    rebuild_profiles([profile.pk], now=now)
    Snapshot.objects.filter(pk=profile.pk).update(consents={"personalization": True})
    source = (
        '<body>{% personalized_block "s" %}d{% variant "cart" %}c{% endpersonalized_block %}</body>'
    )
    for days, expected in ((4, "d"), (2.5, "c"), (1, "d"), (None, "d")):
        client, user = staff_client()
        at = microseconds(now - timedelta(days=days)) if days is not None else None
        give(client, ticket_for(user, kind="profile", profile=profile.pk, at=at))
        html = client.get("/page/", {"source": source}).content.decode()
        assert html.startswith(f"<body>{expected}<")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda each: each.slug)
def test_somebody_made_up_is_in_the_segment_that_they_enter(template: Any) -> None:
    segment = Segment.objects.create(slug=template.slug, name=template.name, rule=template.rule)
    live, at = live_rules(), microseconds(NOW)
    witness = made_up(segment.pk, revision=current_revision(), at=at)
    assert witness is not None
    assert witness.steps
    client, user = staff_client()
    ticket = ticket_for(user, kind="visitor", segments=(segment.pk,), begun=at)
    assert steps_of(ticket) == witness.steps
    source = f'<body>{{% personalized_block "s" %}}d{{% variant "{segment.slug}" %}}v{{% endpersonalized_block %}}</body>'
    html = give(client, ticket).get("/page/", {"source": source}).content.decode()
    assert html.startswith("<body>v<")
    assert live.revision == live_rules().revision


def test_somebody_made_up_is_in_all_the_segments_that_follow(world: dict[str, Segment]) -> None:
    client, user = staff_client()
    ticket = ticket_for(user, kind="visitor", segments=(world["often"].pk,))
    source = "<body>" + "".join(
        f"{{% in_segment '{slug}' as x %}}{{% if x %}}{slug} {{% endif %}}"
        for slug in sorted(world)
    )
    html = give(client, ticket).get("/page/", {"source": source + "</body>"}).content.decode()
    assert html.partition("<div")[0] == "<body>both often "
    assert inspected(html)["did"] == list(steps_of(ticket))


def test_time_stands_still_for_somebody_made_up(world: dict[str, Segment]) -> None:
    begun = microseconds(timezone.now() - timedelta(minutes=59))
    user = make_staff(*USUAL)
    ticket = ticket_for(user, kind="visitor", segments=(world["cart"].pk,), begun=begun)
    source = (
        '<body>{% personalized_block "s" %}d{% variant "cart" %}c{% endpersonalized_block %}</body>'
    )
    client, _ = staff_client(user)
    assert b"<body>c<" in give(client, ticket).get("/page/", {"source": source}).content


def test_a_segment_that_is_gone_makes_nobody_up(world: dict[str, Segment]) -> None:
    user = make_staff(*USUAL)
    client, _ = staff_client(user)
    give(client, ticket_for(user, kind="visitor", segments=(world["gold"].pk,)))
    world["gold"].delete()
    html = client.get("/page/").content.decode()
    assert "default" in html
    assert "End preview" in html


def test_rules_about_the_request_are_asked_about_the_page_that_is_looked_at() -> None:
    leaf = {"kind": "context", "field": "utm.source", "operator": "=", "value": "mail"}
    Segment.objects.create(slug="mail", name="Mail", rule=rule(leaf))
    seen = Segment.objects.create(slug="seen", name="Seen", rule=rule(did("Product Viewed")))
    client, user = staff_client()
    give(client, ticket_for(user, kind="visitor", segments=(seen.pk,)))
    source = (
        '<body>{% personalized_block "s" %}d{% variant "mail" %}m{% endpersonalized_block %}</body>'
    )
    assert b"<body>m<" in client.get("/page/", {"source": source, "utm_source": "mail"}).content
    assert b"<body>d<" in client.get("/page/", {"source": source}).content
    assert b"<body>d<" in Client().get("/page/", {"source": source, "utm_source": "mail"}).content
