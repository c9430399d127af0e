"""Values that people stated are for who may read them; names, times and counts for more."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.admin.personal_values import ENCRYPTED, HIDDEN, hidden_reasons, told_values
from personalization.events.models import BufferedBatch
from personalization.ingest.models import SchemaFinding
from personalization.privacy.encryption import seal
from personalization.privacy.models import AuditEntry
from personalization.profiles.models import Profile
from personalization.segments.catalogue import catalogue, editor_catalogue
from personalization.segments.explanation import Reason
from personalization.segments.rebuild import rebuild_profiles
from tests.admin.rules import did, group, rule, trait

pytestmark = pytest.mark.django_db

SECRET = "top-secret-value"
#: Too long to be in an id by chance.
PRICE = 73_418_529
KEY, OTHER = (Fernet.generate_key().decode() for _ in range(2))
SEES_ALL_ELSE = ("view_profile", "view_event", "view_segment", "change_segment", "view_consent")


@pytest.fixture
def ada(make_visitor: Callable[..., Profile], make_event: Callable[..., object]) -> Profile:
    """Somebody who stated a trait, and did something with a property."""
    ada = make_visitor(("Product Added", 2, {"category": SECRET, "price": PRICE}))
    make_event(ada, "Identified", at=timezone.now(), properties={"vip": SECRET}, type="identify")
    rebuild_profiles([ada.pk], now=timezone.now())
    return ada


@pytest.fixture
def outsider(sign_in: Callable[..., Client]) -> Client:
    return sign_in(*SEES_ALL_ELSE)


@pytest.fixture
def insider(sign_in: Callable[..., Client]) -> Client:
    return sign_in(*SEES_ALL_ELSE, "see_traits")


def page(model: str, name: str, *args: object) -> str:
    return reverse(f"admin:personalization_{model}_{name}", args=args)


def known(field: str) -> dict[str, str]:
    return {"kind": "trait", "field": field, "operator": "is set"}


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


# -- pages ---------------------------------------------------------------------------------------


def test_the_page_of_a_profile_has_names_and_no_values(ada, insider, outsider):
    address = page("profile", "change", ada.pk)
    assert SECRET in text(insider, address)
    seen = text(outsider, address)
    assert SECRET not in seen
    assert str(PRICE) not in seen
    for name in ("vip", "category", "price", str(HIDDEN)):
        assert name in seen


def test_the_page_of_an_event_has_names_and_no_values(ada, insider, outsider):
    event = ada.identities.get().events.get(name="Product Added")
    address = page("event", "change", event.pk)
    assert SECRET in text(insider, address)
    assert SECRET not in text(outsider, address)
    assert "category" in text(outsider, address)


def test_what_waits_in_the_buffer_has_names_and_no_values(make_source, sign_in):
    batch = BufferedBatch.objects.create(
        source=make_source(), payload=json.dumps([{"properties": {"vip": SECRET}}]), n_events=1
    )
    address = page("bufferedbatch", "change", batch.pk)
    assert SECRET in text(sign_in("view_bufferedbatch", "see_traits"), address)
    seen = text(sign_in("view_bufferedbatch"), address)
    assert SECRET not in seen
    assert "vip" in seen


def test_findings_have_no_examples(make_source, sign_in):
    finding = SchemaFinding.objects.create(
        source=make_source(), event="Signed Up", code="wrong_type", pointer="/x", example=SECRET
    )
    for address in (
        page("schemafinding", "changelist"),
        page("schemafinding", "change", finding.pk),
    ):
        assert SECRET in text(sign_in("view_schemafinding", "see_traits"), address)
        seen = text(sign_in("view_schemafinding"), address)
        assert SECRET not in seen
        assert "Signed Up" in seen


# -- what the editor asks ------------------------------------------------------------------------


def test_no_values_are_suggested(ada, insider, outsider):
    query = {"kind": "trait", "field": "vip"}
    address = page("segment", "values")
    assert [one["value"] for one in insider.get(address, query).json()["values"]] == [SECRET]
    assert outsider.get(address, query).json() == {"values": []}


def test_a_trial_says_yes_and_no_and_not_what_was_found(ada, ask, insider, outsider):
    asked = rule(trait("vip", "=", "x"), did("Product Added"))
    found = ask(insider, "trial", rule=asked, visitor=ada.pk).content.decode()
    seen = ask(outsider, "trial", rule=asked, visitor=ada.pk).json()
    assert SECRET in found
    assert SECRET not in json.dumps(seen)
    of_trait, of_events = seen["reasons"][0]["reasons"]
    assert of_trait["actual"] == str(HIDDEN)
    assert of_events["actual"] not in ("", str(HIDDEN))


def test_the_trace_on_a_profile_has_no_values(ada, make_segment, insider, outsider):
    make_segment("vips", rule(trait("vip", "=", "x")))
    address = page("profile", "change", ada.pk)
    assert text(insider, address).count(SECRET) > text(outsider, address).count(SECRET) == 0


def test_what_is_hidden_of_a_trace_is_hidden_below_it_too():
    reasons = [Reason("all", True, "", [Reason("plan is x", True, SECRET, personal=True)])]
    hidden = hidden_reasons(reasons)
    assert hidden[0].reasons[0].actual == str(HIDDEN)
    assert reasons[0].reasons[0].actual == SECRET


def test_a_value_is_hidden_wherever_it_lies():
    data = {"a": 1, "b": [{"c": "x"}, None], "d": {}}
    assert told_values(data, seen=True) == data
    hidden = str(HIDDEN)
    assert told_values(data, seen=False) == {"a": hidden, "b": [{"c": hidden}, None], "d": {}}


# -- what is encrypted ---------------------------------------------------------------------------


@pytest.fixture
def keys(settings) -> None:
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ("phone",)
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (KEY,)


@pytest.fixture
def kim(keys, make_profile) -> Profile:
    return make_profile(traits={"phone": seal("phone", SECRET), "plan": "the gold one"})


def test_what_is_encrypted_is_shown_to_nobody_who_does_not_ask(kim, insider, outsider):
    for client in (insider, outsider):
        seen = text(client, page("profile", "change", kim.pk))
        assert SECRET not in seen
        assert "encrypted:" not in seen
        assert str(ENCRYPTED) in seen


def test_only_who_may_read_it_is_offered_to(kim, insider, outsider):
    address = page("profile", "reveal", kim.pk)
    assert address in text(insider, page("profile", "change", kim.pk))
    assert address not in text(outsider, page("profile", "change", kim.pk))


def test_it_is_read_by_a_post_that_the_log_notes(kim, insider):
    response = insider.post(page("profile", "reveal", kim.pk))
    assert SECRET in response.content.decode()
    assert "the gold one" not in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    entry = AuditEntry.objects.get(action=AuditEntry.Action.REVEALED)
    assert entry.detail == {"traits": ["phone"]}


def test_a_link_reads_nothing(kim, insider):
    response = insider.get(page("profile", "reveal", kim.pk))
    assert response.status_code == 302
    assert not AuditEntry.objects.filter(action=AuditEntry.Action.REVEALED).exists()


def test_who_may_not_read_it_reads_nothing(kim, outsider):
    assert outsider.post(page("profile", "reveal", kim.pk)).status_code == 403


def test_a_form_of_another_site_reads_nothing(kim, owner):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert strict.post(page("profile", "reveal", kim.pk)).status_code == 403


def test_where_no_key_opens_it_the_page_says_so(kim, insider, settings):
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (OTHER,)
    response = insider.post(page("profile", "reveal", kim.pk))
    assert response.status_code == 200
    assert "No key of PERSONALIZATION_ENCRYPTION_KEYS opens it" in response.content.decode()


def test_somebody_without_anything_encrypted_is_told_so(keys, make_profile, insider):
    response = insider.post(page("profile", "reveal", make_profile().pk))
    assert "Nothing of this person is encrypted" in response.content.decode()


def test_encrypted_texts_are_no_suggestions(kim, insider):
    query = {"kind": "trait", "field": "phone"}
    assert insider.get(page("segment", "values"), query).json() == {"values": []}


def test_a_rule_may_only_ask_whether_it_is_known(kim, ask, insider):
    wrong = ask(insider, "preview", rule=rule(trait("phone", "=", SECRET))).json()
    assert "kept encrypted" in wrong["problems"][0]["message"]
    inside = ask(insider, "preview", rule=rule(known("phone.home"))).json()
    assert "nothing inside of it is known" in inside["problems"][0]["message"]
    right = ask(insider, "preview", rule=rule(group(known("phone")))).json()
    assert right["problems"] == []
    assert right["count"] == 1


def test_the_editor_offers_no_more_than_that(keys):
    offered = editor_catalogue(catalogue())
    phone = next(one for one in offered["traits"] if one["name"] == "phone")
    assert phone["type"] == "encrypted"
    assert [one["value"] for one in offered["operators"]["encrypted"]] == ["is set", "is not set"]
