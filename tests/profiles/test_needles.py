"""By which texts somebody is found, and by which not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from personalization.events.models import Event
from personalization.profiles.identity import Key
from personalization.profiles.models import Profile
from personalization.profiles.needles import Needles, naming

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ANN = Needles.of([Key("user", "ann@shop.example")])
SHORT = Needles.of([Key("user", "42")])


def test_a_long_id_is_found_wherever_it_stands() -> None:
    assert ANN.found_in('{"deep": ["mailto:ann@shop.example?subject=x"]}')


def test_an_id_is_not_found_in_a_longer_one() -> None:
    assert not ANN.found_in("joann@shop.example")
    assert not ANN.found_in("ann@shop.examples")


def test_a_longer_id_before_it_does_not_hide_it() -> None:
    assert ANN.found_in("joann@shop.example, ann@shop.example")


@pytest.mark.parametrize(
    "text",
    ['{"userId": "42"}', '{"userId":"42"}', '["user", "42"]', '["user","42"]', "user:42"],
)
def test_a_short_id_is_found_where_it_is_said_to_be_one(text: str) -> None:
    assert SHORT.found_in(text)


@pytest.mark.parametrize("text", ["42", '{"total": 42}', '{"anonymousId": "42"}', "user:421"])
def test_a_short_id_is_not_found_where_it_may_be_anything(text: str) -> None:
    assert not SHORT.found_in(text)


def test_a_word_is_not_found_where_it_may_be_a_word() -> None:
    assert not Needles.of([Key("user", "customer")]).found_in("Every customer counts.")


@pytest.mark.parametrize("value", ["größe-ann-1", 'ann"4711"x', "back\\slash-1"])
def test_an_id_is_found_however_json_writes_it(value: str) -> None:
    needles = Needles.of([Key("user", value)])
    for ascii_only in (True, False):
        assert needles.found_in(json.dumps({"x": value}, ensure_ascii=ascii_only))


def test_nobody_is_found_nowhere() -> None:
    assert not Needles.of([]).found_in("anything")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"properties": {"a": [{"b": "ann@shop.example"}]}},
        {"context": {"page": {"url": "/?u=ann@shop.example"}}},
    ],
)
def test_rows_are_found_by_what_stands_deep_in_their_json(
    fields: Any, make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    profile = make_profile()
    make_event(profile, "Other", at=NOW)
    wanted = make_event(profile, "Named", at=NOW, **fields)
    rows = Event.objects.order_by()
    assert list(naming(rows, needles=ANN, fields=("properties", "context"))) == [wanted]


@pytest.mark.django_db
def test_a_row_that_names_somebody_twice_is_found_once(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    twice = {"a": "ann@shop.example", "b": "bob@shop.example"}
    row = make_event(make_profile(), "Named", at=NOW, properties=twice)
    both = Needles.of([Key("user", "ann@shop.example"), Key("user", "bob@shop.example")])
    rows = Event.objects.order_by()
    assert list(naming(rows, needles=both, fields=("properties",))) == [row]


@pytest.mark.django_db
def test_more_ids_than_a_statement_takes_are_looked_for(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    row = make_event(make_profile(), "Named", at=NOW, properties={"a": "person-0299"})
    many = Needles.of(Key("user", f"person-{n:04}") for n in range(300))
    rows = Event.objects.order_by()
    assert list(naming(rows, needles=many, fields=("properties",))) == [row]
