"""What a tag says of a slot besides its name, and the element that stands around what it shows."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.delivery.options import Options, read_options
from tests.delivery.people import make_person, make_segments, make_variation
from tests.delivery.rendering import render

WRAPPED = (
    '{% personalized_block "hero" wrap %}default{% variant "a" %}for a{% endpersonalized_block %}'
)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", Options()),
        ("keyed", Options("keyed")),
        ("wrap", Options(wrap=True)),
        ("wrap keyed", Options("keyed", wrap=True)),
        ("reserve=20 deferred", Options("deferred", 20)),
        ("reserve=1", Options("", 1)),
    ],
)
def test_words_may_stand_in_any_order(words: str, said: Options) -> None:
    assert read_options(words.split(), tag="t") == said
    assert read_options(words.split()[::-1], tag="t") == said


@pytest.mark.parametrize(
    "words",
    ["later", "keyed inline", "wrap wrap", "reserve=1 reserve=2", "reserve=", "reserve=61",
     "inline reserve=3", "reserve=²", "'b'"],
)  # fmt: skip
def test_what_is_no_option_is_refused_by_name(words: str) -> None:
    named = words.split()[-1].rpartition("=")[2]
    with pytest.raises(ValueError, match="inline" if "inline" in words else f"got .*{named}"):
        read_options(words.split(), tag="t")


@given(st.lists(st.text(max_size=10), max_size=4))
def test_nothing_else_is_ever_raised(words: list[str]) -> None:
    with suppress(ValueError):
        read_options(words, tag="t")


@pytest.fixture
def _segments(db: None) -> None:
    make_segments("a")


@pytest.mark.usefixtures("_segments")
def test_the_element_tells_what_is_shown() -> None:
    shown = render(WRAPPED, make_person("a"))
    match = re.fullmatch(
        r'<div class="pz-slot" data-personalization-slot="hero" '
        r'data-personalization-variation="template:0:a" '
        r'data-personalization-decision="([0-9a-f]{32})">for a</div>',
        shown,
    )
    assert match is not None
    assert match[1] not in render(WRAPPED, make_person("a"))


@pytest.mark.usefixtures("_segments")
def test_it_stands_around_the_default_too() -> None:
    around = '<div class="pz-slot" data-personalization-slot="hero">default</div>'
    assert render(WRAPPED, None) == render(WRAPPED, make_person()) == around


@pytest.mark.usefixtures("_segments")
def test_what_a_cache_keeps_for_others_names_no_decision() -> None:
    shown = render(WRAPPED.replace("wrap", "keyed wrap"), make_person("a"))
    assert "data-personalization-decision" not in shown
    assert 'data-personalization-variation="template:0:a"' in shown


@pytest.mark.usefixtures("_segments")
def test_variations_of_the_admin_stand_in_it_too() -> None:
    variation = make_variation("a", "<b>admin</b>")
    shown = render(WRAPPED, make_person("a"))
    assert f'data-personalization-variation="variation:{variation.pk}"' in shown
    assert shown.endswith("><b>admin</b></div>")
