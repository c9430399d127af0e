"""Whatever anybody has sent or typed is text on every page, and nothing evaluates it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse

from tests.hostile.addresses import about, admin_addresses, own_addresses
from tests.hostile.evil import MARKUP, PRODUCT, SHORT, TEMPLATES
from tests.hostile.tally import MARK, Prober, Tally, body_of, broken_headers, markup_in, told
from tests.hostile.world import World, made_of

#: What pages read from their addresses, ours and those of Django.
NAMES = ("q", "o", "p", "e", "next", "before", "segment", "_popup", "all", "_to_field", "version")


def pages(world: World) -> list[str]:
    return [about(model, address, world) for model, address in admin_addresses()]


def test_no_page_of_the_admin_lets_text_become_markup(staff: Prober, world: World) -> None:
    shown = {address: staff.get(address) for address in pages(world)}
    seen = [body_of(each) for each in shown.values() if each.status_code == 200]
    assert len(seen) > 40
    assert sum(1 for each in seen if f"&lt;{MARK}" in each) > 20, "it is there, as text"


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        (MARKUP, ("q",)),
        *(
            pytest.param(text, NAMES, marks=pytest.mark.slow)
            for text in (MARKUP, SHORT, "javascript:alert(1)")
        ),
    ],
)
def test_what_stands_in_an_address_is_text_too(
    staff: Prober, world: World, text: str, alone: tuple[str, ...]
) -> None:
    for model, address in admin_addresses():
        filled = about(model, address, world)
        staff.get(filled, dict.fromkeys(NAMES, text))
        if address.name.endswith("_changelist"):
            for name in alone:
                staff.get(filled, {name: text})


def test_no_public_page_lets_text_become_markup(stranger: Prober, world: World, keys: None) -> None:
    for address in own_addresses():
        for slug in ("evil", SHORT, "%22%3E%3Cpzevil%3E"):
            for name in ("next", "callback", "token", "path", "page", "write_key", "v"):
                stranger.get(address.filled(slug, key=slug), {name: MARKUP})


def test_a_refused_form_shows_what_was_typed_as_text(staff: Prober, world: World) -> None:
    for model, address in admin_addresses():
        if address.name.endswith(("_add", "_change")):
            names = [field.name for field in model._meta.get_fields()]
            staff.post(about(model, address, world), dict.fromkeys(names, MARKUP))


def test_what_editors_type_is_no_template(staff: Prober, settings: Any) -> None:
    settings.SECRET_KEY = "the-secret-key-of-the-site"
    world = made_of(lambda length: TEMPLATES[:length])
    for address in pages(world):
        text = body_of(staff.get(address))
        assert PRODUCT not in text, address
        assert settings.SECRET_KEY not in text, address


def test_slots_and_consent_texts_are_no_templates(stranger: Prober, settings: Any) -> None:
    settings.SECRET_KEY = "the-secret-key-of-the-site"
    made_of(lambda length: TEMPLATES[:length])
    for address in own_addresses():
        text = body_of(stranger.get(address.filled("evil")))
        assert PRODUCT not in text, address
        assert settings.SECRET_KEY not in text, address


# -- the measure itself ----------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        f"<p>{SHORT}</p>",
        f'<input value="{MARKUP}">',
        f"<input value='{MARKUP}'>",
        f"<script type='application/json'>{MARKUP}</script>",
        f"<a title={MARKUP}>x</a>",
        '<a href=" JavaScript:alert(1)">x</a>',
    ],
)
def test_what_is_let_in_is_noticed(page: str) -> None:
    assert markup_in(HttpResponse(page)) != []


@pytest.mark.parametrize(
    "page", ["<p>&lt;pzevil&gt;</p>", '<input value="&quot;&gt;&lt;pzevil">', "<p>javascript:x</p>"]
)
def test_what_is_escaped_is_left_alone(page: str) -> None:
    assert markup_in(HttpResponse(page)) == []


def test_an_answer_of_5xx_and_a_broken_header_are_counted() -> None:
    tally = Tally()
    tally.take({"REQUEST_METHOD": "GET", "PATH_INFO": "/x"}, HttpResponse(status=500))
    assert tally.errors == ["GET /x: 500 None"]
    assert broken_headers(SimpleNamespace(headers={"A": "b\r\nc: d", "E": "f"})) == ["A"]


def test_the_figures_of_all_tests_are_told_together() -> None:
    one = SimpleNamespace(user_properties=[("hostile", "10,1,2"), ("other", "x")])
    other = SimpleNamespace(user_properties=[("hostile", "5,0,1")])
    assert told([one, other, SimpleNamespace(user_properties=[])]) == (
        "Hostile requests: 15, answers of 5xx: 1, leaks: 3"
    )
    assert told([SimpleNamespace(user_properties=[])]) == ""
