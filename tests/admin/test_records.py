"""Consents, events and buffered batches: recorded, listed, never edited."""

from __future__ import annotations

import pytest
from django.urls import reverse

from personalization.admin import read_only
from personalization.events.models import BufferedBatch, Event
from personalization.privacy.models import Consent

pytestmark = pytest.mark.django_db

RECORDS = ["consent", "event", "bufferedbatch"]
BATCHES = reverse("admin:personalization_bufferedbatch_changelist")
EVENTS = reverse("admin:personalization_event_changelist")
CONSENTS = reverse("admin:personalization_consent_changelist")


def listed(response) -> list[object]:
    return list(response.context["cl"].result_list)


def consent(identity, purpose: str, granted: bool) -> Consent:
    return Consent.objects.create(
        identity=identity, purpose=purpose, granted=granted, policy_version="1",
        mechanism="banner",
    )  # fmt: skip


@pytest.mark.parametrize("model", RECORDS)
def test_records_are_not_added(owner, model):
    assert owner.get(reverse(f"admin:personalization_{model}_add")).status_code == 403


def test_records_are_not_changed_or_deleted(owner, make_visitor):
    make_visitor(("Page Viewed", 1, {"path": "/"}))
    event = Event.objects.get()
    address = reverse("admin:personalization_event_change", args=[event.pk])
    assert owner.post(address, {"name": "Other"}).status_code == 403
    delete = reverse("admin:personalization_event_delete", args=[event.pk])
    assert owner.post(delete, {"post": "yes"}).status_code == 403
    assert Event.objects.get().name == "Page Viewed"


def test_consents_are_filtered_by_answer_purpose_and_visitor(owner, make_profile):
    ada = make_profile(identity="ada").identities.get()
    kim = make_profile(identity="kim").identities.get()
    yes, no = consent(ada, "marketing", True), consent(kim, "marketing", False)
    other = consent(kim, "analytics", True)
    assert listed(owner.get(CONSENTS)) == [other, no, yes]
    assert listed(owner.get(CONSENTS, {"granted__exact": "0"})) == [no]
    assert listed(owner.get(CONSENTS, {"purpose__exact": "marketing"})) == [no, yes]
    assert listed(owner.get(CONSENTS, {"q": "ad"})) == [yes]


def test_events_are_found_by_their_exact_message_id(owner, make_visitor):
    make_visitor(("Page Viewed", 1), ("Product Viewed", 1))
    event = Event.objects.earliest("pk")
    assert listed(owner.get(EVENTS, {"q": event.message_id})) == [event]
    assert listed(owner.get(EVENTS, {"q": event.message_id[:-1]})) == []


def test_events_are_filtered_by_name_type_and_source(owner, make_visitor):
    make_visitor(("Page Viewed", 1), ("Product Viewed", 1), ("My Own", 1))
    names = [event.name for event in listed(owner.get(EVENTS, {"name": "Product Viewed"}))]
    assert names == ["Product Viewed"]
    assert len(listed(owner.get(EVENTS, {"type__exact": "track"}))) == 3
    source = Event.objects.all()[0].source_id
    assert len(listed(owner.get(EVENTS, {"source__id__exact": source}))) == 3


def test_an_event_shows_everything_it_came_with(owner, make_visitor):
    make_visitor(("Page Viewed", 1, {"path": "/größe/", "list": [1, {"a": None}]}))
    event = Event.objects.get()
    text = owner.get(reverse("admin:personalization_event_change", args=[event.pk])).content
    assert "/größe/" in text.decode()
    assert "null" in text.decode()
    profile = reverse("admin:personalization_profile_change", args=[event.identity.profile_id])
    assert profile in text.decode()


@pytest.mark.parametrize("model", RECORDS)
def test_long_lists_take_a_fixed_number_of_queries(
    owner, make_visitor, make_source, model, django_assert_max_num_queries
):
    source = make_source()
    for _ in range(12):
        profile = make_visitor(("Page Viewed", 1))
        consent(profile.identities.get(), "marketing", True)
        BufferedBatch.objects.create(source=source, payload="[{}]", n_events=1)
    with django_assert_max_num_queries(7):  # one of them only the first time: the schemas
        page = owner.get(reverse(f"admin:personalization_{model}_changelist"))
    assert len(listed(page)) == 12


def test_a_long_list_is_not_counted_to_its_end(owner, make_visitor, monkeypatch):
    monkeypatch.setattr(read_only, "COUNTED", 3)
    make_visitor(*[("Page Viewed", hours) for hours in range(8)])
    assert owner.get(EVENTS).context["cl"].result_count == 3


# -- buffered batches -------------------------------------------------------------------------


@pytest.fixture
def batches(make_source):
    source = make_source()
    make = BufferedBatch.objects.create
    return (
        make(source=source, payload='[{"a": 1}]', n_events=1),
        make(source=source, payload="[{}, {}, {}]", n_events=3, attempts=2, error="KeyError: 'x'"),
    )


def test_the_list_of_batches_shows_what_failed_first(owner, batches):
    waiting, failed = batches
    assert listed(owner.get(BATCHES)) == [failed, waiting]
    text = owner.get(BATCHES).content.decode()
    assert '<td class="field-n_events">3</td>' in text
    assert "KeyError: &#x27;x&#x27;" in text


def test_a_batch_shows_its_events(owner, batches):
    address = reverse("admin:personalization_bufferedbatch_change", args=[batches[1].pk])
    text = owner.get(address).content.decode()
    assert "KeyError" in text
    assert "{}" in text
