"""What the tracker has to collect follows from what uses it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.events import collection
from personalization.events.catalogue import SHIPPED
from personalization.events.collection import EVENTS, KINDS, Use, kinds_to_collect
from personalization.registry import Registry


@pytest.fixture(autouse=True)
def uses(monkeypatch: pytest.MonkeyPatch) -> Registry[Use]:
    """A registry in which nothing uses anything yet."""
    registry: Registry[Use] = Registry("use of events")
    monkeypatch.setattr(collection, "uses", registry)
    return registry


def using(*names: str) -> Callable[[], Collection[str]]:
    return lambda: frozenset(names)


def test_what_nothing_uses_is_not_collected() -> None:
    assert kinds_to_collect() == ()


def test_a_kind_is_collected_when_one_of_its_events_is_used(uses: Registry[Use]) -> None:
    uses.register("heat map")(using("Element Hovered", "Order Completed"))
    uses.register("goals")(using("Form Abandoned"))
    assert kinds_to_collect() == ("hover", "form")


def test_a_use_is_asked_each_time(uses: Registry[Use]) -> None:
    wanted = {"Engaged"}
    uses.register("changing")(lambda: wanted)
    assert kinds_to_collect() == ("engaged",)
    wanted.clear()
    assert kinds_to_collect() == ()


def test_a_site_may_collect_all_there_is(settings: Any) -> None:
    settings.PERSONALIZATION_COLLECT = "all"
    assert kinds_to_collect() == KINDS


@given(st.sets(st.sampled_from(KINDS)))
def test_nothing_but_the_kinds_in_use_is_collected(kinds: set[Any]) -> None:
    registry: Registry[Use] = Registry("use of events")
    for kind in kinds:
        registry.register(kind)(using(min(EVENTS[kind])))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection, "uses", registry)
        assert set(kinds_to_collect()) == kinds


@pytest.mark.parametrize("kind", KINDS)
def test_the_events_of_each_kind_have_a_schema(kind: collection.Kind) -> None:
    assert EVENTS[kind] <= SHIPPED.keys()
