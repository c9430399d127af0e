"""The segments that caps are kept as are shown nowhere: whatever lists, counts, names or tells."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from personalization import signals
from personalization.admin.segments import PAGES
from personalization.delivery.models import Variation
from personalization.delivery.published import published_now
from personalization.events.models import Event, Source
from personalization.events.write_keys import add_write_key
from personalization.profiles.models import Profile
from personalization.rules.writing import happened, rule
from personalization.segments.catalogue import catalogue
from personalization.segments.models import Membership, Segment, Webhook, WebhookDelivery
from personalization.segments.rebuild import rebuild_profiles
from personalization.testing import drain, exposures_at_once
from tests.delivery.people import make_variation
from tests.delivery.rendering import request_of
from tests.delivery.showing import decision, show
from tests.delivery.test_caps import member

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LATER = NOW + timedelta(days=2)
#: How the name and the slug of such a segment begin.
SECRETS = ("Shown often enough", "cap:slot:", "cap:variation:")


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.fixture
def profile(make_event: Callable[..., Event], make_segment: Callable[..., Segment]) -> Profile:
    """Somebody in a segment by hand, one by rule, and two that the app keeps."""
    make_segment("a")
    make_segment("viewers", rule(happened("Slot Shown")))
    variation = make_variation("a", "offer")
    variation.cap_total = variation.slot.cap_daily = 1
    variation.save()
    variation.slot.save()
    person = member()
    shown = {"slot": "hero", "variation": variation.key}
    make_event(person.profile, "Slot Shown", at=NOW, properties=shown)
    Webhook.objects.create(name="All", url="https://hooks.example/", secret="s")
    rebuild_profiles([person.profile.pk], now=NOW)
    assert Membership.objects.filter(segment__internal=True).count() == 2
    return person.profile


@pytest.fixture
def owner() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("owner"))
    return client


def addresses() -> Iterator[str]:
    """Yield every page of the admin that lists, adds or shows something of ours."""
    for model in apps.get_app_config("personalization").get_models():
        if not admin.site.is_registered(model):
            continue
        name = f"admin:personalization_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        yield reverse(f"{name}_add")
        public = model._default_manager.all()
        for row in public.exclude(internal=True) if model is Segment else public:
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_delete", args=[row.pk])
    for row in Segment.objects.listed():
        for page in PAGES:
            try:
                yield reverse(f"admin:personalization_segment_{page}", args=[row.pk])
            except NoReverseMatch:  # those of two versions
                continue
    yield reverse("admin:personalization_segment_templates")


def test_no_page_of_the_admin_names_them(profile: Profile, owner: Client) -> None:
    seen = 0
    for address in addresses():
        response = owner.get(address)
        if response.status_code == 200:
            text = b"".join(response) if response.streaming else response.content
            assert leaks(text.decode()) == [], address
            seen += 1
    assert seen > 40


def test_the_list_has_those_that_people_made(profile: Profile, owner: Client) -> None:
    page = owner.get(reverse("admin:personalization_segment_changelist"))
    assert [segment.slug for segment in page.context["cl"].result_list] == ["a", "viewers"]
    found = owner.get(reverse("admin:personalization_segment_changelist"), {"q": "often enough"})
    assert list(found.context["cl"].result_list) == []


def test_their_own_pages_are_not_there(profile: Profile, owner: Client) -> None:
    for segment in Segment.objects.filter(internal=True):
        for page in ("change", "delete", "history", "versions", "upload", "download"):
            address = reverse(f"admin:personalization_segment_{page}", args=[segment.pk])
            assert owner.get(address).status_code in (302, 404), address
            assert owner.post(address).status_code in (302, 404), address
    assert Segment.objects.filter(internal=True).count() == 2


def test_no_profile_can_be_found_by_them(profile: Profile, owner: Client) -> None:
    address = reverse("admin:personalization_profile_changelist")
    slug = Segment.objects.filter(internal=True).values_list("slug", flat=True)[0]
    assert list(owner.get(address, {"segment": slug}).context["cl"].result_list) == []


def test_none_can_be_picked_or_made(profile: Profile, owner: Client) -> None:
    hidden = Segment.objects.filter(internal=True)[0]
    public = Segment.objects.get(slug="a")
    hook = {"name": "One", "url": "https://hooks.example/1", "entered": "on", "left": "on"}
    address = reverse("admin:personalization_webhook_add")
    answer = owner.post(address, {**hook, "segment": hidden.pk})
    assert "segment" in answer.context["adminform"].form.errors
    made = {"name": "Mine", "slug": "cap:slot:99", "kind": "manual"}
    answer = owner.post(reverse("admin:personalization_segment_add"), made)
    assert "slug" in answer.context["adminform"].form.errors
    with pytest.raises(ValidationError, match="slug"):
        Segment(name="Mine", slug="cap:slot:99", kind="manual").full_clean()
    assert hidden.slug not in catalogue().segments
    assert set(catalogue().segments) == {public.slug, "viewers"}


def test_the_api_knows_none(profile: Profile) -> None:
    source = Source.objects.create(slug="systems", name="Systems", kind=Source.Kind.SERVER)
    client = Client(headers={"authorization": f"Bearer {add_write_key(source)}"})
    listed = client.get("/p/v1/segments").json()["segments"]
    assert {each["slug"]: each["members"] for each in listed} == {"a": 1, "viewers": 1}
    mine = client.get("/p/v1/memberships", {"profileId": profile.pk}).json()["memberships"]
    assert [each["segment"] for each in mine] == ["a", "viewers"]
    for segment in Segment.objects.filter(internal=True):
        for path in ("", "/members"):
            assert client.get(f"/p/v1/segments/{segment.slug}{path}").status_code == 404


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_lint_command_has_nothing_to_say_of_them(
    profile: Profile, style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    options = ("--format", style, "--fail-level", "never", "--live-days", "0")
    call_command("personalization_lint", *options, stdout=out)
    assert "viewers" in out.getvalue()
    assert leaks(out.getvalue()) == []
    assert "Slot Shown" not in out.getvalue()


def test_nobody_is_told_who_enters_and_leaves_them(
    profile: Profile, django_capture_on_commit_callbacks: Any
) -> None:
    heard: list[str] = []

    def hear(sender: Any, segment_id: int, **more: Any) -> None:
        heard.append(Segment.objects.get(pk=segment_id).slug)

    for signal in (signals.segment_entered, signals.segment_left):
        signal.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True), exposures_at_once():
            drain(now=LATER)  # out of what was shown a day ago
            person = member()
            show(decision(Variation.objects.get().key), visitor_id=person.visitor_id, at=LATER)
            drain(now=LATER)
            # Those who are in by then, when it is filled.
            cap = Variation.objects.get()
            cap.slot.cap_ignored = 1
            cap.slot.save()
            drain(now=LATER)
    finally:
        for signal in (signals.segment_entered, signals.segment_left):
            signal.disconnect(hear)
    assert heard == ["a", "viewers"]
    assert Membership.objects.filter(segment__internal=True, settled=False).count() == 4
    assert [slug for slug in heard if slug.startswith("cap:")] == []
    payloads = [str(row.payload) for row in WebhookDelivery.objects.all()]
    assert any("viewers" in text for text in payloads)
    assert [text for text in payloads if leaks(text)] == []


def test_pages_of_the_site_see_none(profile: Profile) -> None:
    config = published_now()
    assert set(config.segments) == {"a", "viewers"}
    Segment.objects.filter(internal=True).update(refreshed_at=None)
    person = member()
    visitor: Any = request_of(person).personalization  # type: ignore[attr-defined]
    assert leaks(str(visitor.segments)) == []
    assert leaks(str(visitor.stale_segments)) == []
