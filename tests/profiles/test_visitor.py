"""The visitor id in the cookie: random, signed, and nothing else is one."""

from __future__ import annotations

import pytest
from django.core.signing import Signer

from personalization.conf import settings
from personalization.profiles.visitor import new_visitor_id, read_visitor_id, signed


def cookies(value: str) -> dict[str, str]:
    return {settings.VISITOR_COOKIE: value}


def test_an_id_comes_back_from_its_cookie() -> None:
    visitor_id = new_visitor_id()
    assert read_visitor_id(cookies(signed(visitor_id))) == visitor_id


def test_no_two_ids_are_the_same() -> None:
    assert len({new_visitor_id() for _ in range(100)}) == 100


def test_without_a_cookie_there_is_no_id() -> None:
    assert read_visitor_id({}) is None


@pytest.mark.parametrize(
    "value",
    [
        "", "x", ":", "0" * 32, "0" * 32 + ":forged", signed("0" * 32) + "0", signed("0" * 32) * 9,
        signed("no id"), signed("0" * 31), signed("G" * 32), signed(""), signed("0" * 32 + "\n"),
        Signer(salt="another").sign("0" * 32), "\0", "ß" * 32, "%s",
    ],
)  # fmt: skip
def test_garbage_and_forgeries_are_no_id(value: str) -> None:
    assert read_visitor_id(cookies(value)) is None
