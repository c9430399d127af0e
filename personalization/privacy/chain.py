"""The chain of the consent log: sealed, verified, and written out to be checked elsewhere.

Each seal is the SHA-256 of the seal before and the entry's proof. The proof is made with a key of
the site, so nobody without it changes what an entry says; the seals show what was taken out or put
in between. Who could write to the database could cut the newest entries off, or make the
seals anew: a seal that is kept elsewhere, with an export, shows that too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from personalization import keys
from personalization.privacy.consent_log import RECORD, written
from personalization.privacy.models import ConsentRecord
from personalization.types import JsonObject

#: What stands before the first seal.
NO_SEAL = ""
#: Entries that are sealed in one transaction, and read at once.
PORTION = 500

_HOW = (
    "said: what the entry says; proof: HMAC-SHA-256 of [personalization, consent record, said] as "
    "JSON without spaces, with the key of the site; seal: SHA-256 of the seal before and the proof"
)


class Problem(TextChoices):
    """What is wrong with an entry."""

    CHANGED = "changed", _("It says something else than when it was written.")
    GAP = "gap", _("Entries before it are missing.")
    BROKEN = "broken", _("Its seal does not follow from the entry before.")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A problem with an entry, by the number and the place of the entry."""

    uid: UUID
    place: int
    problem: Problem

    def __str__(self) -> str:
        return f"{self.uid} at place {self.place}: {self.problem.label}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a look at the chain has shown.

    `first` and `last` are the places that were looked at, 0 where there are none: older entries
    may be over and gone. `waiting` are too new to be sealed. `missing` are stated seals
    that are not in the chain any more.
    """

    first: int = 0
    last: int = 0
    newest_seal: str = NO_SEAL
    waiting: int = 0
    findings: tuple[Finding, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.findings and not self.missing

    @property
    def sealed(self) -> int:
        """How many places were looked at."""
        return self.last - self.first + 1 if self.last else 0


def seal_after(before: str, proof: str) -> str:
    """Return the seal of the entry with `proof` that follows the one with the seal `before`."""
    return hashlib.sha256((before + proof).encode()).hexdigest()


def seal_records(*, now: datetime) -> int:
    """Put what is not sealed yet at the end of the chain; return how much that was.

    Two at a time do not make two ends: the second waits, or leaves it to the first.
    """
    done = 0
    try:
        while n := _seal_some(now):
            done += n
    except IntegrityError:  # somebody else has just taken these places
        pass
    return done


@transaction.atomic
def _seal_some(now: datetime) -> int:
    waiting = ConsentRecord.objects.filter(place=None, recorded_at__lte=now).order_by("pk")
    records = list(waiting.select_for_update()[:PORTION])
    if not records:
        return 0
    # Read after the lock is had, so that it is the end that whoever held it has made.
    place, seal = _end()
    for record in records:
        place, seal = place + 1, seal_after(seal, record.proof)
        record.place, record.seal = place, seal
    ConsentRecord.objects.bulk_update(records, ("place", "seal"))
    return len(records)


def _end() -> tuple[int, str]:
    newest = ConsentRecord.objects.exclude(place=None).order_by("-place").only("place", "seal")
    record = newest.first()
    return (record.place or 0, record.seal) if record else (0, NO_SEAL)


def verify_chain(*, last: int | None = None, stated: tuple[str, ...] = ()) -> Verdict:
    """Look at every sealed entry, or at the `last` ones; `stated` are seals kept elsewhere.

    Where old entries are gone because they are kept no longer, it begins with the oldest.
    """
    end, _seal = _end()
    after = 0 if last is None else max(0, end - last)
    findings: list[Finding] = []
    first = place = 0
    seal = _seal_at(after)
    for record in _sealed(after=after):
        number = record.place or 0
        begins, first = not first, first or number
        if problem := _problem(record, before=seal, expected=number if begins else place + 1):
            findings.append(Finding(uid=record.uid, place=number, problem=problem))
        place, seal = number, record.seal
    there = ConsentRecord.objects.filter(seal__in=stated).values_list("seal", flat=True)
    return Verdict(
        first=first,
        last=place,
        newest_seal=seal or NO_SEAL,
        waiting=ConsentRecord.objects.filter(place=None).count(),
        findings=tuple(findings),
        missing=tuple(sorted(set(stated) - set(there))) if stated else (),
    )


def _problem(record: ConsentRecord, *, before: str | None, expected: int) -> Problem | None:
    """Return what is wrong with an entry; `before` is None where the one before is gone."""
    if not keys.proves(RECORD, written(record), record.proof):
        return Problem.CHANGED
    if record.place != expected:
        return Problem.GAP
    if record.place == 1:
        before = NO_SEAL
    if before is not None and record.seal != seal_after(before, record.proof):
        return Problem.BROKEN
    return None


def _seal_at(place: int) -> str | None:
    return ConsentRecord.objects.filter(place=place).values_list("seal", flat=True).first()


def _sealed(*, after: int = 0) -> Iterator[ConsentRecord]:
    rows = ConsentRecord.objects.filter(place__gt=after).order_by("place")
    return rows.iterator(chunk_size=PORTION)


def exported() -> Iterator[str]:
    """Yield the sealed entries as lines of JSON, below one that says how to check them."""
    yield _line({"format": "personalization consent log", "version": 1, "how": _HOW})
    for record in _sealed():
        yield _line(
            {
                "place": record.place,
                "said": written(record),
                "proof": record.proof,
                "seal": record.seal,
            }
        )


def _line(said: JsonObject) -> str:
    return json.dumps(said, ensure_ascii=False) + "\n"
