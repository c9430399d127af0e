"""Only an id that we signed is an id."""

from __future__ import annotations

import pytest
from django.core.signing import Signer
from django.http import HttpRequest
from django.test import RequestFactory, override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from personalization.delivery.visitor import Visitor
from personalization.profiles.visitor import new_visitor_id, read_visitor_id, signed

ID = "0123456789abcdef" * 2


def visitor_with(cookie: str) -> Visitor:
    request: HttpRequest = RequestFactory().get("/")
    request.COOKIES["pz_id"] = cookie
    return Visitor(request)


def test_the_id_that_was_signed_is_read() -> None:
    visitor_id = new_visitor_id()
    assert visitor_with(signed(visitor_id)).visitor_id == visitor_id


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ID,
        f"{ID}:",
        f"{ID}:{'x' * 43}",
        signed(ID)[:-1],
        signed(ID) + "=",
        signed(ID).upper(),
        signed(ID.replace("0", "1")).replace("1", "0", 1),
        signed("short"),
        signed(ID + "00"),
        signed("../../etc/passwd"),
        signed("0123456789ABCDEF" * 2),
        signed("٠١٢٣٤٥٦٧٨٩abcdef" * 2),
        Signer(salt="another").sign(ID),
        Signer(key="another", salt="personalization.visitor").sign(ID),
        signed(ID) + " " * 200,
        "x" * 100_000,
        "\x00",
        "é:ü",
        "%00%0d%0a",
    ],
)
def test_garbage_and_forgeries_are_no_id(cookie: str) -> None:
    visitor = visitor_with(cookie)
    assert visitor.visitor_id is None
    assert not visitor.known
    assert visitor.segments == frozenset()


@given(st.text() | st.text(alphabet=st.characters(max_codepoint=255)))
@example(":")
@example("::")
def test_whatever_stands_in_the_cookie_nothing_breaks(cookie: str) -> None:
    assert visitor_with(cookie).visitor_id is None


@given(st.integers(0, len(signed(ID)) - 1), st.characters(codec="latin-1"))
def test_an_id_with_one_character_changed_is_no_id(place: int, character: str) -> None:
    good = signed(ID)
    cookie = good[:place] + character + good[place + 1 :]
    if cookie != good:
        assert visitor_with(cookie).visitor_id is None


def test_a_cookie_outlives_a_change_of_the_secret_key() -> None:
    with override_settings(SECRET_KEY="the old one"):
        cookie = signed(ID)
    assert read_visitor_id({"pz_id": cookie}) is None
    with override_settings(SECRET_KEY_FALLBACKS=["the old one"]):
        assert read_visitor_id({"pz_id": cookie}) == ID


@override_settings(PERSONALIZATION_VISITOR_COOKIE="who")
def test_the_cookie_is_called_as_the_site_wants() -> None:
    assert read_visitor_id({"who": signed(ID)}) == ID
    assert read_visitor_id({"pz_id": signed(ID)}) is None
