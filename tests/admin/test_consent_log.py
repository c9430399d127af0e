"""The consent log in the admin: read, checked, handed out, and never changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from personalization.privacy.chain import seal_records
from personalization.privacy.consent import record_consent
from personalization.privacy.models import AuditEntry, ConsentRecord, Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, tzinfo=UTC)
LIST = reverse("admin:personalization_consentrecord_changelist")
EXPORT = reverse("admin:personalization_consentrecord_export")


@pytest.fixture
def log() -> None:
    for granted in (["analytics", "marketing"], []):
        key = Key(Identity.ANONYMOUS, "phone")
        record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=NOW)
    seal_records(now=NOW)


def test_a_whole_log_is_shown_as_whole(owner, log):
    text = owner.get(LIST).content.decode()
    assert "pz-state-fresh" in text
    assert "places 1 to 2" in text
    assert "Analytics, Marketing" in text
    assert "phone" not in text


def test_a_changed_log_is_shown_as_changed_with_the_entry(owner, log):
    ConsentRecord.objects.filter(place=1).update(language="de")
    text = owner.get(LIST).content.decode()
    assert "pz-state-broken" in text
    assert str(ConsentRecord.objects.get(place=1).uid) in text


def test_an_empty_log_can_be_looked_at(owner):
    assert "Nothing is sealed yet." in owner.get(LIST).content.decode()


def test_what_waits_is_counted(owner, log):
    key = Key(Identity.ANONYMOUS, "phone")
    record_consent(key, granted=(), mechanism=Mechanism.API, now=NOW)
    assert "1 entry waits to be sealed." in owner.get(LIST).content.decode()


def test_entries_are_found_by_pseudonym_and_mechanism(owner, log):
    subject = ConsentRecord.objects.earliest("pk").subject
    assert len(owner.get(LIST, {"q": subject}).context["cl"].result_list) == 2
    assert len(owner.get(LIST, {"q": subject[:5]}).context["cl"].result_list) == 0
    assert len(owner.get(LIST, {"mechanism__exact": "api"}).context["cl"].result_list) == 0


def test_an_entry_can_be_read_and_neither_changed_nor_deleted(owner, log):
    record = ConsentRecord.objects.earliest("pk")
    address = reverse("admin:personalization_consentrecord_change", args=[record.pk])
    assert record.proof in owner.get(address).content.decode()
    assert owner.post(address, {"language": "de"}).status_code == 403
    delete = reverse("admin:personalization_consentrecord_delete", args=[record.pk])
    assert owner.post(delete, {"post": "yes"}).status_code == 403
    assert owner.get(reverse("admin:personalization_consentrecord_add")).status_code == 403


def test_the_export_is_the_sealed_log_and_is_noted(owner, log):
    response = owner.post(EXPORT)
    lines = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]
    assert [line.get("place") for line in lines] == [None, 1, 2]
    assert response["Content-Disposition"].startswith("attachment;")
    assert "no-store" in response["Cache-Control"]
    entry = AuditEntry.objects.get(kind="consent log")
    assert (entry.action, entry.actor_name) == ("exported", entry.actor.username)


def test_the_export_is_a_deliberate_act(owner, log):
    assert owner.get(EXPORT).status_code == 405
    assert not AuditEntry.objects.filter(kind="consent log").exists()


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        (["view_consentrecord", "manage_consents"], 200),
        (["view_consentrecord"], 403),
        (["manage_consents"], 403),
        ([], 403),
    ],
)
def test_the_export_needs_its_permission(sign_in, log, permissions, status):
    client = sign_in(*permissions)
    assert client.post(EXPORT).status_code == status
    shown = client.get(LIST)
    assert (b"Export as proof" in shown.content) is (status == 200)
