"""TC strings: what they say, and that no string does any harm."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.exceptions import InvalidTCString
from personalization.privacy.tcf import LONGEST, TCString, Vendors, agreed, decode

#: By the IAB's own library: policy 5, purposes 1, 5 and 6, vendors 2, 10 and 755, all disclosed.
PERSONAL = "CQuci4AQuci4AAHADAENBaFgAIwAAAAAAAAAF5wAwABAAKAXmAAAAA.IF5wAwABAAKAXmAA.YAAAAAAAAAAA"
#: The same, but vendor 10 may not have purpose 5, and vendor 2 not by consent purpose 6.
BARRED = (
    "CQuci4AQuci4AAHADAENBaFgAIwAAAAAAAAAF5wAwABAAKAXmAAAAIUABAAUNAAgACAA"
    ".IF5wAwABAAKAXmAA.YAAAAAAAAAAA"
)
#: Policy 4, no purpose, vendors 1 to 699, nobody disclosed.
EARLIER = "CQuci4AQuci4AAHADAENBaEgAAAAAAAAAAAAFdwAYAAgV2AAAAAA.IAAA.YAAAAAAAAAAA"
NEEDED = {"personalization": (1, 5, 6), "analytics": (1, 8), "marketing": ()}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_string_says_purposes_vendors_and_who_wrote_it() -> None:
    said = decode(PERSONAL)
    assert said.purposes == {1, 5, 6}
    assert said.vendors.spans == ((2, 2), (10, 10), (755, 755))
    assert (said.policy, said.cmp, said.language) == (5, 7, "EN")
    assert said.updated.isoformat() == "2026-11-29T00:00:00+00:00"


def test_vendors_in_a_row_are_one_span() -> None:
    assert decode(EARLIER).vendors.spans == ((1, 699),)
    assert 699 in decode(EARLIER).vendors
    assert 700 not in decode(EARLIER).vendors


def test_all_of_the_purposes_are_needed() -> None:
    assert agreed(decode(PERSONAL), needed=NEEDED) == {"personalization"}
    assert agreed(decode(PERSONAL), needed={"analytics": (1, 5, 6, 7)}) == set()
    assert agreed(decode(EARLIER), needed=NEEDED) == set()


def test_what_needs_nothing_named_is_not_agreed_to() -> None:
    assert agreed(decode(PERSONAL), needed={"marketing": ()}) == set()


@pytest.mark.parametrize(
    ("vendor", "allowed"), [(2, True), (755, True), (3, False), (70000, False)]
)
def test_a_vendor_needs_consent_of_its_own(vendor: int, allowed: bool) -> None:
    assert decode(PERSONAL).allows(1, vendor=vendor) is allowed


def test_restrictions_are_about_one_purpose_of_one_vendor() -> None:
    said = decode(BARRED)
    assert not said.allows(5, vendor=10)
    assert said.allows(6, vendor=10)
    assert said.allows(5, vendor=2)
    assert not said.allows(6, vendor=2)
    assert said.allows(5, vendor=0)


def test_a_string_of_2_3_that_discloses_nobody_allows_no_vendor() -> None:
    core = PERSONAL.partition(".")[0]
    assert decode(core).disclosed is None
    assert agreed(decode(core), needed=NEEDED, vendor=10) == set()
    assert agreed(decode(core), needed=NEEDED) == {"personalization"}


def test_the_order_of_the_other_segments_is_free() -> None:
    core, disclosed, publisher = PERSONAL.split(".")
    assert decode(f"{core}.{publisher}.{disclosed}") == decode(PERSONAL)


@pytest.mark.parametrize(
    "text", ["", "C", "é", "!!!!", "C Q", ".", "CQ==", "\x00", "C\nQ", PERSONAL[:40]]
)
def test_what_is_no_string_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidTCString):
        decode(text)


def test_version_one_is_not_read() -> None:
    with pytest.raises(InvalidTCString, match="version 1; version 2 is read"):
        decode("B" + PERSONAL[1:])


def test_a_string_that_is_too_long_is_not_even_looked_at() -> None:
    with pytest.raises(InvalidTCString, match=f"{LONGEST + 1} characters"):
        decode("!" * (LONGEST + 1))


def test_a_cut_string_is_noticed_wherever_it_is_cut() -> None:
    core = PERSONAL.partition(".")[0]
    last_needed = len(core) - 3  # the rest fills the last letters
    for length in range(last_needed):
        with pytest.raises(InvalidTCString):
            decode(core[:length])


def test_a_few_letters_cannot_mean_millions_of_vendors() -> None:
    """Four thousand spans of everybody are four thousand spans, and no list of each."""
    spans = "1" + f"{1:016b}" + f"{65535:016b}"
    bits = f"{2:06b}" + "0" * 207 + f"{65535:016b}1{2500:012b}" + spans * 2500 + "0" * 40
    letters = -(-len(bits) // 24) * 4
    raw = int(bits.ljust(letters * 6, "0"), 2).to_bytes(letters * 6 // 8, "big")
    said = decode(base64.urlsafe_b64encode(raw).decode())
    assert letters < LONGEST
    assert said.vendors.spans == ((1, 65535),) * 2500
    assert 65535 in said.vendors


@given(st.text(LETTERS + ".", max_size=400))
def test_any_letters_are_read_or_refused(text: str) -> None:
    for attempt in (text, "C" + text, PERSONAL[:30] + text):
        try:
            said = decode(attempt)
        except InvalidTCString:
            continue
        assert agreed(said, needed=NEEDED, vendor=10) <= set(NEEDED)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        said = decode(text)
    except InvalidTCString:
        return
    assert said.purposes <= set(range(1, 25))


@given(st.frozensets(st.integers(1, 24)), st.integers(0, 5))
def test_more_purposes_never_allow_less(purposes: frozenset[int], vendor: int) -> None:
    def said(numbers: frozenset[int]) -> TCString:
        plain = decode(PERSONAL)
        everybody = Vendors(((1, 5),))
        return TCString(
            updated=plain.updated, cmp=1, policy=5, language="EN", purposes=numbers,
            vendors=everybody, disclosed=everybody,
        )  # fmt: skip

    fewer = agreed(said(purposes), needed=NEEDED, vendor=vendor)
    assert fewer <= agreed(said(purposes | {1, 5}), needed=NEEDED, vendor=vendor)
