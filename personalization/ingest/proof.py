"""What a browser says it was shown, proved: the site signed it when it decided, for this visitor.

Who reports what a slot showed also says in which arm of an experiment the visitor is, with what
chance. Results hang on that, so it counts only with a proof. Without one the rest is kept: that
something was shown is no more than a click says.

What a bandit looked at lies veiled in the proof: which features and segments of the visitor those
are is for the site to know, and not for every script of a page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings as django_settings
from django.core.signing import BadSignature, Signer

from personalization import metrics
from personalization.clock import microseconds
from personalization.events.catalogue import RECOMMENDATION_SHOWN, SLOT_SHOWN
from personalization.ingest.arrival import Arrival
from personalization.ingest.identities import Sender
from personalization.ingest.veil import unveiled, veiled
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
#: What is told of each arm; and of one that a bandit chose by it, the context, veiled.
_OF_ARM: Final = ("arm", "probability")
_CONTEXT: Final = "context"
_SALT: Final = "personalization.shown"
_LONGEST: Final = 8000
_MINUTE: Final = 60_000_000


def proof_of(
    name: str, properties: Mapping[str, Json], *, message_id: str, key: Key, now: datetime
) -> str:
    """Return the proof that the site decided what an event `name` says, for who has `key`.

    It is worth nothing to anybody else, nor under another id of the message.
    """
    seal = _seal(name, key, message_id, django_settings.SECRET_KEY)
    values: list[Json] = [properties.get(each) for each in SIGNED[name]]
    values[-1] = _short(values[-1], seal)
    while values and values[-1] is None:
        values.pop()
    told = [microseconds(now) // _MINUTE, *values]
    return seal.signer.sign_object(told, compress=True)


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
    read = _read(proof, arrival.name, arrival.keys, arrival.message_id)
    if read is None or not _is_timely(read[0][0] * _MINUTE, at):
        return None
    told, seal = read
    values = dict(zip(SIGNED[arrival.name], told[1:], strict=False))
    found = {name: value for name, value in values.items() if value is not None}
    if _ASSIGNED in found:
        found[_ASSIGNED] = _long(found[_ASSIGNED], seal)
    return {**found, "decision_id": arrival.message_id}


def _read(proof: str, name: str, keys: Iterable[Key], message_id: str) -> tuple[Any, _Seal] | None:
    """Return what was signed for any of the keys, for the event may be of the user by now; and
    with what, as it may have been with a secret of the site that is an older one."""
    secrets = (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS)
    for seal in (_seal(name, key, message_id, each) for key in keys for each in secrets):
        try:
            return seal.signer.unsign_object(proof), seal
        except BadSignature:
            continue
    return None


def _is_timely(made: Microseconds, at: Microseconds) -> bool:
    return -_SKEW <= timedelta(microseconds=at - made) <= LIFE


@dataclass(frozen=True, slots=True)
class _Seal:
    """What signs for one visitor and one decision: neither has to stand in the proof."""

    salt: str
    secret: str | bytes

    @property
    def signer(self) -> Signer:
        return Signer(key=self.secret, fallback_keys=[], salt=self.salt)

    def veil(self, context: Mapping[str, Any], *, of: str) -> str:
        return veiled(context, salt=f"{self.salt}.{of}", secret=self.secret)

    def unveil(self, text: str, *, of: str) -> Any:
        return unveiled(text, salt=f"{self.salt}.{of}", secret=self.secret)


def _seal(name: str, key: Key, message_id: str, secret: str | bytes) -> _Seal:
    return _Seal(f"{_SALT}.{json.dumps([name, key.namespace, key.value, message_id])}", secret)


def _short(assigned: Any, seal: _Seal) -> Json:
    if not assigned:
        return None
    return {name: _short_arm(name, one, seal) for name, one in assigned.items()}


def _short_arm(experiment: str, one: Any, seal: _Seal) -> list[Json]:
    told = [one[each] for each in _OF_ARM]
    return [*told, seal.veil(one[_CONTEXT], of=experiment)] if one.get(_CONTEXT) else told


def _long(assigned: Any, seal: _Seal) -> JsonObject:
    return {name: _long_arm(name, told, seal) for name, told in assigned.items()}


def _long_arm(experiment: str, told: Any, seal: _Seal) -> JsonObject:
    arm, under = dict(zip(_OF_ARM, told, strict=False)), told[len(_OF_ARM) :]
    return {**arm, _CONTEXT: seal.unveil(under[0], of=experiment)} if under else arm
