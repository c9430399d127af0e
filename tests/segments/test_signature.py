"""How a receiver tells that a webhook comes from here."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from personalization.segments.signature import TOLERANCE, is_signed, new_secret, sign

NOW = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
BODY = '{"größe":1}'.encode()
HEADER = sign(BODY, secret="whsec_one", now=NOW)


def signed(body: bytes = BODY, **changed: object) -> bool:
    options = {"header": HEADER, "secret": "whsec_one", "now": NOW, **changed}
    return is_signed(body, **options)  # type: ignore[arg-type]


def test_what_was_signed_is_recognised() -> None:
    assert signed()


def test_the_scheme_is_the_one_that_is_documented() -> None:
    expected = hmac.new(b"whsec_one", b"1772366400." + BODY, hashlib.sha256).hexdigest()
    assert f"t=1772366400,v1={expected}" == HEADER


def test_another_body_secret_or_time_is_not() -> None:
    assert not signed(BODY + b" ")
    assert not signed(secret="whsec_two")
    assert not signed(header=HEADER.replace("t=1772366400", "t=1772366401"))


@pytest.mark.parametrize("sign_of", [-1, 1])
def test_what_is_sent_again_much_later_is_not(sign_of: int) -> None:
    at_most = sign_of * (TOLERANCE - timedelta(seconds=1))
    assert signed(now=NOW + at_most)
    assert not signed(now=NOW + at_most + sign_of * timedelta(seconds=2))


def test_one_good_signature_of_several_is_enough() -> None:
    assert signed(header=f"{HEADER},v1=0000,v2=whatever")
    assert signed(header=HEADER.replace(",v1=", ", v1=0000, v1="))


@pytest.mark.parametrize(
    "header",
    [
        "", "v1=", "t=1772366400", HEADER.partition(",")[2], HEADER.replace("v1", "v0"),
        "t=,v1=", "t=soon,v1=0", "t=-1,v1=0", f"t=1772366400,{HEADER}", "t=" + "9" * 400 + ",v1=0",
        "t=١٧,v1=0", HEADER + "0", HEADER.replace("v1=", "v1=ü"),
    ],
)  # fmt: skip
def test_a_header_that_says_something_else_is_none(header: str) -> None:
    assert not signed(header=header)


def test_secrets_are_long_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(each.startswith("whsec_") and len(each) > 40 for each in secrets)
