from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization.exceptions import EventRejected
from personalization.ingest.message import Message
from personalization.ingest.nameless import address_of, message_id_of, visitor_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MESSAGE = Message(
    call="event",
    address="203.0.113.9",
    headers={"User-Agent": "Firefox"},
    received_at=NOON,
)


def test_a_visitor_has_one_name_all_day() -> None:
    name = visitor_of(MESSAGE, site="shop.example")
    later = replace(MESSAGE, received_at=NOON + timedelta(hours=11, minutes=59))
    assert visitor_of(later, site="shop.example") == name
    assert len(name) == 32
    assert "203" not in name or name.isalnum()


@pytest.mark.parametrize(
    ("changes", "site"),
    [
        ({"address": "203.0.113.10"}, "shop.example"),
        ({"headers": {"User-Agent": "Chrome"}}, "shop.example"),
        ({"headers": {}}, "shop.example"),
        ({"received_at": NOON + timedelta(hours=12)}, "shop.example"),
        ({}, "other.example"),
    ],
)
def test_others_have_another_name(changes: dict[str, Any], site: str) -> None:
    other = visitor_of(replace(MESSAGE, **changes), site=site)
    assert other != visitor_of(MESSAGE, site="shop.example")


def test_nobody_without_the_secret_key_finds_the_address(settings: Any) -> None:
    name = visitor_of(MESSAGE, site="shop.example")
    settings.SECRET_KEY = "another"
    assert visitor_of(MESSAGE, site="shop.example") != name


def test_a_server_names_its_visitor_in_a_header() -> None:
    headers = {"User-Agent": "Firefox", "X-Forwarded-For": "203.0.113.9, 10.0.0.1"}
    passed_on = replace(MESSAGE, address="10.0.0.2", headers=headers)
    assert address_of(passed_on) == "203.0.113.9"
    assert address_of(MESSAGE) == "203.0.113.9"
    assert visitor_of(passed_on, site="s") == visitor_of(MESSAGE, site="s")


def test_a_stated_address_and_agent_count_first() -> None:
    proxy = replace(MESSAGE, address="10.0.0.2", headers={"User-Agent": "curl"})
    stated = visitor_of(proxy, site="s", address="203.0.113.9", user_agent="Firefox")
    assert stated == visitor_of(MESSAGE, site="s")


def test_no_two_lists_of_facts_look_alike() -> None:
    one = visitor_of(MESSAGE, site="s", address="a", user_agent="b|c")
    other = visitor_of(MESSAGE, site="s", address="a|b", user_agent="c")
    assert one != other


@pytest.mark.parametrize("odd", [None, 17, [], {}, "\ud800", "\x00"])
def test_odd_facts_make_a_name_too(odd: Any) -> None:
    assert len(visitor_of(MESSAGE, site=odd, address=odd, user_agent=odd)) == 32


def test_the_same_content_has_the_same_id() -> None:
    first = message_id_of("p", {"a": 1, "b": [2]}, None)
    assert first == message_id_of("p", {"b": [2], "a": 1}, None)
    assert first != message_id_of("q", {"a": 1, "b": [2]}, None)
    assert first != message_id_of("p", {"a": 1, "b": [3]}, None)
    assert len(first) == 32


def test_content_without_end_is_refused() -> None:
    value: Any = 1
    for _ in range(200_000):  # more than any Python follows
        value = [value]
    with pytest.raises(EventRejected) as refused:
        message_id_of(value)
    assert refused.value.code == "too_deeply_nested"
