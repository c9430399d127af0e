"""What a browser says it was shown, proved: the site signed it when it decided, for this visitor.

Who reports what a slot showed also says in which arm of an experiment the visitor is, with what
chance. Results hang on that, so it counts only with a proof. Without one the rest is kept: that
something was shown is no more than a click says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.signing import BadSignature, Signer

from personalization import metrics
from personalization.clock import microseconds
from personalization.events.catalogue import RECOMMENDATION_SHOWN, SLOT_SHOWN
from personalization.ingest.arrival import Arrival
from personalization.ingest.identities import Sender
from personalization.profiles.identity import Key
from personalization.types import Json, JsonObject, Microseconds

#: What the property is called that has it; nothing keeps it.
PROOF: Final = "proof"
#: How long after the decision it may be reported, as offline browsers do; and how much the
#: clocks of two servers may differ.
LIFE: Final = timedelta(days=1)
_SKEW: Final = timedelta(minutes=5)
_ASSIGNED: Final = "assigned"
#: What a proof holds of an event, in this order.
SIGNED: Final[Mapping[str, tuple[str, ...]]] = {
    SLOT_SHOWN: ("slot", "variation", "reason", "probability", _ASSIGNED),
    RECOMMENDATION_SHOWN: ("place", "items", "propensities", "model", _ASSIGNED),
}
#: What nobody has to be believed without one.
ONLY_PROVED: Final = frozenset({_ASSIGNED, "probability", "propensities"})
#: What is told of each arm; the context only of one that a bandit chose by it.
_OF_ARM: Final = ("arm", "probability", "context")
_SALT: Final = "personalization.shown"
_LONGEST: Final = 8000
_MINUTE: Final = 60_000_000


def proof_of(
    name: str, properties: Mapping[str, Json], *, message_id: str, key: Key, now: datetime
) -> str:
    """Return the proof that the site decided what an event `name` says, for who has `key`.

    It is worth nothing to anybody else, nor under another id of the message.
    """
    values: list[Json] = [properties.get(each) for each in SIGNED[name]]
    values[-1] = _short(values[-1])
    while values and values[-1] is None:
        values.pop()
    told = [microseconds(now) // _MINUTE, *values]
    return _signer(name, key, message_id).sign_object(told, compress=True)


def with_proof(arrival: Arrival, *, sender: Sender) -> Arrival:
    """Return the event with what is proved of it, and without what would have to be.

    Servers are believed. The clock is that of the receipt, so that an event which was set aside
    proves as much when it is replayed.
    """
    signed = SIGNED.get(arrival.name)
    if signed is None:
        return arrival
    said = {name: value for name, value in arrival.properties.items() if name != PROOF}
    if sender.trusted:
        return replace(arrival, properties=said) if PROOF in arrival.properties else arrival
    proved = _proved(arrival, at=microseconds(sender.received_at))
    if proved is not None:
        rest = {n: value for n, value in said.items() if n not in ONLY_PROVED.union(signed)}
        return replace(arrival, properties={**rest, **proved})
    if PROOF in arrival.properties or not ONLY_PROVED.isdisjoint(said):
        metrics.count("exposures.unproved")
    kept = {name: value for name, value in said.items() if name not in ONLY_PROVED}
    return replace(arrival, properties=kept)


def _proved(arrival: Arrival, *, at: Microseconds) -> JsonObject | None:
    """Return what the proof of an event says; None if there is none that is good, now."""
    proof = arrival.properties.get(PROOF)
    if not isinstance(proof, str) or len(proof) > _LONGEST or not proof.isascii():
        return None
    told = _read(proof, arrival.name, arrival.keys, arrival.message_id)
    if told is None or not _is_timely(told[0] * _MINUTE, at):
        return None
    values = dict(zip(SIGNED[arrival.name], told[1:], strict=False))
    found = {name: value for name, value in values.items() if value is not None}
    if _ASSIGNED in found:
        found[_ASSIGNED] = _long(found[_ASSIGNED])
    return {**found, "decision_id": arrival.message_id}


def _read(proof: str, name: str, keys: Iterable[Key], message_id: str) -> Any:
    """Return what was signed for any of the keys: the event may be of the user by now."""
    for key in keys:
        try:
            return _signer(name, key, message_id).unsign_object(proof)
        except BadSignature:
            continue
    return None


def _is_timely(made: Microseconds, at: Microseconds) -> bool:
    return -_SKEW <= timedelta(microseconds=at - made) <= LIFE


def _signer(name: str, key: Key, message_id: str) -> Signer:
    """Return what signs for one visitor and one decision: neither has to stand in the proof."""
    return Signer(salt=f"{_SALT}.{json.dumps([name, key.namespace, key.value, message_id])}")


def _short(assigned: Any) -> Json:
    if not assigned:
        return None
    return {name: [one[each] for each in _OF_ARM if each in one] for name, one in assigned.items()}


def _long(assigned: Any) -> JsonObject:
    return {name: dict(zip(_OF_ARM, told, strict=False)) for name, told in assigned.items()}
