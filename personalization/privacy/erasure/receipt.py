"""The receipt of an erasure: what was erased, where it was searched for, and the proof of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from personalization import keys
from personalization.exceptions import ReceiptRejected
from personalization.privacy.models import Erasure
from personalization.privacy.search import searched, unsearched
from personalization.types import JsonObject

KIND = "erasure receipt"
#: Of the way a receipt is written.
FORMAT = 1
#: No receipt of ours is longer.
LONGEST = 1_000_000


def signed_receipt(erasure: Erasure) -> tuple[str, str]:
    """Return the receipt of a finished erasure as text, and what proves it."""
    text = _text(
        {
            "format": FORMAT,
            "uid": str(erasure.uid),
            "scope": str(erasure.scope),
            "askedFor": str(erasure.channel),
            "requestedAt": erasure.requested_at.isoformat(),
            "finishedAt": _instant(erasure.finished_at),
            "subjects": erasure.subjects,
            "erased": erasure.erased,
            "searched": searched(),
            "notSearched": unsearched(),
            "found": 0,
        }
    )
    return text, keys.proof(KIND, text)


def receipt_file(erasure: Erasure) -> str:
    """Return what somebody takes along: the receipt with its proof, as JSON.

    :raises ReceiptRejected: while the erasure is at work.
    """
    if not erasure.receipt:
        raise ReceiptRejected("There is no receipt yet: the erasure is still at work.")
    whole = {"receipt": json.loads(erasure.receipt), "proof": erasure.signature}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def verified(text: str) -> Mapping[str, Any]:
    """Return what the receipt says, if this site has written it and nobody changed it.

    :raises ReceiptRejected: saying why not.
    """
    if len(text) > LONGEST:
        raise ReceiptRejected(f"A receipt has {LONGEST} characters at most; this has {len(text)}.")
    try:
        whole = json.loads(text)
        said, stated = whole["receipt"], whole["proof"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ReceiptRejected(
            "This is no receipt: a JSON object with “receipt” and “proof” is needed."
        ) from None
    if not isinstance(said, dict) or not isinstance(stated, str) or not stated.isascii():
        raise ReceiptRejected("This is no receipt: “receipt” is an object, “proof” a text.")
    if not keys.proves(KIND, _text(said), stated):
        raise ReceiptRejected(
            "The proof is not of this receipt: it was changed, or another site has written it."
        )
    return said


def _text(said: JsonObject) -> str:
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def _instant(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
