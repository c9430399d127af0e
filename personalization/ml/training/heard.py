"""What a run of events says of items: the newest word of servers, and what browsers agree on.

A server's word is the site's own. A browser's may be anybody's, as its write key is in every
page: it fills what is empty, and changes what is there only when two visitors say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from personalization.ml.item_words import Words

#: When something was said, and what decides between words of one instant.
Stamp: TypeAlias = tuple[datetime, str]
#: How many visitors have to say the same before it counts against what is there.
AGREEING = 2
#: Different values of one field that are listened to.
_MOST_CLAIMS = 20


@dataclass(slots=True)
class _Claim:
    value: Any
    stamp: Stamp
    visitors: set[int]


@dataclass(slots=True)
class Heard:
    """Everything said of one item."""

    kind: str
    first: datetime
    newest: datetime
    trusted: dict[str, tuple[Stamp, Any]] = field(default_factory=dict)
    claims: dict[str, dict[str, _Claim]] = field(default_factory=dict)

    def seen(self, at: datetime, kind: str) -> None:
        if at < self.first:
            self.first, self.kind = at, kind or self.kind
        self.newest = max(self.newest, at)
        self.kind = self.kind or kind

    def told(self, words: Words, stamp: Stamp) -> None:
        """Listen to a server."""
        for name, value in words.said().items():
            known = self.trusted.get(name)
            if known is None or stamp > known[0]:
                self.trusted[name] = (stamp, value)

    def claimed(self, words: Words, stamp: Stamp, *, visitor: int) -> None:
        """Listen to a browser."""
        for name, value in words.said().items():
            claims = self.claims.setdefault(name, {})
            claim = claims.get(repr(value))
            if claim is not None:
                claim.stamp = max(claim.stamp, stamp)
                claim.visitors.add(visitor)
            elif len(claims) < _MOST_CLAIMS:
                claims[repr(value)] = _Claim(value, stamp, {visitor})

    def changes(self, known: Mapping[str, Any], *, newest: datetime | None) -> dict[str, Any]:
        """Return the fields that become others than what is `known`.

        `newest` is the newest word that it is of; None: it is of no event.
        """
        changed = {
            name: value
            for name, (stamp, value) in self.trusted.items()
            if not known.get(name) or newest is None or stamp[0] >= newest
        }
        for name, claims in self.claims.items():
            if name not in self.trusted and (claim := _agreed(claims, known.get(name))):
                changed[name] = claim.value
        return {name: value for name, value in changed.items() if value != known.get(name)}


def _agreed(claims: Mapping[str, _Claim], old: Any) -> _Claim | None:
    """Return the claim that counts against the `old` value: a newer one of enough visitors."""
    still = claims.get(repr(old))
    fit = [
        claim
        for claim in claims.values()
        if not old
        or (
            claim is not still
            and len(claim.visitors) >= AGREEING
            and (still is None or claim.stamp > still.stamp)
        )
    ]
    return max(fit, key=lambda claim: (len(claim.visitors), claim.stamp), default=None)
