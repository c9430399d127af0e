"""What the API says of somebody: the same as the page, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from personalization.exceptions import RequestRejected
from personalization.privacy.erasure.receipt import receipt_file
from personalization.privacy.models import Erasure
from personalization.rights.access import Access, Holder, holder_of
from personalization.rights.holdings import Answer, Deed, Holdings, Name, Place
from personalization.segments.explanation import Reason, SegmentWhy
from personalization.types import Json, JsonObject

#: What the access says of a scope whose data the request may see.
OPEN = "open"


def told(holder: Holder, held: Holdings, *, access: Access) -> JsonObject:
    """Return what is held of the holder, and what of it the request opens."""
    return {
        "of": str(holder.scope),
        "isWhole": held.is_whole,
        "access": {str(scope): _opened(access, scope) for scope in Erasure.Scope},
        "firstSeen": _instant(held.first_seen),
        "identities": [_name(name) for name in held.names],
        "traits": {trait.name: trait.value for trait in held.traits},
        "segments": [_group(group) for group in held.groups],
        "lastDone": [_deed(deed) for deed in held.deeds],
        "lastShown": [_deed(deed) for deed in held.shown],
        "consents": [_answer(answer) for answer in held.answers],
        "stores": [_place(place) for place in held.places],
        "receivers": [receiver.name for receiver in held.receivers],
    }


def told_erasure(erasure: Erasure) -> JsonObject:
    """Return how far an erasure is, with its receipt once there is one."""
    return {
        "uid": str(erasure.uid),
        "of": str(erasure.scope),
        "status": str(erasure.status),
        "requestedAt": erasure.requested_at.isoformat(),
        "finishedAt": _instant(erasure.finished_at),
        "signed": json.loads(receipt_file(erasure)) if erasure.receipt else None,
    }


def _opened(access: Access, scope: Erasure.Scope) -> str:
    """Return that the request opens the scope, or the code of what is missing."""
    try:
        holder_of(access, scope=scope)
    except RequestRejected as error:
        return error.code
    return OPEN


def _name(name: Name) -> JsonObject:
    return {"namespace": name.namespace, "value": name.value, "since": name.since.isoformat()}


def _group(group: SegmentWhy) -> JsonObject:
    why = group.why
    return {
        "slug": group.segment.slug,
        "name": group.segment.name,
        "since": _instant(group.since),
        "until": _instant(group.until),
        "by": "hand" if why is None else "rule",
        "sentence": "" if why is None else why.sentence,
        "reasons": [] if why is None else _reasons(why.reasons),
    }


def _reasons(reasons: Sequence[Reason]) -> list[Json]:
    return [
        {
            "text": reason.text,
            "holds": reason.holds,
            "actual": reason.actual,
            "reasons": _reasons(reason.reasons),
        }
        for reason in reasons
    ]


def _deed(deed: Deed) -> JsonObject:
    return {"at": deed.at.isoformat(), "name": deed.name, "details": deed.details}


def _answer(answer: Answer) -> JsonObject:
    """Return the answer; `granted` is null where none was given."""
    return {
        "purpose": answer.purpose,
        "granted": None if answer.at is None else answer.granted,
        "at": _instant(answer.at),
        "policyVersion": answer.policy_version,
    }


def _place(place: Place) -> JsonObject:
    return {
        "name": place.name,
        "holds": place.holds,
        "usedFor": place.used_for,
        "kept": place.kept,
        "count": place.count,
    }


def _instant(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
