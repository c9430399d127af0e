"""Traits that are kept encrypted, from the door to where they lie."""

from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization import shortcuts
from personalization.events.models import BufferedBatch, Event, Source
from personalization.ingest.models import DeadLetter
from personalization.ingest.pipeline import process_events
from personalization.ingest.replay import replay, replay_many
from personalization.ingest.suggestions import portraits_of_visitors
from personalization.privacy.encryption import is_of_newest_key, is_sealed, opened
from personalization.profiles.models import Snapshot
from tests.factories import make_profile, make_segment, make_source

__all__ = ["make_profile", "make_segment", "make_source"]

pytestmark = pytest.mark.django_db

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
SECRET = "ada-secret@example.org"
IDENTIFY = {"type": "identify", "userId": "u-1", "traits": {"email": SECRET, "plan": "gold"}}


@pytest.fixture(autouse=True)
def encrypted(settings):
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ("email",)
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (OLD,)


def send(source: Source, *calls: dict) -> None:
    assert source.active
    address = reverse("personalization:segment-batch")
    body = json.dumps({"batch": list(calls), "writeKey": "key-of-test"})
    response = Client().post(address, body, content_type="application/json")
    assert response.status_code == 200, response.content


@pytest.fixture
def source(make_source):
    return make_source(write_key="key-of-test")


def work() -> None:
    process_events(now=timezone.now())


def texts() -> str:
    """All that is kept of events and people, as one text."""
    return json.dumps([
        *Event.objects.values_list("properties", "context"),
        *Snapshot.objects.values_list("traits", flat=True),
        *DeadLetter.objects.values_list("body", "message"),
        *BufferedBatch.objects.values_list("payload", "error"),
    ])  # fmt: skip


def test_a_stated_trait_lies_sealed_in_buffer_event_and_profile(source):
    send(source, IDENTIFY)
    assert SECRET not in texts()
    assert "encrypted:" in BufferedBatch.objects.get().payload
    work()
    traits = Snapshot.objects.get().traits
    assert traits["plan"] == "gold"
    assert opened("email", traits["email"]) == SECRET
    assert opened("email", Event.objects.get().properties["email"]) == SECRET
    assert SECRET not in texts()


def test_traits_in_the_context_are_sealed_too(source):
    send(source, {"type": "identify", "userId": "u-1", "context": {"traits": {"email": SECRET}}})
    work()
    assert opened("email", Snapshot.objects.get().traits["email"]) == SECRET
    assert SECRET not in texts()


def test_the_sites_own_code_states_them_sealed():
    shortcuts.identify(user_id="u-1", traits={"email": SECRET})
    work()
    assert is_sealed(Snapshot.objects.get().traits["email"])
    assert SECRET not in texts()


def test_the_same_name_elsewhere_is_no_trait(source):
    send(source, {"type": "track", "event": "Signed Up", "userId": "u", "properties": {"email": 1}})
    work()
    assert Event.objects.get().properties == {"email": 1}


def test_a_trait_can_be_taken_back(source):
    send(source, {**IDENTIFY, "timestamp": "2026-11-01T10:00:00Z", "messageId": "a"})
    later = {**IDENTIFY, "traits": {"email": None}, "messageId": "b"}
    send(source, {**later, "timestamp": "2026-11-02T10:00:00Z"})
    work()
    assert Snapshot.objects.get().traits["email"] is None


def test_a_schema_asks_for_it_and_not_for_its_type(make_source):
    from personalization.events.models import EventSchema

    EventSchema.objects.create(
        name="Identified", properties={"email": {"type": "number", "required": True}}
    )
    source = make_source(write_key="key-of-test", schemas=Source.Schemas.QUARANTINE)
    send(source, IDENTIFY)
    assert not DeadLetter.objects.exists()


def test_no_log_ever_has_the_plain_text(source, caplog):
    caplog.set_level("DEBUG")
    send(source, IDENTIFY, {**IDENTIFY, "timestamp": "1 March", "messageId": "odd"})
    work()
    assert SECRET not in caplog.text
    assert OLD not in caplog.text


def test_it_suggests_no_merge_and_speaks_against_none(source, settings):
    send(source, IDENTIFY)
    work()
    plain = Snapshot.objects.get()
    plain.consents = {"personalization": True}
    plain.save(update_fields=["consents"])
    portraits = list(portraits_of_visitors(now=timezone.now()))
    assert all("email" not in portrait.values for portrait in portraits)


# -- what is set aside ---------------------------------------------------------------------------


@pytest.fixture
def letter(source) -> DeadLetter:
    send(source, {**IDENTIFY, "timestamp": "1 March"})
    return DeadLetter.objects.get()


def test_what_is_set_aside_holds_no_plain_text(letter):
    assert SECRET not in texts()
    assert json.loads(letter.body)["traits"]["plan"] == "gold"


def test_it_is_replayed_as_it_was_meant(letter):
    body = json.dumps({**json.loads(letter.body), "timestamp": None})
    assert replay(letter.pk, now=timezone.now(), body=body)
    work()
    assert opened("email", Snapshot.objects.get().traits["email"]) == SECRET


def test_what_no_key_opens_waits_on_and_says_so(letter, settings):
    from personalization.exceptions import EventRejected

    settings.PERSONALIZATION_ENCRYPTION_KEYS = (NEW,)
    body = json.dumps({**json.loads(letter.body), "timestamp": None})
    with pytest.raises(EventRejected, match="No key"):
        replay(letter.pk, now=timezone.now(), body=body)
    letter.refresh_from_db()
    assert letter.status == "waiting"


def test_many_that_no_key_opens_keep_the_reason_they_were_set_aside_for(letter, settings):
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (NEW,)
    result = replay_many([letter.pk], now=timezone.now())
    assert result.refused == {"cannot_decrypt": 1}
    letter.refresh_from_db()
    assert letter.code == "invalid_timestamp"


# -- without a key -------------------------------------------------------------------------------


def test_without_a_key_everything_but_the_value_is_kept(source, settings):
    settings.PERSONALIZATION_ENCRYPTION_KEYS = ()
    send(source, IDENTIFY)
    work()
    assert Snapshot.objects.get().traits == {"plan": "gold"}
    assert SECRET not in texts()


# -- new keys ------------------------------------------------------------------------------------


def test_rotation_brings_every_place_under_the_newest_key(source, letter, settings, capsys):
    send(source, {**IDENTIFY, "messageId": "stored"})
    work()
    send(source, {**IDENTIFY, "messageId": "waiting"})
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (NEW, OLD)
    call_command("rotate_encryption_keys")
    assert "events: 1 of 1 encrypted anew" in capsys.readouterr().out
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (NEW,)
    letter.refresh_from_db()
    waiting = json.loads(BufferedBatch.objects.get().payload)[0]
    for sealed in (
        Event.objects.get().properties["email"],
        Snapshot.objects.get().traits["email"],
        json.loads(letter.body)["traits"]["email"],
        waiting["properties"]["email"],
    ):
        assert is_of_newest_key(sealed)
        assert opened("email", sealed) == SECRET


def test_rotation_run_twice_changes_nothing_more(source, settings, capsys):
    send(source, IDENTIFY)
    work()
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (NEW, OLD)
    call_command("rotate_encryption_keys")
    before = Snapshot.objects.get().traits
    capsys.readouterr()
    call_command("rotate_encryption_keys")
    assert "events: 0 of 1" in capsys.readouterr().out
    assert Snapshot.objects.get().traits == before


def test_rotation_seals_what_was_kept_before_the_setting_was(source, settings):
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ()
    send(source, IDENTIFY)
    work()
    assert SECRET in texts()
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ("email",)
    call_command("rotate_encryption_keys")
    assert SECRET not in texts()


def test_rotation_tells_what_no_key_opens_and_leaves_it(source, settings):
    send(source, IDENTIFY)
    work()
    kept = Snapshot.objects.get().traits
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (NEW,)
    with pytest.raises(CommandError, match="no key opens"):
        call_command("rotate_encryption_keys")
    assert Snapshot.objects.get().traits == kept


def test_rotation_goes_through_more_than_one_portion(source, settings, monkeypatch):
    monkeypatch.setattr("personalization.ingest.reencryption.CHUNK", 2)
    send(source, *({**IDENTIFY, "userId": f"u-{n}", "messageId": str(n)} for n in range(5)))
    work()
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (NEW, OLD)
    call_command("rotate_encryption_keys")
    assert all(is_of_newest_key(each.traits["email"]) for each in Snapshot.objects.all())


def test_rotation_without_a_key_says_what_is_needed(source, settings):
    send(source, IDENTIFY)
    work()
    settings.PERSONALIZATION_ENCRYPTION_KEYS = ()
    with pytest.raises(CommandError, match="PERSONALIZATION_ENCRYPTION_KEYS"):
        call_command("rotate_encryption_keys")


def test_a_new_key_is_one_that_works(settings, capsys):
    call_command("rotate_encryption_keys", "--new")
    settings.PERSONALIZATION_ENCRYPTION_KEYS = (capsys.readouterr().out.strip(),)
    shortcuts.identify(user_id="u-1", traits={"email": SECRET})
    work()
    assert opened("email", Snapshot.objects.get().traits["email"]) == SECRET
