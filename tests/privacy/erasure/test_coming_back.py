"""Nothing brings the erased back: no late event, no repetition, no letter; only a new yes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from personalization import metrics
from personalization.events.models import Event, Source
from personalization.exceptions import IdentitySuppressed
from personalization.ingest.accept import keep
from personalization.ingest.arrival import Arrival
from personalization.ingest.identities import Sender
from personalization.ingest.models import DeadLetter
from personalization.privacy.consent import record_consent
from personalization.privacy.erasure.finish import erase
from personalization.privacy.models import Erasure, Mechanism
from personalization.profiles.identity import Key, find, find_or_create
from personalization.profiles.models import Identity, Profile
from personalization.profiles.suppressed import digest_of, suppress, suppressed
from personalization.profiles.suppressions import Suppression
from personalization.profiles.visitor import new_visitor_id, read_visitor_id, signed
from personalization.testing import drain
from tests.ingest.sending import consent, send, track
from tests.privacy.erasure.conftest import NOW, PHONE, USER, arrival, whole

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=1)  # later than a long run of tests ends


def erased(*keys: Key) -> None:
    find_or_create(keys)
    for key in keys:
        done = erase(whole(key), channel="command", now=NOW)
        assert done.status == Erasure.Status.DONE


def arrive(source: Source, *arrivals: Arrival) -> None:
    sender = Sender(trusted=True, visitor_id=None, received_at=LATER)
    keep(arrivals, source=source, sender=sender)
    drain(now=LATER)


def test_an_event_that_comes_late_is_dropped(server: Source) -> None:
    erased(USER)
    arrive(server, arrival(USER, at=NOW - timedelta(days=1)))
    assert not Event.objects.exists()
    assert not Profile.objects.exists()


def test_the_sender_is_told_nothing_of_it(client: Client, server: Source) -> None:
    erased(USER)
    answer = send(client, track(userId=USER.value))
    assert answer == {"success": True, "accepted": 1, "rejected": []}


def test_what_is_dropped_is_counted(server: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, int]] = []
    monkeypatch.setattr(metrics, "count", lambda name, by=1: counted.append((name, by)))
    erased(USER)
    arrive(server, arrival(USER), arrival(USER, message_id="another"))
    assert ("events.suppressed", 2) in counted


def test_others_in_the_same_request_are_kept(server: Source) -> None:
    other = Key(Identity.USER, "somebody-else-1")
    erased(USER)
    arrive(server, arrival(USER), arrival(other))
    assert find([USER, other]).keys() == {other}


def test_an_erased_device_is_not_joined_with_anybody(server: Source) -> None:
    erased(PHONE)
    arrive(server, arrival(USER, joins=(PHONE,)))
    assert find([USER, PHONE]).keys() == {USER}
    assert Event.objects.count() == 1


def test_nothing_of_them_is_set_aside(client: Client, server: Source) -> None:
    erased(USER)
    send(client, track("", event=..., userId=USER.value))
    assert not DeadLetter.objects.exists()


def test_no_code_of_the_site_brings_them_back() -> None:
    erased(USER)
    with pytest.raises(IdentitySuppressed):
        find_or_create([USER])


def test_who_is_known_costs_no_look_at_the_list(server: Source) -> None:
    find_or_create([USER])
    with CaptureQueriesContext(connection) as queries:
        arrive(server, arrival(USER, at=LATER))
    assert not [query for query in queries if "suppression" in query["sql"]]


# -- a new yes ------------------------------------------------------------------------------


def agree(key: Key) -> None:
    record_consent(key, granted=("analytics",), mechanism=Mechanism.API, now=LATER)


def test_a_user_comes_back_with_a_new_yes(server: Source) -> None:
    erased(USER)
    agree(USER)
    arrive(server, arrival(USER, at=LATER + timedelta(minutes=1)))
    assert Event.objects.count() == 1


def test_what_happened_before_the_yes_stays_out(server: Source) -> None:
    erased(USER)
    agree(USER)
    arrive(server, arrival(USER, at=NOW - timedelta(minutes=1)))
    assert not Event.objects.exists()


def test_a_no_brings_nobody_back() -> None:
    erased(USER)
    with pytest.raises(IdentitySuppressed):
        record_consent(USER, granted=(), mechanism=Mechanism.API, now=LATER)


def test_a_browser_never_comes_back_under_its_id() -> None:
    erased(PHONE)
    with pytest.raises(IdentitySuppressed):
        agree(PHONE)


def test_an_erased_browser_that_agrees_gets_a_new_id(client: Client) -> None:
    old = new_visitor_id()
    erased(Key(Identity.ANONYMOUS, old))
    client.cookies["pz_id"] = signed(old)
    assert consent(client, "analytics").status_code == 200
    new = read_visitor_id({"pz_id": client.cookies["pz_id"].value})
    assert new not in (None, old)
    assert find([Key(Identity.ANONYMOUS, str(new))])


def test_an_erased_browser_that_refuses_leaves_no_row(client: Client) -> None:
    old = new_visitor_id()
    erased(Key(Identity.ANONYMOUS, old))
    client.cookies["pz_id"] = signed(old)
    assert consent(client).status_code == 200
    assert not Identity.objects.exists()


def test_whom_an_operator_put_on_the_list_no_yes_takes_off() -> None:
    suppress([USER], reason=Suppression.Reason.OPERATOR, now=NOW)
    with pytest.raises(IdentitySuppressed):
        agree(USER)


# -- the list -------------------------------------------------------------------------------


def test_the_list_holds_no_id() -> None:
    erased(USER)
    rows = json.dumps(list(Suppression.objects.values_list("digest", "note")))
    assert USER.value not in rows


def test_an_operators_word_outlasts_an_erasure() -> None:
    suppress([USER], reason=Suppression.Reason.OPERATOR, now=NOW)
    suppress([USER], reason=Suppression.Reason.ERASED, now=LATER)
    assert suppressed([USER])[USER].reason == Suppression.Reason.OPERATOR


def test_who_was_listed_under_an_old_key_is_known_by_it(settings: Any) -> None:
    settings.PERSONALIZATION_PRIVACY_KEYS = ("old",)
    digest = digest_of(USER)
    suppress([USER], reason=Suppression.Reason.ERASED, now=NOW)
    settings.PERSONALIZATION_PRIVACY_KEYS = ("new", "old")
    assert digest_of(USER) != digest
    assert suppressed([USER])[USER].digest == digest
