"""The chain of the consent log shows whatever was done to an entry."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from personalization.privacy import chain
from personalization.privacy.chain import (
    Problem,
    Verdict,
    exported,
    seal_after,
    seal_records,
    verify_chain,
)
from personalization.privacy.consent import record_consent
from personalization.privacy.consent_log import Asked
from personalization.privacy.models import ConsentRecord, Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def answer(*granted: str, at: datetime = NOW, **asked: Any) -> None:
    record_consent(
        Key(Identity.ANONYMOUS, "phone"),
        granted=granted,
        mechanism=Mechanism.BANNER,
        now=at,
        asked=Asked(**asked),
    )


def answers(n: int) -> None:
    for _ in range(n):
        answer("analytics")


def found() -> list[tuple[int, Problem]]:
    return [(finding.place, finding.problem) for finding in verify_chain().findings]


def at_place(place: int) -> Any:
    return ConsentRecord.objects.filter(place=place)


@pytest.mark.django_db
def test_what_is_new_is_put_at_the_end_and_what_is_sealed_stays() -> None:
    answers(2)
    assert seal_records(now=NOW) == 2
    before = list(ConsentRecord.objects.order_by("place").values_list("place", "seal"))
    answers(1)
    assert seal_records(now=NOW) == 1
    after = list(ConsentRecord.objects.order_by("place").values_list("place", "seal"))
    assert [place for place, _ in after] == [1, 2, 3]
    assert after[:2] == before
    assert seal_records(now=NOW) == 0


@pytest.mark.django_db
def test_each_seal_is_made_of_the_one_before() -> None:
    answers(3)
    seal_records(now=NOW)
    seal = ""
    for record in ConsentRecord.objects.order_by("place"):
        seal = hashlib.sha256((seal + record.proof).encode()).hexdigest()
        assert record.seal == seal
    assert verify_chain().newest_seal == seal


@pytest.mark.django_db
def test_more_than_one_portion_is_sealed_in_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "PORTION", 2)
    answers(5)
    assert seal_records(now=NOW) == 5
    assert (verify_chain().first, verify_chain().last, found()) == (1, 5, [])


@pytest.mark.django_db
def test_an_empty_log_is_whole() -> None:
    assert verify_chain() == Verdict()
    assert verify_chain().is_whole
    assert verify_chain().sealed == 0


@pytest.mark.django_db
def test_what_waits_to_be_sealed_is_counted_and_no_problem() -> None:
    answers(2)
    seal_records(now=NOW)
    answers(3)
    verdict = verify_chain()
    assert (verdict.sealed, verdict.waiting, verdict.is_whole) == (2, 3, True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"answers": {"analytics": True, "personalization": True, "marketing": True}},
        {"subject": "0" * 64},
        {"policy_version": "2"},
        {"mechanism": Mechanism.API},
        {"recorded_at": NOW - timedelta(microseconds=1)},
        {"text_digest": "0" * 64},
        {"language": "de"},
        {"region": "FR"},
        {"signals": ["gpc"]},
        {"evidence": {"tcf": "CP"}},
        {"proof": "0" * 64},
    ],
)
def test_an_entry_that_was_changed_is_found(change: dict[str, Any]) -> None:
    answers(3)
    seal_records(now=NOW)
    at_place(2).update(**change)
    assert (2, Problem.CHANGED) in found()
    assert not verify_chain().is_whole


@pytest.mark.django_db
def test_an_entry_that_was_taken_out_is_found() -> None:
    answers(4)
    seal_records(now=NOW)
    at_place(2).delete()
    assert found() == [(3, Problem.GAP)]


@pytest.mark.django_db
def test_an_entry_that_was_taken_out_is_found_when_the_others_move_up() -> None:
    answers(3)
    seal_records(now=NOW)
    at_place(2).delete()
    at_place(3).update(place=2)
    assert found() == [(2, Problem.BROKEN)]


@pytest.mark.django_db
def test_entries_that_change_places_are_found() -> None:
    answers(3)
    seal_records(now=NOW)
    at_place(2).update(place=9)
    at_place(3).update(place=2)
    at_place(9).update(place=3)
    assert found() == [(2, Problem.BROKEN), (3, Problem.BROKEN)]


@pytest.mark.django_db
def test_a_first_entry_that_did_not_begin_the_chain_is_found() -> None:
    answers(2)
    seal_records(now=NOW)
    at_place(1).delete()
    at_place(2).update(place=1)
    assert found() == [(1, Problem.BROKEN)]


@pytest.mark.django_db
def test_the_finding_names_the_entry() -> None:
    answers(1)
    seal_records(now=NOW)
    at_place(1).update(language="de")
    [finding] = verify_chain().findings
    assert finding.uid == ConsentRecord.objects.get().uid
    assert str(finding).startswith(f"{finding.uid} at place 1: ")


@pytest.mark.django_db
def test_a_chain_whose_oldest_entries_are_over_is_whole_from_there_on() -> None:
    answers(4)
    seal_records(now=NOW)
    ConsentRecord.objects.filter(place__lte=2).delete()
    verdict = verify_chain()
    assert (verdict.first, verdict.last, verdict.is_whole) == (3, 4, True)


@pytest.mark.django_db
def test_the_end_can_be_looked_at_alone() -> None:
    answers(5)
    seal_records(now=NOW)
    at_place(1).update(language="de")
    assert verify_chain(last=3).is_whole
    assert (verify_chain(last=3).first, verify_chain(last=3).last) == (3, 5)
    at_place(3).update(seal="0" * 64)
    assert [finding.place for finding in verify_chain(last=3).findings] == [3, 4]
    assert not verify_chain(last=50).is_whole


@pytest.mark.django_db
def test_a_chain_that_is_made_anew_lacks_the_seal_that_was_kept_elsewhere() -> None:
    answers(3)
    seal_records(now=NOW)
    kept = verify_chain().newest_seal
    assert verify_chain(stated=(kept,)).is_whole
    at_place(2).delete()
    first, last = ConsentRecord.objects.order_by("place")
    at_place(3).update(place=2, seal=seal_after(first.seal, last.proof))
    assert verify_chain().is_whole, "who has the database can do that"
    verdict = verify_chain(stated=(kept,))
    assert verdict.missing == (kept,)
    assert not verdict.is_whole


@pytest.mark.django_db
def test_a_key_that_was_replaced_still_proves(settings: Any) -> None:
    settings.PERSONALIZATION_PRIVACY_KEYS = ("old",)
    answers(1)
    settings.PERSONALIZATION_PRIVACY_KEYS = ("new", "old")
    answers(1)
    seal_records(now=NOW)
    assert found() == []
    settings.PERSONALIZATION_PRIVACY_KEYS = ("new",)
    assert found() == [(1, Problem.CHANGED)]


@pytest.mark.django_db
def test_the_log_proves_itself_the_same_in_every_time_zone(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    answer("analytics", at=NOW, evidence={"b": 1, "a": {"d": [], "c": "é"}}, signals=("gpc",))
    seal_records(now=NOW)
    assert found() == []


@pytest.mark.django_db
def test_an_export_can_be_checked_without_us(settings: Any) -> None:
    settings.PERSONALIZATION_PRIVACY_KEYS = ("the key",)
    answer("analytics", region="FR", language="fr")
    answer()
    seal_records(now=NOW)
    answer()  # not sealed, so not yet proved
    head, *lines = [json.loads(line) for line in exported()]
    assert head["format"] == "personalization consent log"
    assert [line["place"] for line in lines] == [1, 2]
    seal = ""
    for line in lines:
        parts = ["personalization", "consent record", line["said"]]
        text = json.dumps(parts, separators=(",", ":")).encode()
        assert hmac.new(b"the key", text, hashlib.sha256).hexdigest() == line["proof"]
        seal = hashlib.sha256((seal + line["proof"]).encode()).hexdigest()
        assert line["seal"] == seal
    said = json.loads(lines[0]["said"])
    assert said["answers"] == {"analytics": True, "personalization": False, "marketing": False}
    assert (said["region"], said["language"], said["mechanism"]) == ("FR", "fr", "banner")
    assert said["recorded_at"] == "2026-05-04T12:00:00+00:00"


@pytest.mark.django_db
def test_an_export_names_nobody() -> None:
    answers(1)
    seal_records(now=NOW)
    assert "phone" not in "".join(exported())


@pytest.mark.django_db
def test_verifying_reads_the_log_once_however_long_it_is() -> None:
    def asked(n: int) -> int:
        answers(n)
        seal_records(now=NOW)
        with CaptureQueriesContext(connection) as queries:
            verify_chain()
        return len(queries)

    assert asked(1) == asked(20)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_two_that_seal_at_once_make_one_chain() -> None:
    answers(4)
    began, go_on = threading.Event(), threading.Event()
    counted: list[int] = []

    def first() -> None:
        with transaction.atomic():
            counted.append(seal_records(now=NOW))
            began.set()
            go_on.wait(60)
        connections.close_all()

    def second() -> None:
        began.wait(60)
        counted.append(seal_records(now=NOW))
        connections.close_all()

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    began.wait(60)
    answers(1)
    go_on.set()
    for thread in threads:
        thread.join(60)
    seal_records(now=NOW)
    assert sum(counted) in (4, 5)
    assert verify_chain().is_whole
    assert verify_chain().last == 5
