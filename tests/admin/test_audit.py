"""Who did what in the admin is in the audit log, and the log cannot be changed."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from personalization.admin.audited import changed, detail_words, entries_of, entries_of_person
from personalization.delivery.models import Slot
from personalization.keys import pseudonym
from personalization.privacy.models import AuditEntry
from personalization.profiles.models import Profile
from personalization.segments.interest import InterestWeight
from personalization.segments.models import Segment, Webhook
from tests.admin.rules import CART

pytestmark = pytest.mark.django_db

Action = AuditEntry.Action
LOG = reverse("admin:personalization_auditentry_changelist")


def page(model: str, name: str, *args: object) -> str:
    return reverse(f"admin:personalization_{model}_{name}", args=args)


def log(**wanted: object) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(**wanted))


# -- people ------------------------------------------------------------------------------------


def test_who_looks_at_a_profile_is_noted_under_a_pseudonym(owner, make_visitor):
    visitor = make_visitor(identity="device-of-ada")
    owner.get(page("profile", "change", visitor.pk))
    entry = AuditEntry.objects.get()
    assert entry.action == Action.VIEWED
    assert entry.actor == User.objects.get()
    assert entry.name == pseudonym("profile", str(visitor.pk))
    assert entry.number == ""
    assert "device-of-ada" not in json.dumps([entry.name, entry.detail])


def test_who_may_not_look_is_not_noted(sign_in, make_visitor):
    sign_in().get(page("profile", "change", make_visitor().pk))
    assert not log()


def test_an_event_is_noted_as_a_look_at_its_person(owner, make_visitor):
    visitor = make_visitor(("Product Added", 1))
    event = visitor.identities.get().events.get()
    owner.get(page("event", "change", event.pk))
    assert [entry.detail for entry in entries_of_person(visitor.pk)] == [{"event": "Product Added"}]


def test_a_trial_of_a_rule_is_a_look_at_its_visitor(owner, ask, make_visitor):
    visitor = make_visitor()
    assert ask(owner, "trial", rule=CART, visitor=visitor.pk).status_code == 200
    assert [entry.action for entry in entries_of_person(visitor.pk)] == [Action.VIEWED]


def test_a_preview_as_somebody_is_noted(owner, make_visitor):
    visitor = make_visitor()
    form = {"kind": "profile", "profile": visitor.pk, "target": "/"}
    assert owner.post(page("slot", "preview"), form).status_code == 302
    assert [entry.action for entry in entries_of_person(visitor.pk)] == [Action.PREVIEWED]


def test_a_preview_of_segments_is_noted_by_their_names(owner, make_segment):
    segment = make_segment("guests")
    form = {"kind": "segments", "segments": [segment.pk], "target": "/"}
    owner.post(page("slot", "preview"), form)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.kind) == (Action.PREVIEWED, "preview")
    assert entry.detail == {"segments": ["guests"]}


def test_a_file_of_members_is_noted_as_an_export(owner, make_segment):
    segment = make_segment("guests")
    owner.get(page("segment", "download", segment.pk))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.name) == (Action.EXPORTED, "Guests")


def test_entries_are_found_under_the_pseudonyms_of_older_keys(owner, make_visitor, settings):
    settings.PERSONALIZATION_PRIVACY_KEYS = ("old-key",)
    visitor = make_visitor()
    owner.get(page("profile", "change", visitor.pk))
    settings.PERSONALIZATION_PRIVACY_KEYS = ("new-key", "old-key")
    assert len(entries_of(visitor)) == 1


# -- things ------------------------------------------------------------------------------------


def test_a_changed_rule_is_noted_with_its_fields_and_version(owner, save_segment):
    save_segment(owner, rule=CART)
    segment = Segment.objects.get(slug="shoe-lovers")
    save_segment(owner, segment=segment, name="Shoes", rule=CART)
    added, edited = sorted(log(kind="segment"), key=lambda entry: entry.pk)
    assert (added.action, added.detail["version"]) == (Action.ADDED, 1)
    assert (edited.action, edited.name, edited.number) == (Action.CHANGED, "Shoes", str(segment.pk))
    assert "Name" in edited.detail["fields"]


def test_deletions_are_noted_one_by_one(owner):
    slots = [Slot.objects.create(slug=f"s{n}", name=f"Slot {n}") for n in range(2)]
    chosen = {"_selected_action": [each.pk for each in slots], "post": "yes"}
    owner.post(page("slot", "changelist"), {"action": "delete_selected", **chosen})
    assert {entry.name for entry in log(action=Action.DELETED)} == {"Slot 0", "Slot 1"}


def test_weights_edited_in_the_list_are_noted(owner):
    weight = InterestWeight.objects.create(event="Article Viewed", weight=2)
    form = {
        "form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": weight.pk,
        "form-0-weight": 5, "_save": "Save",
    }  # fmt: skip
    owner.post(page("interestweight", "changelist"), form)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.detail) == (Action.CHANGED, {"fields": ["Points"]})


def test_a_new_secret_is_noted_and_not_said(owner):
    webhook = Webhook.objects.create(name="CRM", url="https://crm.example/", secret="hush")
    owner.post(page("webhook", "secret", webhook.pk))
    webhook.refresh_from_db()
    entry = AuditEntry.objects.get()
    assert (entry.name, entry.detail) == ("CRM", {"what": "New secret."})
    assert webhook.secret not in json.dumps(entry.detail)


def test_values_are_never_part_of_what_was_changed():
    message = [{"changed": {"fields": ["Name"]}}, {"added": {"name": "variation", "object": "A"}}]
    assert changed(message) == {"fields": ["Name"], "lines": ["added variation “A”"]}
    assert changed([]) == {}
    assert changed("") == {}


def test_details_are_told_in_a_line():
    assert (
        detail_words({"fields": ["Name", "Rule"], "version": 3}) == "fields: Name, Rule; version: 3"
    )


# -- the log itself ----------------------------------------------------------------------------


@pytest.fixture
def entry(owner, make_visitor):
    owner.get(page("profile", "change", make_visitor().pk))
    return AuditEntry.objects.get()


def test_the_log_is_for_who_may_read_it(sign_in, entry):
    assert sign_in("view_profile").get(LOG).status_code == 403
    client = sign_in("view_auditentry")
    assert client.get(LOG).status_code == 200
    assert client.get(page("auditentry", "change", entry.pk)).status_code == 200


def test_nobody_changes_or_deletes_an_entry(owner, entry):
    assert owner.get(page("auditentry", "add")).status_code == 403
    assert owner.post(page("auditentry", "change", entry.pk), {"kind": "x"}).status_code == 403
    assert owner.post(page("auditentry", "delete", entry.pk), {"post": "yes"}).status_code == 403
    owner.post(LOG, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert log() == [entry]


def test_it_is_filtered_by_what_and_who(owner, entry):
    def listed(**query: str) -> list[AuditEntry]:
        return list(owner.get(LOG, query).context["cl"].result_list)

    assert listed(kind="profile") == [entry]
    assert listed(kind="segment") == []
    assert listed(action__exact="viewed") == [entry]
    assert listed(q=entry.actor_name) == [entry]
    assert listed(q="nobody") == []


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    owner, entry, django_assert_num_queries
):
    with CaptureQueriesContext(connection) as few:
        owner.get(LOG)
    for n in range(20):
        AuditEntry.objects.create(action=Action.CHANGED, actor_name="x", kind="slot", number=str(n))
    with django_assert_num_queries(len(few)):
        owner.get(LOG)


def test_the_history_of_a_thing_shows_the_log(owner, sign_in, make_segment, save_segment):
    segment = make_segment("guests")
    save_segment(owner, segment=segment, kind="manual", name="Friends")
    address = page("segment", "history", segment.pk)
    assert "Audit log" in owner.get(address).content.decode()
    assert "fields: " in owner.get(address).content.decode()
    assert "Audit log" not in sign_in("view_segment").get(address).content.decode()


def test_the_history_of_a_person_tells_who_looked(owner, entry):
    text = owner.get(page("profile", "history", Profile.objects.get().pk)).content.decode()
    assert "looked at" in text
    assert entry.actor_name in text
