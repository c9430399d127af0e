"""What a browser reports as shown counts in experiments only as far as the site has signed it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.signing import Signer, b64_decode
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization import metrics
from personalization.events.catalogue import RECOMMENDATION_SHOWN, SLOT_SHOWN
from personalization.events.models import Event, Source
from personalization.ingest.arrival import Arrival
from personalization.ingest.identities import Sender
from personalization.ingest.models import DeadLetter
from personalization.ingest.proof import LIFE, PROOF, proof_of, with_proof
from personalization.ingest.replay import replay
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.visitor import signed
from personalization.testing import drain
from personalization.types import JsonObject
from tests.ingest.sending import codes, consent, send, track

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
ME = Key(Identity.ANONYMOUS, ID)
DECISION = "d" * 32
SHOWN: JsonObject = {
    "slot": "hero",
    "variation": "variation:1",
    "reason": "experiment",
    "probability": 0.25,
    "assigned": {"global": {"arm": "shown", "probability": 0.98}},
}
LIST: JsonObject = {
    "place": "home",
    "items": ["a", "b"],
    "propensities": [1.0, 0.25],
    "model": "recommend 3",
    "assigned": {"which": {"arm": "new", "probability": 0.5}},
}
FORGED: JsonObject = {"probability": 1e-9, "assigned": {"hero": {"arm": "b", "probability": 1e-9}}}
SENDER = Sender(trusted=False, visitor_id=ID, received_at=NOW)


def proof(name: str = SLOT_SHOWN, told: JsonObject = SHOWN, **changed: Any) -> str:
    given = {"message_id": DECISION, "key": ME, "now": NOW, **changed}
    return proof_of(name, told, **given)


def arrival(properties: JsonObject, *, name: str = SLOT_SHOWN, **changed: Any) -> Arrival:
    told = Arrival(
        type="track",
        name=name,
        properties=properties,
        context={},
        at=0,
        message_id=DECISION,
        key=ME,
    )
    return replace(told, **changed)


def kept(properties: JsonObject, *, sender: Sender = SENDER, **changed: Any) -> JsonObject:
    return dict(with_proof(arrival(properties, **changed), sender=sender).properties)


def unproved() -> int:
    return metrics.snapshot().get("exposures.unproved", 0)


@pytest.mark.parametrize(("name", "told"), [(SLOT_SHOWN, SHOWN), (RECOMMENDATION_SHOWN, LIST)])
def test_what_is_proved_is_kept_whatever_is_said_beside_it(name: str, told: JsonObject) -> None:
    said = {**told, **FORGED, "slot": "strip", "note": "mine", PROOF: proof(name, told)}
    found = kept(said, name=name)
    rest = {"slot": "strip"} if name == RECOMMENDATION_SHOWN else {}
    assert found == {**told, **rest, "note": "mine", "decision_id": DECISION}


def test_a_default_has_no_variation_to_be_believed() -> None:
    held = {**SHOWN, "variation": "variation:1"}
    default = {name: value for name, value in SHOWN.items() if name != "variation"}
    assert kept({**held, PROOF: proof(told=default)}) == {**default, "decision_id": DECISION}


def test_a_decision_without_arms_is_proved_as_well() -> None:
    bare = {name: value for name, value in SHOWN.items() if name != "assigned"}
    assert kept({**SHOWN, PROOF: proof(told=bare)}) == {**bare, "decision_id": DECISION}


def test_a_proof_is_short() -> None:
    assert len(proof()) < 200
    assert len(proof(told={"slot": "hero", "reason": "segment"})) < 90


def test_nothing_is_taken_from_events_that_speak_of_something_else() -> None:
    other = arrival({**FORGED, PROOF: "x"}, name="Product Viewed")
    assert with_proof(other, sender=SENDER) is other


def test_a_server_is_believed_and_its_proof_is_not_kept() -> None:
    server = replace(SENDER, trusted=True, visitor_id=None)
    assert kept({**SHOWN, PROOF: "x"}, sender=server) == SHOWN
    plain = arrival(SHOWN)
    assert with_proof(plain, sender=server) is plain


def _tampered(good: str) -> str:
    """Return a proof whose text says another thing, under the signature of what it said."""
    text, _, signature = good.rpartition(":")
    return f"{text[:-2]}{'A' if text[-2] != 'A' else 'B'}{text[-1]}:{signature}"


HOSTILE: dict[str, Any] = {
    "missing": None,
    "empty": "",
    "no text": 5,
    "a list": [proof()],
    "an object": {"proof": proof()},
    "huge": proof() + "x" * 1_000_000,
    "NUL": "\x00",
    "half a letter": "\ud800:\ud800",
    "letters that no signature has": "ü:ü",
    "tampered": _tampered(proof()),
    "cut off": proof()[:-1],
    "without its signature": proof().rpartition(":")[0],
    "of another visitor": proof(key=Key(Identity.ANONYMOUS, OTHER)),
    "of a user who is not signed": proof(key=Key(Identity.USER, ID)),
    "of another decision": proof(message_id="e" * 32),
    "of another event": proof(RECOMMENDATION_SHOWN, LIST),
    "expired": proof(now=NOW - LIFE - timedelta(minutes=2)),
    "of tomorrow": proof(now=NOW + timedelta(hours=1)),
    "signed for something else": Signer(salt="personalization.user").sign_object([0]),
    "signed by somebody else": Signer(key="x", salt="personalization.shown").sign_object([0]),
}


@pytest.mark.parametrize("shown", HOSTILE.values(), ids=HOSTILE)
def test_what_proves_nothing_takes_the_arms_away_and_leaves_the_rest(shown: Any) -> None:
    said: JsonObject = {"slot": "hero", "variation": "variation:1", "reason": "experiment"}
    before = unproved()
    told = {**said, **FORGED} if shown is None else {**said, **FORGED, PROOF: shown}
    assert kept(told) == said
    assert unproved() == before + 1


def test_a_list_loses_the_chances_of_its_items() -> None:
    told = {name: LIST[name] for name in ("place", "items", "model")}
    assert kept(LIST, name=RECOMMENDATION_SHOWN) == told


def test_who_says_nothing_that_needs_a_proof_is_not_counted_as_a_forger() -> None:
    before = unproved()
    assert kept({"slot": "hero"}) == {"slot": "hero"}
    assert unproved() == before


def test_it_lasts_for_a_day_by_the_clock_of_the_receipt() -> None:
    made = proof(now=NOW)
    for later, is_good in ((timedelta(0), True), (LIFE, True), (LIFE + timedelta(hours=1), False)):
        sender = replace(SENDER, received_at=NOW + later)
        assert ("assigned" in kept({**SHOWN, PROOF: made}, sender=sender)) is is_good


def test_a_visitor_who_has_logged_in_meanwhile_is_still_the_visitor() -> None:
    user = Key(Identity.USER, "u1")
    assert "assigned" in kept({PROOF: proof()}, key=user, joins=(ME,))
    assert "assigned" in kept({PROOF: proof(key=user)}, key=user, joins=(ME,))


CONTEXT: JsonObject = {"test": {"arm": "b", "probability": 0.99, "context": {"orders.count": 7}}}


def test_a_proof_outlives_a_change_of_the_secret_with_all_that_is_in_it(settings: Any) -> None:
    made = proof(told={**SHOWN, "assigned": CONTEXT})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]
    assert kept({PROOF: made})["assigned"] == CONTEXT
    settings.SECRET_KEY_FALLBACKS = []
    assert "assigned" not in kept({PROOF: made})


def test_a_proof_has_room_for_all_that_several_bandits_look_at() -> None:
    context: JsonObject = {f"segment.{'x' * 47}{n}": n / 7 for n in range(20)}
    told: JsonObject = {
        f"test-{n}": {"arm": "b", "probability": 0.99, "context": context} for n in range(2)
    }
    assert kept({PROOF: proof(told={"assigned": told})})["assigned"] == told


def test_what_a_bandit_looked_at_is_told_to_nobody_and_never_twice_alike() -> None:
    both: JsonObject = {"one": CONTEXT["test"], "two": CONTEXT["test"]}
    proofs = [proof(told={"assigned": both}, message_id=each * 32) for each in "de"]
    said = [_payload(each)[-1] for each in proofs]
    veils = [told[2] for one in said for told in one.values()]
    assert len(set(veils)) == 4
    assert not any("orders" in each or "orders" in str(b64_decode(each.encode())) for each in veils)


def _payload(made: str) -> Any:
    text = made.rpartition(":")[0]
    told = b64_decode(text.removeprefix(".").encode())
    return json.loads(zlib.decompress(told) if text.startswith(".") else told)


chances = st.floats(0, 1, exclude_min=True)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
contexts = st.dictionaries(st.text(max_size=20), numbers, min_size=1, max_size=6)
arms = st.dictionaries(
    st.text(max_size=20),
    st.fixed_dictionaries(
        {"arm": st.text(max_size=10), "probability": chances},
        optional={"context": contexts},
    ),
    min_size=1,
    max_size=3,
)


@given(arms, chances, st.text(max_size=30), st.text(min_size=1, max_size=40))
def test_whatever_is_signed_is_read_again_by_its_visitor_alone(
    assigned: JsonObject, chance: float, variation: str, who: str
) -> None:
    told: JsonObject = {
        "slot": "x",
        "variation": variation,
        "probability": chance,
        "assigned": assigned,
    }
    key = Key(Identity.ANONYMOUS, who)
    made = proof(told=told, key=key)
    assert kept({PROOF: made}, key=key) == {**told, "decision_id": DECISION}
    assert "assigned" not in kept({PROOF: made}, key=Key(Identity.ANONYMOUS, who + "x"))


@given(st.text(max_size=300) | st.binary(max_size=50) | st.integers() | st.lists(st.text()))
def test_no_garbage_is_a_proof_or_an_error(shown: Any) -> None:
    assert kept({"slot": "hero", **FORGED, PROOF: shown}) == {"slot": "hero"}


# -- at the door ---------------------------------------------------------------------------


@pytest.fixture
def visitor(make_source: Callable[..., Source], client: Client) -> Client:
    """The browser of a visitor who agreed, at a source whose events have to fit their schemas."""
    kind, schemas = Source.Kind.BROWSER, Source.Schemas.QUARANTINE
    make_source(kind=kind, write_key="page-key", schemas=schemas)
    client.cookies.load({"pz_id": signed(ID), "pz_consent": "1.analytics-personalization"})
    consent(client, "analytics", "personalization")
    return client


def report(client: Client, properties: JsonObject, **fields: Any) -> Any:
    call = {"messageId": DECISION, "properties": properties, **fields}
    return send(client, track(SLOT_SHOWN, userId=..., **call), key="page-key")


def stored() -> JsonObject:
    drain()
    return dict(Event.objects.get(name=SLOT_SHOWN).properties)


@pytest.mark.django_db
def test_a_report_with_its_proof_fits_the_schema_and_is_stored_without_it(visitor: Client) -> None:
    answer = report(visitor, {**SHOWN, PROOF: proof(now=timezone.now())})
    assert answer["rejected"] == []
    assert stored() == {**SHOWN, "decision_id": DECISION}


@pytest.mark.django_db
def test_a_forged_report_is_stored_without_what_it_claims(visitor: Client) -> None:
    assert report(visitor, {"slot": "hero", **FORGED})["rejected"] == []
    assert stored() == {"slot": "hero"}


@pytest.mark.django_db
def test_another_visitor_replays_a_proof_in_vain(visitor: Client) -> None:
    visitor.cookies["pz_id"] = signed(OTHER)
    consent(visitor, "analytics", "personalization")
    report(visitor, {**SHOWN, PROOF: proof(now=timezone.now())})
    assert "assigned" not in stored()


@pytest.mark.django_db
def test_the_same_decision_is_reported_once(visitor: Client) -> None:
    for _ in range(2):
        report(visitor, {PROOF: proof(now=timezone.now())})
    assert stored()["assigned"] == SHOWN["assigned"]
    report(visitor, {"slot": "hero", PROOF: proof(now=timezone.now())}, messageId="another")
    drain()
    told = Event.objects.values_list("message_id", "properties")
    assert {each: "assigned" in said for each, said in told} == {DECISION: True, "another": False}


@pytest.mark.django_db
def test_what_is_replayed_from_aside_proves_what_it_did_when_it_came(visitor: Client) -> None:
    made = proof(now=timezone.now())
    answer = report(visitor, {**SHOWN, PROOF: made}, timestamp="yesterday")
    assert codes(answer["rejected"]) == {0: "invalid_timestamp"}
    letter = DeadLetter.objects.get()
    mended = {**json.loads(letter.body)}
    del mended["timestamp"]
    # Long after the proof was good for reports that come only then.
    replay(letter.pk, now=timezone.now() + 5 * LIFE, body=json.dumps(mended))
    assert stored() == {**SHOWN, "decision_id": DECISION}
