"""The receipt: what it says, that it is proved, and that there is none before it is true."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from personalization.exceptions import BufferUnavailable, ReceiptRejected
from personalization.privacy.erasure.finish import PAUSE, erase, finish_erasures, try_now
from personalization.privacy.erasure.receipt import receipt_file, verified
from personalization.privacy.erasure.request import request_erasure
from personalization.privacy.models import AuditEntry, ConsentRecord, Erasure
from personalization.profiles.identity import find_or_create
from personalization.profiles.stores import stores
from personalization.profiles.suppressed import digest_of
from personalization.signals import profile_erased
from tests.privacy.erasure.conftest import NOW, PHONE, USER, whole

pytestmark = pytest.mark.django_db


def done() -> Erasure:
    find_or_create([USER])
    return erase(whole(USER), channel="command", now=NOW)


def test_a_receipt_says_who_was_erased_by_pseudonyms() -> None:
    said = verified(receipt_file(done()))
    assert digest_of(USER) in said["subjects"]
    assert USER.value not in json.dumps(dict(said))


def test_a_receipt_names_every_store_that_was_searched() -> None:
    said = verified(receipt_file(done()))
    assert [each.partition(":")[0] for each in said["searched"]] == list(stores.names())


def test_a_receipt_says_how_much_was_erased() -> None:
    said = verified(receipt_file(done()))
    assert said["erased"]["identities"] == 1
    assert said["found"] == 0


def test_a_changed_receipt_is_refused() -> None:
    changed = receipt_file(done()).replace('"identities": 1', '"identities": 2')
    with pytest.raises(ReceiptRejected, match="it was changed"):
        verified(changed)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"receipt": 1, "proof": "x"}', "[" * 100_000])
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(ReceiptRejected):
        verified(text)


def test_a_receipt_outlives_a_change_of_the_keys(settings: Any) -> None:
    text = receipt_file(done())
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert verified(text)["found"] == 0


def test_there_is_no_receipt_while_it_is_at_work() -> None:
    erasure = request_erasure(whole(USER), channel="self", now=NOW)
    with pytest.raises(ReceiptRejected, match="still at work"):
        receipt_file(erasure)


def test_the_ids_are_forgotten_with_the_receipt() -> None:
    erasure = request_erasure(whole(USER), channel="self", now=NOW)
    assert erasure.keys
    finish_erasures(now=NOW)
    erasure.refresh_from_db()
    assert (erasure.keys, erasure.former, erasure.status) == ([], [], Erasure.Status.DONE)


def test_two_erasures_of_one_person_do_not_wait_for_each_other() -> None:
    for _ in range(2):
        request_erasure(whole(USER), channel="self", now=NOW)
    assert finish_erasures(now=NOW) == 2
    assert not Erasure.objects.exclude(status=Erasure.Status.DONE).exists()


def test_what_cannot_be_reached_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, subject: object) -> int:
        raise BufferUnavailable("Redis is away.")

    store = stores.get("buffer")
    with monkeypatch.context() as patch:
        patch.setattr(store, "erase_slowly", fail)
        erasure = done()
    assert erasure.error == "BufferUnavailable: Redis is away."
    assert finish_erasures(now=NOW + PAUSE / 2) == 0
    assert finish_erasures(now=NOW + PAUSE) == 1
    erasure.refresh_from_db()
    assert (erasure.status, erasure.attempts, erasure.error) == (Erasure.Status.DONE, 2, "")


def test_pauses_grow_and_an_operator_may_cut_them_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores.get("buffer"), "search", lambda self, needles: iter(["stream"]))
    erasure = done()
    later = NOW + PAUSE
    finish_erasures(now=later)
    erasure.refresh_from_db()
    assert erasure.next_at == later + 2 * PAUSE
    assert erasure.found == {"buffer": ["stream"]}
    assert try_now(Erasure.objects.all(), now=later) == 1
    assert finish_erasures(now=later) == 1


def test_an_erasure_that_is_done_is_not_tried_again() -> None:
    done()
    assert try_now(Erasure.objects.all(), now=NOW) == 0
    assert finish_erasures(now=NOW + timedelta(days=1)) == 0


def test_listeners_hear_who_is_gone(django_capture_on_commit_callbacks: Any) -> None:
    heard: list[object] = []

    def listen(*, keys: object, **_: object) -> None:
        heard.append(keys)

    profile_erased.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            done()
    finally:
        profile_erased.disconnect(listen)
    assert heard == [[("claimed", USER.value), ("user", USER.value)]]


def test_the_audit_log_knows_of_it_without_an_id() -> None:
    erasure = done()
    entry = AuditEntry.objects.get(action=AuditEntry.Action.ERASED)
    assert (entry.actor_name, entry.number) == ("command", str(erasure.uid))
    assert USER.value not in str(AuditEntry.objects.values())


def test_the_consent_log_tells_that_answers_have_ended(life: object) -> None:
    erase(whole(PHONE), channel="self", now=NOW)
    ended = ConsentRecord.objects.filter(mechanism="erasure")
    assert ended.exists()
    assert not any(any(record.answers.values()) for record in ended)


def test_a_command_prints_the_receipt_and_another_checks_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    find_or_create([USER])
    call_command("erase_profile", f"user:{USER.value}", "--yes")
    path = tmp_path / "receipt.json"
    path.write_text(capsys.readouterr().out)
    call_command("verify_receipt", str(path))
    assert "genuine" in capsys.readouterr().out
