"""Whatever an event says of itself, features look at it without harm."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.features.deeds import DEVICES, SOURCES, deed_of, device_of, source_of
from personalization.ml.features.definitions import definition_of
from personalization.ml.features.past import Past
from personalization.ml.features.shipped import names
from personalization.ml.symbols import LONGEST, THEN, symbol_of
from personalization.rules.occurrence import Occurrence
from tests.effort import examples
from tests.ml.features.pasts import GAP

JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def some_of(*keys: str) -> Any:
    return st.dictionaries(st.sampled_from(keys), JSON, max_size=len(keys))


CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "device": some_of("type", "model") | JSON,
        "userAgent": JSON | st.sampled_from(["iPad", "Mobi", "Android", "‮Mobi"]),
        "userAgentData": some_of("mobile") | JSON,
        "campaign": some_of("medium", "source", "name") | JSON,
        "page": some_of("url", "referrer") | JSON,
    },
)
PROPERTIES = some_of(
    "path", "category", "product_id", "sku", "percent", "seconds", "total", "quantity", "query"
)
NAMES = st.sampled_from(
    ["Page Viewed", "Order Completed", "Product Added", "Engaged", "Scroll Depth Reached",
     "Größe gewählt", "a > b", "*", ""]
) | st.text(max_size=80)  # fmt: skip
KINDS = st.sampled_from(["track", "page", "screen", "identify", "alias", ""])


@given(CONTEXTS)
@examples(30)
def test_of_any_context_a_known_device_and_source_are_read_or_none(context: Any) -> None:
    assert device_of(context) in {*DEVICES, ""}
    assert source_of(context) in {*SOURCES, ""}


@given(KINDS, NAMES, PROPERTIES, CONTEXTS)
@examples(30)
def test_any_event_is_a_deed(kind: str, name: str, properties: Any, context: Any) -> None:
    found = deed_of(Occurrence(kind, name, properties, 5, "m"), context)
    assert (found.at, found.message_id, found.name) == (5, "m", name)
    assert 0 <= found.percent <= 100
    assert all(isinstance(amount, int) for _, amount in found.counted)
    assert isinstance(found.path, str)
    assert isinstance(found.product, str)


@given(KINDS, NAMES, PROPERTIES)
@examples(30)
def test_a_symbol_is_short_and_has_nothing_in_it_that_parts_steps(
    kind: str, name: str, properties: Any
) -> None:
    found = symbol_of(kind, name, properties)
    assert THEN not in found
    assert len(found) <= 2 * LONGEST + len("page:")


@given(st.lists(st.tuples(KINDS, NAMES, PROPERTIES, CONTEXTS), max_size=4))
@examples(12)
def test_every_feature_of_any_past_is_a_number_in_its_range_or_not_known(some: Any) -> None:
    deeds = [
        deed_of(Occurrence(kind, name, properties, at, f"m{at}"), context)
        for at, (kind, name, properties, context) in enumerate(some)
    ]
    past = Past(deeds=deeds, at=10, gap=GAP)
    for name in names():
        definition = definition_of(name)
        value = float(definition.value(past))
        assert math.isnan(value) or definition.least <= value <= definition.most, name


@pytest.mark.parametrize(
    "referrer",
    [
        "http://[::1",
        "http://exa℀mple.com/",
        "//",
        "http://",
        "javascript:alert(1)",
        "\x00",
        "ä" * 9000,
    ],
)
def test_an_address_that_is_none_led_here_directly_or_from_somewhere(referrer: str) -> None:
    page = {"url": "https://here.example/", "referrer": referrer}
    assert source_of({"page": page}) in {"direct", "referral"}


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("notgoogle.com", "referral"),
        ("www.bing.com", "search"),
        ("facebook.com.evil.example", "referral"), ("m.facebook.com", "social"),
        ("x.com", "social"), ("max.com", "referral"), ("t.co", "social"), ("at.co", "referral"),
        ("threads.net", "social"), ("mastodon.social", "social"), ("bücher.example", "referral"),
    ],
)  # fmt: skip
def test_a_host_is_known_by_whole_parts_of_its_name(host: str, source: str) -> None:
    assert source_of({"page": {"referrer": f"https://{host}/"}}) == source


@pytest.mark.parametrize("size", ["HERE.example", "here.EXAMPLE", "here.example:8000"])
def test_the_site_itself_is_known_whatever_the_case_and_port(size: str) -> None:
    page = {"url": "https://here.example/a", "referrer": f"http://{size}/b"}
    assert source_of({"page": page}) == "direct"


@pytest.mark.parametrize(
    ("percent", "read"),
    [(float("nan"), 0), (float("inf"), 0), (10**400, 0), (-0.0, 0), (99.5, 100), (100.4, 0),
     (False, 0), ([50], 0)],
)  # fmt: skip
def test_what_is_no_percentage_is_not_read(percent: Any, read: int) -> None:
    event = Occurrence("track", "Scroll Depth Reached", {"percent": percent}, 0, "m")
    assert deed_of(event, {}).percent == read
