"""What a TC string of the IAB's Transparency and Consent Framework says, versions 2.0 to 2.3.

Source: IAB Tech Lab, “Transparency and Consent String with Global Vendor & CMP List Formats”,
v2.3: the core segment, and of the others the disclosed vendors.
Nothing in a string makes this fail in any other way than by `InvalidTCString`, or take longer
than the string is long.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from personalization.exceptions import InvalidTCString

#: Characters; what the shipped clients write for a thousand vendors has some 700.
LONGEST = 16_000
#: From this version of the framework's policies on (2.3), vendors have to be disclosed.
_DISCLOSING = 5
_DISCLOSED = 1
_NOT_ALLOWED, _NEEDS_INTEREST = 0, 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Vendors:
    """Numbers of vendors, as spans of the first and the last."""

    spans: tuple[tuple[int, int], ...] = ()

    def __contains__(self, vendor: int) -> bool:
        return any(first <= vendor <= last for first, last in self.spans)


@dataclass(frozen=True, kw_only=True, slots=True)
class TCString:
    """The parts of a string that decide what a site may do."""

    updated: datetime
    cmp: int
    policy: int
    language: str
    purposes: frozenset[int]
    vendors: Vendors
    #: Purpose → vendors that may not have it by consent, whatever the visitor says.
    barred: Mapping[int, tuple[Vendors, ...]] = field(default_factory=dict)
    #: None: the string does not say who was disclosed.
    disclosed: Vendors | None = None

    def allows(self, purpose: int, *, vendor: int) -> bool:
        """Return whether the vendor may use data for the purpose; 0: the site is none."""
        if purpose not in self.purposes or not vendor:
            return purpose in self.purposes
        return (
            vendor in self.vendors
            and self._was_disclosed(vendor)
            and not any(vendor in barred for barred in self.barred.get(purpose, ()))
        )

    def _was_disclosed(self, vendor: int) -> bool:
        # Before, the segment was about consent given elsewhere, and empty in most strings.
        return self.policy < _DISCLOSING or vendor in (self.disclosed or Vendors())


def agreed(
    said: TCString, *, needed: Mapping[str, Sequence[int]], vendor: int = 0
) -> frozenset[str]:
    """Return those of our purposes all of whose `needed` purposes of the TCF are agreed to."""
    return frozenset(
        purpose
        for purpose, numbers in needed.items()
        if numbers and all(said.allows(number, vendor=vendor) for number in numbers)
    )


def decode(text: str) -> TCString:
    """Return what the string says.

    :raises InvalidTCString: when it is none, or none of version 2.
    """
    if len(text) > LONGEST:
        raise InvalidTCString(
            f"The TC string has {len(text)} characters; {LONGEST} are the most that is read."
        )
    core, *others = text.split(".")
    disclosed = None
    for other in map(_Bits, others):
        if other.number(3) == _DISCLOSED:
            disclosed = _vendors(other)
    return _core(_Bits(core), disclosed=disclosed)


class _Bits:
    """The bits of a segment, from the first on: six in each of its letters."""

    def __init__(self, segment: str) -> None:
        written = "".join(f"{byte:08b}" for byte in _bytes_of(segment))
        self._bits = written[: 6 * len(segment)]
        self._at = 0

    def take(self, length: int) -> str:
        taken = self._bits[self._at : self._at + length]
        if len(taken) < length:
            raise InvalidTCString(
                f"The TC string ends after {len(self._bits)} bits of a segment"
                f" that has {self._at + length} or more."
            )
        self._at += length
        return taken

    def number(self, length: int) -> int:
        return int(self.take(length), 2)

    def flag(self) -> bool:
        return self.take(1) == "1"

    def letters(self, count: int) -> str:
        return "".join(chr(ord("A") + self.number(6)) for _ in range(count))

    def moment(self) -> datetime:
        return _EPOCH + timedelta(milliseconds=100 * self.number(36))

    def numbers(self, length: int) -> frozenset[int]:
        """Return which of `length` flags are set, from 1 on."""
        return frozenset(n for n, bit in enumerate(self.take(length), start=1) if bit == "1")


def _core(bits: _Bits, *, disclosed: Vendors | None) -> TCString:
    if (version := bits.number(6)) != 2:
        raise InvalidTCString(f"The TC string is of version {version}; version 2 is read.")
    bits.take(36)  # created
    updated = bits.moment()
    cmp = bits.number(12)
    bits.take(12 + 6)  # version of the CMP, its screen
    language = bits.letters(2)
    bits.take(12)  # version of the list of vendors
    policy = bits.number(6)
    bits.take(1 + 1 + 12)  # service specific, other texts, special features
    purposes = bits.numbers(24)
    bits.take(24 + 1 + 12)  # legitimate interests, treatment of purpose one, country
    vendors = _vendors(bits)
    _vendors(bits)  # legitimate interests: consent is what counts here
    return TCString(
        updated=updated,
        cmp=cmp,
        policy=policy,
        language=language,
        purposes=purposes,
        vendors=vendors,
        barred=_barred(bits),
        disclosed=disclosed,
    )


def _vendors(bits: _Bits) -> Vendors:
    highest = bits.number(16)
    if bits.flag():
        return Vendors(tuple(_spans(bits)))
    return Vendors(tuple((vendor, vendor) for vendor in sorted(bits.numbers(highest))))


def _spans(bits: _Bits) -> Iterator[tuple[int, int]]:
    for _ in range(bits.number(12)):
        is_span = bits.flag()
        first = bits.number(16)
        yield first, bits.number(16) if is_span else first


def _barred(bits: _Bits) -> Mapping[int, tuple[Vendors, ...]]:
    barred: dict[int, tuple[Vendors, ...]] = {}
    for _ in range(bits.number(12)):
        purpose, kind = bits.number(6), bits.number(2)
        vendors = Vendors(tuple(_spans(bits)))
        if kind in (_NOT_ALLOWED, _NEEDS_INTEREST):
            barred[purpose] = (*barred.get(purpose, ()), vendors)
    return barred


def _bytes_of(segment: str) -> bytes:
    try:
        # They are written without padding.
        return base64.b64decode(segment + "A" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidTCString(
            f"The TC string has a segment that is not base64url: {segment[:40]!r}."
        ) from None
