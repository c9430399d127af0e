"""The consent log: what was asked and answered, so that it can be proved.

An entry is written with the answer, in its transaction, and proves itself by a keyed digest.
`chain.py` then puts it at the end of a chain, in which each seal is made of the one before: what
is changed, taken out or put in between breaks it from there on. The chain is made afterwards
and by one at a time, so that answers wait for nobody.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from personalization import keys
from personalization.conf import settings
from personalization.privacy.models import ConsentRecord, Mechanism
from personalization.profiles.identity import Key
from personalization.types import ASKED_PURPOSES, Json

SUBJECT, RECORD = "consent", "consent record"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How an answer came to be: what was shown, where, and what was stated along with it."""

    text_digest: str = ""
    language: str = ""
    region: str = ""
    signals: tuple[str, ...] = ()
    evidence: Mapping[str, Json] = field(default_factory=dict)


#: Nothing is known of how it was asked.
UNSEEN = Asked()


def append_record(
    key: Key,
    *,
    granted: Collection[str],
    mechanism: Mechanism,
    asked: Asked,
    now: datetime,
) -> ConsentRecord:
    """Add an answer to the log, inside of the transaction that records it."""
    record = ConsentRecord(
        subject=keys.pseudonym(SUBJECT, key.namespace, key.value),
        answers={purpose.value: purpose.value in granted for purpose in ASKED_PURPOSES},
        policy_version=settings.POLICY_VERSION,
        text_digest=asked.text_digest,
        language=asked.language,
        mechanism=mechanism,
        region=asked.region,
        signals=list(asked.signals),
        evidence=dict(asked.evidence),
        recorded_at=now,
    )
    record.proof = keys.proof(RECORD, written(record))
    record.save(force_insert=True)
    return record


def written(record: ConsentRecord) -> str:
    """Return what an entry says, as one text that is the same for the same answer."""
    said = {
        "uid": str(record.uid),
        "subject": record.subject,
        "answers": record.answers,
        "policy_version": record.policy_version,
        "text_digest": record.text_digest,
        "language": record.language,
        "mechanism": str(record.mechanism),
        "region": record.region,
        "signals": record.signals,
        "evidence": record.evidence,
        "recorded_at": record.recorded_at.astimezone(UTC).isoformat(),
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"))
