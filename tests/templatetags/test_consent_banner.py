"""`{% consent_banner %}`"""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import RequestFactory, override_settings
from django.urls import reverse
from django.utils import translation

from personalization.privacy.models import ConsentText
from personalization.privacy.texts import texts_of
from tests.delivery.people import make_person, make_segments
from tests.delivery.rendering import render, render_in, request_of

pytestmark = pytest.mark.django_db

BANNER = "{% consent_banner %}"


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def named(self, name: str) -> list[str | None]:
        return [found.get("value") for _, found in self.found if found.get("name") == name]


def test_it_asks_for_each_purpose_and_grants_none() -> None:
    banner = Elements(render(BANNER))
    assert banner.named("purposes") == ["analytics", "personalization", "marketing"]
    assert not any("checked" in found for found in banner.all("input"))
    assert sorted(filter(None, banner.named("choice"))) == ["all", "none"]


def test_refusing_is_as_easy_as_agreeing() -> None:
    buttons = Elements(render(BANNER)).all("button")
    assert [found.get("value") for found in buttons] == ["none", None, "all"]
    assert not any("disabled" in found or "hidden" in found for found in buttons)


def test_it_is_a_labelled_region_that_stays_hidden_until_its_script_asks() -> None:
    elements = Elements(render(BANNER))
    (section,) = elements.all("section")
    assert section["role"] == "region"
    assert section["id"] == "personalization-consent"
    assert "hidden" in section
    assert section["data-cookie"] == "pz_consent"
    assert section["data-policy"] == "1"
    labels = [found for _, found in elements.found if found.get("id") == section["aria-labelledby"]]
    assert len(labels) == 1


def test_it_works_without_scripts() -> None:
    elements = Elements(render_in(BANNER, RequestFactory().get("/shoes/?page=2&q=a b")))
    (form,) = elements.all("form")
    assert (form["method"], form["action"]) == ("post", reverse("personalization:consent"))
    (link,) = elements.all("a")
    assert link["href"] == f"{form['action']}?next=%2Fshoes%2F%3Fpage%3D2%26q%3Da%2520b"
    assert "<noscript>" in render(BANNER)


@pytest.mark.parametrize(
    "address",
    ["/?q=\"><script>alert('1')</script>", "/%22%3E%3Cscript%3E", "/?a=1&amp;b=%27", "/ü?ß='\""],
)
def test_the_address_it_returns_to_is_escaped(address: str) -> None:
    request = RequestFactory().get(address)
    html = render_in(BANNER, request)
    elements = Elements(html)
    assert elements.named("next") == [request.get_full_path()]
    assert len(elements.all("script")) == html.count("<script") == 1
    assert all(set(found) <= {"href"} for found in elements.all("a"))


def test_it_works_without_a_request() -> None:
    elements = Elements(render_in(BANNER, None))
    assert elements.named("next") == ["/"]


def test_it_is_the_same_for_everybody_and_leaves_the_page_public() -> None:
    make_segments("loyal")
    request = request_of(make_person("loyal"))
    request.COOKIES["pz_consent"] = "1.analytics"
    assert render_in(BANNER, request) == render(BANNER)
    assert not request.personalization.asked  # type: ignore[attr-defined]


def test_its_script_carries_the_nonce_of_the_page() -> None:
    request = request_of(None)
    request.csp_nonce = 'a"b'  # type: ignore[attr-defined]
    (script,) = Elements(render_in(BANNER, request)).all("script")
    assert script["nonce"] == 'a"b'
    (script,) = Elements(render_in("{% consent_banner nonce='mine' %}", request)).all("script")
    assert script["nonce"] == "mine"


def test_nothing_in_it_runs_inline() -> None:
    elements = Elements(render(BANNER))
    for _, found in elements.found:
        assert not any(name.startswith("on") or name == "style" for name in found)
    assert elements.all("style") == []
    assert all(found.get("src") for found in elements.all("script"))


@override_settings(PERSONALIZATION_POLICY_VERSION="2026-01", PERSONALIZATION_CONSENT_COOKIE="ok")
def test_it_follows_the_settings() -> None:
    (section,) = Elements(render(BANNER)).all("section")
    assert (section["data-policy"], section["data-cookie"]) == ("2026-01", "ok")


def test_it_can_be_rendered_in_any_language() -> None:
    with translation.override("de"):
        assert Elements(render(BANNER)).named("purposes")


def test_it_tells_its_script_what_the_site_does_with_signals_and_regions() -> None:
    (section,) = Elements(render(BANNER)).all("section")
    assert section["data-signals"] == "respect"
    assert "data-presume" not in section
    assert "data-consent-mode" not in section
    regimes = {"*": "opt-in", "US": "opt-out"}
    with override_settings(PERSONALIZATION_CONSENT_REGIMES=regimes):
        (section,) = Elements(render("{% consent_banner consent_mode=True %}")).all("section")
    assert section["data-presume"] == "/p/consent/presume"
    assert "data-consent-mode" in section


def test_it_says_which_texts_it_shows() -> None:
    banner = Elements(render(BANNER))
    assert banner.named("texts") == [texts_of("en").digest]
    assert banner.named("language") == ["en"]


def test_texts_of_the_site_are_escaped() -> None:
    attack = "<script>alert(1)</script>{{ 7|add:1 }}"
    ConsentText.objects.create(version="1", language="en", title=attack[:90], text=attack)
    html = render(BANNER)
    assert html.count("<script") == 1
    assert "{{ 7|add:1 }}" in html
