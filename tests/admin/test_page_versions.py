"""The admin says how many versions of a page caches keep, and what they are made of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from personalization.admin import page_versions
from tests.delivery.people import make_person, make_segments, make_slot, make_variation

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:personalization_slot_versions")
BLOCK = (
    '{{% load personalization %}}{{% personalized_block "{slot}"{mode} %}}d{{% variant "{segment}" %}}'
    "v{{% endpersonalized_block %}}"
)


def block(slot: str = "corner", *, segment: str = "a", mode: str = " keyed") -> str:
    return BLOCK.format(slot=slot, segment=segment, mode=mode)


@pytest.fixture
def write(tmp_path: Path, settings: Any) -> Any:
    """Return what writes a template of a site that has no others."""
    settings.TEMPLATES = [
        {**settings.TEMPLATES[0], "DIRS": [tmp_path]},
    ]

    def make(name: str, text: str) -> None:
        (tmp_path / name).write_text(text)

    return make


def rows(html: str) -> dict[str, list[str]]:
    """Return the cells of each template, as text."""
    found = {}
    for row in re.findall(r"<tr>(.*?)</tr>", html.partition("<tbody>")[2], flags=re.DOTALL):
        first, *cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL)
        name = re.findall(r"<code>(.*?)</code>", first)[0]
        found[name] = [" ".join(re.sub(r"<[^>]*>", " ", each).split()) for each in (first, *cells)]
    return found


def test_each_template_is_told_with_its_slots_and_segments(owner: Any, write: Any) -> None:
    make_segments("a", "b")
    make_slot("corner")
    make_variation("b", "x", slot="corner")
    write("one.html", block())
    write("two.html", block() + block("other", segment="b"))
    found = rows(owner.get(PAGE).content.decode())
    assert list(found) == ["two.html", "one.html"]
    assert found["one.html"][1:] == ["3 at most", "–", "–", "corner", "a, b"]
    assert found["two.html"][1:] == ["6 at most", "–", "–", "corner, other", "a, b"]


def test_what_visitors_see_tells_what_caches_answer(owner: Any, write: Any) -> None:
    make_segments("a")
    for slugs in (("a",), (), (), ()):
        make_person(*slugs)
    make_person("a", consents=("analytics",))  # sees what nobody known sees
    write("one.html", block())
    (cells,) = rows(owner.get(PAGE).content.decode()).values()
    assert cells[1:4] == ["2 at most", "2", "99.8 %"]


def test_a_page_that_is_personal_beside_says_so(owner: Any, write: Any) -> None:
    write("one.html", block() + block("other", mode=" inline"))
    (cells,) = rows(owner.get(PAGE).content.decode()).values()
    assert "not kept for visitors we know" in cells[0]


def test_many_versions_are_marked(owner: Any, write: Any) -> None:
    make_segments("a")
    write("one.html", "".join(block(f"s{n}") for n in range(7)))
    (cells,) = rows(owner.get(PAGE).content.decode()).values()
    assert cells[1] == "128 at most many"


def test_a_site_without_keyed_slots_is_told_how_it_delivers(owner: Any, write: Any) -> None:
    write("one.html", block(mode=""))
    text = owner.get(PAGE).content.decode()
    assert "No template has a keyed slot" in text
    assert "“inline”" in text


def test_templates_with_fewer_versions_are_counted(
    owner: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_versions, "LISTED", 1)
    for name in ("one.html", "two.html"):
        write(name, block())
    assert "1 template with fewer versions is left out." in owner.get(PAGE).content.decode()


def test_the_page_of_a_slot_names_the_versions_of_its_templates(owner: Any, write: Any) -> None:
    make_segments("a")
    slot = make_slot("corner")
    write("one.html", block())
    write("two.html", block(mode=" deferred"))
    address = reverse("admin:personalization_slot_change", args=[slot.pk])
    html = owner.get(address).content.decode()
    assert html.count(f'<a href="{PAGE}">2 versions at most</a>') == 1


def test_who_may_not_see_slots_is_refused(sign_in: Any) -> None:
    assert sign_in("view_segment").get(PAGE).status_code == 403
    client = sign_in("view_slot")
    assert client.get(PAGE).status_code == 200
    assert client.post(PAGE).status_code == 405
    assert PAGE in client.get(reverse("admin:personalization_slot_changelist")).content.decode()


def test_visitors_are_read_with_as_many_queries_however_many_they_are(
    owner: Any, write: Any
) -> None:
    make_segments("a")
    write("one.html", block())
    make_person("a")
    owner.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        owner.get(PAGE)
    n_queries = len(few)
    for _ in range(20):
        make_person("a")
    with CaptureQueriesContext(connection) as many:
        owner.get(PAGE)
    assert len(many) == n_queries
