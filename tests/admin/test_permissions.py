from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from personalization.delivery.models import Slot
from personalization.events.models import BufferedBatch
from personalization.privacy.models import Consent
from personalization.segments.interest import InterestWeight
from personalization.segments.models import Webhook
from tests.admin.rules import CART

pytestmark = pytest.mark.django_db

MODELS = [
    "segment", "profile", "slot", "source", "consent", "event", "bufferedbatch", "webhook",
    "webhookdelivery", "interestweight",
]  # fmt: skip
EDITED = ["segment", "slot", "source", "webhook", "interestweight"]


@pytest.fixture
def pages(make_segment, make_visitor, make_source, make_event):
    """Something of everything, and its address."""
    visitor = make_visitor(("Product Added", 1, {"category": "shoes"}))
    source = make_source()
    webhook = Webhook.objects.create(name="CRM", url="https://crm.example/", secret="x")
    objects = {
        "webhook": webhook,
        "webhookdelivery": webhook.deliveries.create(payload={}),
        "segment": make_segment("cart", CART),
        "profile": visitor,
        "slot": Slot.objects.create(slug="hero", name="Hero"),
        "source": source,
        "consent": Consent.objects.create(
            identity=visitor.identities.get(), purpose="marketing", granted=True,
            policy_version="1", mechanism="banner",
        ),
        "event": visitor.identities.get().events.get(),
        "interestweight": InterestWeight.objects.create(event="Article Viewed", weight=2),
        "bufferedbatch": BufferedBatch.objects.create(source=source, payload='[{"a": 1}]', n_events=1),
    }  # fmt: skip
    return {
        name: reverse(f"admin:personalization_{name}_change", args=[each.pk])
        for name, each in objects.items()
    }


def list_of(model: str) -> str:
    return reverse(f"admin:personalization_{model}_changelist")


@pytest.mark.parametrize("model", MODELS)
def test_staff_with_the_permission_see_list_and_page(sign_in, pages, model):
    client = sign_in(f"view_{model}")
    assert client.get(list_of(model)).status_code == 200
    assert client.get(pages[model]).status_code == 200
    others = [other for other in MODELS if other != model]
    assert {client.get(list_of(other)).status_code for other in others} == {403}
    assert {client.get(pages[other]).status_code for other in others} == {403}


@pytest.mark.parametrize("model", MODELS)
def test_strangers_and_customers_are_sent_to_the_login(sign_in, pages, model):
    for client in (Client(), sign_in(f"view_{model}", staff=False)):
        for address in (list_of(model), pages[model]):
            response = client.get(address)
            assert response.status_code == 302
            assert "login" in response["Location"]


@pytest.mark.parametrize("model", EDITED)
def test_who_may_only_look_can_change_nothing(sign_in, pages, model):
    client = sign_in(f"view_{model}")
    assert client.post(pages[model], {"name": "Mine"}).status_code == 403
    assert client.get(reverse(f"admin:personalization_{model}_add")).status_code == 403
    delete = pages[model].replace("/change/", "/delete/")
    assert client.post(delete, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", EDITED)
def test_who_may_change_can_open_the_form(sign_in, pages, model):
    assert sign_in(f"change_{model}").get(pages[model]).status_code == 200
    client = sign_in(f"add_{model}")
    assert client.get(reverse(f"admin:personalization_{model}_add")).status_code == 200


def test_the_rule_itself_is_for_those_who_may_change_it(sign_in, pages):
    text = sign_in("view_segment").get(pages["segment"]).content.decode()
    assert "data-rule-editor" not in text
    assert "Visitors who added a product to the cart" in text


# -- parts of pages -----------------------------------------------------------------------------


def test_a_profile_shows_only_what_may_be_seen(sign_in, pages):
    text = sign_in("view_profile").get(pages["profile"]).content.decode()
    assert "Identities" in text
    for part in ("why and why not", "Timeline", "Consent, newest", "shoes", "Marketing"):
        assert part not in text
    for permission, part in {
        "view_segment": "why and why not", "view_event": "Timeline", "view_consent": "Marketing",
    }.items():  # fmt: skip
        client = sign_in("view_profile", permission)
        assert part in client.get(pages["profile"]).content.decode()


def test_members_are_named_only_to_those_who_may_see_profiles(
    sign_in, pages, make_visitor, make_segment
):
    from django.utils import timezone

    from personalization.segments.manual import add_members

    segment = make_segment("guests")
    add_members(segment, [make_visitor(identity="ada-device").pk], now=timezone.now())
    address = reverse("admin:personalization_segment_change", args=[segment.pk])
    looking = sign_in("view_segment").get(address).content.decode()
    assert "member now" in looking
    assert "ada-devi" not in looking
    assert "ada-devi" in sign_in("view_segment", "view_profile").get(address).content.decode()


# -- what the editor asks -----------------------------------------------------------------------


def test_the_preview_is_for_those_who_see_segments(sign_in, ask):
    for permission in ("view_segment", "change_segment", "add_segment"):
        assert ask(sign_in(permission), "preview", rule=CART).status_code == 200
    assert ask(sign_in("view_profile"), "preview", rule=CART).status_code == 403
    assert ask(sign_in(), "preview", rule=CART).status_code == 403
    assert ask(Client(), "preview", rule=CART).status_code == 302


def test_a_trial_needs_segments_and_profiles(sign_in, ask, make_visitor):
    visitor = make_visitor().pk
    visitors = reverse("admin:personalization_segment_visitors")
    for permissions, status in {
        ("change_segment", "view_profile"): 200,
        ("view_segment", "view_profile"): 200,
        ("change_segment",): 403,
        ("view_profile",): 403,
        (): 403,
    }.items():
        client = sign_in(*permissions)
        assert ask(client, "trial", rule=CART, visitor=visitor).status_code == status
        assert client.get(visitors).status_code == status


def test_the_editor_offers_a_trial_only_where_it_is_allowed(sign_in, pages):
    address = reverse("admin:personalization_segment_trial")
    assert address not in sign_in("change_segment").get(pages["segment"]).content.decode()
    client = sign_in("change_segment", "view_profile")
    assert address in client.get(pages["segment"]).content.decode()
